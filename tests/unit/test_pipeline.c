/* The stages in their order, and that no reply leaves without its record. */
#include "gateway_fixture.h"

#include <signal.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/sync.h"

static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    fixture_make_key(&fixture, "pay/prod/jwt", "");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static struct answer ask(const struct asking *asking)
{
    return fixture_ask(&fixture, asking);
}

static void expect(const struct asking *asking, int status, const char *code)
{
    CLEANUP(answer_clear) struct answer answer = ask(asking);
    assert_problem(&answer, status, code);
}

static void unknown_paths_and_methods(void **state)
{
    (void)state;
    expect(&(struct asking){.method = METHOD_GET, .path = "/nothing"}, 404, "not_found");
    expect(&(struct asking){.method = METHOD_GET, .path = "/v1/keys/a%41/b"}, 400, "invalid_path");
    CLEANUP(answer_clear)
    struct answer answer =
        ask(&(struct asking){.method = METHOD_DELETE, .path = "/v1/keys/pay/prod/jwt"});
    assert_problem(&answer, 405, "method_not_allowed");
    assert_string_equal(answer.allow, "GET, PATCH");
}

/* Callers that prove nothing, too much, or something wrong: 401, before key, grant or body. */
static void unknown_callers_learn_nothing(void **state)
{
    (void)state;
    static const char key[] = "/v1/keys/pay/prod/jwt";
    expect(&(struct asking){.method = METHOD_GET, .path = key}, 401, "unauthenticated");
    expect(&(struct asking){.method = METHOD_GET, .path = "/v1/keys/pay/prod/none"}, 401,
           "unauthenticated");
    expect(&(struct asking){.method = METHOD_GET, .path = "/v1/keys/BAD"}, 401, "unauthenticated");
    expect(&(struct asking){.method = METHOD_GET, .path = key, .bearer = "hg_wrong"}, 401,
           "unauthenticated");
    expect(&(struct asking){.method = METHOD_GET, .path = key, .bearer = "wrong"}, 401,
           "unauthenticated");
    expect(&(struct asking){.method = METHOD_GET, .path = key, .bearer = ""}, 401,
           "unauthenticated");
    expect(
        &(struct asking){
            .method = METHOD_GET, .path = key, .bearer = ADMIN_TOKEN, .local = true, .uid = 0},
        401, "unauthenticated");
    expect(&(struct asking){.method = METHOD_POST, .path = "/v1/keys", .body = "{not json"}, 401,
           "unauthenticated");
}

/* The same 403 whether the key exists or not, byte for byte. */
static void denial_does_not_tell_whether_a_key_exists(void **state)
{
    (void)state;
    static const char *const verbs[] = {":sign", ":decrypt", ":rotate", ":jwt"};
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        char there[64];
        char absent[64];
        snprintf(there, sizeof(there), "/v1/keys/pay/prod/jwt%s", verbs[i]);
        snprintf(absent, sizeof(absent), "/v1/keys/pay/prod/none%s", verbs[i]);
        struct answer first = ask(&(struct asking){
            .method = METHOD_POST, .path = there, .body = "{}", .bearer = OTHER_TOKEN});
        struct answer second = ask(&(struct asking){
            .method = METHOD_POST, .path = absent, .body = "{", .bearer = OTHER_TOKEN});
        assert_problem(&first, 403, "forbidden");
        assert_true(span_equal(buf_span(&first.body), buf_span(&second.body)));
        answer_clear(&first);
        answer_clear(&second);
    }
    expect(&(struct asking){.method = METHOD_GET,
                            .path = "/v1/keys/pay/prod/jwt",
                            .bearer = OTHER_TOKEN},
           403, "forbidden");
    expect(&(struct asking){.method = METHOD_POST,
                            .path = "/v1/keys",
                            .body = "{\"name\":\"pay/prod/jwt\"}",
                            .bearer = OTHER_TOKEN},
           403, "forbidden");
    expect(&(struct asking){.method = METHOD_GET, .path = "/v1/audit", .bearer = OTHER_TOKEN}, 403,
           "forbidden");
    expect(
        &(struct asking){
            .method = METHOD_GET, .path = "/v1/keys", .local = true, .uid = 1000, .body = "{}"},
        400, "invalid_field");
    expect(&(struct asking){.method = METHOD_GET, .path = "/v1/tokens", .local = true, .uid = 1000},
           403, "forbidden");
}

