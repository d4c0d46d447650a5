/* Decisions: who counts, until when, and every way around that was thought of. */
#include <string.h>

#include "base_test.h"
#include "quorum_fixture.h"

#define MINUTE ((int64_t)60 * 1000)
#define DAY_S  ((int64_t)86400)
#define VOTES  16

/* One request, its votes, and when it is decided. */
struct scene {
    struct quorum_fixture fix;
    struct statement says;
    struct span bytes;
    const struct roster *then;
    const struct roster *now;
    struct quorum_rule rule_now;
    struct vote votes[VOTES];
    size_t count;
    int64_t at;
    enum vote_verdict verdicts[VOTES];
    struct decision decision;
};

/* Fixes the statement's bytes: call after changing `says`. */
static void ask(struct scene *scene)
{
    scene->bytes = people_bytes(&scene->fix, &scene->says);
    scene->rule_now = scene->says.rule;
    scene->then = people_newest(&scene->fix);
    scene->now = scene->then;
}

static int open_scene(void **state)
{
    struct scene *scene = mem_alloc(sizeof(*scene));
    people_open(&scene->fix);
    scene->says = people_statement(&scene->fix, STATEMENT_OPEN);
    scene->at = FIXTURE_NOW + MINUTE;
    ask(scene);
    *state = scene;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;
    people_close(&scene->fix);
    mem_free(scene);
    return 0;
}

static void add(struct scene *scene, struct vote vote)
{
    assert_true(scene->count < VOTES);
    scene->votes[scene->count++] = vote;
}

static void cast_at(struct scene *scene, const char *id, enum vote_choice choice, int64_t signed_at)
{
    add(scene, people_vote(&scene->fix, id, choice, scene->bytes, signed_at));
}

static void approve(struct scene *scene, const char *id)
{
    cast_at(scene, id, VOTE_APPROVE, FIXTURE_NOW);
}

static void deny(struct scene *scene, const char *id)
{
    cast_at(scene, id, VOTE_DENY, FIXTURE_NOW);
}

static enum decision_state decide(struct scene *scene)
{
    const struct quorum_case about = {.statement = scene->bytes,
                                      .says = &scene->says,
                                      .votes = scene->votes,
                                      .vote_count = scene->count,
                                      .then = scene->then,
                                      .now = scene->now,
                                      .rule_now = scene->rule_now};
    quorum_decide(&about, scene->at, &scene->decision, scene->verdicts);
    struct decision again;
    quorum_decide(&about, scene->at, &again, NULL);
    assert_memory_equal(&again, &scene->decision, sizeof(again));
    return scene->decision.state;
}

static void assert_reason(const struct scene *scene, const char *expected)
{
    if (strstr(scene->decision.reason, expected) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", scene->decision.reason, expected);
    }
}

/* --- the plain way --- */

static void two_of_four_meet_it(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(decide(scene), DECISION_WAITING);
    assert_reason(scene, "0 of 2 approvals");
    approve(scene, "ann");
    assert_int_equal(decide(scene), DECISION_WAITING);
    assert_reason(scene, "1 of 2 approvals");
    assert_int_equal(scene->decision.met_at, 0);
    cast_at(scene, "bob", VOTE_APPROVE, FIXTURE_NOW + 30000);
    assert_int_equal(decide(scene), DECISION_MET);
    assert_int_equal(scene->decision.needed, 2);
    assert_int_equal(scene->decision.approvals, 2);
    assert_int_equal(scene->decision.met_at, FIXTURE_NOW + 30000);
    assert_int_equal(scene->decision.usable_from, FIXTURE_NOW + 30000);
    assert_int_equal(scene->decision.usable_until, scene->says.expires_at);
    assert_int_equal(scene->verdicts[0], VOTE_COUNTS);
    assert_int_equal(scene->verdicts[1], VOTE_COUNTS);
    assert_reason(scene, "approved; may be used until 2026-01-02T04:04:05Z");
}

static void a_third_approval_changes_no_time(void **state)
{
    struct scene *scene = *state;
    cast_at(scene, "cem", VOTE_APPROVE, FIXTURE_NOW + 40000);
    cast_at(scene, "ann", VOTE_APPROVE, FIXTURE_NOW + 20000);
    cast_at(scene, "bob", VOTE_APPROVE, FIXTURE_NOW + 10000);
    assert_int_equal(decide(scene), DECISION_MET);
    assert_int_equal(scene->decision.met_at, FIXTURE_NOW + 20000);
    assert_int_equal(scene->decision.approvals, 3);
}

static void a_clock_behind_counts_from_the_request(void **state)
{
    struct scene *scene = *state;
    cast_at(scene, "ann", VOTE_APPROVE, FIXTURE_NOW - QUORUM_SKEW_MS);
    cast_at(scene, "bob", VOTE_APPROVE, FIXTURE_NOW - 1);
    assert_int_equal(decide(scene), DECISION_MET);
    assert_int_equal(scene->decision.met_at, FIXTURE_NOW);
}

