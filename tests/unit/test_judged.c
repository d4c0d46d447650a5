/* What a quorum has decided about one request, as the front sees it: under which rule, and what
 * cannot be judged at all. */
#include "gateway/judged.h"

#include "base/clock.h"
#include "gate.h"

static struct gate gate;

static int setup(void **state)
{
    (void)state;
    gate_open(&gate);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gate_close(&gate);
    return 0;
}

/* The row of the last request, judged now. */
static struct err judge(const struct quorum_request *request, struct judged *out)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(gate.fixture.gateway.store, span_text(GATE_KEY));
    return judged_open(&gate.fixture.gateway, request, key, clock_wall_ms(), out);
}

/* --- the rule --- */

#define NOTHING span_of(NULL, 0)

static void a_key_without_a_rule_asks_the_authority(void **state)
{
    (void)state;
    struct quorum_rule rule;
    const struct roster *roster = people_newest(&gate.people);
    const struct key none = {.name = "a/none"};
    assert_ok(judged_rule(roster, NULL, NOTHING, &rule));
    assert_span_is(rule.group, "admins");
    assert_int_equal(rule.m, 2);
    assert_ok(judged_rule(roster, &none, NOTHING, &rule));
    assert_span_is(rule.group, "admins");
}

static void a_key_with_a_rule_asks_its_group(void **state)
{
    (void)state;
    struct quorum_rule rule;
    const struct roster *roster = people_newest(&gate.people);
    const struct key ruled = {.facts.approval = {.group = "ops", .m = 3}};
    const struct key lost = {.facts.approval = {.group = "nobody", .m = 2}};
    assert_ok(judged_rule(roster, &ruled, NOTHING, &rule));
    assert_span_is(rule.group, "ops");
    assert_int_equal(rule.m, 3);
    assert_code(judged_rule(roster, &lost, NOTHING, &rule), ERR_INVALID_FIELD);
}

/* What the worker will demand is what people are asked for. */
static void material_keeps_its_rule(void **state)
{
    (void)state;
    static const uint8_t random[UUID_LEN] = {1};
    uint8_t id[APPROVAL_CKA_ID_LEN], free_id[APPROVAL_CKA_ID_LEN], gone_id[APPROVAL_CKA_ID_LEN];
    struct quorum_rule rule;
    const struct roster *roster = people_newest(&gate.people);
    const struct key none = {.name = "a/none"};
    const struct key lowered = {.facts.approval = {.group = "ops", .m = 2}};
    const struct key raised = {.facts.approval = {.group = "ops", .m = 4}};
    const struct key moved = {.facts.approval = {.group = "admins", .m = 2}};
    approval_cka_id(span_text("ops"), 3, random, id);
    approval_cka_id(NOTHING, 0, random, free_id);
    approval_cka_id(span_text("nobody"), 2, random, gone_id);
    const struct span bound = span_of(id, sizeof(id));
    const struct span unbound = span_of(free_id, sizeof(free_id));
    static const uint32_t wanted[] = {3, 3, 4};
    const struct key *const keys[] = {&none, &lowered, &raised};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_ok(judged_rule(roster, keys[i], bound, &rule));
        assert_span_is(rule.group, "ops");
        assert_int_equal(rule.m, wanted[i]);
    }
    assert_code(judged_rule(roster, &moved, bound, &rule), ERR_INVALID_FIELD);
    assert_code(judged_rule(roster, &none, span_of(gone_id, sizeof(gone_id)), &rule),
                ERR_INVALID_FIELD);
    assert_ok(judged_rule(roster, &raised, unbound, &rule));
    assert_span_is(rule.group, "admins");
}

/* --- a request --- */

static void votes_amount_to_a_decision(void **state)
{
    (void)state;
    CLEANUP(judged_clear) struct judged waiting = {0};
    CLEANUP(judged_clear) struct judged met = {0};
    CLEANUP(request_free_at) const struct quorum_request *before = NULL;
    CLEANUP(request_free_at) const struct quorum_request *after = NULL;
    gate_request_open(&gate, "");
    gate_put_vote(&gate, "ann", VOTE_APPROVE);
    before = gate_row(&gate);
    assert_ok(judge(before, &waiting));
    assert_int_equal(waiting.decision.state, DECISION_WAITING);
    assert_int_equal(waiting.decision.approvals, 1);
    assert_int_equal(waiting.decision.needed, 2);
    gate_put_vote(&gate, "bob", VOTE_APPROVE);
    after = gate_row(&gate);
    assert_ok(judge(after, &met));
    assert_int_equal(met.decision.state, DECISION_MET);
    assert_int_equal(met.verdicts[0], VOTE_COUNTS);
    assert_int_equal(met.verdicts[1], VOTE_COUNTS);
    assert_ptr_not_equal(met.view, NULL);
}

