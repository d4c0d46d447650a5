/* Rosters: nothing stands twice, every key is held, every group can reach its M. */
#include <string.h>

#include "base_test.h"
#include "quorum_fixture.h"

static int open_fixture(void **state)
{
    struct quorum_fixture *fix = mem_alloc(sizeof(*fix));
    people_open_empty(fix);
    static const char *const ids[] = {"ann", "bob", "cem", "dora"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        (void)people_person(fix, ids[i]);
    }
    (void)people_group(fix, "ops", 2, "ann,bob,cem,dora");
    (void)people_group(fix, "admins", 2, "ann,bob,cem,dora");
    *state = fix;
    return 0;
}

static int close_fixture(void **state)
{
    people_close(*state);
    mem_free(*state);
    return 0;
}

/* --- both directions --- */

static void one_comes_back(void **state)
{
    struct quorum_fixture *fix = *state;
    people_add_key(fix, "bob", VOTER_KEY_P256);
    people_group(fix, "ops", 3, "ann,bob,cem")->wait_s = 60;
    people_group(fix, "ops", 3, "ann,bob,cem")->use_within_s = 900;
    struct roster roster = people_roster(fix);
    struct span bytes = people_roster_bytes(fix, &roster);
    CLEANUP(roster_free_at) const struct roster *read = NULL;
    assert_ok(roster_parse(bytes, &read));
    assert_int_equal(read->number, 1);
    assert_int_equal(read->person_count, 4);
    assert_int_equal(read->created_at, roster.created_at);
    assert_span_is(read->authority, "admins");
    const struct roster_person *bob = roster_person(read, span_text("bob"));
    assert_non_null(bob);
    assert_span_is(bob->name, "bob of the tests");
    assert_int_equal(bob->key_count, 2);
    assert_int_equal(bob->keys[1].kind, VOTER_KEY_P256);
    assert_true(span_equal(bob->keys[1].spki, fix->people[1].keys[1].is.spki));
    const struct roster_group *ops = roster_group(read, span_text("ops"));
    assert_int_equal(ops->m, 3);
    assert_int_equal(ops->wait_s, 60);
    assert_int_equal(ops->use_within_s, 900);
    assert_int_equal(ops->eligible_count, 3);
    assert_false(ops->eligible[3]);
    uint8_t digest[SHA256_LEN];
    roster_digest(bytes, digest);
    assert_memory_equal(read->digest, digest, SHA256_LEN);
    assert_true(span_equal(bytes, people_roster_bytes(fix, read)));
}

static void the_order_is_fixed(void **state)
{
    struct roster roster = people_roster(*state);
    struct span bytes = people_roster_bytes(*state, &roster);
    static const char lead[] =
        "{\"format\":\"hsmgate/v1/roster\",\"number\":1,\"previous\":\"\","
        "\"created_at\":\"2026-01-02T02:04:05Z\",\"authority\":\"admins\",\"people\":["
        "{\"id\":\"ann\",\"name\":\"ann of the tests\",\"principals\":[\"token:ann\"],"
        "\"keys\":[{\"kind\":\"ed25519\",\"public_key\":\"MCowBQYDK2VwAyEA";
    static const char tail[] =
        "\"groups\":[{\"id\":\"ops\",\"m\":2,\"wait_s\":0,\"use_within_s\":0,"
        "\"members\":[\"ann\",\"bob\",\"cem\",\"dora\"]},{\"id\":\"admins\",\"m\":2,\"wait_s\":0,"
        "\"use_within_s\":0,\"members\":[\"ann\",\"bob\",\"cem\",\"dora\"]}]}";
    assert_true(span_starts(bytes, lead));
    size_t len = sizeof(tail) - 1;
    assert_span_is(span_of(bytes.data + bytes.len - len, len), tail);
}

static void people_are_found(void **state)
{
    const struct roster *roster = people_next_roster(*state, "");
    assert_ptr_equal(roster_person_of(roster, span_text("token:cem")),
                     roster_person(roster, span_text("cem")));
    assert_null(roster_person_of(roster, span_text("token:eve")));
    assert_null(roster_person_of(roster, (struct span){0}));
    assert_null(roster_person(roster, span_text("eve")));
    assert_null(roster_group(roster, span_text("ann")));
    roster_free(NULL);
}

/* --- groups --- */