static void a_second_vote_moves_the_time_only_back(void **state)
{
    struct scene *scene = *state;
    cast_at(scene, "ann", VOTE_APPROVE, FIXTURE_NOW + 30000);
    cast_at(scene, "bob", VOTE_APPROVE, FIXTURE_NOW + 5000);
    cast_at(scene, "bob", VOTE_APPROVE, FIXTURE_NOW + 40000);
    cast_at(scene, "ann", VOTE_APPROVE, FIXTURE_NOW + 10000);
    assert_int_equal(decide(scene), DECISION_MET);
    assert_int_equal(scene->decision.met_at, FIXTURE_NOW + 10000);
    assert_int_equal(scene->verdicts[2], VOTE_TWICE);
    assert_int_equal(scene->verdicts[3], VOTE_TWICE);
}

static void any_key_of_a_person_signs(void **state)
{
    struct scene *scene = *state;
    people_add_key(&scene->fix, "ann", VOTER_KEY_P256);
    (void)people_next_roster(&scene->fix, "ann,bob");
    scene->says = people_statement(&scene->fix, STATEMENT_OPEN);
    ask(scene);
    add(scene, people_vote_by(&scene->fix, "ann", 1, VOTE_APPROVE, scene->bytes, FIXTURE_NOW));
    approve(scene, "bob");
    assert_int_equal(decide(scene), DECISION_MET);
}

static void ssh_keygen_signs(void **state)
{
    struct scene *scene = *state;
    approve(scene, "ann");
    add(scene, people_vote_ssh(&scene->fix, "bob", VOTE_APPROVE, scene->bytes, FIXTURE_NOW,
                               "hsmgate-vote"));
    assert_int_equal(decide(scene), DECISION_MET);
}

static void one_deny_is_final(void **state)
{
    struct scene *scene = *state;
    approve(scene, "ann");
    approve(scene, "bob");
    assert_int_equal(decide(scene), DECISION_MET);
    deny(scene, "bob");
    assert_int_equal(decide(scene), DECISION_DENIED);
    assert_reason(scene, "bob denied it");
    assert_int_equal(scene->decision.met_at, 0);
    deny(scene, "bob");
    approve(scene, "cem");
    assert_int_equal(decide(scene), DECISION_DENIED);
    assert_int_equal(scene->verdicts[3], VOTE_TWICE);
    scene->at = scene->says.expires_at + MINUTE;
    assert_int_equal(decide(scene), DECISION_DENIED);
}

/* --- time --- */

static void votes_are_in_time_to_the_millisecond(void **state)
{
    static const struct {
        int64_t signed_at;
        int64_t decided_at;
        enum vote_verdict verdict;
    } cases[] = {
        {FIXTURE_NOW, FIXTURE_NOW, VOTE_COUNTS},
        {FIXTURE_NOW - QUORUM_SKEW_MS, FIXTURE_NOW, VOTE_COUNTS},
        {FIXTURE_NOW - QUORUM_SKEW_MS - 1, FIXTURE_NOW, VOTE_TOO_EARLY},
        {FIXTURE_NOW + QUORUM_SKEW_MS, FIXTURE_NOW, VOTE_COUNTS},
        {FIXTURE_NOW + QUORUM_SKEW_MS + 1, FIXTURE_NOW, VOTE_FUTURE},
        {FIXTURE_NOW + FIXTURE_WINDOW, FIXTURE_NOW + 2 * FIXTURE_WINDOW, VOTE_COUNTS},
        {FIXTURE_NOW + FIXTURE_WINDOW + 1, FIXTURE_NOW + 2 * FIXTURE_WINDOW, VOTE_TOO_LATE},
    };
    struct scene *scene = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct vote vote =
            people_vote(&scene->fix, "ann", VOTE_APPROVE, scene->bytes, cases[i].signed_at);
        assert_int_equal(
            vote_judge(&vote, scene->bytes, &scene->says, scene->then, cases[i].decided_at),
            cases[i].verdict);
    }
}

static void it_expires(void **state)
{
    struct scene *scene = *state;
    approve(scene, "ann");
    scene->at = scene->says.expires_at - 1;
    assert_int_equal(decide(scene), DECISION_WAITING);
    scene->at = scene->says.expires_at;
    assert_int_equal(decide(scene), DECISION_EXPIRED);
    assert_reason(scene, "expired at 2026-01-02T04:04:05Z with 1 of 2 approvals");
    approve(scene, "bob");
    assert_int_equal(decide(scene), DECISION_MET);
    scene->at = scene->says.expires_at + 1;
    assert_int_equal(decide(scene), DECISION_EXPIRED);
    assert_reason(scene, "approved, but the time to use it ended");
}

