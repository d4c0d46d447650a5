/* TLS on the real library over loopback: who gets in, in both versions; reload on live connections;
 * stalled handshakes. */
#include "tls_fixture.h"

#include <dirent.h>
#include <sched.h>

#define WAIT_MS 20000

struct wait {
    struct tls_fixture *fixture;
    uint64_t reloads;
    uint64_t failures;
    uint64_t handshakes_refused;
};

/* Looks until the counts are there, and that they are not more. */
static void wait_counts(struct wait wait)
{
    int64_t until = clock_deadline(WAIT_MS);
    pthread_mutex_t mutex;
    pthread_cond_t pace;
    sync_init(&mutex, &pace);
    sync_lock(&mutex);
    struct server_status status = tls_status(wait.fixture);
    while (status.tls_reloads < wait.reloads || status.tls_reload_failures < wait.failures ||
           status.tls_refused[TLS_HANDSHAKE] < wait.handshakes_refused) {
        assert_true(clock_left_ms(until) > 0);
        (void)sync_wait(&pace, &mutex, clock_deadline(10));
        status = tls_status(wait.fixture);
    }
    sync_unlock(&mutex);
    sync_destroy(&mutex, &pace);
    assert_int_equal(status.tls_reloads, wait.reloads);
    assert_int_equal(status.tls_reload_failures, wait.failures);
    assert_int_equal(status.tls_refused[TLS_HANDSHAKE], wait.handshakes_refused);
}

static void wait_connections(struct tls_fixture *fixture, uint64_t count)
{
    int64_t until = clock_deadline(WAIT_MS);
    while (tls_status(fixture).connections != count) {
        assert_true(clock_left_ms(until) > 0);
        (void)sched_yield();
    }
}

static void wait_reloads(struct tls_fixture *fixture, uint64_t reloads, uint64_t failures)
{
    wait_counts((struct wait){.fixture = fixture, .reloads = reloads, .failures = failures});
}

static void wait_refused_handshakes(struct tls_fixture *fixture, uint64_t count)
{
    wait_counts((struct wait){.fixture = fixture, .handshakes_refused = count});
}

static const char *const versions[] = {TLS12, TLS13};

static void assert_in(struct tls_fixture *fixture, const struct made *certificate,
                      const struct made *issuer, const char *who)
{
    CLEANUP(mem_free_at) char *expected = mem_format("secure=1 certificate=%s\n", who);
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        CLEANUP(mem_free_at) char *answer = tls_ask(fixture, versions[i], certificate, issuer);
        assert_has(answer, "HTTP/1.1 200 ");
        assert_has(answer, expected);
    }
}

/* Refused in both versions, and counted under its kind and no other. */
static void assert_out(struct tls_fixture *fixture, const char *title,
                       const struct made *certificate, const struct made *issuer,
                       enum tls_refusal why)
{
    print_message("%s\n", title);
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct server_status before = tls_status(fixture);
        CLEANUP(mem_free_at) char *answer = tls_ask(fixture, versions[i], certificate, issuer);
        assert_string_equal(answer, "");
        struct server_status after = tls_status(fixture);
        for (int kind = 0; kind < TLS_REFUSAL_COUNT; kind++) {
            uint64_t more = after.tls_refused[kind] - before.tls_refused[kind];
            if (more != (kind == (int)why)) {
                fail_msg("%s: %s counted %u times", title, tls_refusal_name((enum tls_refusal)kind),
                         (unsigned)more);
            }
        }
        assert_int_equal(after.requests, before.requests);
    }
}

static void test_good_clients(void **state)
{
    (void)state;
    struct tls_fixture *fixture = tls_fixture_open(CLIENT_CERTIFICATES_REQUIRED, 10000);
    assert_in(fixture, &fixture->client, &fixture->issuing, "spiffe://test/client");
    assert_in(fixture, &fixture->client, NULL,
              "spiffe://test/client"); /* issuing is in client_ca */
    struct made dns = make_certificate((struct wish){
        .issuer = &fixture->root, .dns = "Api.Test", .purpose = GNUTLS_KP_TLS_WWW_CLIENT});
    assert_in(fixture, &dns, NULL, "dns:api.test");
    struct made common = make_certificate((struct wish){
        .issuer = &fixture->root, .common_name = "night job", .purpose = GNUTLS_KP_TLS_WWW_CLIENT});
    assert_in(fixture, &common, NULL, "cn:night job");
    assert_true(tls_status(fixture).tls_handshakes >= 8);
    assert_true(tls_status(fixture).certificate_ends_ms > clock_wall_ms());
    assert_true(tls_status(fixture).crl_ends_ms > clock_wall_ms());
    made_clear(&dns);
    made_clear(&common);
    tls_fixture_close(fixture);
}