static void nested_groups_count_people_once(void **state)
{
    struct quorum_fixture *fix = *state;
    (void)people_group(fix, "inner", 2, "ann,bob");
    (void)people_group(fix, "other", 2, "group:inner,bob,cem");
    (void)people_group(fix, "outer", 3, "group:other,group:inner,ann");
    const struct roster *roster = people_next_roster(fix, "");
    bool eligible[QUORUM_PEOPLE_MAX];
    struct span nobody = {0};
    assert_int_equal(roster_eligible(roster, span_text("outer"), nobody, eligible), 3);
    assert_true(eligible[0] && eligible[1] && eligible[2] && !eligible[3]);
    assert_int_equal(roster_eligible(roster, span_text("outer"), span_text("token:bob"), eligible),
                     2);
    assert_false(eligible[1]);
    assert_int_equal(roster_eligible(roster, span_text("none"), nobody, eligible), 0);
    assert_false(eligible[0]);
}

static void groups_nest_four_deep(void **state)
{
    struct quorum_fixture *fix = *state;
    /* the outermost first, so that resolving has to go all the way down */
    (void)people_group(fix, "g4", 2, "group:g3");
    (void)people_group(fix, "g3", 2, "group:g2");
    (void)people_group(fix, "g2", 2, "group:g1");
    (void)people_group(fix, "g1", 2, "group:ops");
    (void)people_next_roster(fix, "");
    (void)people_group(fix, "g5", 2, "group:g4");
    struct roster roster = people_roster(fix);
    CLEANUP(buf_clear) struct buf out = {0};
    assert_code(roster_write(&roster, &out), ERR_INVALID_FIELD);
}

/* Every group holds all before it: without memory of what was resolved this takes for ever. */
static void crowded_groups_are_cheap(void **state)
{
    struct quorum_fixture *fix = *state;
    char members[512] = "";
    for (unsigned i = 0; i < 20; i++) {
        char id[16];
        char list[600];
        (void)snprintf(id, sizeof(id), "crowd%u", i);
        (void)snprintf(list, sizeof(list), "ann,bob%s", members);
        (void)people_group(fix, id, 2, list);
        if (i < 4) {
            size_t len = strlen(members);
            (void)snprintf(members + len, sizeof(members) - len, ",group:%s", id);
        }
    }
    assert_int_equal(
        roster_group(people_next_roster(fix, ""), span_text("crowd19"))->eligible_count, 2);
}

static void rules_are_checked_with_the_numbers(void **state)
{
    struct quorum_fixture *fix = *state;
    (void)people_group(fix, "three", 3, "ann,bob,cem,dora");
    const struct roster *roster = people_next_roster(fix, "");
    static const struct {
        const char *label;
        struct quorum_rule rule;
        const char *group;
        const char *requester;
        enum err_code code;
    } cases[] = {
        {"all", {.m = 4}, "ops", "", ERR_OK},
        {"all but who asks", {.m = 3}, "ops", "token:dora", ERR_OK},
        {"the one who asks too", {.m = 4}, "ops", "token:dora", ERR_INVALID_FIELD},
        {"too many", {.m = 5}, "ops", "", ERR_INVALID_FIELD},
        {"one", {.m = 1}, "ops", "", ERR_INVALID_FIELD},
        {"none", {.m = 0}, "ops", "", ERR_INVALID_FIELD},
        {"256", {.m = 256}, "ops", "", ERR_INVALID_FIELD},
        {"below the group's own", {.m = 2}, "three", "", ERR_INVALID_FIELD},
        {"unknown group", {.m = 2}, "nobody", "", ERR_INVALID_FIELD},
        {"no group", {.m = 2}, "", "", ERR_INVALID_FIELD},
        {"negative wait", {.m = 2, .wait_s = -1}, "ops", "", ERR_INVALID_FIELD},
        {"negative use", {.m = 2, .use_within_s = -1}, "ops", "", ERR_INVALID_FIELD},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct quorum_rule rule = cases[i].rule;
        rule.group = span_text(cases[i].group);
        assert_code_of(cases[i].label,
                       roster_check_rule(roster, &rule, span_text(cases[i].requester)),
                       cases[i].code);
    }
}

static void a_rule_takes_the_larger_m(void **state)
{
    struct quorum_fixture *fix = *state;
    people_group(fix, "ops", 3, "ann,bob,cem,dora")->wait_s = 5;
    const struct roster *roster = people_next_roster(fix, "");
    struct quorum_rule rule = {0};
    assert_ok(roster_rule(roster, span_text("ops"), 2, &rule));
    assert_int_equal(rule.m, 3);
    assert_int_equal(rule.wait_s, 5);
    assert_ok(roster_rule(roster, span_text("ops"), 4, &rule));
    assert_int_equal(rule.m, 4);
    assert_code(roster_rule(roster, span_text("ops"), 256, &rule), ERR_INVALID_FIELD);
    assert_code(roster_rule(roster, span_text("nobody"), 2, &rule), ERR_INVALID_FIELD);
}