/* A case of waiting and use: what the statement's rule says, and the group's now. */
static const struct {
    const char *label;
    int64_t wait_s, group_wait_s, use_s, group_use_s;
    int64_t from_s, until_s; /* after met_at */
} spans[] = {
    {"nothing set", 0, 0, 0, 0, 0, 3600},
    {"a wait", 600, 0, 0, 0, 600, 3600},
    {"the group waits", 0, 600, 0, 0, 600, 3600},
    {"the longer wait", 600, 900, 0, 0, 900, 3600},
    {"the other longer wait", 900, 600, 0, 0, 900, 3600},
    {"a use window", 0, 0, 300, 0, 0, 300},
    {"the group's use window", 0, 0, 0, 300, 0, 300},
    {"the shorter use window", 0, 0, 300, 200, 0, 200},
    {"the other shorter use window", 0, 0, 200, 300, 0, 200},
    {"wait, then use", 600, 0, 300, 0, 600, 900},
    {"use beyond the end", 3000, 0, 1200, 0, 3000, 3600},
};

static void check_span(size_t i)
{
    void *own = NULL;
    (void)open_scene(&own);
    struct scene *scene = own;
    people_group(&scene->fix, "ops", 2, "ann,bob,cem,dora")->wait_s = spans[i].group_wait_s;
    people_group(&scene->fix, "ops", 2, "ann,bob,cem,dora")->use_within_s = spans[i].group_use_s;
    scene->says.rule.wait_s = spans[i].wait_s;
    scene->says.rule.use_within_s = spans[i].use_s;
    ask(scene);
    scene->now = people_next_roster(&scene->fix, "ann,bob");
    approve(scene, "ann");
    approve(scene, "bob");
    int64_t from = FIXTURE_NOW + spans[i].from_s * 1000;
    int64_t until = FIXTURE_NOW + spans[i].until_s * 1000;
    scene->at = from;
    if (decide(scene) != DECISION_MET) {
        fail_msg("%s: %s", spans[i].label, scene->decision.reason);
    }
    assert_int_equal(scene->decision.usable_from, from);
    assert_int_equal(scene->decision.usable_until, until);
    scene->at = from - 1;
    if (spans[i].from_s > 0) {
        assert_int_equal(decide(scene), DECISION_WAITING);
        assert_reason(scene, "approved; waits until");
    }
    scene->at = until;
    assert_int_equal(decide(scene), DECISION_MET);
    scene->at = until + 1;
    assert_int_equal(decide(scene), DECISION_EXPIRED);
    (void)close_scene(&own);
}

static void waits_and_windows_are_the_stricter_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
        check_span(i);
    }
}

static void a_wait_beyond_the_end_is_never_usable(void **state)
{
    struct scene *scene = *state;
    scene->says.rule.wait_s = 7200;
    ask(scene);
    approve(scene, "ann");
    approve(scene, "bob");
    assert_int_equal(decide(scene), DECISION_WAITING);
    scene->at = scene->says.expires_at + 1;
    assert_int_equal(decide(scene), DECISION_EXPIRED);
    scene->at = FIXTURE_NOW + (int64_t)7200 * 1000;
    assert_int_equal(decide(scene), DECISION_EXPIRED);
}

static void a_destruction_is_used_later(void **state)
{
    struct scene *scene = *state;
    scene->says = people_statement(&scene->fix, STATEMENT_DESTROY);
    scene->says.after_s = 7 * DAY_S;
    scene->says.rule.use_within_s = 60;
    ask(scene);
    approve(scene, "ann");
    approve(scene, "bob");
    assert_int_equal(decide(scene), DECISION_MET);
    assert_int_equal(scene->decision.usable_until, FIXTURE_NOW + 37 * DAY_S * 1000);
    scene->at = FIXTURE_NOW + 37 * DAY_S * 1000;
    assert_int_equal(decide(scene), DECISION_MET);
    scene->at++;
    assert_int_equal(decide(scene), DECISION_EXPIRED);
    /* but votes are due before the statement expires */
    scene->count = 1;
    cast_at(scene, "bob", VOTE_APPROVE, scene->says.expires_at + 1);
    assert_int_equal(decide(scene), DECISION_EXPIRED);
    assert_int_equal(scene->verdicts[1], VOTE_TOO_LATE);
}

/* --- attacks: none is ever met --- */

static void nobody_votes(struct scene *scene)
{
    (void)scene;
}

static void requester_approves(struct scene *scene)
{
    approve(scene, "ann");
    approve(scene, "dora");
}

static void requester_by_a_second_key(struct scene *scene)
{
    people_add_key(&scene->fix, "dora", VOTER_KEY_P256);
    (void)people_next_roster(&scene->fix, "ann,bob");
    scene->says = people_statement(&scene->fix, STATEMENT_OPEN);
    ask(scene);
    approve(scene, "ann");
    add(scene, people_vote_by(&scene->fix, "dora", 1, VOTE_APPROVE, scene->bytes, FIXTURE_NOW));
}

static void requester_by_a_second_principal(struct scene *scene)
{
    struct people_person *dora = people_person(&scene->fix, "dora");
    dora->is.principals[dora->is.principal_count++] = span_text("spiffe://example/dora");
    (void)people_next_roster(&scene->fix, "ann,bob");
    scene->says = people_statement(&scene->fix, STATEMENT_OPEN);
    scene->says.requester = span_text("spiffe://example/dora");
    ask(scene);
    approve(scene, "ann");
    approve(scene, "dora");
}

