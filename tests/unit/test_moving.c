/* Moves that people ask for, on a store and a token. */
#include "rotation/moving.h"

#include "tests/unit/quorum_fixture.h"
#include "tests/unit/rotation_test.h"

#define DAY_S  ((int64_t)86400)
#define DAY_MS (DAY_S * 1000)

static struct err ask(struct bench *bench, uint32_t number, enum move_verb verb, int64_t after_ms)
{
    struct moment moment = moment_at(NOW + 1000 + after_ms);
    struct move_request request = {.verb = verb, .reason = "why not", .after_s = 30 * DAY_S};
    return rotation_move(&bench->rotation, span_text("a/b"), number, &request, &moment, SOON);
}

/* Version 1 is retiring, version 2 the primary. */
static void make_two(struct bench *bench, enum algorithm algorithm)
{
    uint32_t number = 0;
    bench_make(bench);
    bench->rotation.rules.look_back = 30 * DAY_S;
    assert_ok(create(bench, "a/b", algorithm));
    assert_ok(rotate(bench, "a/b", &number));
}

static void expect(struct bench *bench, uint32_t number, enum version_state state)
{
    expect_state(bench->fixture.store, "a/b", number, state);
}

static void promotes_back_and_forth(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    make_two(&bench, ALGORITHM_ECDSA_P256);
    assert_ok(ask(&bench, 1, MOVE_PROMOTE, 0));
    expect(&bench, 1, VERSION_ACTIVE);
    expect(&bench, 2, VERSION_RETIRING);
    assert_code(ask(&bench, 1, MOVE_PROMOTE, 0), ERR_INVALID_STATE);
    assert_code(ask(&bench, 9, MOVE_PROMOTE, 0), ERR_NOT_FOUND);
    assert_ok(ask(&bench, 2, MOVE_PROMOTE, 0));
    expect(&bench, 1, VERSION_RETIRING);
}

static void suspends_and_resumes(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    make_two(&bench, ALGORITHM_ECDSA_P256);
    assert_ok(ask(&bench, 2, MOVE_DISABLE, 0));
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(bench.fixture.store, span_text("a/b"));
    assert_int_equal(key->primary, 0);
    assert_string_equal(key_version(key, 2)->reason, "why not");
    assert_ok(ask(&bench, 2, MOVE_ENABLE, 0));
    expect(&bench, 2, VERSION_ACTIVE);
    /* another one is the primary when it comes back */
    assert_ok(ask(&bench, 2, MOVE_DISABLE, 0));
    assert_ok(ask(&bench, 1, MOVE_PROMOTE, 0));
    assert_ok(ask(&bench, 2, MOVE_ENABLE, 0));
    expect(&bench, 1, VERSION_ACTIVE);
    expect(&bench, 2, VERSION_RETIRING);
}

static void schedules_cancels_and_destroys(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    make_two(&bench, ALGORITHM_ECDSA_P256);
    assert_code(ask(&bench, 1, MOVE_SCHEDULE_DESTROY, 0), ERR_INVALID_STATE);
    assert_ok(ask(&bench, 1, MOVE_RETIRE, 0));
    assert_ok(ask(&bench, 1, MOVE_SCHEDULE_DESTROY, 0));
    expect(&bench, 1, VERSION_DESTROY_SCHEDULED);
    assert_ok(ask(&bench, 1, MOVE_CANCEL_DESTROY, 0));
    expect(&bench, 1, VERSION_RETIRED);
    assert_ok(ask(&bench, 1, MOVE_SCHEDULE_DESTROY, 0));
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(bench.fixture.store, span_text("a/b"));
    assert_true(key_version(key, 1)->destroy_at == NOW + 1000 + 30 * DAY_MS);
    assert_code(ask(&bench, 1, MOVE_CONFIRM_DESTROY, 0), ERR_INVALID_STATE); /* not due */
    assert_int_equal(fake_token_count(bench.token), 2);
    assert_ok(ask(&bench, 1, MOVE_CONFIRM_DESTROY, 30 * DAY_MS));
    expect(&bench, 1, VERSION_DESTROYED);
    assert_int_equal(fake_token_count(bench.token), 1);
    assert_code(ask(&bench, 1, MOVE_CANCEL_DESTROY, 0), ERR_INVALID_STATE);
}

