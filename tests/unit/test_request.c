/* The states of a request: their names, and every pair of them. */
#include "keystore/request.h"

#include "tests/unit/request_fixture.h"

static void names_each_state(void **state)
{
    (void)state;
    static const char *const names[REQUEST_STATE_END] = {
        NULL,     "pending",   "approved", "opening", "opened",
        "denied", "cancelled", "expired",  "failed",  "indeterminate"};
    for (enum request_state one = REQUEST_PENDING; one < REQUEST_STATE_END; one++) {
        enum request_state found = REQUEST_STATE_END;
        assert_string_equal(request_state_name(one), names[one]);
        assert_true(request_state_by_name(span_text(names[one]), &found));
        assert_int_equal(found, one);
    }
    static const char *const unknown[] = {"", "open", "Pending", "pending ", "openedd"};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        enum request_state found = REQUEST_STATE_END;
        assert_false(request_state_by_name(span_text(unknown[i]), &found));
        assert_int_equal(found, REQUEST_STATE_END);
    }
}

static void knows_each_kind(void **state)
{
    (void)state;
    static const char *const known[] = {"open", "destroy", "rule", "unfreeze"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        assert_true(request_kind_known(known[i]));
    }
    assert_false(request_kind_known("roster"));
    assert_false(request_kind_known(""));
    assert_false(request_kind_known(NULL));
}

/* Rows: from; columns: to. */
static const char *const allowed[REQUEST_STATE_END] = {
    /* clang-format off */
    /*                   papodcefi */
    [REQUEST_PENDING]  = ".x..xxx..",
    [REQUEST_APPROVED] = "x.x.xxx..",
    [REQUEST_OPENING]  = ".x.x...xx",
    [REQUEST_OPENED]   = ".........",
    [REQUEST_DENIED]   = ".........",
    [REQUEST_CANCELLED]= ".........",
    [REQUEST_EXPIRED]  = ".........",
    [REQUEST_FAILED]   = ".........",
    [REQUEST_INDETERMINATE] = ".........",
    /* clang-format on */
};

static bool is_allowed(enum request_state from, enum request_state to)
{
    return allowed[from][to - REQUEST_PENDING] == 'x';
}

static void allows_what_the_table_says(void **state)
{
    (void)state;
    for (enum request_state from = REQUEST_PENDING; from < REQUEST_STATE_END; from++) {
        for (enum request_state to = REQUEST_PENDING; to < REQUEST_STATE_END; to++) {
            assert_int_equal(request_allows(from, to), is_allowed(from, to));
        }
    }
}

/* The store asks the table, and a refusal leaves what was there. */
static void moves_as_the_table_says(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    uint8_t number = 0;
    for (enum request_state from = REQUEST_PENDING; from < REQUEST_STATE_END; from++) {
        for (enum request_state to = REQUEST_PENDING; to < REQUEST_STATE_END; to++) {
            number++;
            put_request(fixture.store, number);
            bring_request(fixture.store, number, from);
            struct err err = move_request(fixture.store, number, from, to);
            assert_int_equal(err.code, is_allowed(from, to) ? ERR_OK : ERR_INVALID_STATE);
            expect_request(fixture.store, number, is_allowed(from, to) ? to : from);
        }
    }
}

static void copies_all_into_one_block(void **state)
{
    (void)state;
    char kind[] = "open", voter[] = "ada", blob[] = "blob";
    struct request_vote one = vote_of(voter, "approve");
    struct quorum_request draft = request_of(1);
    draft.kind = kind;
    draft.key = NULL;
    draft.ciphertext = span_text(blob);
    draft.context = span_of(NULL, 0);
    draft.votes = &one;
    draft.vote_count = 1;
    CLEANUP(request_free_at) const struct quorum_request *request = request_make(&draft);
    memset(kind, 'x', sizeof(kind) - 1);
    memset(voter, 'x', sizeof(voter) - 1);
    memset(blob, 'x', sizeof(blob) - 1);
    one.choice = NULL;
    assert_string_equal(request->kind, "open");
    assert_null(request->key);
    assert_null(request->outcome);
    assert_true(span_is(request->ciphertext, "blob"));
    assert_int_equal(request->context.len, 0);
    assert_string_equal(request->votes[0].voter, "ada");
    assert_string_equal(request->votes[0].choice, "approve");
    assert_true(span_is(request->votes[0].signature, "signature"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_each_state),           cmocka_unit_test(knows_each_kind),
        cmocka_unit_test(allows_what_the_table_says), cmocka_unit_test(moves_as_the_table_says),
        cmocka_unit_test(copies_all_into_one_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
