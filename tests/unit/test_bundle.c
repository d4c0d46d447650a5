/* Bundles: one spelling, and no byte of one can be changed. */
#include <string.h>

#include "base_test.h"
#include "quorum_fixture.h"

#define SOON (FIXTURE_NOW + 60000)

struct scene {
    struct quorum_fixture fix;
    struct statement says;
    struct span bytes;
    struct vote votes[4];
    size_t count;
};

/* Two rosters, and an approved request under the newest. */
static int open_scene(void **state)
{
    struct scene *scene = mem_alloc(sizeof(*scene));
    struct quorum_fixture *fix = &scene->fix;
    people_open(fix);
    (void)people_next_roster(fix, "ann,bob");
    scene->says = people_statement(fix, STATEMENT_OPEN);
    scene->bytes = people_bytes(fix, &scene->says);
    scene->votes[0] = people_vote(fix, "ann", VOTE_APPROVE, scene->bytes, FIXTURE_NOW);
    scene->votes[1] = people_vote(fix, "cem", VOTE_APPROVE, scene->bytes, FIXTURE_NOW);
    scene->count = 2;
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

static struct span text_of(struct scene *scene)
{
    return people_bundle(&scene->fix, scene->bytes, scene->votes, scene->count);
}

/* Reads and judges a text; whether it is met. */
static struct err judge(const struct scene *scene, struct span text, int64_t now_ms,
                        enum decision_state *out)
{
    CLEANUP(bundle_clear) struct bundle_read read = {0};
    CLEANUP(bundle_verdict_clear) struct bundle_verdict verdict = {0};
    TRY(bundle_parse(text, &read));
    TRY(bundle_judge(&read.is, scene->fix.root, now_ms, &verdict));
    *out = verdict.decision.state;
    return err_ok();
}

static void one_comes_back(void **state)
{
    struct scene *scene = *state;
    struct span text = text_of(scene);
    CLEANUP(bundle_clear) struct bundle_read read = {0};
    assert_ok(bundle_parse(text, &read));
    assert_true(span_equal(read.is.statement, scene->bytes));
    assert_int_equal(read.is.vote_count, 2);
    assert_span_is(read.is.votes[1].voter, "cem");
    assert_int_equal(read.is.votes[1].choice, VOTE_APPROVE);
    assert_true(span_equal(read.is.votes[1].signature, scene->votes[1].signature));
    assert_int_equal(read.is.roster_count, 2);
    assert_true(span_equal(read.is.rosters[0].roster, scene->fix.links[0].roster));
    assert_int_equal(read.is.rosters[0].vote_count, 0);
    assert_true(span_equal(read.is.rosters[1].statement, scene->fix.links[1].statement));
    assert_int_equal(read.is.rosters[1].vote_count, 2);
    assert_span_is(read.is.rosters[1].votes[1].voter, "bob");
    CLEANUP(buf_clear) struct buf again = {0};
    assert_ok(bundle_write(&read.is, &again));
    assert_true(span_equal(buf_span(&again), text));
    assert_true(span_starts(text, "{\"format\":\"hsmgate/v1/bundle\",\"statement\":\""));
}

static void one_is_judged(void **state)
{
    struct scene *scene = *state;
    CLEANUP(bundle_clear) struct bundle_read read = {0};
    CLEANUP(bundle_verdict_clear) struct bundle_verdict verdict = {0};
    assert_ok(bundle_parse(text_of(scene), &read));
    assert_ok(bundle_judge(&read.is, scene->fix.root, SOON, &verdict));
    assert_int_equal(verdict.decision.state, DECISION_MET);
    assert_int_equal(verdict.decision.approvals, 2);
    assert_int_equal(verdict.statement.is.version, 3);
    assert_int_equal(roster_chain_newest(verdict.chain)->number, 2);
}

static void a_judgement_may_be_no(void **state)
{
    struct scene *scene = *state;
    enum decision_state is = DECISION_MET;
    scene->count = 1;
    assert_ok(judge(scene, text_of(scene), SOON, &is));
    assert_int_equal(is, DECISION_WAITING);
    assert_ok(judge(scene, text_of(scene), scene->says.expires_at, &is));
    assert_int_equal(is, DECISION_EXPIRED);
    scene->votes[1] = people_vote(&scene->fix, "bob", VOTE_DENY, scene->bytes, FIXTURE_NOW);
    scene->count = 2;
    assert_ok(judge(scene, text_of(scene), SOON, &is));
    assert_int_equal(is, DECISION_DENIED);
}

static void an_older_roster_may_be_named(void **state)
{
    struct scene *scene = *state;
    enum decision_state is = DECISION_WAITING;
    (void)people_next_roster(&scene->fix, "ann,bob");
    assert_ok(judge(scene, text_of(scene), SOON, &is));
    assert_int_equal(is, DECISION_MET);
    /* and then who was removed meanwhile does not count */
    (void)people_group(&scene->fix, "ops", 2, "ann,bob,dora");
    (void)people_next_roster(&scene->fix, "ann,bob");
    assert_ok(judge(scene, text_of(scene), SOON, &is));
    assert_int_equal(is, DECISION_WAITING);
}

static void what_proves_nothing_is_an_error(void **state)
{
    struct scene *scene = *state;
    struct quorum_fixture *fix = &scene->fix;
    enum decision_state is = DECISION_MET;
    /* rolled back to before the roster that the statement names */
    fix->link_count = 1;
    assert_code(judge(scene, text_of(scene), SOON, &is), ERR_FORBIDDEN);
    fix->link_count = 0;
    assert_code(judge(scene, text_of(scene), SOON, &is), ERR_FORBIDDEN);
    fix->link_count = 2;
    fix->root[5] ^= 1;
    assert_code(judge(scene, text_of(scene), SOON, &is), ERR_FORBIDDEN);
    fix->root[5] ^= 1;
    scene->bytes.len--;
    assert_code(judge(scene, text_of(scene), SOON, &is), ERR_INVALID_FIELD);
    scene->bytes.len = 0;
    assert_code(judge(scene, text_of(scene), SOON, &is), ERR_INVALID_FIELD);
}

static void rosters_are_asked_of_the_authority(void **state)
{
    struct scene *scene = *state;
    enum decision_state is = DECISION_MET;
    struct statement says = people_statement(&scene->fix, STATEMENT_ROSTER);
    struct span bytes = people_bytes(&scene->fix, &says);
    scene->votes[0] = people_vote(&scene->fix, "ann", VOTE_APPROVE, bytes, FIXTURE_NOW);
    scene->votes[1] = people_vote(&scene->fix, "cem", VOTE_APPROVE, bytes, FIXTURE_NOW);
    assert_ok(judge(scene, people_bundle(&scene->fix, bytes, scene->votes, 2), SOON, &is));
    assert_int_equal(is, DECISION_MET);
    says.rule.group = span_text("ops");
    bytes = people_bytes(&scene->fix, &says);
    assert_code(judge(scene, people_bundle(&scene->fix, bytes, scene->votes, 2), SOON, &is),
                ERR_FORBIDDEN);
}

static void a_flipped_byte_is_refused_or_unmet(void **state)
{
    struct scene *scene = *state;
    struct span text = text_of(scene);
    enum decision_state is = DECISION_WAITING;
    assert_ok(judge(scene, text, SOON, &is));
    assert_int_equal(is, DECISION_MET);
    CLEANUP(mem_free_at) uint8_t *flipped = mem_copy(text.data, text.len);
    for (size_t i = 0; i < text.len; i++) {
        flipped[i] ^= (uint8_t)(1U << (i % 8));
        is = DECISION_WAITING;
        struct err err = judge(scene, span_of(flipped, text.len), SOON, &is);
        if (err.code == ERR_OK && is == DECISION_MET) {
            fail_msg("byte %zu of %zu may be changed", i, text.len);
        }
        flipped[i] ^= (uint8_t)(1U << (i % 8));
    }
}

/* Cuts, but for those in the middle of long base64, which are alike. */
static void a_cut_one_is_not_read(void **state)
{
    struct scene *scene = *state;
    struct span text = text_of(scene);
    for (size_t len = 0; len < text.len; len += len < 200 || text.len - len < 400 ? 1 : 97) {
        struct bundle_read read = {0};
        assert_code(bundle_parse(span_of(text.data, len), &read), ERR_INVALID_JSON);
    }
}

static void other_spellings_are_not_read(void **state)
{
    static const struct {
        const char *old;
        const char *new;
    } cases[] = {
        {"{\"format\"", " {\"format\""},
        {"v1/bundle", "v2/bundle"},
        {"\"format\":\"hsmgate/v1/bundle\",", ""},
        {"\"statement\":\"", "\"statement\":\"="},
        {"\"statement\":\"", "\"statement\":7,\"was\":\""},
        {"\"votes\":[", "\"votes\":[7,"},
        {"\"votes\":[", "\"votes\":[{},"},
        {"\"votes\":[", "\"votes\":{},\"were\":["},
        {"{\"voter\":\"ann\",", "{"},
        {"\"approve\"", "\"maybe\""},
        {"\"raw\"", "\"RAW\""},
        {"[{\"roster\":\"", "[{\"roster\":\"="},
        {"[{\"roster\":\"", "[{\"votes\":[],\"roster\":\""},
        {"[{\"roster\":\"", "[7,{\"roster\":\""},
        {"[{\"roster\":\"", "[{},{\"roster\":\""},
        {"{\"roster\":\"", "{\"more\":1,\"roster\":\""},
        {"]}]}", "]}]}\n"},
        {"]}]}", "]}],\"more\":1}"},
    };
    struct scene *scene = *state;
    struct span text = text_of(scene);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf other = {0};
        struct bundle_read read = {0};
        size_t old_len = strlen(cases[i].old);
        const uint8_t *at = memmem(text.data, text.len, cases[i].old, old_len);
        assert_non_null(at);
        size_t lead = (size_t)(at - text.data);
        assert_ok(buf_append(&other, span_of(text.data, lead)));
        assert_ok(buf_append_text(&other, cases[i].new));
        assert_ok(buf_append(&other, span_of(at + old_len, text.len - lead - old_len)));
        assert_code_of(cases[i].new, bundle_parse(buf_span(&other), &read), ERR_INVALID_FIELD);
        assert_null(read.json.root);
        assert_null(read.bytes);
    }
}