static void wants_more_to_destroy_what_is_used(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    make_two(&bench, ALGORITHM_AES_256_GCM);
    assert_ok(ask(&bench, 1, MOVE_RETIRE, 0));
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(bench.fixture.store, span_text("a/b"));
    struct use use = {.kind = USE_OPEN, .principal = span_text("token:a"), .now = NOW};
    assert_ok(keystore_note_use(bench.fixture.store, key_version(key, 1), &use));
    struct err err = ask(&bench, 1, MOVE_SCHEDULE_DESTROY, 29 * DAY_MS);
    assert_int_equal(err.code, ERR_INVALID_STATE);
    assert_non_null(strstr(err.detail, "within the last 30d"));
    struct move_request request = {
        .verb = MOVE_SCHEDULE_DESTROY, .reason = "leaked", .after_s = DAY_S, .despite_use = true};
    struct moment moment = moment_at(NOW + DAY_MS);
    assert_ok(rotation_move(&bench.rotation, span_text("a/b"), 1, &request, &moment, SOON));
    assert_ok(ask(&bench, 1, MOVE_CANCEL_DESTROY, 0));
    assert_ok(ask(&bench, 1, MOVE_SCHEDULE_DESTROY, 30 * DAY_MS)); /* the look-back is over */
}

static bool go_on(void *arg, uint64_t done, uint64_t total)
{
    (void)arg;
    (void)done;
    (void)total;
    return true;
}

/* What was used after a backup is not in it. */
static void wants_more_to_destroy_what_may_be_used(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    char copy[128];
    make_two(&bench, ALGORITHM_AES_256_GCM);
    assert_ok(ask(&bench, 1, MOVE_RETIRE, 0));
    (void)snprintf(copy, sizeof(copy), "%s.copy", bench.fixture.path);
    assert_ok(keystore_backup(bench.fixture.store, copy, NOW, go_on, NULL));
    struct rotation original = bench.rotation;
    assert_ok(keystore_open(copy, &bench.rotation.store));
    struct err err = ask(&bench, 1, MOVE_SCHEDULE_DESTROY, 0);
    keystore_close(bench.rotation.store);
    assert_int_equal(unlink(copy), 0);
    assert_int_equal(err.code, ERR_INVALID_STATE);
    assert_non_null(strstr(err.detail, "nobody knows"));
    bench.rotation = original;
    assert_ok(ask(&bench, 1, MOVE_SCHEDULE_DESTROY, 0));
}

/* Whatever the token answers, the row never says more than is true. */
static void keeps_the_row_behind_the_token(void **state)
{
    (void)state;
    static const enum fake_action actions[] = {FAKE_REFUSE, FAKE_LOSE};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        CLEANUP(bench_drop) struct bench bench;
        make_two(&bench, ALGORITHM_AES_256_GCM);
        assert_ok(ask(&bench, 1, MOVE_RETIRE, 0));
        assert_ok(ask(&bench, 1, MOVE_SCHEDULE_DESTROY, 0));
        struct fake_fault fault = {
            .call = FAKE_DESTROY, .action = actions[i], .code = ERR_TOKEN_UNAVAILABLE};
        fake_token_fault(bench.token, fault);
        assert_code(ask(&bench, 1, MOVE_CONFIRM_DESTROY, 30 * DAY_MS), ERR_TOKEN_UNAVAILABLE);
        expect(&bench, 1, VERSION_DESTROY_SCHEDULED);
        /* it may be gone, so there is no way back */
        assert_code(ask(&bench, 1, MOVE_CANCEL_DESTROY, 0), ERR_INVALID_STATE);
        heal(&bench);
        assert_ok(ask(&bench, 1, MOVE_CONFIRM_DESTROY, 0)); /* at once, now that it has begun */
        expect(&bench, 1, VERSION_DESTROYED);
        assert_int_equal(fake_token_count(bench.token), 1);
    }
}

static void finish_first(void *arg)
{
    struct bench *bench = arg;
    heal(bench);
    assert_ok(ask(bench, 1, MOVE_CONFIRM_DESTROY, 30 * DAY_MS));
}

/* The scheduler finishes what a person has begun, or the other way round. */
static void two_may_finish_one_destruction(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    make_two(&bench, ALGORITHM_AES_256_GCM);
    assert_ok(ask(&bench, 1, MOVE_RETIRE, 0));
    assert_ok(ask(&bench, 1, MOVE_SCHEDULE_DESTROY, 0));
    /* the hook runs when the token has done its work for the first of them */
    fake_token_fault(bench.token, (struct fake_fault){.call = FAKE_DESTROY,
                                                      .action = FAKE_CORRUPT,
                                                      .hook = finish_first,
                                                      .arg = &bench});
    assert_ok(ask(&bench, 1, MOVE_CONFIRM_DESTROY, 30 * DAY_MS));
    expect(&bench, 1, VERSION_DESTROYED);
    assert_int_equal(fake_token_count(bench.token), 1);
}

