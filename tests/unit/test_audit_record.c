/* One record as one line: order of fields, what is left out, what is cut, what is refused. */
#include "audit_fixture.h"

#include <string.h>

#include "audit/record.h"
#include "base/json.h"

static void line_of(const struct audit_record *record, uint64_t seq, struct buf *out)
{
    CLEANUP(buf_clear) struct buf tail = {0};
    buf_init(&tail, RECORD_TAIL_MAX);
    assert_ok(record_write_tail(record, &tail));
    assert_ok(record_write_line(seq, buf_span(&tail), out));
}

static void every_field_in_its_order(void **state)
{
    (void)state;
    struct audit_record record = {
        .time = 1767323045678,
        .kind = "request",
        .request_id = span_text("r-1"),
        .traceparent = span_text("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        .principal = span_text("token:ci"),
        .source = span_text("127.0.0.1"),
        .operation = span_text("sign"),
        .key = span_text("payments/prod/jwt"),
        .version = 3,
        .outcome = "refused",
        .code = span_text("invalid_digest"),
        .status = 400,
        .has_digest = true,
        .items = 2,
        .items_failed = 1,
        .microseconds = 12005,
        .detail = span_text("{\"a\":1}"),
    };
    struct span abc = span_text("abc");
    digest_sha256_parts(&abc, 1, record.digest);
    CLEANUP(buf_clear) struct buf line = {0};
    line_of(&record, 42, &line);
    assert_span_is(buf_span(&line),
                   "{\"seq\":42,\"time\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"request\","
                   "\"request_id\":\"r-1\","
                   "\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\","
                   "\"principal\":\"token:ci\",\"source\":\"127.0.0.1\",\"operation\":\"sign\","
                   "\"key\":\"payments/prod/jwt\",\"version\":3,\"outcome\":\"refused\","
                   "\"code\":\"invalid_digest\",\"status\":400,\"digest\":"
                   "\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\","
                   "\"items\":2,\"items_failed\":1,\"ms\":12.005,\"detail\":{\"a\":1}}\n");
}

static void empty_fields_are_left_out(void **state)
{
    (void)state;
    struct audit_record record = {.time = 0, .kind = "system"};
    CLEANUP(buf_clear) struct buf line = {0};
    line_of(&record, 1, &line);
    assert_span_is(buf_span(&line),
                   "{\"seq\":1,\"time\":\"1970-01-01T00:00:00.000Z\",\"kind\":\"system\"}\n");
}

static void milliseconds_have_three_digits_behind_the_point(void **state)
{
    (void)state;
    static const struct {
        int64_t microseconds;
        const char *text;
    } cases[] = {{1, "\"ms\":0.001"},
                 {999, "\"ms\":0.999"},
                 {1000, "\"ms\":1.000"},
                 {1234567, "\"ms\":1234.567"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct audit_record record = {.kind = "request", .microseconds = cases[i].microseconds};
        CLEANUP(buf_clear) struct buf line = {0};
        line_of(&record, 1, &line);
        assert_non_null(memmem(line.data, line.len, cases[i].text, strlen(cases[i].text)));
    }
}

/* The worst that a client can send in every field still is one line of JSON within the limit. */
static void hostile_text_stays_one_short_line(void **state)
{
    (void)state;
    char text[4096];
    memset(text, '\x01', sizeof(text));
    text[0] = '\n';
    text[1] = '"';
    text[2] = '\xff';
    struct span span = span_of(text, sizeof(text));
    struct audit_record record = {.kind = "request",
                                  .request_id = span,
                                  .traceparent = span,
                                  .principal = span,
                                  .source = span,
                                  .operation = span,
                                  .key = span,
                                  .outcome = "denied",
                                  .code = span};
    CLEANUP(buf_clear) struct buf line = {0};
    line_of(&record, (uint64_t)1 << 52, &line);
    assert_true(line.len <= RECORD_LINE_MAX);
    assert_ptr_equal(memchr(line.data, '\n', line.len), line.data + line.len - 1);
    CLEANUP(json_clear) struct json json = {0};
    assert_ok(json_parse(span_of(line.data, line.len - 1), &json));
}

static void a_detail_of_many_lines_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    struct audit_record record = {.kind = "system", .detail = span_text("{\n}")};
    assert_code(record_write_tail(&record, &out), ERR_INVALID_FIELD);
    char *text = mem_alloc(9000);
    record.detail = span_of(text, 9000);
    assert_code(record_write_tail(&record, &out), ERR_INVALID_FIELD);
    mem_free(text);
    assert_int_equal(out.len, 0);
}

static void sequences_are_read_back(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        uint64_t seq; /* 0: not a record */
    } cases[] = {
        {"{\"seq\":1,\"a\":2}\n", 1},
        {"{\"seq\":1,\"a\":2}", 1},
        {"{\"seq\":123456789012,\"a\":2}\n", 123456789012},
        {"{\"seq\":0,\"a\":2}\n", 0},
        {"{\"seq\":01,\"a\":2}\n", 0},
        {"{\"seq\":,\"a\":2}\n", 0},
        {"{\"seq\":-1,\"a\":2}\n", 0},
        {"{\"seq\":1}\n", 0},
        {"{\"seq\":1,\"a\":2\n", 0},
        {"{\"seq\":99999999999999999999,\"a\":2}\n", 0},
        {"{\"seq\":}", 0},
        {"{\"seq\":", 0},
        {"\n", 0},
        {"", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t seq = 0;
        assert_int_equal(record_read_seq(span_text(cases[i].line), &seq), cases[i].seq != 0);
        assert_int_equal(seq, cases[i].seq);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_in_its_order),
        cmocka_unit_test(empty_fields_are_left_out),
        cmocka_unit_test(milliseconds_have_three_digits_behind_the_point),
        cmocka_unit_test(hostile_text_stays_one_short_line),
        cmocka_unit_test(a_detail_of_many_lines_is_refused),
        cmocka_unit_test(sequences_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
