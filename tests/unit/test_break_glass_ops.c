/* Requests that a quorum decides, over the API: asked, shown, voted on, taken back, and carried out
 * once, whatever the token or other people do meanwhile. */
#include "base/clock.h"
#include "base/encoding.h"
#include "gate.h"
#include "gateway/witness.h"

static struct gate gate;

static int setup(void **state)
{
    (void)state;
    gate_open(&gate);
    gate_admit(&gate, "ann");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_token_judges(ERR_OK, "");
    gate_close(&gate);
    return 0;
}

#define ANN         "hg_ann"
#define TWO_DAYS_MS ((int64_t)2 * 86400 * 1000)

/* An approved request of this body. */
static void approve(const char *body)
{
    gate_request(&gate, body);
    gate_voted(&gate, "ann", VOTE_APPROVE);
    gate_voted(&gate, "bob", VOTE_APPROVE);
    gate_expect(&gate, "approved");
}

static void approve_open(void)
{
    gate_request_open(&gate, "");
    gate_voted(&gate, "ann", VOTE_APPROVE);
    gate_voted(&gate, "bob", VOTE_APPROVE);
    gate_expect(&gate, "approved");
}

static struct answer get(const char *bearer)
{
    return gate_do(&gate, METHOD_GET, "", NULL, bearer);
}

static struct answer open_it(const char *bearer)
{
    return gate_do(&gate, METHOD_POST, ":open", "{}", bearer);
}

/* The request must not open, and be in this state afterwards. */
static void expect_closed(int status, const char *code, const char *after)
{
    CLEANUP(answer_clear) struct answer answer = open_it(NULL);
    assert_problem(&answer, status, code);
    gate_expect(&gate, after);
}

/* --- from asking to opening --- */

static void a_new_request_shows_what_it_needs(void **state)
{
    (void)state;
    gate_request_open(&gate, "");
    CLEANUP(answer_clear) struct answer answer = get(NULL);
    assert_int_equal(answer.status, 200);
    assert_span_is(answer_text(&answer, "id"), gate.id);
    assert_span_is(answer_text(&answer, "kind"), "open");
    assert_span_is(answer_text(&answer, "state"), "pending");
    assert_span_is(answer_text(&answer, "key"), GATE_KEY);
    assert_int_equal(answer_integer(&answer, "version"), 1);
    assert_span_is(answer_text(&answer, "requester"), "token:admin");
    assert_span_is(answer_text(&answer, "reason"), "restore");
    assert_span_is(answer_text(&answer, "ticket"), "OPS-1");
    assert_span_is(answer_text(&answer, "group"), "ops");
    assert_int_equal(answer_integer(&answer, "m"), 2);
    assert_int_equal(answer_integer(&answer, "needed"), 2);
    assert_int_equal(answer_integer(&answer, "approvals"), 0);
    assert_int_equal(json_count(json_member(answer.json.root, "eligible")), 4);
    assert_span_is(answer_text(&answer, "decision"), "waiting");
    assert_int_equal(json_count(json_member(answer.json.root, "votes")), 0);
    CLEANUP(mem_free_at) char *ciphertext = gate_ciphertext(&gate, GATE_KEY, 1);
    assert_span_is(answer_text(&answer, "ciphertext"), ciphertext);
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    CLEANUP(buf_clear) struct buf digest = {0};
    uint8_t bytes[SHA256_LEN];
    statement_digest(request->statement, bytes);
    assert_ok(hex_encode(span_of(bytes, sizeof(bytes)), &digest));
    assert_true(span_equal(answer_text(&answer, "digest"), buf_span(&digest)));
}

