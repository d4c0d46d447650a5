/* A file of grants becomes the JSON of the API, or says the line of each mistake. */
#include "cli/grant_file.h"
#include "cli_test.h"

static char path[] = "/tmp/hsmgate-test-grants-XXXXXX";

static struct err load(const char *text, struct buf *json, struct buf *message)
{
    assert_ok(file_write(path, span_text(text), 0600));
    struct json_writer writer = json_writer_on(json);
    json_begin_object(&writer, NULL);
    struct err err = grant_file_read(path, &writer, message);
    if (err.code != ERR_OK) {
        return err;
    }
    json_end_object(&writer);
    return json_finish(&writer);
}

#define HEAD "namespace: payments/prod\ngrants:\n"
#define REST "    principal: token:x\n    keys: payments/prod/*\n    operations: [sign]\n"
#define WHY  "    justification: because\n"

static void a_file_says_what_the_api_wants(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *json;
    } rows[] = {
        {HEAD "  - id: a\n" REST WHY,
         "{\"namespace\":\"payments/prod\",\"grants\":[{\"id\":\"a\",\"principal\":\"token:x\","
         "\"keys\":\"payments/prod/*\",\"operations\":[\"sign\"],\"justification\":\"because\"}]}"},
        {"namespace: a\ngrants: []\n", "{\"namespace\":\"a\",\"grants\":[]}"},
        {"grants:\n"
         "  - id: one\n"
         "    principal: oidc:https://login.example#7\n" /* no comment without a blank before it */
         "    keys: a/**\n"
         "    operations:\n      - sign\n      - rotate\n"
         "    context: {tenant: acme, row: 7, \"odd \\\" name\": \"\"}\n"
         "    source: [10.0.0.0/8, \"2001:db8::/32\"]\n"
         "    expires_at: 2027-01-31T00:00:00Z\n"
         "    allow_dual_role: true\n" WHY "  - id: two\n" REST WHY "  - id: three\n" REST
         "    context:\n      a: b\n    allow_dual_role: false\n" WHY "namespace: a\n",
         "{\"namespace\":\"a\",\"grants\":[{\"id\":\"one\",\"principal\":\"oidc:https://"
         "login.example#7\",\"keys\":\"a/**\",\"operations\":[\"sign\",\"rotate\"],\"source\":["
         "\"10.0.0.0/8\",\"2001:db8::/32\"],\"expires_at\":\"2027-01-31T00:00:00Z\","
         "\"justification\":\"because\",\"allow_dual_role\":true,\"context\":{\"tenant\":\"acme\","
         "\"row\":\"7\",\"odd \\\" name\":\"\"}},{\"id\":\"two\",\"principal\":\"token:x\","
         "\"keys\":\"payments/prod/*\",\"operations\":[\"sign\"],\"justification\":\"because\"},{"
         "\"id\":\"three\",\"principal\":\"token:x\",\"keys\":\"payments/prod/*\",\"operations\":["
         "\"sign\"],\"justification\":\"because\",\"context\":{\"a\":\"b\"}}]}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_clear) struct buf json = {0};
        CLEANUP(buf_clear) struct buf message = {0};
        assert_code_of(rows[i].text, load(rows[i].text, &json, &message), ERR_OK);
        assert_span_is(buf_span(&json), rows[i].json);
        assert_int_equal(message.len, 0);
    }
}

