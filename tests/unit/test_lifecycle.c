/* All 64 pairs of states, all verbs in all states, and what each state may still do. */
#include "rotation/rotation.h"

#include <string.h>

#include "tests/unit/base_test.h"

/* Row: from; column: to; in the order of the enum. */
static const char *const table[] = {
    /* P A R T D C S X */
    ". x . . x x x .", /* pending */
    ". . x . x x . .", /* active */
    ". x . x x x . .", /* retiring */
    ". . . . x x x .", /* retired */
    "x x x x . x x .", /* disabled */
    ". . . . . . x .", /* compromised */
    "x . . x x x . x", /* destroy-scheduled */
    ". . . . . . . .", /* destroyed */
};

static void allows_exactly_the_table(void **state)
{
    (void)state;
    for (size_t from = 0; from < 8; from++) {
        for (size_t to = 0; to < 8; to++) {
            bool expected = table[from][2 * to] == 'x';
            enum version_state a = (enum version_state)(from + 1);
            enum version_state b = (enum version_state)(to + 1);
            if (lifecycle_allows(a, b) != expected) {
                fail_msg("%s -> %s", version_state_name(a), version_state_name(b));
            }
        }
    }
}

static void allows_nothing_outside(void **state)
{
    (void)state;
    assert_false(lifecycle_allows((enum version_state)0, VERSION_ACTIVE));
    assert_false(lifecycle_allows(VERSION_STATE_END, VERSION_ACTIVE));
    assert_false(lifecycle_allows(VERSION_PENDING, (enum version_state)0));
    assert_false(lifecycle_allows(VERSION_PENDING, VERSION_STATE_END));
    assert_false(lifecycle_allows(VERSION_PENDING, (enum version_state)33));
}

static struct err target(struct version *version, enum move_verb verb, uint32_t primary,
                         enum version_state *out)
{
    version->number = 3;
    version->published_at = 1;
    struct key key = {.primary = primary, .versions = version, .version_count = 1};
    return lifecycle_target(&key, version, verb, out);
}

/* Row: verb; column: the state that it is asked in; the letter says where it leads. */
static const char *const verbs[] = {
    /* P A R T D C S X */
    "a . a . . . . .", /* promote */
    ". . t . t . . .", /* retire */
    "d d d d . . . .", /* disable */
    ". . . . t . . .", /* enable, of a version that does not say where from */
    "c c c c c . . .", /* compromise */
    "s . . s s s . .", /* schedule-destroy */
    ". . . . . . t .", /* cancel-destroy, likewise */
    ". . . . . . x .", /* confirm-destroy */
};

static void leads_where_the_verb_says(void **state)
{
    (void)state;
    static const char letters[] = " partdcsx";
    for (enum move_verb verb = 0; verb < MOVE_VERB_COUNT; verb++) {
        for (enum version_state from = VERSION_PENDING; from < VERSION_STATE_END; from++) {
            struct version version = {.state = from};
            enum version_state to = (enum version_state)0;
            char expected = verbs[verb][2 * ((size_t)from - 1)];
            struct err err = target(&version, verb, 0, &to);
            bool allowed = expected != '.';
            if ((err.code == ERR_OK) != allowed || (allowed && letters[to] != expected) ||
                (!allowed && err.code != ERR_INVALID_STATE)) {
                fail_msg("%s of %s: %s", move_verb_name(verb), version_state_name(from),
                         err.detail);
            }
        }
    }
}