static void two_approve_and_it_opens_once(void **state)
{
    (void)state;
    size_t openings = fake_token_shown().openings;
    gate_request_open(&gate, "");
    expect_closed(403, "approval_required", "pending");
    gate_voted(&gate, "ann", VOTE_APPROVE);
    expect_closed(403, "approval_required", "pending");
    gate_voted(&gate, "bob", VOTE_APPROVE);
    gate_expect(&gate, "approved");
    assert_int_equal(fake_token_shown().openings, openings);
    CLEANUP(answer_clear) struct answer answer = open_it(NULL);
    assert_int_equal(answer.status, 200);
    assert_span_is(answer_text(&answer, "id"), gate.id);
    assert_span_is(answer_text(&answer, "state"), "opened");
    assert_span_is(answer_text(&answer, "key"), GATE_KEY);
    assert_int_equal(answer_integer(&answer, "version"), 1);
    assert_span_is(answer_text(&answer, "sealed"), FAKE_JWE);
    assert_int_equal(fake_token_shown().openings, openings + 1);
    assert_int_equal(fixture_count_records(&gate.fixture, "\"result_sha256\""), 1);
    expect_closed(409, "invalid_state", "opened");
    assert_int_equal(fake_token_shown().openings, openings + 1);
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    const struct span jwe = span_text(FAKE_JWE);
    uint8_t digest[SHA256_LEN];
    digest_sha256_parts(&jwe, 1, digest);
    assert_true(span_equal(request->result, span_of(digest, sizeof(digest))));
    assert_true(request->audit_seq > 0);
    assert_int_equal(fixture_count_records(&gate.fixture, FAKE_JWE), 0);
}

/* --- showing --- */

static size_t list(const char *query, bool *out_more)
{
    const struct asking asking = {
        .method = METHOD_GET, .path = "/v1/break-glass", .query = query, .bearer = ADMIN_TOKEN};
    CLEANUP(answer_clear) struct answer answer = fixture_ask(&gate.fixture, &asking);
    assert_int_equal(answer.status, 200);
    const struct json_value *requests = json_member(answer.json.root, "requests");
    for (const struct json_value *at = json_first(requests); at != NULL; at = json_next(at)) {
        assert_null(json_member(at, "ciphertext"));
        assert_non_null(json_member(at, "votes"));
    }
    *out_more = json_member(answer.json.root, "next_page_token") != NULL;
    return json_count(requests);
}

static void a_list_is_filtered_and_paged(void **state)
{
    (void)state;
    bool more = false;
    static const char *const wrong[] = {"state=open", "page_size=0", "page_size=501",
                                        "page_token=x", "colour=red"};
    gate_request_open(&gate, "");
    gate_request_open(&gate, "");
    gate_request_open(&gate, "");
    gate_voted(&gate, "ann", VOTE_DENY);
    assert_int_equal(list(NULL, &more), 3);
    assert_false(more);
    assert_int_equal(list("state=pending", &more), 2);
    assert_int_equal(list("state=denied&key=" GATE_KEY, &more), 1);
    assert_int_equal(list("key=a/other", &more), 0);
    assert_int_equal(list("page_size=2", &more), 2);
    assert_true(more);
    CLEANUP(mem_free_at) char *rest = mem_format("page_token=%s", gate.id); /* the newest */
    assert_int_equal(list(rest, &more), 2);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        const struct asking asking = {.method = METHOD_GET,
                                      .path = "/v1/break-glass",
                                      .query = wrong[i],
                                      .bearer = ADMIN_TOKEN};
        CLEANUP(answer_clear) struct answer answer = fixture_ask(&gate.fixture, &asking);
        assert_int_equal(answer.status, 400);
    }
}

static void put_grant(const char *id, const char *principal, const char *operation)
{
    CLEANUP(mem_free_at) char *path = mem_format("/v1/grants/%s", id);
    CLEANUP(mem_free_at)
    char *body = mem_format("{\"principal\":\"%s\",\"keys\":\"a/**\",\"operations\":[\"%s\"],"
                            "\"justification\":\"a test\"}",
                            principal, operation);
    CLEANUP(answer_clear)
    struct answer answer = fixture_admin(&gate.fixture, METHOD_PUT, path, body);
    if (answer.status / 100 != 2) {
        fail_msg("no grant: %.*s", (int)answer.body.len, (const char *)answer.body.data);
    }
}

static void expect_sight(const char *bearer, int status)
{
    CLEANUP(answer_clear) struct answer answer = get(bearer);
    assert_int_equal(answer.status, status);
}