struct bad {
    const char *title;
    struct wish wish;
    enum tls_refusal why;
};

static void test_bad_clients(void **state)
{
    (void)state;
    struct tls_fixture *fixture = tls_fixture_open(CLIENT_CERTIFICATES_REQUIRED, 10000);
    struct made stranger = make_ca("stranger", NULL);
    struct made false_root = make_ca("issuing", NULL);
    struct made no_ca = make_client(&fixture->issuing, "spiffe://test/no-ca");
    const char *uri = "spiffe://test/x";
    const char *client = GNUTLS_KP_TLS_WWW_CLIENT;
    const struct bad cases[] = {
        {"unknown CA", {.issuer = &stranger, .uri = uri, .purpose = client}, TLS_UNKNOWN_CA},
        {"false CA of the same name",
         {.issuer = &false_root, .uri = uri, .purpose = client},
         TLS_UNKNOWN_CA},
        {"self-signed", {.uri = uri, .purpose = client, .common_name = "me"}, TLS_UNKNOWN_CA},
        {"expired",
         {.issuer = &fixture->issuing,
          .uri = uri,
          .purpose = client,
          .from = -2 * DAY,
          .until = -1},
         TLS_EXPIRED},
        {"not yet valid",
         {.issuer = &fixture->issuing, .uri = uri, .purpose = client, .from = 3600},
         TLS_NOT_YET_VALID},
        {"for servers only",
         {.issuer = &fixture->issuing, .uri = uri, .purpose = GNUTLS_KP_TLS_WWW_SERVER},
         TLS_WRONG_PURPOSE},
        {"for any purpose",
         {.issuer = &fixture->issuing, .uri = uri, .purpose = GNUTLS_KP_ANY},
         TLS_WRONG_PURPOSE},
        {"for no purpose", {.issuer = &fixture->issuing, .uri = uri}, TLS_WRONG_PURPOSE},
        {"without a name", {.issuer = &fixture->issuing, .purpose = client}, TLS_NO_NAME},
        {"with a bad name",
         {.issuer = &fixture->issuing, .uri = "spiffe://Test/x", .purpose = client},
         TLS_NO_NAME},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct made made = make_certificate(cases[i].wish);
        assert_out(fixture, cases[i].title, &made, cases[i].wish.issuer, cases[i].why);
        made_clear(&made);
    }
    struct made below = make_client(&no_ca, uri);
    assert_out(fixture, "signed by a leaf", &below, &no_ca, TLS_UNKNOWN_CA);
    assert_out(fixture, "none", NULL, NULL, TLS_NO_CERTIFICATE);
    made_clear(&below);
    made_clear(&no_ca);
    made_clear(&false_root);
    made_clear(&stranger);
    tls_fixture_close(fixture);
}

static void test_optional_and_none(void **state)
{
    (void)state;
    struct made stranger = make_ca("stranger", NULL);
    struct made bad = make_client(&stranger, "spiffe://test/x");
    struct tls_fixture *optional = tls_fixture_open(CLIENT_CERTIFICATES_OPTIONAL, 10000);
    assert_in(optional, NULL, NULL, "");
    assert_in(optional, &optional->client, &optional->issuing, "spiffe://test/client");
    assert_out(optional, "unknown CA", &bad, &stranger, TLS_UNKNOWN_CA);
    tls_fixture_close(optional);
    struct tls_fixture *none = tls_fixture_open(CLIENT_CERTIFICATES_NONE, 10000);
    assert_in(none, NULL, NULL, "");
    assert_in(none, &bad, &stranger, ""); /* not asked for, not sent */
    tls_fixture_close(none);
    made_clear(&bad);
    made_clear(&stranger);
}

static const struct {
    const char *title;
    const char *priorities;
    bool good;
} suites[] = {
    {"TLS 1.1", "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT", false},
    {"CBC", TLS12 ":-CIPHER-ALL:+AES-256-CBC:+AES-128-CBC", false},
    {"RSA key exchange", TLS12 ":-KX-ALL:+RSA", false},
    {"finite-field Diffie-Hellman", TLS12 ":-KX-ALL:+DHE-RSA", false},
    {"ECDHE with AES-GCM", TLS12 ":-CIPHER-ALL:+AES-128-GCM", true},
    {"ECDHE with ChaCha20", TLS12 ":-CIPHER-ALL:+CHACHA20-POLY1305", true},
};

