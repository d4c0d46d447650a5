/* The two kinds of doors: what is an address, taken ports, and which files at the local socket's
 * path survive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "gateway/listen_socket.h"

struct place {
    char folder[32];
    char path[64];
};

static int set_up(void **state)
{
    struct place *place = mem_alloc(sizeof(*place));
    (void)snprintf(place->folder, sizeof(place->folder), "/tmp/hsmgate-test-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof(place->path), "%s/sock", place->folder);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    (void)unlink(place->path);
    (void)rmdir(place->folder);
    mem_free(place);
    return 0;
}

static const struct {
    const char *host;
    bool address;
    bool loopback;
} hosts[] = {
    {"127.0.0.1", true, true},     {"127.9.9.9", true, true}, {"::1", true, true},
    {"localhost", true, true},     {"0.0.0.0", true, false},  {"192.168.1.1", true, false},
    {"::", true, false},           {"::2", true, false},      {"128.0.0.1", true, false},
    {"example.org", false, false}, {"", false, false},        {"127.0.0.1 ", false, false},
    {"127", false, false},         {"*", false, false},
};

static void test_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        print_message("%s\n", hosts[i].host);
        assert_int_equal(listen_is_address(hosts[i].host), hosts[i].address);
        assert_int_equal(listen_is_loopback(hosts[i].host), hosts[i].loopback);
        int fd = -1;
        uint16_t port = 0;
        if (!hosts[i].address) {
            assert_int_equal(listen_tcp(hosts[i].host, 0, &fd, &port).code, ERR_CONFIG);
        }
    }
}

static void test_taken_port(void **state)
{
    (void)state;
    CLEANUP(fd_close) int first = -1;
    int second = -1;
    uint16_t port = 0;
    uint16_t none = 0;
    assert_int_equal(listen_tcp("127.0.0.1", 0, &first, &port).code, ERR_OK);
    assert_int_not_equal(port, 0);
    assert_int_equal(listen_tcp("127.0.0.1", port, &second, &none).code, ERR_CONFIG);
    assert_int_equal(second, -1);
}

static void test_stale_socket_is_replaced(void **state)
{
    struct place *place = *state;
    CLEANUP(fd_close) int fd = -1;
    assert_int_equal(listen_local(place->path, &fd).code, ERR_OK);
    fd_close(&fd); /* the file stays: its process died */
    assert_int_equal(access(place->path, F_OK), 0);
    assert_int_equal(listen_local(place->path, &fd).code, ERR_OK);
}

static void test_living_socket_is_kept(void **state)
{
    struct place *place = *state;
    CLEANUP(fd_close) int fd = -1;
    int second = -1;
    assert_int_equal(listen_local(place->path, &fd).code, ERR_OK);
    assert_int_equal(listen_local(place->path, &second).code, ERR_CONFIG);
    assert_int_equal(access(place->path, F_OK), 0);
}

static void test_file_is_kept(void **state)
{
    struct place *place = *state;
    int fd = -1;
    assert_int_equal(file_write(place->path, span_text("x"), 0600).code, ERR_OK);
    assert_int_equal(listen_local(place->path, &fd).code, ERR_CONFIG);
    assert_int_equal(access(place->path, F_OK), 0);
}

static void test_bad_paths(void **state)
{
    (void)state;
    char path[200];
    int fd = -1;
    memset(path, 'a', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(listen_local(path, &fd).code, ERR_CONFIG);
    assert_int_equal(listen_local("/nowhere/at/all.sock", &fd).code, ERR_CONFIG);
}

static void test_address_text(void **state)
{
    (void)state;
    char text[64];
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    listen_address_text((const struct sockaddr *)&four, text, sizeof(text));
    assert_string_equal(text, "127.0.0.1");
    listen_address_text((const struct sockaddr *)&six, text, sizeof(text));
    assert_string_equal(text, "::1");
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, "::ffff:10.1.2.3", &mapped.sin6_addr), 1);
    listen_address_text((const struct sockaddr *)&mapped, text, sizeof(text));
    assert_string_equal(text, "10.1.2.3");
    listen_address_text((const struct sockaddr *)&six, text, 2);
    assert_string_equal(text, "");
}

static void test_peer_uid(void **state)
{
    (void)state;
    int pair[2];
    uid_t uid = (uid_t)-1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_true(listen_peer_uid(pair[0], &uid));
    assert_int_equal(uid, getuid());
    fd_close(&pair[0]);
    fd_close(&pair[1]);
    CLEANUP(fd_close) int tcp = socket(AF_INET, SOCK_STREAM, 0);
    assert_false(listen_peer_uid(tcp, &uid));
    assert_false(listen_peer_uid(-1, &uid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_taken_port),
        cmocka_unit_test_setup_teardown(test_stale_socket_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_living_socket_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_is_kept, set_up, tear_down),
        cmocka_unit_test(test_bad_paths),
        cmocka_unit_test(test_address_text),
        cmocka_unit_test(test_peer_uid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