static void publishes_ahead_of_use(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    assert_ok(create(&bench, "a/b", ALGORITHM_ECDSA_P256));
    set_policy(&bench, "a/b", &(struct rotation_policy){.publish_ahead = 60});
    uint32_t number = 0;
    assert_ok(rotate(&bench, "a/b", &number));
    assert_int_equal(number, 2);
    expect(&bench, 1, VERSION_ACTIVE);
    expect(&bench, 2, VERSION_PENDING);
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(bench.fixture.store, span_text("a/b"));
    const struct version *pending = key_version(key, 2);
    assert_true(pending->published_at >= NOW + 1);
    assert_true(pending->promote_at == pending->published_at + 60000);
    /* a second one would only leave the first behind */
    struct err err = rotate(&bench, "a/b", &number);
    assert_int_equal(err.code, ERR_INVALID_STATE);
    assert_non_null(strstr(err.detail, "version 2 is pending"));
    struct moment moment = moment_at(NOW + 5);
    assert_ok(
        rotation_rotate(&bench.rotation, span_text("a/b"), ROTATE_AT_ONCE, &moment, SOON, &number));
    assert_int_equal(number, 2);
    expect(&bench, 1, VERSION_RETIRING);
    expect(&bench, 2, VERSION_ACTIVE);
    assert_int_equal(fake_token_count(bench.token), 2);
}

/* Published at once even when making it failed in the last step before. */
static void undoes_what_was_not_published(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    assert_ok(create(&bench, "a/b", ALGORITHM_ECDSA_P256));
    set_policy(&bench, "a/b", &(struct rotation_policy){.publish_ahead = 60});
    struct fake_fault fault = {.call = FAKE_RUN, .action = FAKE_CORRUPT};
    uint32_t number = 0;
    fake_token_fault(bench.token, fault);
    assert_code(rotate(&bench, "a/b", &number), ERR_TOKEN_UNAVAILABLE);
    heal(&bench);
    assert_int_equal(versions_in(&bench, "a/b", VERSION_PENDING), 0);
    assert_int_equal(fake_token_count(bench.token), 1);
    assert_ok(rotate(&bench, "a/b", &number));
    assert_int_equal(number, 3);
}

/* --- what a quorum has to agree to --- */

static void create_ruled(struct bench *bench)
{
    struct key_spec spec = spec_of("a/b");
    struct moment moment = moment_at(NOW);
    spec.facts.approval = (struct approval_rule){.group = "ops", .m = 2};
    assert_ok(rotation_create_key(&bench->rotation, &spec, &moment, SOON));
    assert_ok(ask(bench, 1, MOVE_DISABLE, 0));
}

static struct err ask_permitted(struct bench *bench, const struct uuid *permission)
{
    struct moment moment = moment_at(NOW + 1000);
    struct move_request request = {
        .verb = MOVE_SCHEDULE_DESTROY, .after_s = 30 * DAY_S, .permission = permission};
    return rotation_move(&bench->rotation, span_text("a/b"), 1, &request, &moment, SOON);
}

static void take_rule_away(struct bench *bench)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(bench->fixture.store, span_text("a/b"));
    struct key_facts facts = key->facts;
    facts.approval = (struct approval_rule){0};
    assert_ok(keystore_update(bench->fixture.store, key, &facts, 0));
}

/* The request as it would stand in the store, without votes: the worker judges. */
static struct uuid put_destroy_request(struct bench *bench, struct quorum_fixture *people)
{
    struct statement says = people_statement(people, STATEMENT_DESTROY);
    says.key = span_text("a/b");
    says.version = 1;
    struct quorum_request request = {.id = says.id,
                                     .kind = "destroy",
                                     .key = "a/b",
                                     .version = 1,
                                     .requester = "token:dora",
                                     .statement = people_bytes(people, &says),
                                     .created_at = says.created_at,
                                     .expires_at = says.expires_at};
    assert_ok(keystore_put_request(bench->fixture.store, &request));
    return says.id;
}

