/* What may be asked of a quorum: each refusal with its code, and what the statement says of what
 * was asked. */
#include "base/clock.h"
#include "base/encoding.h"
#include "gate.h"

static struct gate gate;
static char *ciphertext; /* of a/glass, version 1 */

static int setup(void **state)
{
    (void)state;
    gate_open(&gate);
    gate_make_key(&gate, "a/plain", "", 0);
    gate_make_key(&gate, "a/lost", "nobody", 2);
    fixture_make_key(&gate.fixture, "a/sign", "");
    ciphertext = gate_ciphertext(&gate, GATE_KEY, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mem_free(ciphertext);
    gate_close(&gate);
    return 0;
}

/* `"@"` in a body stands for the ciphertext. */
static struct answer ask(const char *body)
{
    const char *at = strstr(body, "\"@\"");
    if (at == NULL) {
        return gate_ask(&gate, body);
    }
    at++;
    CLEANUP(mem_free_at)
    char *whole = mem_format("%.*s%s%s", (int)(at - body), body, ciphertext, at + 1);
    return gate_ask(&gate, whole);
}

#define GLASS   "\"key\":\"a/glass\""
#define FIRST   "\"key\":\"a/glass@1\""
#define REASON  "\"reason\":\"restore\""
#define TICKET  "\"ticket\":\"OPS-1\""
#define BLOB    "\"ciphertext\":\"@\""
#define OPEN    GLASS "," REASON "," TICKET "," BLOB "," GATE_RECIPIENT
#define DESTROY "\"kind\":\"destroy\"," REASON
#define RULE    "\"kind\":\"rule\"," GLASS "," REASON
#define X256    "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\""

static const struct {
    const char *name;
    const char *body;
    int status;
    const char *code;
} refusals[] = {
    {"no key", "{" REASON "}", 400, "invalid_field"},
    {"key is no text", "{\"key\":7," REASON "}", 400, "invalid_field"},
    {"key is no name", "{\"key\":\"A B\"," REASON "}", 400, "invalid_name"},
    {"version is no number", "{\"key\":\"a/glass@x\"," REASON "}", 400, "invalid_name"},
    {"no such key", "{\"key\":\"a/none\"," REASON "}", 404, "not_found"},
    {"kind of nothing", "{" OPEN ",\"kind\":\"steal\"}", 400, "invalid_field"},
    {"kind roster", "{" OPEN ",\"kind\":\"roster\"}", 400, "invalid_field"},
    {"unknown member", "{" OPEN ",\"force\":true}", 400, "unknown_field"},
    {"no reason", "{" GLASS "," TICKET "," BLOB "," GATE_RECIPIENT "}", 400, "invalid_field"},
    {"blank reason", "{" GLASS ",\"reason\":\"  \"," TICKET "," BLOB "," GATE_RECIPIENT "}", 400,
     "invalid_field"},
    {"line break in reason",
     "{" GLASS ",\"reason\":\"a\\nb\"," TICKET "," BLOB "," GATE_RECIPIENT "}", 400,
     "invalid_field"},
    {"line break in ticket",
     "{" GLASS "," REASON ",\"ticket\":\"a\\nb\"," BLOB "," GATE_RECIPIENT "}", 400,
     "invalid_field"},
    {"no ticket", "{" GLASS "," REASON "," BLOB "," GATE_RECIPIENT "}", 400, "invalid_field"},
    {"short window", "{" OPEN ",\"window\":\"59s\"}", 400, "invalid_field"},
    {"long window", "{" OPEN ",\"window\":\"8d\"}", 400, "invalid_field"},
    {"odd window", "{" OPEN ",\"window\":\"soon\"}", 400, "invalid_field"},
    /* open */
    {"no ciphertext", "{" GLASS "," REASON "," TICKET "," GATE_RECIPIENT "}", 400, "invalid_field"},
    {"no recipient", "{" GLASS "," REASON "," TICKET "," BLOB "}", 400, "invalid_field"},
    {"recipient with its private half",
     "{" GLASS "," REASON "," TICKET "," BLOB
     ",\"recipient\":{\"kty\":\"EC\",\"crv\":\"P-256\"," X256 ",\"y\":\"AA\",\"d\":\"AA\"}}",
     400, "invalid_field"},
    {"recipient off the curve",
     "{" GLASS "," REASON "," TICKET "," BLOB
     ",\"recipient\":{\"kty\":\"EC\",\"crv\":\"P-256\"," X256
     ",\"y\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\"}}",
     400, "invalid_field"},
    {"context of numbers", "{" OPEN ",\"context\":{\"a\":1}}", 400, "invalid_field"},
    {"no base64", "{" GLASS "," REASON "," TICKET ",\"ciphertext\":\"!\"," GATE_RECIPIENT "}", 400,
     "invalid_base64"},
    {"no ciphertext of ours",
     "{" GLASS "," REASON "," TICKET ",\"ciphertext\":\"AAAA\"," GATE_RECIPIENT "}", 400,
     "invalid_ciphertext"},
    {"of another key", "{\"key\":\"a/plain\"," REASON "," TICKET "," BLOB "," GATE_RECIPIENT "}",
     400, "invalid_ciphertext"},
    {"of another version",
     "{\"key\":\"a/glass@2\"," REASON "," TICKET "," BLOB "," GATE_RECIPIENT "}", 400,
     "invalid_ciphertext"},
    {"after of an open", "{" OPEN ",\"after\":\"30d\"}", 400, "invalid_field"},
    {"despite_use of an open", "{" OPEN ",\"despite_use\":true}", 400, "invalid_field"},
    {"approval of an open", "{" OPEN ",\"approval\":{}}", 400, "invalid_field"},
    /* destroy */
    {"no version to destroy", "{" DESTROY "," GLASS "}", 400, "invalid_name"},
    {"no such version", "{" DESTROY ",\"key\":\"a/glass@9\"}", 404, "not_found"},
    {"active version", "{" DESTROY "," FIRST "}", 409, "invalid_state"},
    {"ciphertext to destroy", "{" DESTROY "," FIRST "," BLOB "}", 400, "invalid_field"},
    {"recipient to destroy", "{" DESTROY "," FIRST "," GATE_RECIPIENT "}", 400, "invalid_field"},
    {"context to destroy", "{" DESTROY "," FIRST ",\"context\":{}}", 400, "invalid_field"},
    /* rule */
    {"no rule", "{" RULE "}", 400, "invalid_field"},
    {"rule null", "{" RULE ",\"approval\":null}", 400, "invalid_field"},
    {"rule of a version", "{\"kind\":\"rule\"," FIRST "," REASON ",\"approval\":{}}", 400,
     "invalid_name"},
    {"rule of a signing key", "{\"kind\":\"rule\",\"key\":\"a/sign\"," REASON ",\"approval\":{}}",
     400, "unsupported_operation"},
    {"rule of one", "{" RULE ",\"approval\":{\"group\":\"ops\",\"m\":1}}", 400, "invalid_field"},
    {"rule of 256", "{" RULE ",\"approval\":{\"group\":\"ops\",\"m\":256}}", 400, "invalid_field"},
    {"rule of too many", "{" RULE ",\"approval\":{\"group\":\"ops\",\"m\":5}}", 400,
     "invalid_field"},
    {"rule of nobody", "{" RULE ",\"approval\":{\"group\":\"nobody\",\"m\":2}}", 400,
     "invalid_field"},
    {"half a rule", "{" RULE ",\"approval\":{\"m\":2}}", 400, "invalid_field"},
    {"rule with times", "{" RULE ",\"approval\":{\"group\":\"ops\",\"m\":2,\"wait_s\":1}}", 400,
     "unknown_field"},
    {"destroy with a rule", "{" DESTROY "," FIRST ",\"approval\":{}}", 400, "invalid_field"},
    /* unfreeze */
    {"not frozen", "{\"kind\":\"unfreeze\"," GLASS "," REASON "}", 409, "invalid_state"},
    {"a frozen version", "{\"kind\":\"unfreeze\"," FIRST "," REASON "}", 400, "invalid_name"},
    /* who decides */
    {"group that no roster has",
     "{\"kind\":\"rule\",\"key\":\"a/lost\"," REASON ",\"approval\":{}}", 400, "invalid_field"},
};

static void each_refusal_has_its_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        CLEANUP(answer_clear) struct answer answer = ask(refusals[i].body);
        if (answer.status != refusals[i].status ||
            !span_is(answer_text(&answer, "code"), refusals[i].code)) {
            fail_msg("%s: %.*s", refusals[i].name, (int)answer.body.len,
                     (const char *)answer.body.data);
        }
    }
    assert_int_equal(fixture_count_records(&gate.fixture, "\"statement_sha256\""), 0);
}