static void known_callers_are_told(void **state)
{
    (void)state;
    expect(&(struct asking){.method = METHOD_GET, .path = "/v1/keys/BAD", .bearer = OTHER_TOKEN},
           400, "invalid_name");
    expect(&(struct asking){.method = METHOD_GET,
                            .path = "/v1/keys/pay/prod/none",
                            .bearer = ADMIN_TOKEN},
           404, "not_found");
    CLEANUP(answer_clear)
    struct answer local = ask(&(struct asking){
        .method = METHOD_GET, .path = "/v1/keys/pay/prod/jwt", .local = true, .uid = 0});
    assert_int_equal(local.status, 200);
}

static void bodies_are_json_objects(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *type;
        int status;
        const char *code;
    } rows[] = {
        {NULL, NULL, 400, "invalid_json"},
        {"", NULL, 400, "invalid_json"},
        {"{", NULL, 400, "invalid_json"},
        {"[]", NULL, 400, "invalid_json"},
        {"7", NULL, 400, "invalid_json"},
        {"{\"a\":1,\"a\":1}", NULL, 400, "duplicate_field"},
        {"{\"owner\":\"x\",\"color\":1}", NULL, 400, "unknown_field"},
        {"{\"owner\":7}", NULL, 400, "invalid_field"},
        {"{}", "text/plain", 415, "unsupported_media_type"},
        {"{}", "application/x-www-form-urlencoded", 415, "unsupported_media_type"},
        {"{}", "application/jsonx", 415, "unsupported_media_type"},
        {"{}", "application/json; charset=latin1", 415, "unsupported_media_type"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect(&(struct asking){.method = METHOD_PATCH,
                                .path = "/v1/keys/pay/prod/jwt",
                                .body = rows[i].body,
                                .bearer = ADMIN_TOKEN,
                                .content_type = rows[i].type},
               rows[i].status, rows[i].code);
    }
    static const char *const good[] = {"application/json", "Application/JSON",
                                       "application/json; charset=UTF-8",
                                       "application/json;charset=\"utf-8\""};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct answer answer = ask(&(struct asking){.method = METHOD_PATCH,
                                                    .path = "/v1/keys/pay/prod/jwt",
                                                    .body = "{\"owner\":\"x\"}",
                                                    .bearer = ADMIN_TOKEN,
                                                    .content_type = good[i]});
        assert_int_equal(answer.status, 200);
        answer_clear(&answer);
    }
}

static void a_late_request_is_not_started(void **state)
{
    (void)state;
    expect(&(struct asking){.method = METHOD_POST,
                            .path = "/v1/keys/pay/prod/jwt:rotate",
                            .bearer = ADMIN_TOKEN,
                            .late = true},
           503, "deadline_exceeded");
}

/* A key with an approval rule opens through break-glass only, for administrators too. */
static void approval_stops_what_reveals(void **state)
{
    (void)state;
    uint8_t cka_id[17] = {1};
    const struct key_spec spec = {.name = "pay/prod/vault",
                                  .algorithm = ALGORITHM_AES_256_GCM,
                                  .purpose = PURPOSE_ENCRYPT,
                                  .token = "main",
                                  .facts = {.owner = "team", .approval = {"officers", 3}}};
    const struct version_move move = {.number = 1, .from = VERSION_PENDING, .to = VERSION_ACTIVE};
    struct keystore *store = fixture.gateway.store;
    struct span name = span_text(spec.name);
    assert_ok(keystore_reserve_key(
        store, &spec, &(struct version_source){.cka_id = span_of(cka_id, sizeof(cka_id))}, 1));
    assert_ok(keystore_record_material(store, name, 1, span_of(cka_id, 16), span_of(NULL, 0)));
    assert_ok(keystore_move(store, name, &move, 1, 2));
    static const char *const verbs[] = {"decrypt", "unwrap", "rewrap"};
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        char path[64];
        snprintf(path, sizeof(path), "/v1/keys/pay/prod/vault:%s", verbs[i]);
        CLEANUP(answer_clear)
        struct answer answer = ask(&(struct asking){
            .method = METHOD_POST, .path = path, .body = "{}", .bearer = ADMIN_TOKEN});
        assert_problem(&answer, 403, "approval_required");
        assert_non_null(memmem(answer.body.data, answer.body.len, "break-glass", 11));
    }
}

static void every_request_is_recorded(void **state)
{
    (void)state;
    CLEANUP(json_clear) struct json record = {0};
    CLEANUP(answer_clear)
    struct answer answer = ask(&(struct asking){
        .method = METHOD_GET, .path = "/v1/keys/pay/prod/none", .bearer = OTHER_TOKEN});
    fixture_last_record(&fixture, &record);
    static const struct {
        const char *name, *value;
    } members[] = {{"principal", "token:other"}, {"operation", "read"}, {"key", "pay/prod/none"},
                   {"outcome", "denied"},        {"code", "forbidden"}, {"request_id", "request-1"},
                   {"source", "127.0.0.1"}};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct span text = {0};
        assert_true(json_as_text(json_member(record.root, members[i].name), &text));
        assert_span_is(text, members[i].value);
    }
}

