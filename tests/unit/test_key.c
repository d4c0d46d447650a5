/* One key in one block: a deep copy that outlives what it was made from. */
#include "keystore/key.h"

#include <string.h>

#include "keystore/uses.h"
#include "tests/unit/base_test.h"

static void overwrite(char *text)
{
    memset(text, '#', strlen(text));
}

static void copies_everything(void **state)
{
    (void)state;
    char texts[9][8] = {"a/b",   "soft",  "owner", "desc", "contact",
                        "issue", "group", "name",  "value"};
    char audience[] = "aud";
    uint8_t spki[] = {1, 2, 3};
    const char *const audiences[] = {audience};
    struct label labels[] = {{texts[7], texts[8]}};
    struct version versions[2] = {
        {.number = 1, .state = VERSION_RETIRED, .public_key = span_of(spki, 3)},
        {.number = 4, .state = VERSION_ACTIVE}};
    struct key draft = {
        .id = uuid_make(),
        .name = texts[0],
        .token = texts[1],
        .facts = {.owner = texts[2],
                  .description = texts[3],
                  .contact = texts[4],
                  .labels = labels,
                  .label_count = 1,
                  .jwt = {.issuer = texts[5], .audiences = audiences, .audience_count = 1},
                  .approval = {.group = texts[6], .m = 2}},
        .versions = versions,
        .version_count = 2};
    CLEANUP(key_release_at) const struct key *key = key_make(&draft);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        overwrite(texts[i]);
    }
    overwrite(audience);
    memset(spki, 0, sizeof(spki));

    assert_string_equal(key->name, "a/b");
    assert_string_equal(key->token, "soft");
    assert_string_equal(key->facts.owner, "owner");
    assert_string_equal(key->facts.description, "desc");
    assert_string_equal(key->facts.contact, "contact");
    assert_string_equal(key->facts.jwt.issuer, "issue");
    assert_string_equal(key->facts.jwt.audiences[0], "aud");
    assert_string_equal(key->facts.approval.group, "group");
    assert_string_equal(key->facts.labels[0].name, "name");
    assert_string_equal(key->facts.labels[0].value, "value");
    assert_memory_equal(key->versions[0].public_key.data, "\1\2\3", 3);
    assert_int_equal(key->primary, 4);
    assert_ptr_equal(key_primary(key), &key->versions[1]);
}

static void keeps_absent_texts_absent(void **state)
{
    (void)state;
    struct version version = {.number = 1, .state = VERSION_PENDING};
    struct key draft = {.name = "a/b",
                        .token = "t",
                        .facts = {.owner = "o"},
                        .versions = &version,
                        .version_count = 1};
    CLEANUP(key_release_at) const struct key *key = key_make(&draft);
    assert_null(key->facts.description);
    assert_null(key->facts.contact);
    assert_null(key->facts.jwt.issuer);
    assert_null(key->facts.approval.group);
    assert_int_equal(key->primary, 0);
    assert_null(key_primary(key));
    assert_false(key_usable(key));
}

static void shares_use_counters(void **state)
{
    (void)state;
    struct version version = {.number = 1, .state = VERSION_ACTIVE};
    struct key draft = {.name = "a/b",
                        .token = "t",
                        .facts = {.owner = "o"},
                        .versions = &version,
                        .version_count = 1};
    const struct key *first = key_make(&draft);
    CLEANUP(key_release_at) const struct key *second = key_make(first);
    assert_ptr_equal(first->versions[0].uses, second->versions[0].uses);
    atomic_store(&first->versions[0].uses->count, 7);
    key_release(first);
    assert_int_equal(uses_count(&second->versions[0]), 7);
}

static void finds_versions_by_number(void **state)
{
    (void)state;
    struct version versions[5] = {{.number = 1, .state = VERSION_RETIRED},
                                  {.number = 2, .state = VERSION_RETIRED},
                                  {.number = 5, .state = VERSION_DISABLED, .activated_at = 9},
                                  {.number = 8, .state = VERSION_RETIRED},
                                  {.number = 9, .state = VERSION_PENDING}};
    struct key draft = {.name = "a/b",
                        .token = "t",
                        .facts = {.owner = "o"},
                        .versions = versions,
                        .version_count = 5};
    CLEANUP(key_release_at) const struct key *key = key_make(&draft);
    for (uint32_t number = 0; number < 12; number++) {
        bool there = number == 1 || number == 2 || number == 5 || number == 8 || number == 9;
        const struct version *version = key_version(key, number);
        assert_int_equal(version != NULL, there);
        assert_true(version == NULL || version->number == number);
    }
    assert_true(key_usable(key)); /* one version was active once */
}

static void compares_names_by_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        int sign;
    } cases[] = {{"a/b", "a/b", 0}, {"a/b", "a/bc", -1}, {"a/bc", "a/b", 1}, {"a-b", "a/b", -1},
                 {"b", "a/bb", 1},  {"", "a/b", -1},     {"a/z", "a/b", 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct key key = {.name = cases[i].b};
        int order = key_compare(span_text(cases[i].a), &key);
        assert_int_equal((order > 0) - (order < 0), cases[i].sign);
    }
    /* A NUL inside a caller's text does not end the comparison. */
    struct key key = {.name = "a/b"};
    assert_true(key_compare(span_of("a/b\0c", 5), &key) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_everything),       cmocka_unit_test(keeps_absent_texts_absent),
        cmocka_unit_test(shares_use_counters),     cmocka_unit_test(finds_versions_by_number),
        cmocka_unit_test(compares_names_by_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