static void too_much_is_not_read(void **state)
{
    struct scene *scene = *state;
    struct bundle_read read = {0};
    CLEANUP(mem_free_at) uint8_t *blanks = mem_alloc(BUNDLE_MAX + 1);
    assert_code(bundle_parse(span_of(blanks, BUNDLE_MAX + 1), &read), ERR_INVALID_FIELD);
    CLEANUP(mem_free_at) struct vote *votes = mem_array(QUORUM_VOTES_MAX + 1, sizeof(*votes));
    for (size_t i = 0; i <= QUORUM_VOTES_MAX; i++) {
        votes[i] = scene->votes[0];
    }
    struct span most = people_bundle(&scene->fix, scene->bytes, votes, QUORUM_VOTES_MAX);
    assert_ok(bundle_parse(most, &read));
    bundle_clear(&read);
    struct span more = people_bundle(&scene->fix, scene->bytes, votes, QUORUM_VOTES_MAX + 1);
    assert_code(bundle_parse(more, &read), ERR_INVALID_FIELD);
    scene->fix.links[1].votes = votes;
    scene->fix.links[1].vote_count = QUORUM_VOTES_MAX + 1;
    assert_code(bundle_parse(text_of(scene), &read), ERR_INVALID_FIELD);
}

static void one_that_does_not_fit_leaves_nothing(void **state)
{
    struct scene *scene = *state;
    CLEANUP(buf_clear) struct buf out = {.max = 1000};
    const struct bundle bundle = {scene->bytes, scene->votes, scene->count, scene->fix.links,
                                  scene->fix.link_count};
    assert_code(bundle_write(&bundle, &out), ERR_TOO_LARGE);
    assert_int_equal(out.len, 0);
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(one_comes_back),
        SCENE(one_is_judged),
        SCENE(a_judgement_may_be_no),
        SCENE(an_older_roster_may_be_named),
        SCENE(what_proves_nothing_is_an_error),
        SCENE(rosters_are_asked_of_the_authority),
        SCENE(a_flipped_byte_is_refused_or_unmet),
        SCENE(a_cut_one_is_not_read),
        SCENE(other_spellings_are_not_read),
        SCENE(too_much_is_not_read),
        SCENE(one_that_does_not_fit_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