static void who_has_no_part_in_it_sees_nothing(void **state)
{
    (void)state;
    gate_request_open(&gate, "");
    expect_sight(ADMIN_TOKEN, 200);
    expect_sight(ANN, 200); /* the roster knows her */
    expect_sight(OTHER_TOKEN, 404);
    CLEANUP(answer_clear) struct answer opened = open_it(OTHER_TOKEN);
    assert_problem(&opened, 404, "not_found");
    CLEANUP(answer_clear)
    struct answer cancelled = gate_do(&gate, METHOD_POST, ":cancel", "{}", OTHER_TOKEN);
    assert_problem(&cancelled, 404, "not_found");
    CLEANUP(answer_clear)
    struct answer evidence = gate_do(&gate, METHOD_GET, ":evidence", NULL, OTHER_TOKEN);
    assert_problem(&evidence, 404, "not_found");
    const struct asking all = {
        .method = METHOD_GET, .path = "/v1/break-glass", .bearer = OTHER_TOKEN};
    CLEANUP(answer_clear) struct answer listed = fixture_ask(&gate.fixture, &all);
    assert_int_equal(json_count(json_member(listed.json.root, "requests")), 0);
    put_grant("opener", "token:other", "open-break-glass");
    expect_sight(OTHER_TOKEN, 200);
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    static const char *const verbs[] = {":open", ":cancel", ":vote"};
    static const char *const ids[] = {"nonsense", "00000000-0000-4000-8000-000000000000"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        (void)snprintf(gate.id, sizeof(gate.id), "%s", ids[i]);
        expect_sight(NULL, 404);
        for (size_t j = 0; j < ARRAY_LEN(verbs); j++) {
            CLEANUP(answer_clear)
            struct answer answer = gate_do(&gate, METHOD_POST, verbs[j], "{}", NULL);
            assert_problem(&answer, 404, "not_found");
        }
    }
}

/* --- votes --- */

static struct answer send_vote(const struct vote *vote)
{
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    vote_put(&writer, NULL, vote);
    assert_ok(json_finish(&writer));
    assert_ok(buf_append_u8(&body, 0));
    return gate_do(&gate, METHOD_POST, ":vote", (const char *)body.data, NULL);
}

