/* Requests as rows: what is kept, what is listed, who wins, and what a crash leaves. */
#include <sys/wait.h>

#include "tests/unit/request_fixture.h"

static void open_fixture(struct fixture *fixture)
{
    fixture_make(fixture);
    fixture_open(fixture);
}

static void keeps_what_was_asked(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    put_request(fixture.store, 1);
    fixture_reopen(&fixture);
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    assert_code(keystore_find_request(fixture.store, request_id(2), &request), ERR_NOT_FOUND);
    assert_null(request);
    assert_ok(keystore_find_request(fixture.store, request_id(1), &request));
    struct quorum_request asked = request_of(1);
    assert_memory_equal(&request->id, &asked.id, sizeof(asked.id));
    assert_string_equal(request->kind, asked.kind);
    assert_int_equal(request->state, REQUEST_PENDING);
    assert_string_equal(request->key, asked.key);
    assert_int_equal(request->version, asked.version);
    assert_string_equal(request->requester, asked.requester);
    assert_true(span_equal(request->statement, asked.statement));
    assert_true(span_equal(request->ciphertext, asked.ciphertext));
    assert_true(span_equal(request->context, asked.context));
    assert_true(request->created_at == NOW && request->changed_at == NOW);
    assert_true(request->expires_at == NOW + HOUR);
    assert_null(request->outcome);
    assert_int_equal(request->result.len + request->audit_seq + request->vote_count, 0);
}

static void takes_an_id_once(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    put_request(fixture.store, 1);
    bring_request(fixture.store, 1, REQUEST_OPENED);
    struct quorum_request again = request_of(1);
    assert_code(keystore_put_request(fixture.store, &again), ERR_CONFLICT);
    expect_request(fixture.store, 1, REQUEST_OPENED);
}

/* What the code before it checks, and the database once more. */
static void refuses_what_cannot_be(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    struct quorum_request cases[7];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cases[i] = request_of(1);
    }
    cases[0].kind = "destroy"; /* with a ciphertext */
    cases[1].ciphertext = span_of(NULL, 0);
    cases[2].kind = "roster";
    cases[3].statement = span_of(NULL, 0);
    cases[4].expires_at = NOW;
    cases[5].requester = "";
    cases[6].key = NULL;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_code(keystore_put_request(fixture.store, &cases[i]), ERR_INTERNAL);
    }
    struct quorum_request destroy = request_of(1);
    destroy.kind = "destroy";
    destroy.ciphertext = destroy.context = span_of(NULL, 0);
    assert_ok(keystore_put_request(fixture.store, &destroy));
}

static void keeps_how_it_ended(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    put_request(fixture.store, 1);
    uint8_t digest[SHA256_LEN] = {1, 2, 3};
    char outcome[] = "handed out";
    const struct request_move spend = {
        .from = REQUEST_APPROVED, .to = REQUEST_OPENING, .audit_seq = 77};
    const struct request_move no_room = {.from = REQUEST_OPENING, .to = REQUEST_APPROVED};
    const struct request_move end = {.from = REQUEST_OPENING,
                                     .to = REQUEST_OPENED,
                                     .outcome = outcome,
                                     .result = span_of(digest, sizeof(digest))};
    assert_ok(move_request(fixture.store, 1, REQUEST_PENDING, REQUEST_APPROVED));
    assert_code(keystore_move_request(fixture.store, request_id(2), &spend, NOW), ERR_NOT_FOUND);
    assert_ok(keystore_move_request(fixture.store, request_id(1), &spend, NOW + 5));
    assert_ok(keystore_move_request(fixture.store, request_id(1), &no_room, NOW + 6));
    assert_ok(keystore_move_request(fixture.store, request_id(1), &spend, NOW + 7));
    assert_ok(keystore_move_request(fixture.store, request_id(1), &end, NOW + 8));
    fixture_reopen(&fixture);
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    assert_ok(keystore_find_request(fixture.store, request_id(1), &request));
    assert_int_equal(request->state, REQUEST_OPENED);
    assert_int_equal(request->audit_seq, 77);
    assert_string_equal(request->outcome, "handed out");
    assert_true(span_equal(request->result, end.result));
    assert_true(request->changed_at == NOW + 8);
}