/* What was asked under a rule of two is done under a rule of three. */
static void a_stricter_rule_counts_at_once(void **state)
{
    (void)state;
    CLEANUP(judged_clear) struct judged judged = {0};
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    gate_request_open(&gate, "");
    gate_put_vote(&gate, "ann", VOTE_APPROVE);
    gate_put_vote(&gate, "bob", VOTE_APPROVE);
    request = gate_row(&gate);
    const struct key stricter = {.facts.approval = {.group = "ops", .m = 3}};
    assert_ok(judged_open(&gate.fixture.gateway, request, &stricter, clock_wall_ms(), &judged));
    assert_int_equal(judged.decision.state, DECISION_WAITING);
    assert_int_equal(judged.decision.needed, 3);
}

static void what_cannot_be_judged_is_refused(void **state)
{
    (void)state;
    static const struct request_vote unreadable = {
        .voter = "ann", .choice = "perhaps", .format = "raw", .signed_at = "now"};
    CLEANUP(request_free_at) const struct quorum_request *row = NULL;
    CLEANUP(judged_clear) struct judged judged = {0};
    gate_request_open(&gate, "");
    row = gate_row(&gate);
    struct quorum_request request = *row;
    request.statement = span_text("{}");
    assert_code(judge(&request, &judged), ERR_APPROVAL_REQUIRED);
    request = *row;
    request.votes = &unreadable;
    request.vote_count = 1;
    assert_code(judge(&request, &judged), ERR_APPROVAL_REQUIRED);
    const struct key lost = {.facts.approval = {.group = "nobody", .m = 2}};
    assert_code(judged_open(&gate.fixture.gateway, row, &lost, clock_wall_ms(), &judged),
                ERR_APPROVAL_REQUIRED);
    assert_null(judged.view);
}

static void a_statement_of_another_chain_is_refused(void **state)
{
    (void)state;
    CLEANUP(request_free_at) const struct quorum_request *row = NULL;
    CLEANUP(judged_clear) struct judged judged = {0};
    gate_request_open(&gate, "");
    row = gate_row(&gate);
    struct quorum_request request = *row;
    struct statement says = people_statement(&gate.people, STATEMENT_OPEN);
    says.roster_sha256[0] ^= 1;
    request.statement = people_bytes(&gate.people, &says);
    CLEANUP(mem_free_at) char *key = span_to_text(says.key);
    CLEANUP(mem_free_at) char *requester = span_to_text(says.requester);
    request.id = says.id;
    request.key = key;
    request.version = says.version;
    request.requester = requester;
    request.expires_at = says.expires_at;
    struct err err = judge(&request, &judged);
    assert_int_equal(err.code, ERR_APPROVAL_REQUIRED);
    assert_non_null(strstr(err.detail, "not in the chain"));
}

static void without_rosters_nothing_is_judged(void **state)
{
    (void)state;
    CLEANUP(request_free_at) const struct quorum_request *row = NULL;
    CLEANUP(judged_clear) struct judged judged = {0};
    gate_request_open(&gate, "");
    row = gate_row(&gate);
    struct roster_book *book = gate.fixture.gateway.rotation.rosters;
    gate.fixture.gateway.rotation.rosters = NULL;
    assert_code(judge(row, &judged), ERR_INVALID_STATE);
    gate.fixture.gateway.rotation.rosters = book;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_without_a_rule_asks_the_authority),
        TEST(a_key_with_a_rule_asks_its_group),
        TEST(material_keeps_its_rule),
        TEST(votes_amount_to_a_decision),
        TEST(a_stricter_rule_counts_at_once),
        TEST(what_cannot_be_judged_is_refused),
        TEST(a_statement_of_another_chain_is_refused),
        TEST(without_rosters_nothing_is_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