static void requester_by_nesting(struct scene *scene)
{
    (void)people_group(&scene->fix, "inner", 2, "dora,cem");
    (void)people_group(&scene->fix, "ops", 2, "ann,bob,group:inner");
    (void)people_next_roster(&scene->fix, "ann,bob");
    scene->says = people_statement(&scene->fix, STATEMENT_OPEN);
    ask(scene);
    approve(scene, "ann");
    approve(scene, "dora");
}

static void requester_signs_as_somebody_else(struct scene *scene)
{
    struct people_person *dora = people_person(&scene->fix, "dora");
    struct people_person *bob = people_person(&scene->fix, "bob");
    struct people_key held = bob->keys[0];
    approve(scene, "ann");
    bob->keys[0] = dora->keys[0];
    approve(scene, "bob");
    bob->keys[0] = held;
}

/* dora's principal moves to ann while the request waits; ann asks under one roster, dora under the
 * other, and neither may approve. */
static void requester_moves_the_principal(struct scene *scene)
{
    struct people_person *ann = people_person(&scene->fix, "ann");
    struct people_person *dora = people_person(&scene->fix, "dora");
    ann->is.principals[0] = span_text("token:dora");
    dora->is.principals[0] = span_text("token:other");
    scene->now = people_next_roster(&scene->fix, "ann,bob");
    approve(scene, "bob");
    approve(scene, "dora");
    approve(scene, "ann");
}

/* dora, who asked, has another principal now, and stands in for ann, who was removed. */
static void requester_sheds_the_principal(struct scene *scene)
{
    people_person(&scene->fix, "dora")->is.principals[0] = span_text("token:other");
    (void)people_group(&scene->fix, "ops", 2, "bob,cem,dora");
    scene->now = people_next_roster(&scene->fix, "ann,bob");
    approve(scene, "ann");
    approve(scene, "bob");
    approve(scene, "dora");
}

/* Nobody's principal asked; it has become ann's, and eve has come to stand in for her. */
static void requester_gains_the_principal(struct scene *scene)
{
    scene->says.requester = span_text("token:robot");
    ask(scene);
    (void)people_person(&scene->fix, "eve");
    people_person(&scene->fix, "ann")->is.principals[0] = span_text("token:robot");
    (void)people_group(&scene->fix, "ops", 2, "ann,bob,eve");
    scene->now = people_next_roster(&scene->fix, "cem,bob");
    approve(scene, "ann");
    approve(scene, "bob");
    approve(scene, "eve");
}

static void ssh_vote_for_something_else(struct scene *scene)
{
    approve(scene, "ann");
    add(scene, people_vote_ssh(&scene->fix, "bob", VOTE_APPROVE, scene->bytes, FIXTURE_NOW,
                               "hsmgate-voter-key"));
}

static void one_person_with_two_keys(struct scene *scene)
{
    people_add_key(&scene->fix, "ann", VOTER_KEY_P256);
    (void)people_next_roster(&scene->fix, "ann,bob");
    scene->says = people_statement(&scene->fix, STATEMENT_OPEN);
    ask(scene);
    approve(scene, "ann");
    add(scene, people_vote_by(&scene->fix, "ann", 1, VOTE_APPROVE, scene->bytes, FIXTURE_NOW));
}

static void one_person_in_two_groups(struct scene *scene)
{
    (void)people_group(&scene->fix, "inner", 2, "ann,cem");
    (void)people_group(&scene->fix, "ops", 2, "ann,bob,group:inner");
    (void)people_next_roster(&scene->fix, "ann,bob");
    scene->says = people_statement(&scene->fix, STATEMENT_OPEN);
    ask(scene);
    approve(scene, "ann");
    approve(scene, "ann");
}

static void the_same_vote_twice(struct scene *scene)
{
    approve(scene, "ann");
    add(scene, scene->votes[0]);
}

static void votes_of_another_request(struct scene *scene)
{
    struct statement other = people_statement(&scene->fix, STATEMENT_OPEN);
    struct span bytes = people_bytes(&scene->fix, &other);
    approve(scene, "ann");
    add(scene, people_vote(&scene->fix, "bob", VOTE_APPROVE, bytes, FIXTURE_NOW));
}

static void another_ciphertext(struct scene *scene)
{
    approve(scene, "ann");
    approve(scene, "bob");
    scene->says.ciphertext_sha256[0] ^= 1;
    ask(scene);
}

static void another_context(struct scene *scene)
{
    approve(scene, "ann");
    approve(scene, "bob");
    scene->says.context_sha256[0] ^= 1;
    ask(scene);
}

static void another_version(struct scene *scene)
{
    approve(scene, "ann");
    approve(scene, "bob");
    scene->says.version++;
    ask(scene);
}

static void deny_replayed_as_approval(struct scene *scene)
{
    struct vote vote = people_vote(&scene->fix, "bob", VOTE_DENY, scene->bytes, FIXTURE_NOW);
    vote.choice = VOTE_APPROVE;
    approve(scene, "ann");
    add(scene, vote);
}