static void refused_shapes_are_recorded(void **state)
{
    (void)state;
    CLEANUP(json_clear) struct json record = {0};
    struct span text = {0};
    expect(
        &(struct asking){.method = METHOD_GET, .path = "/nothing/here", .local = true, .uid = 1000},
        404, "not_found");
    fixture_last_record(&fixture, &record);
    assert_true(json_as_text(json_member(record.root, "operation"), &text));
    assert_span_is(text, "GET /nothing/here");
    assert_true(json_as_text(json_member(record.root, "source"), &text));
    assert_span_is(text, "unix:1000");
    assert_true(json_as_text(json_member(record.root, "outcome"), &text));
    assert_span_is(text, "refused");
}

/* A bearer token in the path, by a client's mistake, is not for those who read the log. */
static void bearer_tokens_in_the_path_are_masked(void **state)
{
    (void)state;
    static const struct {
        const char *path, *member, *value;
    } rows[] = {
        {"/v1/keys/hg_Abc-123_x", "operation", "GET /v1/keys/hg_*"},
        {"/v1/keys/hg_", "operation", "GET /v1/keys/hg_*"},
        {"/v1/keys/a/hg_X:rotate", "operation", "GET /v1/keys/a/hg_*:rotate"},
        {"/hg_X/hg_Y/high_hg_z", "operation", "GET /hg_*/hg_*/high_hg_z"},
        {"/v1/keys/team/hg_abc@2:public-key", "key", "team/hg_*"},
        {"/v1/keys/team/a_hg_abc", "key", "team/a_hg_abc"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_clear) struct json record = {0};
        struct span text = {0};
        CLEANUP(answer_clear)
        struct answer answer = ask(
            &(struct asking){.method = METHOD_GET, .path = rows[i].path, .bearer = ADMIN_TOKEN});
        assert_true(answer.status >= 400);
        fixture_last_record(&fixture, &record);
        assert_true(json_as_text(json_member(record.root, rows[i].member), &text));
        assert_span_is(text, rows[i].value);
    }
}

/* A key may be called so; then the record says which one it was. */
static void known_keys_are_not_masked(void **state)
{
    (void)state;
    CLEANUP(json_clear) struct json record = {0};
    struct span text = {0};
    fixture_make_key(&fixture, "pay/hg_team/jwt", "");
    expect(&(struct asking){.method = METHOD_GET,
                            .path = "/v1/keys/pay/hg_team/jwt",
                            .bearer = OTHER_TOKEN},
           403, "forbidden");
    fixture_last_record(&fixture, &record);
    assert_true(json_as_text(json_member(record.root, "key"), &text));
    assert_span_is(text, "pay/hg_team/jwt");
}

/* A path longer than the record's room, with tokens on the edge. */
static void long_paths_are_cut(void **state)
{
    (void)state;
    for (size_t blank = 70; blank < 100; blank++) {
        CLEANUP(json_clear) struct json record = {0};
        struct span text = {0};
        char path[160];
        (void)snprintf(path, sizeof(path), "/%0*d/hg_SECRET/hg_SECRET", (int)blank, 0);
        expect(&(struct asking){.method = METHOD_GET, .path = path}, 404, "not_found");
        fixture_last_record(&fixture, &record);
        assert_true(json_as_text(json_member(record.root, "operation"), &text));
        assert_in_range(text.len, 75, 95);
        assert_null(memmem(text.data, text.len, "SECRET", 6));
    }
}

static void health_leaves_no_record(void **state)
{
    (void)state;
    size_t before = fixture_count_records(&fixture, "\n");
    CLEANUP(answer_clear)
    struct answer answer = ask(&(struct asking){.method = METHOD_GET, .path = "/healthz"});
    assert_int_equal(answer.status, 200);
    assert_int_equal(fixture_count_records(&fixture, "\n"), before);
}

static void failures_of_the_token_stay_inside(void **state)
{
    (void)state;
    fake_token_fail(ERR_TOKEN_UNAVAILABLE);
    CLEANUP(answer_clear)
    struct answer answer = ask(&(struct asking){
        .method = METHOD_POST, .path = "/v1/keys/pay/prod/jwt:rotate", .bearer = ADMIN_TOKEN});
    fake_token_fail(ERR_OK);
    assert_problem(&answer, 503, "token_unavailable");
    assert_true(answer.retry_after_s > 0);
    assert_null(memmem(answer.body.data, answer.body.len, "CKR", 3));
}