static void a_vote_that_does_not_count_is_refused(void **state)
{
    (void)state;
    int64_t now = clock_wall_ms();
    people_person(&gate.people, "dora")->is.principals[0] = span_text("token:admin");
    (void)people_group(&gate.people, "ops", 2, "ann,bob,dora");
    gate_publish(&gate);
    (void)people_person(&gate.people, "mallory"); /* in no roster */
    gate_request_open(&gate, "");
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    struct span bytes = request->statement;
    struct vote forged = people_vote(&gate.people, "bob", VOTE_APPROVE, bytes, now);
    forged.voter = span_text("ann");
    struct statement other = people_statement(&gate.people, STATEMENT_OPEN);
    const struct {
        const char *name;
        struct vote vote;
        int status;
        const char *code;
    } cases[] = {
        {"nobody knows the voter", people_vote(&gate.people, "mallory", VOTE_APPROVE, bytes, now),
         403, "forbidden"},
        {"not of the group", people_vote(&gate.people, "cem", VOTE_APPROVE, bytes, now), 403,
         "forbidden"},
        {"the requester", people_vote(&gate.people, "dora", VOTE_APPROVE, bytes, now), 403,
         "forbidden"},
        {"another's signature", forged, 403, "forbidden"},
        {"another statement",
         people_vote(&gate.people, "ann", VOTE_APPROVE, people_bytes(&gate.people, &other), now),
         403, "forbidden"},
        {"too early", people_vote(&gate.people, "ann", VOTE_APPROVE, bytes, now - 86400000), 400,
         "invalid_field"},
        {"from the future", people_vote(&gate.people, "ann", VOTE_APPROVE, bytes, now + 600000),
         400, "invalid_field"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(answer_clear) struct answer answer = send_vote(&cases[i].vote);
        if (answer.status != cases[i].status ||
            !span_is(answer_text(&answer, "code"), cases[i].code)) {
            fail_msg("%s: %.*s", cases[i].name, (int)answer.body.len,
                     (const char *)answer.body.data);
        }
    }
    CLEANUP(request_free_at) const struct quorum_request *after = gate_row(&gate);
    assert_int_equal(after->vote_count, 0);
}

static void a_person_votes_one_way_once(void **state)
{
    (void)state;
    gate_request_open(&gate, "");
    gate_voted(&gate, "ann", VOTE_APPROVE);
    CLEANUP(answer_clear) struct answer twice = gate_vote(&gate, "ann", VOTE_APPROVE);
    assert_problem(&twice, 409, "conflict");
    gate_expect(&gate, "pending");
    gate_voted(&gate, "ann", VOTE_DENY); /* a change of mind */
    gate_expect(&gate, "denied");
    CLEANUP(answer_clear) struct answer late = gate_vote(&gate, "bob", VOTE_APPROVE);
    assert_problem(&late, 409, "invalid_state");
    expect_closed(409, "invalid_state", "denied");
    CLEANUP(answer_clear) struct answer view = get(NULL);
    assert_span_is(answer_text(&view, "decision"), "denied");
    assert_int_equal(json_count(json_member(view.json.root, "votes")), 2);
    CLEANUP(answer_clear)
    struct answer odd = gate_do(&gate, METHOD_POST, ":vote", "{\"voter\":\"ann\"}", NULL);
    assert_int_equal(odd.status, 400);
}

/* Carried by somebody who has no part in it: the signature says whose it is. */
static void anybody_may_carry_a_vote(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf body = {0};
    gate_request_open(&gate, "");
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    struct vote vote =
        people_vote(&gate.people, "cem", VOTE_APPROVE, request->statement, clock_wall_ms());
    struct json_writer writer = json_writer_on(&body);
    vote_put(&writer, NULL, &vote);
    assert_ok(json_finish(&writer));
    assert_ok(buf_append_u8(&body, 0));
    CLEANUP(answer_clear)
    struct answer answer =
        gate_do(&gate, METHOD_POST, ":vote", (const char *)body.data, OTHER_TOKEN);
    assert_int_equal(answer.status, 200);
    CLEANUP(json_clear) struct json record = {0};
    struct span text = {0};
    fixture_last_record(&gate.fixture, &record);
    const struct json_value *detail = json_member(record.root, "detail");
    assert_true(json_as_text(json_member(detail, "voter"), &text));
    assert_span_is(text, "cem");
}

/* --- taking back --- */

static void the_requester_takes_it_back(void **state)
{
    (void)state;
    gate_request_open(&gate, "");
    CLEANUP(answer_clear)
    struct answer other = gate_do(&gate, METHOD_POST, ":cancel", "{}", ANN);
    assert_problem(&other, 403, "forbidden");
    CLEANUP(answer_clear)
    struct answer odd = gate_do(&gate, METHOD_POST, ":cancel", "{\"reason\":\"a\\nb\"}", NULL);
    assert_problem(&odd, 400, "invalid_field");
    CLEANUP(answer_clear)
    struct answer answer =
        gate_do(&gate, METHOD_POST, ":cancel", "{\"reason\":\"found a copy\"}", NULL);
    assert_int_equal(answer.status, 200);
    assert_span_is(answer_text(&answer, "state"), "cancelled");
    assert_span_is(answer_text(&answer, "outcome"), "found a copy");
    CLEANUP(answer_clear) struct answer again = gate_do(&gate, METHOD_POST, ":cancel", NULL, NULL);
    assert_problem(&again, 409, "invalid_state");
    approve_open();
    CLEANUP(answer_clear)
    struct answer approved = gate_do(&gate, METHOD_POST, ":cancel", NULL, NULL);
    assert_int_equal(approved.status, 200);
    expect_closed(409, "invalid_state", "cancelled");
}

/* --- who opens --- */

static void opening_needs_its_own_grant(void **state)
{
    (void)state;
    approve_open();
    CLEANUP(answer_clear) struct answer refused = open_it(ANN);
    assert_problem(&refused, 403, "forbidden");
    gate_expect(&gate, "approved");
    CLEANUP(answer_clear)
    struct answer odd = gate_do(&gate, METHOD_POST, ":open", "{\"now\":true}", NULL);
    assert_problem(&odd, 400, "unknown_field");
    put_grant("opener", "token:ann", "open-break-glass");
    CLEANUP(answer_clear) struct answer opened = open_it(ANN);
    assert_int_equal(opened.status, 200);
}

static void an_approval_that_is_gone_opens_nothing(void **state)
{
    (void)state;
    approve_open();
    (void)people_group(&gate.people, "ops", 2, "ann,cem,dora");
    gate_publish(&gate);
    CLEANUP(answer_clear) struct answer view = get(NULL);
    assert_span_is(answer_text(&view, "state"), "approved");
    assert_span_is(answer_text(&view, "decision"), "waiting");
    expect_closed(403, "approval_required", "approved");
}

/* --- what the token says --- */

static void what_the_token_says_ends_it(void **state)
{
    (void)state;
    static const struct {
        enum err_code says;
        int status;
        const char *code;
        const char *after;
    } cases[] = {
        {ERR_APPROVAL_REQUIRED, 403, "approval_required", "failed"},
        {ERR_CONFLICT, 409, "conflict", "failed"}, /* spent on the worker's side */
        {ERR_INVALID_CIPHERTEXT, 400, "invalid_ciphertext", "failed"},
        {ERR_TOKEN_UNAVAILABLE, 503, "token_unavailable", "indeterminate"},
        {ERR_DEADLINE, 503, "deadline_exceeded", "indeterminate"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        approve_open();
        fake_token_judges(cases[i].says, "the worker says so");
        expect_closed(cases[i].status, cases[i].code, cases[i].after);
        CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
        assert_string_equal(request->outcome, "the worker says so");
        fake_token_judges(ERR_OK, "");
        size_t openings = fake_token_shown().openings;
        expect_closed(409, "invalid_state", cases[i].after);
        assert_int_equal(fake_token_shown().openings, openings);
    }
}

/* --- what comes in between --- */

static void deny_now(void)
{
    gate_put_vote(&gate, "cem", VOTE_DENY);
}

static void freeze_now(void)
{
    const struct freeze freeze = {.at = clock_wall_ms(), .by = "token:ann", .reason = "leak"};
    assert_ok(keystore_freeze(gate.fixture.gateway.store, span_text(GATE_KEY), &freeze));
}

static void lose_token_now(void)
{
    gate.fixture.gateway.token_count = 0;
}

/* Right before it is spent, when everything was looked at already. */
static void a_second_look_sees_what_came_in_between(void **state)
{
    (void)state;
    size_t openings = fake_token_shown().openings;
    approve_open();
    fake_token_on_status(deny_now);
    expect_closed(403, "approval_required", "failed");
    approve_open();
    fake_token_on_status(freeze_now);
    expect_closed(409, "invalid_state", "failed");
    assert_int_equal(fake_token_shown().openings, openings);
}

/* Nothing was done, which is known: nobody has to look. */
static void a_token_that_goes_before_it_is_asked_did_nothing(void **state)
{
    (void)state;
    size_t openings = fake_token_shown().openings;
    approve_open();
    fake_token_on_status(lose_token_now);
    expect_closed(503, "token_unavailable", "failed");
    gate.fixture.gateway.token_count = 1;
    assert_int_equal(fake_token_shown().openings, openings);
}

/* An approved row about this statement. */
static void put_approved(const struct statement *says)
{
    struct span bytes = people_bytes(&gate.people, says);
    const struct quorum_request request = {.id = says->id,
                                           .kind = "open",
                                           .key = GATE_KEY,
                                           .version = says->version,
                                           .requester = "token:admin",
                                           .statement = bytes,
                                           .ciphertext = span_text("blob"),
                                           .created_at = says->created_at,
                                           .expires_at = says->expires_at};
    const struct request_move move = {.from = REQUEST_PENDING, .to = REQUEST_APPROVED};
    struct keystore *store = gate.fixture.gateway.store;
    assert_ok(keystore_put_request(store, &request));
    uuid_format(says->id, gate.id);
    gate_put_vote(&gate, "ann", VOTE_APPROVE);
    gate_put_vote(&gate, "bob", VOTE_APPROVE);
    assert_ok(keystore_move_request(store, says->id, &move, clock_wall_ms()));
}

enum replaced { REPLACED_NOTHING, REPLACED_KEY, REPLACED_CKA_ID, REPLACED_IDENTITY };

/* A statement about the key as it is, but for one thing. */
static void put_replaced(enum replaced what)
{
    static const uint8_t cka_id[APPROVAL_CKA_ID_LEN] = {7};
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(gate.fixture.gateway.store, span_text(GATE_KEY));
    struct statement says = people_statement(&gate.people, STATEMENT_OPEN);
    says.created_at = clock_wall_ms() / 1000 * 1000;
    says.expires_at = says.created_at + 3600000;
    says.requester = span_text("token:admin");
    says.key = span_text(GATE_KEY);
    says.key_id = key->id;
    says.version = 1;
    says.cka_id = span_of(key->versions[0].cka_id, key->versions[0].cka_id_len);
    says.identity = span_text("identity");
    if (what == REPLACED_KEY) {
        says.key_id.bytes[0] ^= 1;
    }
    if (what == REPLACED_CKA_ID) {
        says.cka_id = span_of(cka_id, sizeof(cka_id));
    }
    if (what == REPLACED_IDENTITY) {
        says.identity = span_text("Identity");
    }
    put_approved(&says);
}

static void another_key_of_the_same_name_stays_closed(void **state)
{
    (void)state;
    static const enum replaced whats[] = {REPLACED_KEY, REPLACED_CKA_ID, REPLACED_IDENTITY};
    size_t openings = fake_token_shown().openings;
    for (size_t i = 0; i < ARRAY_LEN(whats); i++) {
        put_replaced(whats[i]);
        expect_closed(409, "invalid_state", "approved");
    }
    assert_int_equal(fake_token_shown().openings, openings);
    put_replaced(REPLACED_NOTHING);
    CLEANUP(answer_clear) struct answer answer = open_it(NULL);
    assert_int_equal(answer.status, 200);
}

/* Nobody writes such a row: what changes the roster is published with its votes. */
static void a_roster_is_not_opened(void **state)
{
    (void)state;
    struct statement says = people_statement(&gate.people, STATEMENT_ROSTER);
    says.created_at = clock_wall_ms() / 1000 * 1000;
    says.expires_at = says.created_at + 3600000;
    put_approved(&says);
    expect_closed(403, "approval_required", "approved"); /* no row is of such a kind */
}

/* --- freezing --- */

static struct answer freeze(const char *name, const char *body, const char *bearer)
{
    CLEANUP(mem_free_at) char *path = mem_format("/v1/keys/%s:freeze", name);
    const struct asking asking = {
        .method = METHOD_POST, .path = path, .body = body, .bearer = bearer};
    return fixture_ask(&gate.fixture, &asking);
}

static struct answer show_key(const char *name)
{
    CLEANUP(mem_free_at) char *path = mem_format("/v1/keys/%s", name);
    return fixture_admin(&gate.fixture, METHOD_GET, path, NULL);
}

static void one_person_freezes_and_a_quorum_unfreezes(void **state)
{
    (void)state;
    CLEANUP(answer_clear) struct answer blank = freeze(GATE_KEY, "{}", ADMIN_TOKEN);
    assert_problem(&blank, 400, "invalid_field");
    CLEANUP(answer_clear)
    struct answer one = freeze(GATE_KEY "@1", "{\"reason\":\"leak\"}", ADMIN_TOKEN);
    assert_problem(&one, 400, "invalid_name");
    CLEANUP(answer_clear)
    struct answer other = freeze(GATE_KEY, "{\"reason\":\"leak\"}", OTHER_TOKEN);
    assert_problem(&other, 403, "forbidden");
    approve_open();
    char opening[sizeof(gate.id)];
    memcpy(opening, gate.id, sizeof(opening));
    CLEANUP(answer_clear)
    struct answer frozen = freeze(GATE_KEY, "{\"reason\":\"leak\"}", ADMIN_TOKEN);
    assert_int_equal(frozen.status, 200);
    assert_span_is(answer_text(&frozen, "key"), GATE_KEY);
    assert_span_is(answer_text(&frozen, "frozen_by"), "token:admin");
    assert_span_is(answer_text(&frozen, "reason"), "leak");
    assert_non_null(json_member(frozen.json.root, "frozen_at"));
    expect_closed(409, "invalid_state", "approved");
    CLEANUP(answer_clear) struct answer shown = show_key(GATE_KEY);
    assert_non_null(json_member(json_member(shown.json.root, "frozen"), "at"));
    CLEANUP(answer_clear)
    struct answer twice = freeze(GATE_KEY, "{\"reason\":\"leak\"}", ADMIN_TOKEN);
    assert_problem(&twice, 409, "invalid_state");
    approve("{\"kind\":\"unfreeze\",\"key\":\"" GATE_KEY "\",\"reason\":\"no leak\"}");
    CLEANUP(answer_clear) struct answer thawed = open_it(NULL);
    assert_int_equal(thawed.status, 200);
    assert_span_is(answer_text(&thawed, "state"), "opened");
    CLEANUP(answer_clear) struct answer now = show_key(GATE_KEY);
    assert_null(json_member(now.json.root, "frozen"));
    memcpy(gate.id, opening, sizeof(opening));
    CLEANUP(answer_clear) struct answer opened = open_it(NULL);
    assert_int_equal(opened.status, 200);
}

/* --- rules --- */

static void a_quorum_sets_a_rule_and_takes_it_away(void **state)
{
    (void)state;
    int64_t m = 0;
    gate_make_key(&gate, "a/plain", "", 0);
    approve("{\"kind\":\"rule\",\"key\":\"a/plain\",\"reason\":\"cards\","
            "\"approval\":{\"group\":\"ops\",\"m\":3}}");
    CLEANUP(answer_clear) struct answer set = open_it(NULL);
    assert_int_equal(set.status, 200);
    const struct json_value *approval = json_member(set.json.root, "approval");
    assert_true(json_as_integer(json_member(approval, "m"), &m) && m == 3);
    CLEANUP(answer_clear) struct answer shown = show_key("a/plain");
    approval = json_member(shown.json.root, "approval");
    assert_true(json_as_integer(json_member(approval, "m"), &m) && m == 3);
    gate_request(&gate, "{\"kind\":\"rule\",\"key\":\"a/plain\",\"reason\":\"no cards\","
                        "\"approval\":{}}");
    gate_voted(&gate, "ann", VOTE_APPROVE);
    gate_voted(&gate, "bob", VOTE_APPROVE);
    expect_closed(403, "approval_required", "pending"); /* the new rule wants three */
    gate_voted(&gate, "cem", VOTE_APPROVE);
    CLEANUP(answer_clear) struct answer taken = open_it(NULL);
    assert_int_equal(taken.status, 200);
    assert_non_null(json_member(taken.json.root, "approval"));
    assert_false(json_is(json_member(taken.json.root, "approval"), JSON_OBJECT));
    CLEANUP(answer_clear) struct answer now = show_key("a/plain");
    assert_null(json_member(now.json.root, "approval"));
}

/* --- destruction --- */

static void a_quorum_schedules_a_destruction(void **state)
{
    (void)state;
    const struct version_move disable = {
        .number = 1, .from = VERSION_ACTIVE, .to = VERSION_DISABLED};
    struct keystore *store = gate.fixture.gateway.store;
    assert_ok(keystore_move(store, span_text(GATE_KEY), &disable, 1, clock_wall_ms()));
    int64_t before = clock_wall_ms();
    approve("{\"kind\":\"destroy\",\"key\":\"" GATE_KEY "@1\",\"reason\":\"leaked\","
            "\"after\":\"2d\"}");
    CLEANUP(answer_clear) struct answer answer = open_it(NULL);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer_integer(&answer, "version"), 1);
    assert_span_is(answer_text(&answer, "version_state"), "destroy-scheduled");
    int64_t at = 0;
    assert_ok(clock_parse(answer_text(&answer, "destroy_at"), &at));
    assert_in_range(at, before + TWO_DAYS_MS, clock_wall_ms() + TWO_DAYS_MS);
    CLEANUP(key_release_at) const struct key *key = keystore_find(store, span_text(GATE_KEY));
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    const struct version *version = key_version(key, 1);
    assert_true(version->has_permission && uuid_equal(version->permission, request->id));
    assert_string_equal(version->reason, "leaked");
    /* another one about the same version comes too late */
    CLEANUP(answer_clear)
    struct answer again =
        gate_ask(&gate, "{\"kind\":\"destroy\",\"key\":\"" GATE_KEY "@1\",\"reason\":\"leaked\"}");
    assert_problem(&again, 409, "invalid_state");
}

/* --- evidence --- */

static size_t count_proofs(const struct answer *answer)
{
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(bundle_clear) struct bundle_read bundle = {0};
    assert_int_equal(answer->status, 200);
    assert_span_is(answer_text(answer, "format"), "hsmgate/v1/evidence");
    struct json_writer writer = json_writer_on(&text);
    json_put_value(&writer, NULL, json_member(answer->json.root, "bundle"));
    assert_ok(json_finish(&writer));
    assert_ok(bundle_parse(buf_span(&text), &bundle));
    assert_int_equal(bundle.is.vote_count, 2);
    return json_count(json_member(answer->json.root, "records"));
}

static void evidence_has_the_record_once_it_is_opened(void **state)
{
    (void)state;
    gate.fixture.config.audit.folder = gate.fixture.audit_folder;
    gate.fixture.config.audit.checkpoint_every_s = 1;
    gate.fixture.config.audit.checkpoint_records = 1;
    approve_open();
    CLEANUP(answer_clear)
    struct answer before = gate_do(&gate, METHOD_GET, ":evidence", NULL, NULL);
    assert_int_equal(count_proofs(&before), 0);
    CLEANUP(answer_clear) struct answer opened = open_it(NULL);
    assert_int_equal(opened.status, 200);
    CLEANUP(answer_clear)
    struct answer unsigned_yet = gate_do(&gate, METHOD_GET, ":evidence", NULL, NULL);
    assert_problem(&unsigned_yet, 503, "deadline_exceeded"); /* nobody signs checkpoints */
    gate.fixture.gateway.witness = witness_open(&gate.fixture.gateway);
    CLEANUP(answer_clear)
    struct answer after = gate_do(&gate, METHOD_GET, ":evidence", NULL, NULL);
    size_t proofs = count_proofs(&after);
    witness_close(gate.fixture.gateway.witness);
    gate.fixture.gateway.witness = NULL;
    assert_int_equal(proofs, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_request_shows_what_it_needs),
        TEST(two_approve_and_it_opens_once),
        TEST(a_list_is_filtered_and_paged),
        TEST(who_has_no_part_in_it_sees_nothing),
        TEST(what_is_not_there_is_not_found),
        TEST(a_vote_that_does_not_count_is_refused),
        TEST(a_person_votes_one_way_once),
        TEST(anybody_may_carry_a_vote),
        TEST(the_requester_takes_it_back),
        TEST(opening_needs_its_own_grant),
        TEST(an_approval_that_is_gone_opens_nothing),
        TEST(what_the_token_says_ends_it),
        TEST(a_second_look_sees_what_came_in_between),
        TEST(a_token_that_goes_before_it_is_asked_did_nothing),
        TEST(another_key_of_the_same_name_stays_closed),
        TEST(a_roster_is_not_opened),
        TEST(one_person_freezes_and_a_quorum_unfreezes),
        TEST(a_quorum_sets_a_rule_and_takes_it_away),
        TEST(a_quorum_schedules_a_destruction),
        TEST(evidence_has_the_record_once_it_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
