/* What may be said of a key, and its limits. */
#include "base_test.h"

#include "gateway/ops/key_facts.h"

#define REPEAT_10(text) text text text text text text text text text text
#define LONG_200        REPEAT_10("0123456789abcdefghij")

#define CREATE(members) "{\"name\":\"a/b\",\"algorithm\":\"x\",\"owner\":\"o\"" members "}"

/* Nothing by default but for one class, and clocks that agree. */
static const struct config_rotation config = {
    .defaults = {[CLASS_REGULATED] = {.every = 90 * 86400,
                                      .overlap = 86400,
                                      .publish_ahead = 3600,
                                      .mode = ROTATION_AUTOMATIC}},
    .rules = {.jwks_max_age = 300}};

static struct err apply(const char *text, enum purpose purpose, struct key_draft *draft,
                        struct json *json)
{
    struct key_request request;
    TRY(json_parse(span_text(text), json));
    TRY(key_request_read_create(json->root, &request));
    return key_draft_apply(draft, &request, purpose, &config);
}

static void good_facts_are_taken(void **state)
{
    (void)state;
    static struct key_draft draft;
    CLEANUP(json_clear) struct json json = {0};
    assert_ok(apply(
        CREATE(",\"description\":\"d\",\"classification\":\"regulated\",\"contact\":\"c\","
               "\"labels\":{\"zone\":\"b\",\"app\":\"a\"},"
               "\"rotation\":{\"every\":\"30d\",\"overlap\":\"1h\",\"publish_ahead\":\"5m\","
               "\"max_uses\":7},"
               "\"jwt\":{\"max_ttl\":\"1h\",\"issuer\":\"https://i\",\"audiences\":[\"x\",\"y\"]}"),
        PURPOSE_SIGN, &draft, &json));
    const struct key_facts *facts = &draft.facts;
    assert_string_equal(facts->owner, "o");
    assert_string_equal(facts->description, "d");
    assert_string_equal(facts->contact, "c");
    assert_int_equal(facts->classification, CLASS_REGULATED);
    assert_int_equal(facts->label_count, 2);
    assert_string_equal(facts->labels[0].name, "app");
    assert_string_equal(facts->labels[1].value, "b");
    assert_int_equal(facts->rotation.every, 30 * 86400);
    assert_int_equal(facts->rotation.overlap, 3600);
    assert_int_equal(facts->rotation.publish_ahead, 300);
    assert_int_equal(facts->rotation.max_uses, 7);
    assert_int_equal(facts->jwt.max_ttl, 3600);
    assert_string_equal(facts->jwt.issuer, "https://i");
    assert_int_equal(facts->jwt.audience_count, 2);
    assert_string_equal(facts->jwt.audiences[1], "y");
}

static void approval_is_taken(void **state)
{
    (void)state;
    static struct key_draft draft;
    CLEANUP(json_clear) struct json json = {0};
    assert_ok(apply(CREATE(",\"approval\":{\"group\":\"officers\",\"m\":2}"), PURPOSE_ENCRYPT,
                    &draft, &json));
    assert_string_equal(draft.facts.approval.group, "officers");
    assert_int_equal(draft.facts.approval.m, 2);
}