/* --- what is refused --- */

static void no_people(struct quorum_fixture *fix, struct roster *roster)
{
    (void)fix;
    roster->person_count = 0;
}
static void no_groups(struct quorum_fixture *fix, struct roster *roster)
{
    (void)fix;
    roster->group_count = 0;
}
static void authority_unknown(struct quorum_fixture *fix, struct roster *roster)
{
    (void)fix;
    roster->authority = span_text("ann");
}
static void number_zero(struct quorum_fixture *fix, struct roster *roster)
{
    (void)fix;
    roster->number = 0;
}
static void root_with_previous(struct quorum_fixture *fix, struct roster *roster)
{
    (void)fix;
    roster->previous[0] = 1;
}
static void second_without_previous(struct quorum_fixture *fix, struct roster *roster)
{
    (void)fix;
    roster->number = 2;
}
static void huge_number(struct quorum_fixture *fix, struct roster *roster)
{
    (void)fix;
    roster->number = UINT64_MAX;
}
static void never_made(struct quorum_fixture *fix, struct roster *roster)
{
    (void)fix;
    roster->created_at = 0;
}
static void same_key_under_two_names(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    struct people_person *bob = &fix->people[1];
    EVP_PKEY_free(bob->keys[0].key);
    bob->keys[0] = fix->people[0].keys[0];
    assert_int_equal(EVP_PKEY_up_ref(bob->keys[0].key), 1);
    people_prove(fix, bob, 0);
}
static void same_key_twice(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    struct people_person *bob = &fix->people[1];
    bob->is.keys[1] = bob->is.keys[0];
    bob->keys[1] = bob->keys[0];
    assert_int_equal(EVP_PKEY_up_ref(bob->keys[1].key), 1);
    bob->is.key_count = 2;
}
static void key_without_proof(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    fix->people[0].is.keys[0].proof = (struct span){0};
}
static void proof_of_another_person(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    struct people_person bob = fix->people[1];
    bob.is.id = span_text("eve");
    people_prove(fix, &bob, 0);
    fix->people[1].is.keys[0].proof = bob.is.keys[0].proof;
}
static void key_of_another_kind(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    fix->people[0].is.keys[0].kind = VOTER_KEY_P256;
}
static void key_of_no_kind(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    fix->people[0].is.keys[0].kind = VOTER_KEY_KIND_COUNT;
}
static void application_of_a_plain_key(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    fix->people[0].is.keys[0].kind = VOTER_KEY_SK_ED25519;
    fix->people[0].is.keys[0].application = span_text("web:x");
}
static void person_without_key(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    EVP_PKEY_free(fix->people[0].keys[0].key);
    fix->people[0].is.key_count = 0;
}
static void person_with_many_keys(struct quorum_fixture *fix, struct roster *roster)
{
    struct roster_person *people = mem_copy(fix->people, sizeof(struct roster_person));
    people->key_count = QUORUM_KEYS_MAX + 1;
    fix->owned[fix->owned_count++] = people;
    roster->people = people;
    roster->person_count = 1;
}
static void one_name_for_two_people(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    fix->people[1].is.id = fix->people[0].is.id;
    people_prove(fix, &fix->people[1], 0);
}
static void person_named_like_a_group(struct quorum_fixture *fix, struct roster *roster)
{
    (void)people_person(fix, "ops");
    (void)roster;
}
static void one_principal_for_two_people(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    fix->people[1].is.principals[0] = fix->people[0].is.principals[0];
}
static void empty_principal(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    fix->people[1].is.principals[0] = (struct span){0};
}
static void principal_not_text(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    fix->people[1].is.principals[0] = span_text("caf\xe9");
}
static void name_of_two_lines(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    fix->people[1].is.name = span_text("a\nb");
}
static void name_not_text(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    fix->people[1].is.name = span_text("caf\xe9");
}
static void id_not_an_id(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    fix->people[3].is.id = span_text("group:ops");
}
static void group_not_an_id(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    (void)people_group(fix, "The Group", 2, "ann,bob");
}
static void two_groups_of_one_name(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    (void)people_group(fix, "new", 2, "ann,bob");
    fix->groups[2].id = fix->groups[0].id;
}
static void unknown_member(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    (void)people_group(fix, "new", 2, "ann,bob,eve");
}
static void unknown_member_group(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    (void)people_group(fix, "new", 2, "ann,bob,group:eve");
}
static void member_twice(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    (void)people_group(fix, "new", 2, "ann,bob,ann");
}
static void group_in_itself(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    (void)people_group(fix, "new", 2, "ann,bob,group:new");
}
static void groups_in_a_circle(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    (void)people_group(fix, "new", 2, "ann,bob,group:newer");
    (void)people_group(fix, "newer", 2, "ann,bob,group:new");
}
static void group_m_of_zero(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    (void)people_group(fix, "ops", 0, "ann,bob");
}
static void group_m_of_one(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    (void)people_group(fix, "ops", 1, "ann,bob");
}
static void group_m_over_all(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    (void)people_group(fix, "ops", 1000, "ann,bob");
}
static void group_too_small(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    (void)people_group(fix, "ops", 3, "ann,bob");
}
static void group_small_by_nesting(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    (void)people_group(fix, "inner", 2, "ann,bob");
    (void)people_group(fix, "ops", 3, "ann,bob,group:inner");
}
static void group_with_negative_wait(struct quorum_fixture *fix, struct roster *roster)
{
    (void)roster;
    fix->groups[0].wait_s = -1;
}