static void says_which_state_is_in_the_way(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    put_request(fixture.store, 1);
    bring_request(fixture.store, 1, REQUEST_CANCELLED);
    struct err err = move_request(fixture.store, 1, REQUEST_APPROVED, REQUEST_OPENING);
    assert_int_equal(err.code, ERR_INVALID_STATE);
    assert_non_null(strstr(err.detail, "cancelled"));
}

/* --- lists --- */

/* The last bytes of the ids, in the order of the list. */
static void expect_list(struct keystore *store, const struct request_filter *filter,
                        const char *numbers)
{
    const struct quorum_request **list = NULL;
    size_t count = 0;
    char found[32] = "";
    assert_ok(keystore_list_requests(store, filter, &list, &count));
    assert_true(count < sizeof(found));
    for (size_t i = 0; i < count; i++) {
        found[i] = (char)('0' + list[i]->id.bytes[15]);
        assert_int_equal(list[i]->ciphertext.len + list[i]->context.len, 0);
        assert_true(list[i]->statement.len > 0);
    }
    request_list_free(list, count);
    assert_string_equal(found, numbers);
}

static void lists_newest_first(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    static const int64_t made[] = {3, 1, 2, 2}; /* number 1 is the newest, 3 and 4 the same */
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        struct quorum_request request = request_of((uint8_t)(i + 1));
        request.created_at = NOW + made[i];
        request.key = i == 2 ? "a/c" : "a/b";
        assert_ok(keystore_put_request(fixture.store, &request));
    }
    bring_request(fixture.store, 4, REQUEST_DENIED);
    struct uuid first = request_id(1), third = request_id(3), last = request_id(2),
                unknown = request_id(9);
    const struct {
        struct request_filter filter;
        const char *numbers;
    } cases[] = {
        {{.limit = 10}, "1432"},
        {{.limit = SIZE_MAX}, "1432"},
        {{.limit = 2}, "14"},
        {{.limit = 0}, ""},
        {{.limit = 2, .after = &first}, "43"},
        {{.limit = 9, .after = &third}, "2"},
        {{.limit = 9, .after = &last}, ""},
        {{.limit = 9, .after = &unknown}, ""},
        {{.limit = 9, .state = REQUEST_DENIED}, "4"},
        {{.limit = 9, .state = REQUEST_PENDING}, "132"},
        {{.limit = 9, .key = span_text("a/c")}, "3"},
        {{.limit = 9, .key = span_text("a/")}, ""},
        {{.limit = 9, .key = span_text("a/b"), .state = REQUEST_PENDING, .after = &first}, "2"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        expect_list(fixture.store, &cases[i].filter, cases[i].numbers);
    }
}

static void tells_what_expires(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    struct uuid ids[4];
    size_t count = 9;
    int64_t next = 9;
    assert_ok(keystore_expired_requests(fixture.store, NOW, ids, 4, &count, &next));
    assert_true(count == 0 && next == 0);
    for (uint8_t i = 1; i <= 4; i++) {
        struct quorum_request request = request_of(i);
        request.expires_at = NOW + i;
        assert_ok(keystore_put_request(fixture.store, &request));
    }
    bring_request(fixture.store, 1, REQUEST_CANCELLED);
    bring_request(fixture.store, 2, REQUEST_APPROVED);
    assert_ok(keystore_expired_requests(fixture.store, NOW + 3, ids, 4, &count, &next));
    assert_int_equal(count, 2);
    assert_int_equal(ids[0].bytes[15], 2);
    assert_int_equal(ids[1].bytes[15], 3);
    assert_true(next == NOW + 4);
    assert_ok(keystore_expired_requests(fixture.store, NOW + 9, ids, 1, &count, &next));
    assert_int_equal(count, 1);
    assert_true(next == 0);
}

/* --- crashes and races --- */

/* Ends as a killed process does: nothing is closed. */
static void spend_and_die(const char *path)
{
    struct keystore *store = NULL;
    bool ok = keystore_open(path, &store).code == ERR_OK &&
              move_request(store, 1, REQUEST_APPROVED, REQUEST_OPENING).code == ERR_OK;
    _exit(ok ? 0 : 1);
}