static void bad_facts_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum purpose purpose;
        enum err_code code;
    } rows[] = {
        {"{\"algorithm\":\"x\",\"owner\":\"o\"}", PURPOSE_SIGN, ERR_INVALID_FIELD},
        {"{\"name\":\"a/b\",\"owner\":\"o\"}", PURPOSE_SIGN, ERR_INVALID_FIELD},
        {"{\"name\":\"a/b\",\"algorithm\":\"x\"}", PURPOSE_SIGN, ERR_INVALID_FIELD},
        {"{\"name\":\"a/b\",\"algorithm\":\"x\",\"owner\":\"\"}", PURPOSE_SIGN, ERR_INVALID_FIELD},
        {"{\"name\":\"a/b\",\"algorithm\":\"x\",\"owner\":\"a\\u0001\"}", PURPOSE_SIGN,
         ERR_INVALID_FIELD},
        {"{\"name\":\"a/b\",\"algorithm\":\"x\",\"owner\":\"" LONG_200 "1\"}", PURPOSE_SIGN,
         ERR_INVALID_FIELD},
        {CREATE(",\"description\":\"" LONG_200 LONG_200 LONG_200 LONG_200 LONG_200 "1\""),
         PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"contact\":\"" LONG_200 "1\""), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"classification\":\"secret\""), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"colour\":\"blue\""), PURPOSE_SIGN, ERR_UNKNOWN_FIELD},
        {CREATE(",\"labels\":{\"Bad\":\"x\"}"), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"labels\":{\"a/b\":\"x\"}"), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"labels\":{\"a\":7}"), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"labels\":{\"a\":\"" LONG_200 "1\"}"), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"labels\":[]"), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"rotation\":{\"every\":\"soon\"}"), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"rotation\":{\"every\":\"0s\"}"), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"rotation\":{\"each\":\"1d\"}"), PURPOSE_SIGN, ERR_UNKNOWN_FIELD},
        {CREATE(",\"rotation\":{\"max_uses\":0}"), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"rotation\":{\"max_uses\":2147483649}"), PURPOSE_ENCRYPT, ERR_INVALID_FIELD},
        {CREATE(",\"rotation\":{\"every\":\"1h\",\"publish_ahead\":\"1h\"}"), PURPOSE_SIGN,
         ERR_INVALID_FIELD},
        {CREATE(",\"rotation\":{\"mode\":\"sometimes\"}"), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"rotation\":{\"mode\":\"automatic\"}"), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"jwt\":{\"max_ttl\":\"1h\"}"), PURPOSE_ENCRYPT, ERR_INVALID_FIELD},
        {CREATE(",\"jwt\":{\"max_ttl\":3600}"), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"jwt\":{\"audiences\":[7]}"), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"jwt\":{\"audiences\":[\"\"]}"), PURPOSE_SIGN, ERR_INVALID_FIELD},
        {CREATE(",\"approval\":{\"group\":\"g\",\"m\":1}"), PURPOSE_ENCRYPT, ERR_INVALID_FIELD},
        {CREATE(",\"approval\":{\"group\":\"g\",\"m\":33}"), PURPOSE_ENCRYPT, ERR_INVALID_FIELD},
        {CREATE(",\"approval\":{\"m\":2}"), PURPOSE_ENCRYPT, ERR_INVALID_FIELD},
        {CREATE(",\"approval\":{\"group\":\"G\",\"m\":2}"), PURPOSE_ENCRYPT, ERR_INVALID_FIELD},
        {CREATE(",\"approval\":{\"group\":\"g\",\"m\":2}"), PURPOSE_SIGN, ERR_INVALID_FIELD},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static struct key_draft draft;
        CLEANUP(json_clear) struct json json = {0};
        draft = (struct key_draft){.facts.classification = CLASS_CONFIDENTIAL};
        assert_code_of(rows[i].text, apply(rows[i].text, rows[i].purpose, &draft, &json),
                       rows[i].code);
    }
}

static struct err apply_labels_of(size_t count)
{
    static struct key_draft draft;
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(buf_clear) struct buf text = {0};
    draft = (struct key_draft){.facts.owner = "o"};
    TRY(buf_append_text(&text,
                        "{\"name\":\"a/b\",\"algorithm\":\"x\",\"owner\":\"o\",\"labels\":{"));
    for (size_t i = 0; i < count; i++) {
        TRY(buf_printf(&text, "%s\"l%zu\":\"v\"", i > 0 ? "," : "", i));
    }
    TRY(buf_append_text(&text, "}}"));
    TRY(buf_append_u8(&text, 0));
    return apply((const char *)text.data, PURPOSE_SIGN, &draft, &json);
}

static void labels_are_counted(void **state)
{
    (void)state;
    assert_code(apply_labels_of(KEY_LABELS_MAX), ERR_OK);
    assert_code(apply_labels_of(KEY_LABELS_MAX + 1), ERR_INVALID_FIELD);
}

