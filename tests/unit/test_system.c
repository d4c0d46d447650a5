/* The gateway about itself: health, tokens, version, its own description, figures, audit log. */
#include "gateway_fixture.h"

static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static struct answer get(const char *path, const char *query, const char *bearer)
{
    return fixture_ask(
        &fixture,
        &(struct asking){.method = METHOD_GET, .path = path, .query = query, .bearer = bearer});
}

static void readiness_names_what_is_ill(void **state)
{
    (void)state;
    struct span text = {0};
    CLEANUP(answer_clear) struct answer well = get("/readyz", NULL, NULL);
    assert_int_equal(well.status, 200);
    assert_span_is(answer_text(&well, "status"), "ready");
    assert_span_is(answer_text(&well, "store"), "ok");
    assert_span_is(answer_text(&well, "audit"), "ok");
    fake_token_fail(ERR_DEADLINE);
    CLEANUP(answer_clear) struct answer ill = get("/readyz", NULL, NULL);
    fake_token_fail(ERR_OK);
    assert_int_equal(ill.status, 503);
    assert_true(ill.retry_after_s > 0);
    assert_span_is(answer_text(&ill, "status"), "not ready");
    assert_span_is(answer_text(&ill, "store"), "ok");
    assert_true(json_as_text(json_member(json_member(ill.json.root, "tokens"), "main"), &text));
    assert_span_is(text, "failing");
}

static void tokens_show_what_the_probe_passed(void **state)
{
    (void)state;
    struct span text = {0};
    CLEANUP(answer_clear) struct answer answer = get("/v1/tokens", NULL, ADMIN_TOKEN);
    assert_int_equal(answer.status, 200);
    const struct json_value *tokens = json_member(answer.json.root, "tokens");
    assert_int_equal(json_count(tokens), 1);
    const struct json_value *token = json_first(tokens);
    assert_true(json_as_text(json_member(token, "name"), &text));
    assert_span_is(text, "main");
    assert_true(json_as_text(json_member(token, "state"), &text));
    assert_span_is(text, "ready");
    const struct json_value *algorithms = json_member(json_member(token, "probe"), "algorithms");
    assert_int_equal(json_count(algorithms), 1);
    assert_true(json_as_text(json_first(algorithms), &text));
    assert_span_is(text, "ecdsa-p256");
}

static void version_and_description(void **state)
{
    (void)state;
    CLEANUP(answer_clear) struct answer version = get("/v1/version", NULL, OTHER_TOKEN);
    assert_span_is(answer_text(&version, "version"), HSMGATE_VERSION);
    CLEANUP(answer_clear) struct answer openapi = get("/v1/openapi.json", NULL, NULL);
    assert_int_equal(openapi.status, 200);
    assert_span_is(answer_text(&openapi, "openapi"), "3.1.0");
}

static void assert_line(const struct answer *answer, const char *line)
{
    if (memmem(answer->body.data, answer->body.len, line, strlen(line)) == NULL) {
        fail_msg("no line %s in\n%.*s", line, (int)answer->body.len,
                 (const char *)answer->body.data);
    }
}

static void figures_count_what_happened(void **state)
{
    (void)state;
    fixture_make_key(&fixture, "a/b", "");
    struct answer denied = get("/v1/keys/a/b", NULL, OTHER_TOKEN);
    answer_clear(&denied);
    denied = get("/v1/keys/a/b", NULL, OTHER_TOKEN);
    answer_clear(&denied);
    struct answer missing = get("/nothing", NULL, NULL);
    answer_clear(&missing);
    CLEANUP(answer_clear) struct answer answer = get("/metrics", NULL, NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
    static const char *const lines[] = {
        "\n# TYPE hsmgate_requests_total counter\n",
        "\nhsmgate_requests_total{operation=\"create\",status=\"201\"} 1\n",
        "\nhsmgate_requests_total{operation=\"read\",status=\"403\"} 2\n",
        "\nhsmgate_requests_total{operation=\"none\",status=\"404\"} 1\n",
        "\nhsmgate_request_duration_seconds_bucket{operation=\"read\",le=\"+Inf\"} 2\n",
        "\nhsmgate_request_duration_seconds_count{operation=\"read\"} 2\n",
        "\nhsmgate_keys 1\n",
        "\nhsmgate_audit_writable 1\n",
        "\nhsmgate_token_up{token=\"main\"} 1\n",
        "\nhsmgate_token_restarts_total{token=\"main\"} 2\n",
        "\nhsmgate_token_state{token=\"main\",state=\"ready\"} 1\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        assert_line(&answer, lines[i]);
    }
    assert_line(&answer, "hsmgate_build_info{version=\"" HSMGATE_VERSION "\"} 1\n");
}

static void the_servers_figures_appear_when_it_listens(void **state)
{
    (void)state;
    static int server;
    CLEANUP(answer_clear) struct answer before = get("/metrics", NULL, NULL);
    assert_null(memmem(before.body.data, before.body.len, "hsmgate_http", 12));
    fixture.gateway.server = (struct server *)(void *)&server;
    CLEANUP(answer_clear) struct answer after = get("/metrics", NULL, NULL);
    assert_line(&after, "\nhsmgate_http_connections 7\n");
    assert_line(&after, "\nhsmgate_http_refused_total{reason=\"shape\"} 5\n");
}

static void the_log_is_read_in_parts(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct answer answer = get("/nothing", NULL, NULL);
        answer_clear(&answer);
    }
    CLEANUP(answer_clear) struct answer first = get("/v1/audit", "after=0&limit=3", ADMIN_TOKEN);
    assert_int_equal(first.status, 200);
    assert_int_equal(json_count(json_member(first.json.root, "records")), 3);
    int64_t next = answer_integer(&first, "next");
    assert_true(answer_integer(&first, "last") >= next);
    char query[64];
    snprintf(query, sizeof(query), "after=%lld", (long long)next);
    CLEANUP(answer_clear) struct answer rest = get("/v1/audit", query, ADMIN_TOKEN);
    const struct json_value *record = json_first(json_member(rest.json.root, "records"));
    int64_t seq = 0;
    assert_true(json_as_integer(json_member(record, "seq"), &seq));
    assert_int_equal(seq, next + 1);
    CLEANUP(answer_clear) struct answer end = get("/v1/audit", "after=100000", ADMIN_TOKEN);
    assert_int_equal(json_count(json_member(end.json.root, "records")), 0);
    assert_int_equal(answer_integer(&end, "next"), 100000);
}

static void bad_ranges_are_refused(void **state)
{
    (void)state;
    static const char *const queries[] = {"limit=0", "limit=1001", "after=-1", "after=x"};
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        CLEANUP(answer_clear) struct answer answer = get("/v1/audit", queries[i], ADMIN_TOKEN);
        assert_problem(&answer, 400, "invalid_field");
    }
    CLEANUP(answer_clear) struct answer answer = get("/v1/audit", "since=1", ADMIN_TOKEN);
    assert_problem(&answer, 400, "unknown_field");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(readiness_names_what_is_ill),
        TEST(tokens_show_what_the_probe_passed),
        TEST(version_and_description),
        TEST(figures_count_what_happened),
        TEST(the_servers_figures_appear_when_it_listens),
        TEST(the_log_is_read_in_parts),
        TEST(bad_ranges_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