static void test_suites(void **state)
{
    (void)state;
    struct tls_fixture *fixture = tls_fixture_open(CLIENT_CERTIFICATES_OPTIONAL, 10000);
    for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
        print_message("%s\n", suites[i].title);
        uint64_t before = tls_status(fixture).tls_refused[TLS_HANDSHAKE];
        CLEANUP(mem_free_at) char *answer = tls_ask(fixture, suites[i].priorities, NULL, NULL);
        assert_int_equal(strstr(answer, "HTTP/1.1 200 ") != NULL, suites[i].good);
        if (!suites[i].good) {
            int plain = dial(fixture->server);
            send_text(plain, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
            mem_free(read_all(plain));
            wait_refused_handshakes(fixture, before + 2);
        }
    }
    tls_fixture_close(fixture);
}

/* --- reload --- */

static void assert_served(struct tls_client *client)
{
    assert_true(tls_send(client, "GET /who HTTP/1.1\r\nHost: h\r\n\r\n"));
    CLEANUP(mem_free_at) char *answer = tls_read(client, "times=1\n");
    assert_has(answer, "HTTP/1.1 200 ");
    assert_has(answer, "certificate=spiffe://test/client\n");
}

static void assert_refused_live(struct tls_fixture *fixture, struct tls_client *client,
                                enum tls_refusal why)
{
    struct server_status before = tls_status(fixture);
    assert_true(tls_send(client, "GET /who HTTP/1.1\r\nHost: h\r\n\r\n"));
    CLEANUP(mem_free_at) char *answer = tls_read(client, NULL); /* it ends */
    assert_has(answer, "HTTP/1.1 401 ");
    assert_has(answer, "\"code\":\"unauthenticated\"");
    struct server_status after = tls_status(fixture);
    assert_int_equal(after.tls_refused[why], before.tls_refused[why] + 1);
    assert_int_equal(after.requests, before.requests);
    assert_int_equal(after.refused_shape, before.refused_shape);
}

static void test_revoked_on_a_live_connection(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct tls_fixture *fixture = tls_fixture_open(CLIENT_CERTIFICATES_REQUIRED, 10000);
        struct made other = make_client(&fixture->issuing, "spiffe://test/client");
        struct tls_client live =
            tls_dial(fixture, versions[i], &fixture->client, &fixture->issuing);
        struct tls_client good_one = tls_dial(fixture, versions[i], &other, &fixture->issuing);
        assert_served(&live);
        assert_served(&good_one);
        server_reload(fixture->server->server); /* nothing new: nobody is refused */
        wait_reloads(fixture, 1, 0);
        assert_served(&live);
        pki_write_crl(fixture->folder, &fixture->issuing, &fixture->issuing, &fixture->client, -DAY,
                      DAY);
        server_reload(fixture->server->server);
        wait_reloads(fixture, 2, 0);
        assert_refused_live(fixture, &live, TLS_REVOKED);
        assert_served(&good_one);
        assert_out(fixture, "revoked", &fixture->client, &fixture->issuing, TLS_REVOKED);
        tls_hang_up(&live);
        tls_hang_up(&good_one);
        made_clear(&other);
        tls_fixture_close(fixture);
    }
}

/* GnuTLS itself would stop at the intermediate, which is in client_ca, too. */
static void test_revoked_intermediate(void **state)
{
    (void)state;
    struct tls_fixture *fixture = tls_fixture_prepare(CLIENT_CERTIFICATES_REQUIRED);
    struct server_config config = usual_config();
    config.listeners = &fixture->listener;
    pki_write_crl(fixture->folder, &fixture->root, &fixture->root, &fixture->issuing, -DAY, DAY);
    fixture->server = fixture_open(&config);
    assert_out(fixture, "revoked intermediate", &fixture->client, &fixture->issuing, TLS_REVOKED);
    assert_out(fixture, "not sent", &fixture->client, NULL, TLS_UNKNOWN_CA);
    tls_fixture_close(fixture);
}