static void settles_what_was_being_opened(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    put_request(fixture.store, 1);
    put_request(fixture.store, 2);
    bring_request(fixture.store, 1, REQUEST_APPROVED);
    bring_request(fixture.store, 2, REQUEST_APPROVED);
    keystore_close(fixture.store);
    fixture.store = NULL;
    pid_t child = fork();
    if (child == 0) {
        spend_and_die(fixture.path);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    fixture_open(&fixture);
    expect_request(fixture.store, 1, REQUEST_OPENING);
    size_t count = 0;
    assert_ok(keystore_settle_requests(fixture.store, NOW + 99, &count));
    assert_int_equal(count, 1);
    assert_ok(keystore_settle_requests(fixture.store, NOW + 100, &count));
    assert_int_equal(count, 0);
    expect_request(fixture.store, 1, REQUEST_INDETERMINATE);
    expect_request(fixture.store, 2, REQUEST_APPROVED);
    assert_code(move_request(fixture.store, 1, REQUEST_APPROVED, REQUEST_OPENING),
                ERR_INVALID_STATE);
}

static struct err spend(struct race *race, unsigned who)
{
    (void)who;
    return move_request(race->store, 1, REQUEST_APPROVED, REQUEST_OPENING);
}

static struct err cancel_or_spend(struct race *race, unsigned who)
{
    return move_request(race->store, 2, REQUEST_APPROVED,
                        who == 0 ? REQUEST_CANCELLED : REQUEST_OPENING);
}

static void lets_one_of_two_open(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        CLEANUP(fixture_drop) struct fixture fixture;
        open_fixture(&fixture);
        put_request(fixture.store, 1);
        put_request(fixture.store, 2);
        bring_request(fixture.store, 1, REQUEST_APPROVED);
        bring_request(fixture.store, 2, REQUEST_APPROVED);
        struct race both = {.store = fixture.store, .run = spend};
        assert_int_equal(race(&both), 1);
        unsigned loser = both.outcomes[0].code == ERR_OK ? 1 : 0;
        assert_int_equal(both.outcomes[loser].code, ERR_INVALID_STATE);
        expect_request(fixture.store, 1, REQUEST_OPENING);
        both.run = cancel_or_spend;
        assert_int_equal(race(&both), 1);
        expect_request(fixture.store, 2,
                       both.outcomes[0].code == ERR_OK ? REQUEST_CANCELLED : REQUEST_OPENING);
    }
}

static void refuses_rows_that_nobody_wrote(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "UPDATE requests SET state = 0",      "UPDATE requests SET state = 10",
        "UPDATE requests SET kind = 'close'", "UPDATE requests SET kind = 'roster'",
        "UPDATE requests SET version = -1",   "UPDATE requests SET version = 4294967299",
        "UPDATE requests SET audit_seq = -1",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(fixture_drop) struct fixture fixture;
        open_fixture(&fixture);
        put_request(fixture.store, 1);
        tamper(&fixture, cases[i]);
        const struct quorum_request *request = NULL, **list = NULL;
        size_t count = 0;
        const struct request_filter filter = {.limit = 9};
        assert_code_of(cases[i], keystore_find_request(fixture.store, request_id(1), &request),
                       ERR_CORRUPT);
        assert_code_of(cases[i], keystore_list_requests(fixture.store, &filter, &list, &count),
                       ERR_CORRUPT);
        assert_code_of(cases[i], move_request(fixture.store, 1, REQUEST_PENDING, REQUEST_APPROVED),
                       ERR_CORRUPT);
        assert_true(request == NULL && list == NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_was_asked),
        cmocka_unit_test(takes_an_id_once),
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(keeps_how_it_ended),
        cmocka_unit_test(says_which_state_is_in_the_way),
        cmocka_unit_test(lists_newest_first),
        cmocka_unit_test(tells_what_expires),
        cmocka_unit_test(settles_what_was_being_opened),
        cmocka_unit_test(lets_one_of_two_open),
        cmocka_unit_test(refuses_rows_that_nobody_wrote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