static void vote_under_another_name(struct scene *scene)
{
    struct vote vote = people_vote(&scene->fix, "ann", VOTE_APPROVE, scene->bytes, FIXTURE_NOW);
    vote.voter = span_text("bob");
    approve(scene, "ann");
    add(scene, vote);
}

static void vote_at_another_time(struct scene *scene)
{
    struct vote late = people_vote(&scene->fix, "bob", VOTE_APPROVE, scene->bytes,
                                   FIXTURE_NOW + 2 * FIXTURE_WINDOW);
    late.signed_at = span_text("2026-01-02T03:04:05Z");
    approve(scene, "ann");
    add(scene, late);
}

static void vote_without_a_time(struct scene *scene)
{
    approve(scene, "ann");
    approve(scene, "bob");
    scene->votes[1].signed_at = span_text("today");
}

static void vote_in_another_format(struct scene *scene)
{
    approve(scene, "ann");
    approve(scene, "bob");
    scene->votes[1].format = VOTE_SSHSIG;
}

static void signature_cut(struct scene *scene)
{
    approve(scene, "ann");
    approve(scene, "bob");
    scene->votes[1].signature.len--;
}

static void neither_yes_nor_no(struct scene *scene)
{
    approve(scene, "ann");
    approve(scene, "bob");
    scene->votes[1].choice = (enum vote_choice)7;
}

static void no_signature(struct scene *scene)
{
    approve(scene, "ann");
    approve(scene, "bob");
    scene->votes[1].signature = (struct span){0};
}

static void unknown_voter(struct scene *scene)
{
    (void)people_person(&scene->fix, "eve");
    approve(scene, "ann");
    approve(scene, "eve");
}

static void voter_who_is_no_id(struct scene *scene)
{
    approve(scene, "ann");
    approve(scene, "bob");
    scene->votes[1].voter = span_text("bob\n");
}

static void voter_of_another_group(struct scene *scene)
{
    (void)people_group(&scene->fix, "ops", 2, "ann,cem,dora");
    (void)people_next_roster(&scene->fix, "ann,bob");
    scene->says = people_statement(&scene->fix, STATEMENT_OPEN);
    ask(scene);
    approve(scene, "ann");
    approve(scene, "bob");
}

static void future_votes(struct scene *scene)
{
    cast_at(scene, "ann", VOTE_APPROVE, scene->at + QUORUM_SKEW_MS + 1);
    cast_at(scene, "bob", VOTE_APPROVE, scene->at + QUORUM_SKEW_MS + 1);
}

static void votes_before_the_request(struct scene *scene)
{
    cast_at(scene, "ann", VOTE_APPROVE, FIXTURE_NOW - QUORUM_SKEW_MS - 1);
    cast_at(scene, "bob", VOTE_APPROVE, FIXTURE_NOW - QUORUM_SKEW_MS - 1);
}

static void votes_after_the_end(struct scene *scene)
{
    scene->at = scene->says.expires_at + MINUTE;
    cast_at(scene, "ann", VOTE_APPROVE, scene->says.expires_at + 1);
    cast_at(scene, "bob", VOTE_APPROVE, scene->says.expires_at + 1);
}

static void removed_person(struct scene *scene)
{
    approve(scene, "ann");
    approve(scene, "bob");
    (void)people_group(&scene->fix, "ops", 2, "ann,cem,dora");
    (void)people_group(&scene->fix, "admins", 2, "ann,cem,dora");
    people_remove_person(&scene->fix, "bob");
    scene->now = people_next_roster(&scene->fix, "ann,cem");
}

static void person_left_the_group(struct scene *scene)
{
    approve(scene, "ann");
    approve(scene, "bob");
    (void)people_group(&scene->fix, "ops", 2, "ann,cem,dora");
    scene->now = people_next_roster(&scene->fix, "ann,cem");
}

static void revoked_key(struct scene *scene)
{
    approve(scene, "ann");
    approve(scene, "bob");
    (void)people_group(&scene->fix, "ops", 2, "ann,cem,dora");
    (void)people_group(&scene->fix, "admins", 2, "ann,cem,dora");
    people_remove_person(&scene->fix, "bob");
    (void)people_person(&scene->fix, "bob");
    (void)people_group(&scene->fix, "ops", 2, "ann,cem,dora,bob");
    scene->now = people_next_roster(&scene->fix, "ann,cem");
}

/* People who came after it was asked for count under the roster now alone. */
static void newcomers(struct scene *scene)
{
    (void)people_person(&scene->fix, "eve");
    (void)people_person(&scene->fix, "fay");
    (void)people_group(&scene->fix, "ops", 2, "ann,bob,cem,dora,eve,fay");
    scene->now = people_next_roster(&scene->fix, "ann,bob");
    approve(scene, "eve");
    approve(scene, "fay");
}

static void m_raised_now(struct scene *scene)
{
    scene->rule_now.m = 3;
    approve(scene, "ann");
    approve(scene, "bob");
}

static void m_lowered_now(struct scene *scene)
{
    scene->says.rule.m = 3;
    ask(scene);
    scene->rule_now.m = 2;
    approve(scene, "ann");
    approve(scene, "bob");
}