static void a_frozen_key_is_not_asked_for(void **state)
{
    (void)state;
    const struct freeze freeze = {.at = clock_wall_ms(), .by = "token:ann", .reason = "leak"};
    assert_ok(keystore_freeze(gate.fixture.gateway.store, span_text(GATE_KEY), &freeze));
    CLEANUP(answer_clear) struct answer answer = ask("{" OPEN "}");
    assert_problem(&answer, 409, "invalid_state");
    gate_request(&gate, "{\"kind\":\"unfreeze\"," GLASS "," REASON "}");
}

static void move_version(enum version_state from, enum version_state to)
{
    const struct version_move move = {.number = 1, .from = from, .to = to};
    assert_ok(
        keystore_move(gate.fixture.gateway.store, span_text(GATE_KEY), &move, 1, clock_wall_ms()));
}

static void a_version_opens_by_its_state(void **state)
{
    (void)state;
    move_version(VERSION_ACTIVE, VERSION_DISABLED);
    CLEANUP(answer_clear) struct answer disabled = ask("{" OPEN "}");
    assert_problem(&disabled, 409, "invalid_state");
    move_version(VERSION_DISABLED, VERSION_COMPROMISED);
    CLEANUP(answer_clear) struct answer compromised = ask("{" OPEN "}");
    assert_int_equal(compromised.status, 201);
}