static const struct {
    const char *label;
    void (*make)(struct quorum_fixture *fix, struct roster *roster);
} refusals[] = {
    {"no people", no_people},
    {"no groups", no_groups},
    {"authority unknown", authority_unknown},
    {"number 0", number_zero},
    {"root with previous", root_with_previous},
    {"second without previous", second_without_previous},
    {"huge number", huge_number},
    {"never made", never_made},
    {"same key under two names", same_key_under_two_names},
    {"same key twice", same_key_twice},
    {"key without proof", key_without_proof},
    {"proof of another person", proof_of_another_person},
    {"key of another kind", key_of_another_kind},
    {"key of no kind", key_of_no_kind},
    {"application of a plain key", application_of_a_plain_key},
    {"person without key", person_without_key},
    {"person with many keys", person_with_many_keys},
    {"one name for two people", one_name_for_two_people},
    {"person named like a group", person_named_like_a_group},
    {"one principal for two people", one_principal_for_two_people},
    {"empty principal", empty_principal},
    {"principal not text", principal_not_text},
    {"name of two lines", name_of_two_lines},
    {"name not text", name_not_text},
    {"id not an id", id_not_an_id},
    {"group not an id", group_not_an_id},
    {"two groups of one name", two_groups_of_one_name},
    {"unknown member", unknown_member},
    {"unknown member group", unknown_member_group},
    {"member twice", member_twice},
    {"group in itself", group_in_itself},
    {"groups in a circle", groups_in_a_circle},
    {"m of zero", group_m_of_zero},
    {"m of one", group_m_of_one},
    {"m over all", group_m_over_all},
    {"group too small", group_too_small},
    {"group small by nesting", group_small_by_nesting},
    {"negative wait", group_with_negative_wait},
};

static void wrong_ones_are_not_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        void *own = NULL;
        CLEANUP(buf_clear) struct buf out = {0};
        (void)open_fixture(&own);
        struct quorum_fixture *fix = own;
        struct roster unchanged = people_roster(fix);
        assert_code_of("unchanged", roster_write(&unchanged, &out), ERR_OK);
        buf_reset(&out);
        struct roster changes = unchanged;
        refusals[i].make(fix, &changes);
        /* the people and groups as they are now, and what was changed in the roster itself */
        struct roster roster = people_roster(fix);
        roster.number = changes.number;
        roster.created_at = changes.created_at;
        roster.authority = changes.authority;
        memcpy(roster.previous, changes.previous, SHA256_LEN);
        if (changes.people != unchanged.people || changes.person_count != unchanged.person_count) {
            roster.people = changes.people;
            roster.person_count = changes.person_count;
        }
        if (changes.group_count != unchanged.group_count) {
            roster.group_count = changes.group_count;
        }
        assert_code_of(refusals[i].label, roster_write(&roster, &out), ERR_INVALID_FIELD);
        assert_int_equal(out.len, 0);
        (void)close_fixture(&own);
    }
}