/* The m at asking time holds under the roster now as well. */
static void m_lowered_and_a_person_removed(struct scene *scene)
{
    scene->says.rule.m = 3;
    ask(scene);
    (void)people_person(&scene->fix, "eve");
    (void)people_person(&scene->fix, "fay");
    (void)people_group(&scene->fix, "ops", 2, "ann,bob,dora,eve,fay");
    scene->now = people_next_roster(&scene->fix, "ann,bob");
    scene->rule_now.m = 2;
    approve(scene, "ann");
    approve(scene, "bob");
    approve(scene, "cem");
}

static void m_of_zero_now(struct scene *scene)
{
    scene->rule_now.m = 0;
    approve(scene, "ann");
    approve(scene, "bob");
}

static void m_of_one_then(struct scene *scene)
{
    scene->says.rule.m = 1; /* no statement_write writes it */
    scene->rule_now.m = 1;
    approve(scene, "ann");
    approve(scene, "bob");
}

static void group_raised_m(struct scene *scene)
{
    (void)people_group(&scene->fix, "ops", 3, "ann,bob,cem,dora");
    scene->now = people_next_roster(&scene->fix, "ann,bob");
    approve(scene, "ann");
    approve(scene, "bob");
}

static void missing_group_then(struct scene *scene)
{
    scene->says.rule.group = span_text("nobody");
    ask(scene);
    scene->rule_now.group = span_text("ops");
    approve(scene, "ann");
    approve(scene, "bob");
}

static void missing_group_now(struct scene *scene)
{
    scene->fix.groups[0].id = span_text("renamed");
    scene->now = people_next_roster(&scene->fix, "ann,bob");
    approve(scene, "ann");
    approve(scene, "bob");
}

static void empty_group_now(struct scene *scene)
{
    scene->rule_now.group = (struct span){0};
    approve(scene, "ann");
    approve(scene, "bob");
}

static void another_group_now(struct scene *scene)
{
    (void)people_group(&scene->fix, "night", 2, "cem,dora,bob");
    scene->now = people_next_roster(&scene->fix, "ann,bob");
    scene->rule_now.group = span_text("night");
    approve(scene, "ann");
    approve(scene, "bob");
}

static void group_shrunk(struct scene *scene)
{
    (void)people_group(&scene->fix, "ops", 2, "ann,dora");
    scene->now = people_next_roster(&scene->fix, "ann,bob");
    approve(scene, "ann");
    approve(scene, "bob");
    approve(scene, "cem");
}

static void roster_not_named(struct scene *scene)
{
    scene->says.roster_sha256[0] ^= 1;
    scene->bytes = people_bytes(&scene->fix, &scene->says);
    approve(scene, "ann");
    approve(scene, "bob");
}

static void roster_of_another_number(struct scene *scene)
{
    scene->says.roster_number = 2;
    scene->bytes = people_bytes(&scene->fix, &scene->says);
    approve(scene, "ann");
    approve(scene, "bob");
}

static void roster_rolled_back(struct scene *scene)
{
    const struct roster *old = people_newest(&scene->fix);
    (void)people_next_roster(&scene->fix, "ann,bob");
    scene->says = people_statement(&scene->fix, STATEMENT_OPEN);
    ask(scene);
    scene->now = old;
    approve(scene, "ann");
    approve(scene, "bob");
}