static void each_mistake_has_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message; /* after the path and a colon; `%` stands for the path */
    } rows[] = {
        {"grants: []\n", "1: namespace: missing"},
        {"namespace: a\n", "1: grants: missing"},
        {"namespace: A\ngrants: []\n",
         "1: namespace: must be 1 to 5 segments such as payments/prod"},
        {"namespace: a\ngrants: []\nmore: 1\n", "3: more: unknown option"},
        {HEAD "  - id: a\n" REST, "3: grants[0].justification: missing"},
        {HEAD "  - id: a\n" REST "    justification: \"\"\n",
         "7: grants[0].justification: the text is too short"},
        {HEAD "  - id: a\n" REST WHY "    until: tomorrow\n", "8: grants[0].until: unknown option"},
        {HEAD "  - id: a\n" REST WHY "    keys: b/*\n", "8: grants[0].keys: given twice"},
        {HEAD "  - id: A\n" REST WHY, "3: grants[0].id: must look like [a-z0-9][a-z0-9._-]{0,62}"},
        {HEAD "  - id: a/b\n" REST WHY,
         "3: grants[0].id: must look like [a-z0-9][a-z0-9._-]{0,62}"},
        {HEAD "  - id: a\n" REST WHY "    expires_at: tomorrow\n",
         "8: grants[0].expires_at: must be a time such as 2027-01-31T00:00:00Z"},
        {HEAD "  - id: a\n" REST WHY "    context: acme\n",
         "8: grants[0].context: must be NAME: VALUE pairs"},
        {HEAD "  - id: a\n" REST WHY "    context:\n      a: [b]\n",
         "9: grants[0].context: a pair's name and value must be text"},
        {HEAD "  - id: a\n" REST WHY "    context: {a: b, a: c}\n",
         "8: grants[0].context.a: given twice"},
        {HEAD "  - id: a\n" REST WHY "  - id: b\n" REST WHY "  - id: a\n" REST WHY
              "    expires_at: 1\n",
         "13: grants[2].id: another grant in this file has the same id\n"
         "%:18: grants[2].expires_at: must be a time such as 2027-01-31T00:00:00Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_clear) struct buf json = {0};
        CLEANUP(buf_clear) struct buf message = {0};
        assert_code_of(rows[i].text, load(rows[i].text, &json, &message), ERR_CONFIG);
        const char *hole = strchr(rows[i].message, '%');
        const int before = hole != NULL ? (int)(hole - rows[i].message) : 10000;
        CLEANUP(mem_free_at)
        char *wanted = mem_format("%s:%.*s%s%s", path, before, rows[i].message,
                                  hole != NULL ? path : "", hole != NULL ? hole + 1 : "");
        assert_span_is(buf_span(&message), wanted);
    }
}

static void what_cannot_be_read_is_said(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf json = {0};
    CLEANUP(buf_clear) struct buf message = {0};
    struct json_writer writer = json_writer_on(&json);
    assert_code(grant_file_read("/nowhere/grants.yaml", &writer, &message), ERR_CONFIG);
    assert_true(span_starts(buf_span(&message), "/nowhere/grants.yaml:"));
}

/* What is installed as an example is right, and its comments do not lie about what it says. */
static void the_example_is_right(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf json = {0};
    CLEANUP(buf_clear) struct buf message = {0};
    struct json_writer writer = json_writer_on(&json);
    json_begin_object(&writer, NULL);
    assert_ok(grant_file_read(HSMGATE_GRANTS_EXAMPLE, &writer, &message));
    json_end_object(&writer);
    assert_ok(json_finish(&writer));
    assert_true(span_has(buf_span(&json), "\"context\":{\"table\":\"cards\"}"));
    assert_true(
        span_has(buf_span(&json), "\"principal\":\"oidc:https://login.example.org#alice\""));
}

/* Many grants with contexts are read in one pass: each pair stays with its grant. */
static void pairs_stay_with_their_grants(void **state)
{
    (void)state;
    enum { GRANTS = 500 };
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(buf_clear) struct buf json = {0};
    CLEANUP(buf_clear) struct buf message = {0};
    assert_ok(buf_append_text(&text, HEAD));
    for (int i = 0; i < GRANTS; i++) {
        assert_ok(buf_printf(&text, "  - id: g%d\n" REST WHY, i));
        if (i % 3 == 0) {
            assert_ok(buf_printf(&text, "    context: {row: r%d, table: t%d}\n", i, i));
        }
    }
    CLEANUP(mem_free_at) char *file = span_to_text(buf_span(&text));
    assert_ok(load(file, &json, &message));
    for (int i = 0; i < GRANTS; i++) {
        CLEANUP(mem_free_at)
        char *context = i % 3 == 0
                            ? mem_format(",\"context\":{\"row\":\"r%d\",\"table\":\"t%d\"}", i, i)
                            : mem_text("");
        CLEANUP(mem_free_at)
        char *wanted = mem_format("{\"id\":\"g%d\",\"principal\":\"token:x\",\"keys\":\"payments/"
                                  "prod/*\",\"operations\":[\"sign\"],\"justification\":"
                                  "\"because\"%s}",
                                  i, context);
        assert_true(span_has(buf_span(&json), wanted));
    }
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    fd_close(&fd);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_says_what_the_api_wants),
        cmocka_unit_test(each_mistake_has_its_line),
        cmocka_unit_test(what_cannot_be_read_is_said),
        cmocka_unit_test(the_example_is_right),
        cmocka_unit_test(pairs_stay_with_their_grants),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