/* Without being asked, by the file alone. */
static void test_new_files_are_noticed(void **state)
{
    (void)state;
    struct tls_fixture *fixture = tls_fixture_open(CLIENT_CERTIFICATES_REQUIRED, 10000);
    struct tls_client live = tls_dial(fixture, TLS13, &fixture->client, &fixture->issuing);
    assert_served(&live);
    struct made fresh = make_ca("fresh", NULL);
    struct made client = make_client(&fresh, "spiffe://test/client");
    pki_write_certificates(fixture->folder, "ca.pem", &fresh, NULL);
    wait_reloads(fixture, 0, 1); /* the CRL is of another CA */
    assert_served(&live);
    pki_write_crl(fixture->folder, &fresh, &fresh, NULL, -DAY, DAY);
    wait_reloads(fixture, 1, 1);
    assert_refused_live(fixture, &live, TLS_UNKNOWN_CA);
    assert_in(fixture, &client, NULL, "spiffe://test/client");
    tls_hang_up(&live);
    made_clear(&client);
    made_clear(&fresh);
    tls_fixture_close(fixture);
}

static void test_bad_files_change_nothing(void **state)
{
    (void)state;
    struct tls_fixture *fixture = tls_fixture_open(CLIENT_CERTIFICATES_REQUIRED, 10000);
    struct tls_client live = tls_dial(fixture, TLS13, &fixture->client, &fixture->issuing);
    pki_write(fixture->folder, "server.pem", "garbage", 7);
    server_reload(fixture->server->server);
    wait_reloads(fixture, 0, 1);
    assert_served(&live);
    assert_in(fixture, &fixture->client, &fixture->issuing, "spiffe://test/client");
    tls_hang_up(&live);
    tls_fixture_close(fixture);
}

/* Ends that come while a connection lives: of the CRL, and of the client's certificate. */
static void test_time_passes(void **state)
{
    (void)state;
    struct tls_fixture *fixture = tls_fixture_prepare(CLIENT_CERTIFICATES_OPTIONAL);
    struct server_config config = usual_config();
    config.listeners = &fixture->listener;
    pki_write_crl(fixture->folder, &fixture->issuing, &fixture->issuing, NULL, -DAY, 4);
    struct made brief = make_certificate((struct wish){.issuer = &fixture->issuing,
                                                       .uri = "spiffe://test/client",
                                                       .purpose = GNUTLS_KP_TLS_WWW_CLIENT,
                                                       .until = 2});
    fixture->server = fixture_open(&config);
    int64_t crl_ends = tls_status(fixture).crl_ends_ms;
    struct tls_client first = tls_dial(fixture, TLS13, &brief, &fixture->issuing);
    struct tls_client second = tls_dial(fixture, TLS12, &fixture->client, &fixture->issuing);
    struct tls_client nameless = tls_dial(fixture, TLS13, NULL, NULL);
    assert_served(&second);
    pthread_mutex_t mutex;
    pthread_cond_t pace;
    sync_init(&mutex, &pace);
    sync_lock(&mutex);
    while (clock_wall_ms() < crl_ends - 500) {
        (void)sync_wait(&pace, &mutex, clock_deadline(50));
    }
    assert_refused_live(fixture, &first, TLS_EXPIRED);
    while (clock_wall_ms() < crl_ends) {
        (void)sync_wait(&pace, &mutex, clock_deadline(50));
    }
    sync_unlock(&mutex);
    sync_destroy(&mutex, &pace);
    assert_refused_live(fixture, &second, TLS_CRL_EXPIRED);
    assert_out(fixture, "CRL expired", &fixture->client, &fixture->issuing, TLS_CRL_EXPIRED);
    assert_true(tls_send(&nameless, "GET /who HTTP/1.1\r\n" CLOSE "\r\n"));
    CLEANUP(mem_free_at) char *answer = tls_read(&nameless, NULL);
    assert_has(answer, "secure=1 certificate=\n");
    tls_hang_up(&first);
    tls_hang_up(&second);
    tls_hang_up(&nameless);
    made_clear(&brief);
    tls_fixture_close(fixture);
}

/* --- stalled handshakes --- */

#define STALLED 50

