/* A request of the store, read: what the quorum's library and the worker are shown of it. */
#include "rotation/rotation.h"

#include "tests/unit/base_test.h"
#include "tests/unit/quorum_fixture.h"

static struct quorum_fixture people;

struct paper {
    struct span statement;
    struct request_vote votes[2];
    struct quorum_request request;
};

static struct request_vote row_of(const char *voter, const char *choice, const struct vote *vote)
{
    return (struct request_vote){.voter = voter,
                                 .choice = choice,
                                 .format = "raw",
                                 .signed_at = "2026-01-02T03:04:05.000Z",
                                 .signature = vote->signature};
}

/* Ann's yes and bob's no. */
static void make_paper(struct paper *paper)
{
    struct statement says = people_statement(&people, STATEMENT_OPEN);
    paper->statement = people_bytes(&people, &says);
    struct vote yes = people_vote(&people, "ann", VOTE_APPROVE, paper->statement, FIXTURE_NOW);
    struct vote no = people_vote(&people, "bob", VOTE_DENY, paper->statement, FIXTURE_NOW);
    assert_span_is(yes.signed_at, "2026-01-02T03:04:05.000Z");
    paper->votes[0] = row_of("ann", "approve", &yes);
    paper->votes[1] = row_of("bob", "deny", &no);
    paper->request = (struct quorum_request){.id = says.id,
                                             .kind = "open",
                                             .key = (const char *)says.key.data,
                                             .version = says.version,
                                             .requester = (const char *)says.requester.data,
                                             .expires_at = says.expires_at,
                                             .statement = paper->statement,
                                             .votes = paper->votes,
                                             .vote_count = 2};
}

static int setup(void **state)
{
    (void)state;
    people_open(&people);
    (void)people_next_roster(&people, "ann,bob");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    people_close(&people);
    return 0;
}

static void a_docket_is_what_was_written(void **state)
{
    (void)state;
    struct paper paper;
    CLEANUP(docket_clear) struct docket docket = {0};
    make_paper(&paper);
    assert_ok(docket_open(&paper.request, &docket));
    assert_int_equal(docket.statement.is.kind, STATEMENT_OPEN);
    assert_span_is(docket.statement.is.key, "payments/prod/card-dek");
    assert_int_equal(docket.vote_count, 2);
    assert_span_is(docket.votes[0].voter, "ann");
    assert_int_equal(docket.votes[0].choice, VOTE_APPROVE);
    assert_int_equal(docket.votes[1].choice, VOTE_DENY);
    assert_int_equal(vote_judge(&docket.votes[1], paper.statement, &docket.statement.is,
                                people_newest(&people), FIXTURE_NOW),
                     VOTE_COUNTS);
}

static void a_row_of_no_known_kind_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *choice;
        const char *format;
        const char *statement;
        enum err_code code;
    } cases[] = {
        {"choice", "abstain", "raw", NULL, ERR_CORRUPT},
        {"no choice", "", "raw", NULL, ERR_CORRUPT},
        {"case of the choice", "Approve", "raw", NULL, ERR_CORRUPT},
        {"format", "approve", "pgp", NULL, ERR_CORRUPT},
        {"statement", "approve", "raw", "{}", ERR_INVALID_FIELD},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct paper paper;
        CLEANUP(docket_clear) struct docket docket = {0};
        make_paper(&paper);
        paper.votes[0].choice = cases[i].choice;
        paper.votes[0].format = cases[i].format;
        if (cases[i].statement != NULL) {
            paper.request.statement = span_text(cases[i].statement);
        }
        assert_code_of(cases[i].name, docket_open(&paper.request, &docket), cases[i].code);
        assert_null(docket.votes);
    }
}

static struct roster_view view_of(void)
{
    return (struct roster_view){
        .newest = people_newest(&people), .links = people.links, .count = people.link_count};
}

static void a_bundle_reads_back_and_proves(void **state)
{
    (void)state;
    struct paper paper;
    CLEANUP(buf_clear) struct buf text = {.max = BUNDLE_MAX};
    CLEANUP(bundle_clear) struct bundle_read read = {0};
    CLEANUP(bundle_verdict_clear) struct bundle_verdict verdict = {0};
    const struct roster_view view = view_of();
    make_paper(&paper);
    paper.request.vote_count = 1;
    assert_ok(docket_bundle(&view, &paper.request, &text));
    assert_ok(bundle_parse(buf_span(&text), &read));
    assert_true(span_equal(read.is.statement, paper.statement));
    assert_int_equal(read.is.vote_count, 1);
    assert_span_is(read.is.votes[0].voter, "ann");
    assert_int_equal(read.is.roster_count, 2);
    assert_int_equal(read.is.rosters[1].vote_count, 2);
    assert_ok(bundle_judge(&read.is, people.root, FIXTURE_NOW, &verdict));
    assert_int_equal(verdict.decision.state, DECISION_WAITING);
    assert_int_equal(verdict.decision.approvals, 1);
}

static void a_bundle_of_rosters_alone(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf text = {.max = BUNDLE_MAX};
    CLEANUP(bundle_clear) struct bundle_read read = {0};
    const struct roster_view view = view_of();
    assert_ok(docket_bundle(&view, NULL, &text));
    assert_ok(bundle_parse(buf_span(&text), &read));
    assert_int_equal(read.is.statement.len, 0);
    assert_int_equal(read.is.vote_count, 0);
    assert_int_equal(read.is.roster_count, 2);
}

static void a_broken_row_makes_no_bundle(void **state)
{
    (void)state;
    struct paper paper;
    CLEANUP(buf_clear) struct buf text = {.max = BUNDLE_MAX};
    const struct roster_view view = view_of();
    make_paper(&paper);
    paper.votes[1].choice = "perhaps";
    assert_code(docket_bundle(&view, &paper.request, &text), ERR_CORRUPT);
    assert_int_equal(text.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_docket_is_what_was_written),
        cmocka_unit_test(a_row_of_no_known_kind_is_refused),
        cmocka_unit_test(a_bundle_reads_back_and_proves),
        cmocka_unit_test(a_bundle_of_rosters_alone),
        cmocka_unit_test(a_broken_row_makes_no_bundle),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