static const struct {
    const char *label;
    void (*make)(struct scene *scene);
    const char *reason; /* part of it */
} attacks[] = {
    {"nobody votes", nobody_votes, "0 of 2"},
    {"the requester approves", requester_approves, "1 of 2"},
    {"the requester by a second key", requester_by_a_second_key, "1 of 2"},
    {"the requester by a second principal", requester_by_a_second_principal, "1 of 2"},
    {"the requester by group nesting", requester_by_nesting, "1 of 2"},
    {"the requester as somebody else", requester_signs_as_somebody_else, "1 of 2"},
    {"the requester moves the principal", requester_moves_the_principal, "1 of 2"},
    {"the requester sheds the principal", requester_sheds_the_principal, "1 of 2"},
    {"the requester gains the principal", requester_gains_the_principal, "1 of 2"},
    {"SSH vote for something else", ssh_vote_for_something_else, "1 of 2"},
    {"one person with two keys", one_person_with_two_keys, "1 of 2"},
    {"one person in two groups", one_person_in_two_groups, "1 of 2"},
    {"the same vote twice", the_same_vote_twice, "1 of 2"},
    {"votes of another request", votes_of_another_request, "1 of 2"},
    {"another ciphertext", another_ciphertext, "0 of 2"},
    {"another context", another_context, "0 of 2"},
    {"another version", another_version, "0 of 2"},
    {"deny replayed as approval", deny_replayed_as_approval, "1 of 2"},
    {"vote under another name", vote_under_another_name, "1 of 2"},
    {"vote at another time", vote_at_another_time, "1 of 2"},
    {"vote without a time", vote_without_a_time, "1 of 2"},
    {"vote in another format", vote_in_another_format, "1 of 2"},
    {"signature cut", signature_cut, "1 of 2"},
    {"neither yes nor no", neither_yes_nor_no, "1 of 2"},
    {"no signature", no_signature, "1 of 2"},
    {"unknown voter", unknown_voter, "1 of 2"},
    {"voter who is no id", voter_who_is_no_id, "1 of 2"},
    {"voter of another group", voter_of_another_group, "1 of 2"},
    {"future votes", future_votes, "0 of 2"},
    {"votes before the request", votes_before_the_request, "0 of 2"},
    {"votes after the end", votes_after_the_end, "with 0 of 2"},
    {"removed person", removed_person, "1 of 2"},
    {"person left the group", person_left_the_group, "1 of 2"},
    {"revoked key", revoked_key, "1 of 2"},
    {"newcomers", newcomers, "0 of 2"},
    {"m raised now", m_raised_now, "2 of 3"},
    {"m lowered now", m_lowered_now, "2 of 3"},
    {"m lowered and a person removed", m_lowered_and_a_person_removed, "2 of 3"},
    {"m of zero now", m_of_zero_now, "cannot be met: a rule with 0 approvals"},
    {"m of one then", m_of_one_then, "cannot be met: a rule with 1 approvals"},
    {"the group raised m", group_raised_m, "2 of 3"},
    {"missing group then", missing_group_then, "cannot be met: the roster has no group nobody"},
    {"missing group now", missing_group_now, "cannot be met: the roster has no group ops"},
    {"empty group now", empty_group_now, "cannot be met: the roster has no group"},
    {"another group now", another_group_now, "1 of 2"},
    {"group shrunk", group_shrunk,
     "cannot be met: 2 approvals are needed, and only 1 people of group ops may vote"},
    {"roster not named", roster_not_named, "cannot be met: the roster is not the one"},
    {"roster of another number", roster_of_another_number, "cannot be met: the roster is not"},
    {"roster rolled back", roster_rolled_back, "cannot be met: the newest roster is older"},
};

static void no_attack_is_met(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
        void *own = NULL;
        (void)open_scene(&own);
        struct scene *scene = own;
        attacks[i].make(scene);
        enum decision_state is = decide(scene);
        bool expired = scene->at >= scene->says.expires_at;
        if (is != (expired ? DECISION_EXPIRED : DECISION_WAITING) || scene->decision.met_at != 0 ||
            strstr(scene->decision.reason, attacks[i].reason) == NULL) {
            fail_msg("%s: %s: %s", attacks[i].label, decision_state_name(is),
                     scene->decision.reason);
        }
        scene->at = scene->says.expires_at + MINUTE;
        assert_int_not_equal(decide(scene), DECISION_MET);
        (void)close_scene(&own);
    }
}

/* --- denials that must hold, and those that must not --- */

static void removed_people_still_deny(void **state)
{
    struct scene *scene = *state;
    deny(scene, "bob");
    approve(scene, "ann");
    approve(scene, "cem");
    (void)people_group(&scene->fix, "ops", 2, "ann,cem,dora");
    scene->now = people_next_roster(&scene->fix, "ann,cem");
    assert_int_equal(decide(scene), DECISION_DENIED);
    assert_int_equal(scene->verdicts[0], VOTE_NOT_ELIGIBLE);
}

static void newcomers_deny(void **state)
{
    struct scene *scene = *state;
    (void)people_person(&scene->fix, "eve");
    (void)people_group(&scene->fix, "ops", 2, "ann,bob,cem,dora,eve");
    scene->now = people_next_roster(&scene->fix, "ann,bob");
    approve(scene, "ann");
    approve(scene, "bob");
    assert_int_equal(decide(scene), DECISION_MET);
    deny(scene, "eve");
    assert_int_equal(decide(scene), DECISION_DENIED);
    assert_int_equal(scene->verdicts[2], VOTE_COUNTS);
}

static void forged_denials_do_nothing(void **state)
{
    struct scene *scene = *state;
    approve(scene, "ann");
    approve(scene, "bob");
    struct vote replayed = scene->votes[0];
    replayed.choice = VOTE_DENY;
    add(scene, replayed);
    deny(scene, "dora"); /* who asks can cancel, but has no vote */
    (void)people_person(&scene->fix, "eve");
    deny(scene, "eve");
    assert_int_equal(decide(scene), DECISION_MET);
    assert_int_equal(scene->verdicts[2], VOTE_BAD_SIGNATURE);
    assert_int_equal(scene->verdicts[3], VOTE_REQUESTER);
    assert_int_equal(scene->verdicts[4], VOTE_UNKNOWN_VOTER);
}

static void an_unknown_requester_takes_nobody_out(void **state)
{
    struct scene *scene = *state;
    scene->says.requester = span_text("token:somebody");
    ask(scene);
    approve(scene, "dora");
    approve(scene, "ann");
    assert_int_equal(decide(scene), DECISION_MET);
}