/* CPU of this process's threads named like the library's, in clock ticks. */
static unsigned long library_ticks(void)
{
    unsigned long ticks = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
        CLEANUP(mem_free_at) char *path = mem_format("/proc/self/task/%s/stat", task->d_name);
        CLEANUP(buf_clear) struct buf text = {0};
        unsigned long user = 0;
        unsigned long system = 0;
        if (task->d_name[0] != '.' && file_read(path, &text).code == ERR_OK) {
            CLEANUP(mem_free_at) char *line = span_to_text(buf_span(&text));
            if (strstr(line, "(MHD-") != NULL &&
                sscanf(strrchr(line, ')') + 1,
                       " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                       &system) == 2) {
                ticks += user + system;
            }
        }
    }
    (void)closedir(tasks);
    return ticks;
}

/* While they stall until their deadline, two seconds of a spinning thread would be 200 ticks. */
static void test_stalled_handshakes(void **state)
{
    (void)state;
    static const char beginning[] = {0x16, 0x03, 0x01};
    struct tls_fixture *fixture = tls_fixture_open(CLIENT_CERTIFICATES_OPTIONAL, 2000);
    int stalled[STALLED];
    for (size_t i = 0; i < STALLED; i++) {
        stalled[i] = dial(fixture->server);
        assert_true(send_bytes(stalled[i], beginning, sizeof(beginning)));
    }
    assert_in(fixture, &fixture->client, &fixture->issuing, "spiffe://test/client");
    unsigned long before = library_ticks();
    for (size_t i = 0; i < STALLED; i++) {
        CLEANUP(mem_free_at) char *nothing = read_all(stalled[i]);
        assert_string_equal(nothing, "");
    }
    unsigned long used = library_ticks() - before;
    print_message("%lu ticks\n", used);
    assert_true(used < 100);
    assert_int_equal(tls_status(fixture).timed_out, STALLED);
    wait_refused_handshakes(fixture, STALLED);
    tls_fixture_close(fixture);
}

/* Nor does the beginning of a record after the handshake keep a thread busy. */
static void test_stalled_records(void **state)
{
    (void)state;
    static const uint8_t beginning[] = {0x17, 0x03, 0x03};
    struct tls_fixture *fixture = tls_fixture_open(CLIENT_CERTIFICATES_OPTIONAL, 2000);
    struct tls_client stalled[4];
    for (size_t i = 0; i < ARRAY_LEN(stalled); i++) {
        stalled[i] = tls_dial(fixture, versions[i % 2], NULL, NULL);
        assert_true(send_bytes(stalled[i].fd, beginning, sizeof(beginning)));
    }
    assert_in(fixture, &fixture->client, &fixture->issuing, "spiffe://test/client");
    unsigned long before = library_ticks();
    for (size_t i = 0; i < ARRAY_LEN(stalled); i++) {
        CLEANUP(mem_free_at) char *nothing = tls_read(&stalled[i], NULL);
        assert_string_equal(nothing, "");
        tls_hang_up(&stalled[i]);
    }
    unsigned long used = library_ticks() - before;
    print_message("%lu ticks\n", used);
    assert_true(used < 100);
    tls_fixture_close(fixture);
}

/* One byte after the other goes on where it was parked. */
static void test_slow_handshake_is_finished(void **state)
{
    (void)state;
    struct tls_fixture *fixture = tls_fixture_open(CLIENT_CERTIFICATES_OPTIONAL, 10000);
    int parked = dial(fixture->server);
    struct tls_client client = {.fd = parked};
    static const uint8_t garbage[] = {0x16, 0x03, 0x01, 0x00, 0x02, 0x01, 0x00};
    for (size_t i = 0; i < sizeof(garbage); i++) {
        assert_true(send_bytes(parked, garbage + i, 1));
        CLEANUP(mem_free_at) char *other = tls_ask(fixture, TLS13, NULL, NULL);
        assert_has(other, "HTTP/1.1 200 ");
    }
    (void)shutdown(client.fd, SHUT_WR);
    mem_free(read_all(client.fd));
    wait_refused_handshakes(fixture, 1);
    tls_fixture_close(fixture);
}

static void test_close_with_parked_connections(void **state)
{
    (void)state;
    struct tls_fixture *fixture = tls_fixture_open(CLIENT_CERTIFICATES_OPTIONAL, 10000);
    int stalled[STALLED];
    for (size_t i = 0; i < STALLED; i++) {
        stalled[i] = dial(fixture->server);
        send_text(stalled[i], "\x16\x03\x01");
    }
    mem_free(tls_ask(fixture, TLS13, NULL, NULL)); /* after them in the same thread */
    tls_fixture_close(fixture);
    for (size_t i = 0; i < STALLED; i++) {
        close(stalled[i]);
    }
}

