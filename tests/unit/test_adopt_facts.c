/* Which material a request wants to take over: each reading of a CKA_ID, and what is no request. */
#include "base_test.h"

#include "gateway/ops/adopt_facts.h"

#define TEXT_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct err read(const char *text, struct json *json, struct adopt_facts *facts)
{
    TRY(json_parse(span_text(text), json));
    return adopt_facts_read(json->root, facts);
}

static void a_cka_id_has_one_reading_or_two(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t readings;
        size_t first_len;
    } rows[] = {
        {"{\"cka_id\":\"0a0b0c\"}", 1, 3},   /* hex; six characters are no base64 */
        {"{\"cka_id\":\"0a0b0c0d\"}", 2, 4}, /* both */
        {"{\"cka_id\":\"Zm9vYmFy\"}", 1, 6}, /* base64 */
        {"{\"cka_id\":\"Zg==\"}", 1, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_clear) struct json json = {0};
        CLEANUP(adopt_facts_clear) struct adopt_facts facts = {0};
        assert_code_of(rows[i].text, read(rows[i].text, &json, &facts), ERR_OK);
        assert_int_equal(facts.adoption.cka_id_count, rows[i].readings);
        assert_int_equal(facts.adoption.cka_ids[0].len, rows[i].first_len);
        assert_null(facts.adoption.label);
    }
}

static void what_is_no_request(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{}",
        "[]",
        "{\"cka_id\":\"\"}",
        "{\"cka_id\":\"00\",\"label\":\"k\"}",
        "{\"cka_id\":\"neither!\"}",
        "{\"cka_id\":7}",
        "{\"cka_id\":\"" TEXT_64 TEXT_64 TEXT_64 TEXT_64 "\"}", /* too long in either reading */
        "{\"label\":\"" TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64 "\"}",
        "{\"label\":\"k\",\"allow\":[\"everything\"]}",
        "{\"label\":\"k\",\"allow\":[7]}",
        "{\"label\":\"k\",\"allow\":\"extractable\"}",
        "{\"label\":\"k\",\"more\":1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_clear) struct json json = {0};
        CLEANUP(adopt_facts_clear) struct adopt_facts facts = {0};
        assert_int_not_equal(read(rows[i], &json, &facts).code, ERR_OK);
    }
}

static void is_recorded_as_it_was_asked(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *record;
    } rows[] = {
        {"{\"label\":\"k\"}", "{\"adopt\":{\"label\":\"k\",\"allow\":[]}}"},
        {"{\"allow\":[\"modifiable\",\"extractable\"],\"cka_id\":\"0A\"}",
         "{\"adopt\":{\"cka_id\":\"0A\",\"allow\":[\"extractable\",\"modifiable\"]}}"},
        {"{\"label\":\"k\",\"allow\":[\"modifiable\"]}",
         "{\"adopt\":{\"label\":\"k\",\"allow\":[\"modifiable\"]}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_clear) struct json json = {0};
        CLEANUP(adopt_facts_clear) struct adopt_facts facts = {0};
        CLEANUP(buf_clear) struct buf record = {0};
        struct json_writer writer = json_writer_on(&record);
        assert_code_of(rows[i].text, read(rows[i].text, &json, &facts), ERR_OK);
        json_begin_object(&writer, NULL);
        adopt_facts_put(&writer, &facts);
        json_end_object(&writer);
        assert_ok(json_finish(&writer));
        assert_span_is(buf_span(&record), rows[i].record);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cka_id_has_one_reading_or_two),
        cmocka_unit_test(what_is_no_request),
        cmocka_unit_test(is_recorded_as_it_was_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