static void each_side_may_be_met_by_others(void **state)
{
    struct scene *scene = *state;
    (void)people_person(&scene->fix, "eve");
    (void)people_group(&scene->fix, "ops", 2, "cem,eve,dora");
    scene->now = people_next_roster(&scene->fix, "ann,bob");
    cast_at(scene, "ann", VOTE_APPROVE, FIXTURE_NOW + 1000);
    cast_at(scene, "cem", VOTE_APPROVE, FIXTURE_NOW + 2000);
    assert_int_equal(decide(scene), DECISION_WAITING);
    cast_at(scene, "eve", VOTE_APPROVE, FIXTURE_NOW + 3000);
    assert_int_equal(decide(scene), DECISION_MET);
    assert_int_equal(scene->decision.met_at, FIXTURE_NOW + 3000);
    assert_int_equal(scene->decision.approvals, 1);
}

/* --- one vote --- */

static void one_vote_is_judged(void **state)
{
    struct scene *scene = *state;
    (void)people_person(&scene->fix, "eve");
    (void)people_group(&scene->fix, "ops", 2, "ann,cem,dora");
    (void)people_next_roster(&scene->fix, "ann,bob");
    scene->says = people_statement(&scene->fix, STATEMENT_OPEN);
    ask(scene);
    static const struct {
        const char *voter;
        enum vote_verdict verdict;
    } cases[] = {{"ann", VOTE_COUNTS}, {"bob", VOTE_NOT_ELIGIBLE}, {"dora", VOTE_REQUESTER}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t choice = VOTE_APPROVE; choice <= VOTE_DENY; choice++) {
            struct vote vote = people_vote(&scene->fix, cases[i].voter, (enum vote_choice)choice,
                                           scene->bytes, FIXTURE_NOW);
            assert_int_equal(vote_judge(&vote, scene->bytes, &scene->says, scene->then, scene->at),
                             cases[i].verdict);
        }
    }
    struct vote vote = people_vote(&scene->fix, "ann", VOTE_APPROVE, scene->bytes, FIXTURE_NOW);
    scene->says.rule.group = span_text("nobody");
    assert_int_equal(vote_judge(&vote, scene->bytes, &scene->says, scene->then, scene->at),
                     VOTE_NOT_ELIGIBLE);
}

static void a_flipped_byte_undoes_the_decision(void **state)
{
    struct scene *scene = *state;
    approve(scene, "ann");
    approve(scene, "bob");
    assert_int_equal(decide(scene), DECISION_MET);
    CLEANUP(mem_free_at) uint8_t *flipped = mem_copy(scene->bytes.data, scene->bytes.len);
    scene->bytes.data = flipped;
    for (size_t i = 0; i < scene->bytes.len; i++) {
        flipped[i] ^= (uint8_t)(1U << (i % 8));
        assert_int_equal(decide(scene), DECISION_WAITING);
        assert_int_equal(scene->verdicts[0], VOTE_BAD_SIGNATURE);
        flipped[i] ^= (uint8_t)(1U << (i % 8));
    }
    CLEANUP(mem_free_at)
    uint8_t *signature = mem_copy(scene->votes[1].signature.data, scene->votes[1].signature.len);
    scene->votes[1].signature.data = signature;
    for (size_t i = 0; i < scene->votes[1].signature.len; i++) {
        signature[i] ^= (uint8_t)(1U << (i % 8));
        assert_int_equal(decide(scene), DECISION_WAITING);
        signature[i] ^= (uint8_t)(1U << (i % 8));
    }
    assert_int_equal(decide(scene), DECISION_MET);
}

static void states_and_verdicts_have_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < DECISION_STATE_COUNT; i++) {
        assert_true(strlen(decision_state_name((enum decision_state)i)) > 2);
    }
    assert_string_equal(decision_state_name(DECISION_STATE_COUNT), "unknown");
    for (size_t i = 0; i < VOTE_VERDICT_COUNT; i++) {
        assert_true(strlen(vote_verdict_text((enum vote_verdict)i)) > 5);
    }
    assert_string_equal(vote_verdict_text(VOTE_VERDICT_COUNT), "not known");
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(two_of_four_meet_it),
        SCENE(a_third_approval_changes_no_time),
        SCENE(a_clock_behind_counts_from_the_request),
        SCENE(a_second_vote_moves_the_time_only_back),
        SCENE(any_key_of_a_person_signs),
        SCENE(ssh_keygen_signs),
        SCENE(one_deny_is_final),
        SCENE(votes_are_in_time_to_the_millisecond),
        SCENE(it_expires),
        cmocka_unit_test(waits_and_windows_are_the_stricter_ones),
        SCENE(a_wait_beyond_the_end_is_never_usable),
        SCENE(a_destruction_is_used_later),
        cmocka_unit_test(no_attack_is_met),
        SCENE(removed_people_still_deny),
        SCENE(newcomers_deny),
        SCENE(forged_denials_do_nothing),
        SCENE(an_unknown_requester_takes_nobody_out),
        SCENE(each_side_may_be_met_by_others),
        SCENE(one_vote_is_judged),
        SCENE(a_flipped_byte_undoes_the_decision),
        cmocka_unit_test(states_and_verdicts_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