#define THREADS          6
#define ASKED_PER_THREAD 60

static void *ask_often(void *arg)
{
    static const struct asking askings[] = {
        {.method = METHOD_GET, .path = "/v1/keys/pay/prod/jwt", .bearer = ADMIN_TOKEN},
        {.method = METHOD_GET, .path = "/v1/keys/pay/prod/jwt", .bearer = OTHER_TOKEN},
        {.method = METHOD_GET, .path = "/jwks/pay/prod/"},
        {.method = METHOD_GET, .path = "/metrics"},
        {.method = METHOD_POST, .path = "/v1/keys/pay/prod/jwt:rotate", .bearer = ADMIN_TOKEN},
        {.method = METHOD_GET, .path = "/nothing"},
    };
    static const int statuses[] = {200, 403, 200, 200, 200, 404};
    size_t *wrong = arg;
    for (size_t i = 0; i < ASKED_PER_THREAD; i++) {
        size_t which = i % (i < 12 ? ARRAY_LEN(askings) : 4);
        struct answer answer = ask(&askings[which]);
        bool rotated_at_once = which == 4 && answer.status == 409;
        *wrong += answer.status != statuses[which] && !rotated_at_once ? 1 : 0;
        answer_clear(&answer);
    }
    return NULL;
}

/* Every reply of many threads is the right one and comes with its record. */
static void threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    size_t wrong[THREADS] = {0};
    for (size_t i = 0; i < THREADS; i++) {
        threads[i] = sync_thread("asking", ask_often, &wrong[i]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(wrong[i], 0);
    }
    /* of each thread's 60: 14 times /metrics, without a record; and the fixture's own request */
    assert_int_equal(fixture_count_records(&fixture, "\"kind\":\"request\""),
                     THREADS * (ASKED_PER_THREAD - 14) + 1);
}

/* No file may grow over this many bytes: how a full disk looks, for root too. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static size_t version_count(void)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(fixture.gateway.store, span_text("pay/prod/jwt"));
    return key->version_count;
}

/* While the audit log cannot be written, nothing but health answers, nothing of a finished
 * operation gets out and nothing is changed; afterwards it goes on by itself. */
static void without_the_log_nothing_leaves(void **state)
{
    (void)state;
    static const char key[] = "/v1/keys/pay/prod/jwt";
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    sigaction(SIGXFSZ, &ignore, &before);
    limit_files(1);
    struct answer answer =
        ask(&(struct asking){.method = METHOD_GET, .path = key, .bearer = ADMIN_TOKEN});
    assert_problem(&answer, 503, "audit_unavailable");
    assert_null(memmem(answer.body.data, answer.body.len, "pay/prod", 8));
    assert_true(answer.retry_after_s > 0);
    answer_clear(&answer);
    expect(&(struct asking){.method = METHOD_GET, .path = "/nothing"}, 503, "audit_unavailable");
    expect(&(struct asking){.method = METHOD_POST,
                            .path = "/v1/keys/pay/prod/jwt:rotate",
                            .bearer = ADMIN_TOKEN},
           503, "audit_unavailable");
    assert_int_equal(version_count(), 1);
    answer = ask(&(struct asking){.method = METHOD_GET, .path = "/healthz"});
    assert_int_equal(answer.status, 200);
    answer_clear(&answer);
    answer = ask(&(struct asking){.method = METHOD_GET, .path = "/readyz"});
    assert_int_equal(answer.status, 503);
    answer_clear(&answer);

    limit_files(RLIM_INFINITY);
    sigaction(SIGXFSZ, &before, NULL);
    int64_t deadline = clock_deadline(10000);
    int status = 503;
    while (status == 503 && clock_left_ms(deadline) > 0) {
        answer = ask(&(struct asking){.method = METHOD_GET, .path = key, .bearer = ADMIN_TOKEN});
        status = answer.status;
        answer_clear(&answer);
    }
    assert_int_equal(status, 200);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(unknown_paths_and_methods),
        TEST(unknown_callers_learn_nothing),
        TEST(denial_does_not_tell_whether_a_key_exists),
        TEST(known_callers_are_told),
        TEST(bodies_are_json_objects),
        TEST(a_late_request_is_not_started),
        TEST(approval_stops_what_reveals),
        TEST(every_request_is_recorded),
        TEST(refused_shapes_are_recorded),
        TEST(bearer_tokens_in_the_path_are_masked),
        TEST(known_keys_are_not_masked),
        TEST(long_paths_are_cut),
        TEST(health_leaves_no_record),
        TEST(failures_of_the_token_stay_inside),
        TEST(threads_do_not_disturb_each_other),
        TEST(without_the_log_nothing_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