static void a_version_in_use_goes_only_despite_it(void **state)
{
    (void)state;
    gate.fixture.gateway.rotation.rules.look_back = (int64_t)30 * 86400;
    move_version(VERSION_ACTIVE, VERSION_DISABLED);
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(gate.fixture.gateway.store, span_text(GATE_KEY));
    const struct use use = {
        .kind = USE_OPEN, .principal = span_text("token:a"), .now = clock_wall_ms()};
    assert_ok(keystore_note_use(gate.fixture.gateway.store, key_version(key, 1), &use));
    CLEANUP(answer_clear) struct answer used = ask("{" DESTROY "," FIRST "}");
    assert_problem(&used, 409, "invalid_state");
    CLEANUP(answer_clear)
    struct answer soon = ask("{" DESTROY "," FIRST ",\"despite_use\":true,\"after\":\"23h\"}");
    assert_problem(&soon, 400, "invalid_field");
    gate_request(&gate, "{" DESTROY "," FIRST ",\"despite_use\":true,\"after\":\"24h\"}");
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    CLEANUP(statement_clear) struct statement_read says = {0};
    assert_ok(statement_parse(request->statement, &says));
    assert_int_equal(says.is.after_s, 86400);
}

static bool go_on(void *arg, uint64_t done, uint64_t total)
{
    (void)arg;
    (void)done;
    (void)total;
    return true;
}

/* What was used after a backup is not in it. */
static void a_version_of_a_restored_copy_goes_only_despite_it(void **state)
{
    (void)state;
    struct gateway *gateway = &gate.fixture.gateway;
    struct keystore *original = gateway->store;
    char copy[sizeof(gate.fixture.database) + 8];
    gateway->rotation.rules.look_back = (int64_t)30 * 86400;
    move_version(VERSION_ACTIVE, VERSION_DISABLED);
    (void)snprintf(copy, sizeof(copy), "%s.copy", gate.fixture.database);
    assert_ok(keystore_backup(original, copy, clock_wall_ms(), go_on, NULL));
    assert_ok(keystore_open(copy, &gateway->store));
    CLEANUP(answer_clear) struct answer unknown = ask("{" DESTROY "," FIRST "}");
    CLEANUP(answer_clear)
    struct answer despite = ask("{" DESTROY "," FIRST ",\"despite_use\":true}");
    keystore_close(gateway->store);
    gateway->store = original;
    assert_problem(&unknown, 409, "invalid_state");
    assert_int_equal(despite.status, 201);
    CLEANUP(answer_clear) struct answer known = ask("{" DESTROY "," FIRST "}");
    assert_int_equal(known.status, 201);
}