/* A P-256 point has a compressed form: the same key in other bytes. */
static void a_key_has_one_form(void **state)
{
    struct quorum_fixture *fix = *state;
    people_add_key(fix, "ann", VOTER_KEY_P256);
    const struct voter_key *key = &fix->people[0].keys[1].is;
    uint8_t compressed[59] = {0x30, 0x39, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                              0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                              0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x22, 0x00};
    compressed[26] = (uint8_t)(2 + (key->spki.data[90] & 1));
    memcpy(compressed + 27, key->spki.data + 27, 32);
    struct roster good = people_roster(fix);
    (void)people_roster_bytes(fix, &good);
    fix->people[0].is.keys[1].spki = span_of(compressed, sizeof(compressed));
    struct roster roster = people_roster(fix);
    CLEANUP(buf_clear) struct buf out = {0};
    struct err err = roster_write(&roster, &out);
    assert_code(err, ERR_INVALID_FIELD);
    assert_non_null(strstr(err.detail, "one form"));
}

static void a_flipped_byte_is_not_the_roster(void **state)
{
    struct quorum_fixture *fix = *state;
    struct roster roster = people_roster(fix);
    struct span bytes = people_roster_bytes(fix, &roster);
    uint8_t digest[SHA256_LEN];
    roster_digest(bytes, digest);
    CLEANUP(mem_free_at) uint8_t *flipped = mem_copy(bytes.data, bytes.len);
    for (size_t i = 0; i < bytes.len; i++) {
        CLEANUP(roster_free_at) const struct roster *read = NULL;
        flipped[i] ^= (uint8_t)(1U << (i % 8));
        struct err err = roster_parse(span_of(flipped, bytes.len), &read);
        if (err.code == ERR_OK) {
            assert_memory_not_equal(read->digest, digest, SHA256_LEN);
        } else {
            assert_code(err, ERR_INVALID_FIELD);
        }
        flipped[i] ^= (uint8_t)(1U << (i % 8));
    }
}

static void other_spellings_are_not_read(void **state)
{
    static const struct {
        const char *old;
        const char *new;
    } cases[] = {
        {"{\"format\"", "[\"format\""},
        {"{\"format\"", " {\"format\""},
        {"v1/roster", "v2/roster"},
        {"\"number\":1", "\"number\":1.0"},
        {"\"number\":1", "\"number\":-1"},
        {"\"number\":1", "\"number\":1,\"more\":1"},
        {"\"previous\":\"\"", "\"previous\":\"00\""},
        {"02:04:05Z", "02:04:05.000Z"},
        {"02:04:05Z", "02:04:05+00:00"},
        {"[\"token:ann\"]", "[7]"},
        {"[\"token:ann\"]", "\"token:ann\""},
        {"\"ed25519\"", "\"rsa\""},
        {"\"raw\"", "\"pgp\""},
        {"MCow", "MCo"},
        {"\"proof_format\"", "\"application\":\"ssh:\",\"proof_format\""},
        {"\"wait_s\":0,", ""},
        {"\"m\":2", "\"m\":-2"},
        {"\"m\":2", "\"m\":2.5"},
        {"[\"ann\",\"bob\"", "[\"ann\",null"},
        {"]}]}", "]}]} "},
    };
    struct quorum_fixture *fix = *state;
    struct roster roster = people_roster(fix);
    struct span bytes = people_roster_bytes(fix, &roster);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf other = {0};
        CLEANUP(roster_free_at) const struct roster *read = NULL;
        size_t old_len = strlen(cases[i].old);
        const uint8_t *at = memmem(bytes.data, bytes.len, cases[i].old, old_len);
        assert_non_null(at);
        size_t lead = (size_t)(at - bytes.data);
        assert_ok(buf_append(&other, span_of(bytes.data, lead)));
        assert_ok(buf_append_text(&other, cases[i].new));
        assert_ok(buf_append(&other, span_of(at + old_len, bytes.len - lead - old_len)));
        assert_code_of(cases[i].new, roster_parse(buf_span(&other), &read), ERR_INVALID_FIELD);
        assert_null(read);
    }
    CLEANUP(mem_free_at) uint8_t *blanks = mem_alloc(ROSTER_MAX + 1);
    const struct roster *read = NULL;
    assert_code(roster_parse(span_of(blanks, ROSTER_MAX + 1), &read), ERR_INVALID_FIELD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_comes_back, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(the_order_is_fixed, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(people_are_found, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(nested_groups_count_people_once, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(groups_nest_four_deep, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(crowded_groups_are_cheap, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(rules_are_checked_with_the_numbers, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(a_rule_takes_the_larger_m, open_fixture, close_fixture),
        cmocka_unit_test(wrong_ones_are_not_written),
        cmocka_unit_test_setup_teardown(a_key_has_one_form, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(a_flipped_byte_is_not_the_roster, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(other_spellings_are_not_read, open_fixture, close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