/* The hand-made refusal in the middle of a chunked body goes through TLS, too. */
static void test_refusal_in_the_body(void **state)
{
    (void)state;
    struct tls_fixture *fixture = tls_fixture_open(CLIENT_CERTIFICATES_OPTIONAL, 10000);
    CLEANUP(mem_free_at) char *chunk = mem_alloc(0x8000 + 1);
    memset(chunk, 'x', 0x8000);
    struct tls_client client = tls_dial(fixture, TLS13, NULL, NULL);
    assert_true(
        tls_send(&client, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (int i = 0; i < 3; i++) {
        (void)tls_send(&client, "8000\r\n");
        for (size_t sent = 0; sent < 0x8000; sent += 0x4000) {
            (void)gnutls_record_send(client.session, chunk, 0x4000);
        }
        (void)tls_send(&client, "\r\n");
    }
    CLEANUP(mem_free_at) char *answer = tls_read(&client, NULL);
    assert_has(answer, "HTTP/1.1 413 ");
    tls_hang_up(&client);
    tls_fixture_close(fixture);
}

/* Plain or TLS, loopback counts as well: the third is closed before anything is read from it. */
static void test_connections_per_address(void **state)
{
    (void)state;
    struct tls_fixture *fixture = tls_fixture_prepare(CLIENT_CERTIFICATES_OPTIONAL);
    struct server_config config = usual_config();
    const struct config_listener both[] = {fixture->listener, {.host = "127.0.0.1"}};
    config.listeners = both;
    config.listener_count = 2;
    config.connections_per_address = 2;
    fixture->server = fixture_open(&config);
    assert_int_not_equal(server_port(fixture->server->server, 0),
                         server_port(fixture->server->server, 1));
    struct tls_client first = tls_dial(fixture, TLS13, &fixture->client, &fixture->issuing);
    struct tls_client second = tls_dial(fixture, TLS13, &fixture->client, &fixture->issuing);
    assert_served(&first);
    assert_served(&second);
    mem_free(read_all(dial(fixture->server)));
    assert_int_equal(tls_status(fixture).refused_address, 1);
    assert_served(&first);
    tls_hang_up(&second);
    wait_connections(fixture, 1);
    struct tls_client third = tls_dial(fixture, TLS12, &fixture->client, &fixture->issuing);
    assert_served(&third);
    tls_hang_up(&first);
    tls_hang_up(&third);
    tls_fixture_close(fixture);
}

/* --- start --- */

static void test_start_is_refused(void **state)
{
    (void)state;
    struct tls_fixture *fixture = tls_fixture_prepare(CLIENT_CERTIFICATES_REQUIRED);
    struct server_config config = usual_config();
    struct config_listener plain = {.host = "0.0.0.0"};
    struct server *server = NULL;
    config.listeners = &plain;
    assert_int_equal(server_open(&config, tell, NULL, &server).code, ERR_CONFIG);
    config.listeners = &fixture->listener;
    pki_write(fixture->folder, "server.key", "garbage", 7);
    assert_int_equal(server_open(&config, tell, NULL, &server).code, ERR_CONFIG);
    assert_null(server);
    tls_fixture_close(fixture);
}

static void test_names_of_refusals(void **state)
{
    (void)state;
    for (int i = 0; i < TLS_REFUSAL_COUNT; i++) {
        assert_non_null(tls_refusal_name((enum tls_refusal)i));
    }
    assert_string_equal(tls_refusal_name(TLS_UNKNOWN_CA), "unknown_ca");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_clients),
        cmocka_unit_test(test_bad_clients),
        cmocka_unit_test(test_optional_and_none),
        cmocka_unit_test(test_suites),
        cmocka_unit_test(test_revoked_on_a_live_connection),
        cmocka_unit_test(test_revoked_intermediate),
        cmocka_unit_test(test_new_files_are_noticed),
        cmocka_unit_test(test_bad_files_change_nothing),
        cmocka_unit_test(test_time_passes),
        cmocka_unit_test(test_stalled_handshakes),
        cmocka_unit_test(test_stalled_records),
        cmocka_unit_test(test_slow_handshake_is_finished),
        cmocka_unit_test(test_close_with_parked_connections),
        cmocka_unit_test(test_refusal_in_the_body),
        cmocka_unit_test(test_connections_per_address),
        cmocka_unit_test(test_start_is_refused),
        cmocka_unit_test(test_names_of_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