/* No JWT outlives its published key; the message shows the sum. */
static void overlap_covers_the_longest_jwt(void **state)
{
    (void)state;
    static const struct {
        const char *rotation, *jwt;
        enum err_code code;
    } rows[] = {
        {"{\"overlap\":\"1h\"}", "{\"max_ttl\":\"3600s\"}", ERR_OK},
        {"{\"overlap\":\"1h\"}", "{\"max_ttl\":\"3601s\"}", ERR_INVALID_FIELD},
        {"{\"overlap\":\"1h\"}", "{\"issuer\":\"i\"}", ERR_OK},
        {"{\"every\":\"1h\"}", "{\"max_ttl\":\"2h\"}", ERR_OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static struct key_draft draft;
        CLEANUP(json_clear) struct json json = {0};
        draft = (struct key_draft){.facts.owner = "o"};
        char *text =
            mem_format(CREATE(",\"rotation\":%s,\"jwt\":%s"), rows[i].rotation, rows[i].jwt);
        struct err err = apply(text, PURPOSE_SIGN, &draft, &json);
        assert_code_of(text, err, rows[i].code);
        if (rows[i].code != ERR_OK) {
            assert_non_null(strstr(err.detail, "3600 s"));
            assert_non_null(strstr(err.detail, "3601 s"));
        }
        mem_free(text);
    }
}

/* The rule holds between what an update says and what the key already has. */
static void updates_keep_the_rest(void **state)
{
    (void)state;
    static struct key_draft draft;
    struct key_request request;
    CLEANUP(json_clear) struct json json = {0};
    draft = (struct key_draft){.facts = {.owner = "old",
                                         .description = "old",
                                         .contact = "old",
                                         .classification = CLASS_INTERNAL,
                                         .rotation = {.max_uses = 9},
                                         .jwt = {.max_ttl = 7200}}};
    assert_ok(json_parse(span_text("{\"owner\":\"new\",\"description\":\"\"}"), &json));
    assert_ok(key_request_read_update(json.root, &request));
    assert_ok(key_draft_apply(&draft, &request, PURPOSE_SIGN, &config));
    assert_string_equal(draft.facts.owner, "new");
    assert_null(draft.facts.description);
    assert_string_equal(draft.facts.contact, "old");
    assert_int_equal(draft.facts.classification, CLASS_INTERNAL);
    json_clear(&json);
    assert_ok(json_parse(span_text("{\"rotation\":{\"overlap\":\"1h\"}}"), &json));
    assert_ok(key_request_read_update(json.root, &request));
    assert_code(key_draft_apply(&draft, &request, PURPOSE_SIGN, &config), ERR_INVALID_FIELD);
    json_clear(&json);
    assert_ok(json_parse(span_text("{\"rotation\":{\"overlap\":\"3h\"}}"), &json));
    assert_ok(key_request_read_update(json.root, &request));
    assert_ok(key_draft_apply(&draft, &request, PURPOSE_SIGN, &config));
    assert_int_equal(draft.facts.rotation.overlap, 3 * 3600);
    assert_int_equal(draft.facts.rotation.max_uses, 9); /* each member by itself */
}

static void updates_cannot_change_what_is_fixed(void **state)
{
    (void)state;
    static const char *const members[] = {"name",  "algorithm", "purpose",
                                          "token", "approval",  "adopt"};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct key_request request;
        CLEANUP(json_clear) struct json json = {0};
        char *text = mem_format("{\"%s\":\"x\"}", members[i]);
        assert_ok(json_parse(span_text(text), &json));
        assert_code_of(members[i], key_request_read_update(json.root, &request), ERR_UNKNOWN_FIELD);
        mem_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_facts_are_taken),
        cmocka_unit_test(approval_is_taken),
        cmocka_unit_test(bad_facts_are_refused),
        cmocka_unit_test(labels_are_counted),
        cmocka_unit_test(overlap_covers_the_longest_jwt),
        cmocka_unit_test(updates_keep_the_rest),
        cmocka_unit_test(updates_cannot_change_what_is_fixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