static void nobody_may_ask_for_themselves_alone(void **state)
{
    (void)state;
    const struct request_filter all = {.limit = 10};
    const struct quorum_request **requests = NULL;
    size_t count = 0;
    (void)people_group(&gate.people, "ops", 2, "ann,bob");
    people_person(&gate.people, "bob")->is.principals[0] = span_text("token:admin");
    gate_publish(&gate);
    CLEANUP(answer_clear) struct answer answer = ask("{" OPEN "}");
    assert_problem(&answer, 400, "invalid_field"); /* bob asks, and ann is alone */
    assert_ok(keystore_list_requests(gate.fixture.gateway.store, &all, &requests, &count));
    assert_int_equal(count, 0);
    request_list_free(requests, count);
}

static void without_rosters_nothing_is_asked(void **state)
{
    (void)state;
    struct roster_book *book = gate.fixture.gateway.rotation.rosters;
    gate.fixture.gateway.rotation.rosters = NULL;
    CLEANUP(answer_clear) struct answer answer = ask("{" OPEN "}");
    gate.fixture.gateway.rotation.rosters = book;
    assert_problem(&answer, 409, "invalid_state");
}

/* --- what people sign --- */

static void the_statement_says_what_was_asked(void **state)
{
    (void)state;
    CLEANUP(statement_clear) struct statement_read read = {0};
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(gate.fixture.gateway.store, span_text(GATE_KEY));
    gate_request_open(&gate, "\"window\":\"2h\",\"context\":{\"table\":\"cards\"}");
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    assert_ok(statement_parse(request->statement, &read));
    const struct statement *says = &read.is;
    uint8_t digest[SHA256_LEN];
    assert_int_equal(says->kind, STATEMENT_OPEN);
    assert_true(uuid_equal(says->id, request->id));
    assert_span_is(says->gateway, "gate.example");
    assert_non_null(memmem(says->log_key.data, says->log_key.len, "gate.example+", 13));
    assert_span_is(says->key, GATE_KEY);
    assert_true(uuid_equal(says->key_id, key->id));
    assert_int_equal(says->version, 1);
    assert_true(
        span_equal(says->cka_id, span_of(key->versions[0].cka_id, key->versions[0].cka_id_len)));
    assert_span_is(says->identity, "identity");
    digest_sha256_parts(&request->ciphertext, 1, digest);
    assert_memory_equal(says->ciphertext_sha256, digest, SHA256_LEN);
    assert_true(request->context.len > 0);
    digest_sha256_parts(&request->context, 1, digest);
    assert_memory_equal(says->context_sha256, digest, SHA256_LEN);
    assert_span_is(says->reason, "restore");
    assert_span_is(says->ticket, "OPS-1");
    assert_span_is(says->requester, "token:admin");
    assert_span_is(says->rule.group, "ops");
    assert_int_equal(says->rule.m, 2);
    assert_memory_equal(says->roster_sha256, people_newest(&gate.people)->digest, SHA256_LEN);
    assert_int_equal(says->created_at % 1000, 0);
    assert_int_equal(says->expires_at - says->created_at, 7200 * 1000);
    assert_int_equal(request->expires_at, says->expires_at);
}

static void what_has_no_rule_asks_the_authority(void **state)
{
    (void)state;
    CLEANUP(statement_clear) struct statement_read read = {0};
    gate_request(&gate, "{\"kind\":\"rule\",\"key\":\"a/plain\"," REASON
                        ",\"approval\":{\"group\":\"ops\",\"m\":3}}");
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    assert_ok(statement_parse(request->statement, &read));
    assert_span_is(read.is.rule.group, "admins");
    assert_span_is(read.is.wanted.group, "ops");
    assert_int_equal(read.is.wanted.m, 3);
    assert_int_equal(read.is.expires_at - read.is.created_at, 3600 * 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_refusal_has_its_code),
        TEST(a_frozen_key_is_not_asked_for),
        TEST(a_version_opens_by_its_state),
        TEST(a_version_in_use_goes_only_despite_it),
        TEST(a_version_of_a_restored_copy_goes_only_despite_it),
        TEST(nobody_may_ask_for_themselves_alone),
        TEST(without_rosters_nothing_is_asked),
        TEST(the_statement_says_what_was_asked),
        TEST(what_has_no_rule_asks_the_authority),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