static void leads_back_to_where_it_was(void **state)
{
    (void)state;
    static const struct {
        enum version_state from;
        enum version_state before;
        enum move_verb verb;
        uint32_t primary;
        enum version_state to;
    } cases[] = {
        {VERSION_DISABLED, VERSION_ACTIVE, MOVE_ENABLE, 0, VERSION_ACTIVE},
        {VERSION_DISABLED, VERSION_ACTIVE, MOVE_ENABLE, 4, VERSION_RETIRING},
        {VERSION_DISABLED, VERSION_RETIRING, MOVE_ENABLE, 4, VERSION_RETIRING},
        {VERSION_DISABLED, VERSION_RETIRED, MOVE_ENABLE, 4, VERSION_RETIRED},
        {VERSION_DISABLED, VERSION_PENDING, MOVE_ENABLE, 4, VERSION_PENDING},
        {VERSION_DESTROY_SCHEDULED, VERSION_RETIRED, MOVE_CANCEL_DESTROY, 4, VERSION_RETIRED},
        {VERSION_DESTROY_SCHEDULED, VERSION_COMPROMISED, MOVE_CANCEL_DESTROY, 0,
         VERSION_COMPROMISED},
        {VERSION_DESTROY_SCHEDULED, VERSION_DISABLED, MOVE_CANCEL_DESTROY, 0, VERSION_DISABLED},
        {VERSION_DESTROY_SCHEDULED, VERSION_PENDING, MOVE_CANCEL_DESTROY, 0, VERSION_PENDING},
        /* nobody writes this one; it must not become usable all the same */
        {VERSION_DESTROY_SCHEDULED, VERSION_ACTIVE, MOVE_CANCEL_DESTROY, 0, VERSION_RETIRED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum version_state to = (enum version_state)0;
        struct version version = {.state = cases[i].from,
                                  .disabled_from = cases[i].before,
                                  .scheduled_from = cases[i].before};
        assert_ok(target(&version, cases[i].verb, cases[i].primary, &to));
        assert_string_equal(version_state_name(to), version_state_name(cases[i].to));
    }
}

static void names_what_is_allowed(void **state)
{
    (void)state;
    static const struct {
        enum version_state from;
        enum move_verb verb;
        const char *text;
    } cases[] = {
        {VERSION_ACTIVE, MOVE_RETIRE,
         "version 3 is active, so retire is not allowed; allowed: rotate, disable, compromise"},
        {VERSION_RETIRED, MOVE_PROMOTE,
         "version 3 is retired, so promote is not allowed; allowed: disable, compromise, "
         "schedule-destroy"},
        {VERSION_DESTROYED, MOVE_ENABLE,
         "version 3 is destroyed, so enable is not allowed; allowed: nothing"},
        {VERSION_DESTROY_SCHEDULED, MOVE_SCHEDULE_DESTROY,
         "version 3 is destroy-scheduled, so schedule-destroy is not allowed; allowed: "
         "cancel-destroy, confirm-destroy"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum version_state to;
        struct version version = {.state = cases[i].from};
        struct err err = target(&version, cases[i].verb, 0, &to);
        assert_int_equal(err.code, ERR_INVALID_STATE);
        assert_string_equal(err.detail, cases[i].text);
    }
}

static void refuses_what_is_still_being_made(void **state)
{
    (void)state;
    enum version_state to;
    struct version version = {.number = 2, .state = VERSION_PENDING};
    struct key key = {.versions = &version, .version_count = 1};
    for (enum move_verb verb = 0; verb < MOVE_VERB_COUNT; verb++) {
        assert_code(lifecycle_target(&key, &version, verb, &to), ERR_INVALID_STATE);
    }
}

static void knows_what_a_state_may_do(void **state)
{
    (void)state;
    static const struct {
        enum version_state state;
        bool protects;
        bool opens;
        bool published;
    } cases[] = {
        {VERSION_PENDING, false, false, true},
        {VERSION_ACTIVE, true, true, true},
        {VERSION_RETIRING, false, true, true},
        {VERSION_RETIRED, false, true, false},
        {VERSION_DISABLED, false, false, false},
        {VERSION_COMPROMISED, false, false, false},
        {VERSION_DESTROY_SCHEDULED, false, false, false},
        {VERSION_DESTROYED, false, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(lifecycle_protects(cases[i].state), cases[i].protects);
        assert_int_equal(lifecycle_opens(cases[i].state), cases[i].opens);
        assert_int_equal(lifecycle_published(cases[i].state), cases[i].published);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allows_exactly_the_table),
        cmocka_unit_test(allows_nothing_outside),
        cmocka_unit_test(leads_where_the_verb_says),
        cmocka_unit_test(leads_back_to_where_it_was),
        cmocka_unit_test(names_what_is_allowed),
        cmocka_unit_test(refuses_what_is_still_being_made),
        cmocka_unit_test(knows_what_a_state_may_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