static void a_ruled_version_goes_only_with_permission(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    const struct uuid permission = {.bytes = {1}};
    bench_make(&bench);
    create_ruled(&bench);
    assert_code(ask_permitted(&bench, NULL), ERR_APPROVAL_REQUIRED);
    /* its rule is in its material, whatever the key's is now */
    take_rule_away(&bench);
    assert_code(ask_permitted(&bench, NULL), ERR_APPROVAL_REQUIRED);
    expect(&bench, 1, VERSION_DISABLED);
    assert_ok(ask_permitted(&bench, &permission));
    expect(&bench, 1, VERSION_DESTROY_SCHEDULED);
    assert_int_equal(fake_token_calls(bench.token, FAKE_DESTROY), 0);
    /* no such request: the material stays, and so does the row */
    assert_code(ask(&bench, 1, MOVE_CONFIRM_DESTROY, 30 * DAY_MS), ERR_APPROVAL_REQUIRED);
    assert_int_equal(fake_token_count(bench.token), 1);
    expect(&bench, 1, VERSION_DESTROY_SCHEDULED);
}

static void a_key_that_got_a_rule_demands_permission(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    assert_ok(create(&bench, "a/b", ALGORITHM_AES_256_GCM));
    assert_ok(ask(&bench, 1, MOVE_DISABLE, 0));
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(bench.fixture.store, span_text("a/b"));
    struct key_facts facts = key->facts;
    facts.approval = (struct approval_rule){.group = "ops", .m = 2};
    assert_ok(keystore_update(bench.fixture.store, key, &facts, 0));
    assert_code(ask_permitted(&bench, NULL), ERR_APPROVAL_REQUIRED);
}

static void the_worker_is_shown_the_permission(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    CLEANUP(bundle_clear) struct bundle_read shown = {0};
    struct quorum_fixture *people = mem_alloc(sizeof(*people));
    people_open(people);
    bench_make(&bench);
    create_ruled(&bench);
    struct uuid permission = put_destroy_request(&bench, people);
    assert_ok(ask_permitted(&bench, &permission));
    roster_book_open(bench.fixture.store, people->root, &bench.rotation.rosters);
    assert_code(ask(&bench, 1, MOVE_CONFIRM_DESTROY, 30 * DAY_MS), ERR_INVALID_STATE);
    assert_ok(roster_book_add(bench.rotation.rosters, &people->links[0], FIXTURE_NOW));
    /* the worker refuses: it is there, and the next try shows the same again */
    fake_token_fault(bench.token, (struct fake_fault){.call = FAKE_DESTROY,
                                                      .action = FAKE_REFUSE,
                                                      .code = ERR_APPROVAL_REQUIRED});
    assert_code(ask(&bench, 1, MOVE_CONFIRM_DESTROY, 30 * DAY_MS), ERR_APPROVAL_REQUIRED);
    assert_int_equal(fake_token_count(bench.token), 1);
    heal(&bench);
    assert_ok(ask(&bench, 1, MOVE_CONFIRM_DESTROY, 30 * DAY_MS));
    expect(&bench, 1, VERSION_DESTROYED);
    assert_int_equal(fake_token_count(bench.token), 0);
    assert_ok(bundle_parse(fake_token_permission(bench.token), &shown));
    assert_int_equal(shown.is.roster_count, 1);
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    assert_ok(keystore_find_request(bench.fixture.store, permission, &request));
    assert_true(span_equal(shown.is.statement, request->statement));
    roster_book_close(bench.rotation.rosters);
    people_close(people);
    mem_free(people);
}

static void what_nobody_rules_needs_no_permission(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    make_two(&bench, ALGORITHM_AES_256_GCM);
    assert_ok(ask(&bench, 1, MOVE_RETIRE, 0));
    assert_ok(ask(&bench, 1, MOVE_SCHEDULE_DESTROY, 0));
    assert_ok(ask(&bench, 1, MOVE_CONFIRM_DESTROY, 30 * DAY_MS));
    assert_int_equal(fake_token_permission(bench.token).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promotes_back_and_forth),
        cmocka_unit_test(suspends_and_resumes),
        cmocka_unit_test(schedules_cancels_and_destroys),
        cmocka_unit_test(wants_more_to_destroy_what_is_used),
        cmocka_unit_test(wants_more_to_destroy_what_may_be_used),
        cmocka_unit_test(two_may_finish_one_destruction),
        cmocka_unit_test(keeps_the_row_behind_the_token),
        cmocka_unit_test(publishes_ahead_of_use),
        cmocka_unit_test(undoes_what_was_not_published),
        cmocka_unit_test(a_ruled_version_goes_only_with_permission),
        cmocka_unit_test(a_key_that_got_a_rule_demands_permission),
        cmocka_unit_test(the_worker_is_shown_the_permission),
        cmocka_unit_test(what_nobody_rules_needs_no_permission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
