/* A gateway with people who decide. */
#include "gate.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "base/envelope.h"
#include "gateway/signer.h"

#define HOUR_MS ((int64_t)3600 * 1000)

/* --- open and close --- */

void gate_admit(struct gate *gate, const char *name)
{
    int64_t now = clock_wall_ms();
    struct bearer bearer = {.created_at = now, .expires_at = now + HOUR_MS};
    char text[64];
    (void)snprintf(bearer.name, sizeof(bearer.name), "%s", name);
    (void)snprintf(text, sizeof(text), "hg_%s", name);
    struct span token = span_text(text);
    digest_sha256_parts(&token, 1, bearer.hash);
    assert_ok(keystore_put_bearer(gate->fixture.gateway.store, &bearer, now));
}

static void make_log_key(struct gate *gate)
{
    CLEANUP(key_release_at) const struct key *key = NULL;
    gate->fixture.config.audit.origin = "gate.example";
    assert_ok(signer_key(&gate->fixture.gateway, clock_deadline(20000), &key));
}

void gate_open_bare(struct gate *gate)
{
    struct gateway *gateway = &gate->fixture.gateway;
    fixture_open(&gate->fixture);
    people_open(&gate->people);
    fake_token_judges(ERR_OK, "");
    gate->fixture.config.quorum.window_s = 3600;
    gate->fixture.config.quorum.window_max_s = (int64_t)7 * 86400;
    roster_book_open(gateway->store, gate->people.root, &gateway->rotation.rosters);
    make_log_key(gate);
}

void gate_open(struct gate *gate)
{
    gate_open_bare(gate);
    assert_ok(roster_book_add(gate->fixture.gateway.rotation.rosters, &gate->people.links[0],
                              clock_wall_ms()));
    gate_make_key(gate, GATE_KEY, "ops", 2);
}

void gate_close(struct gate *gate)
{
    roster_book_close(gate->fixture.gateway.rotation.rosters);
    fixture_close(&gate->fixture);
    people_close(&gate->people);
}

/* --- keys --- */

void gate_make_key(struct gate *gate, const char *name, const char *group, uint32_t m)
{
    struct keystore *store = gate->fixture.gateway.store;
    uint8_t random[UUID_LEN];
    uint8_t cka_id[APPROVAL_CKA_ID_LEN];
    int64_t now = clock_wall_ms();
    const struct key_spec spec = {.name = name,
                                  .algorithm = ALGORITHM_AES_256_GCM,
                                  .purpose = PURPOSE_ENCRYPT,
                                  .token = "main",
                                  .facts = {.owner = "team",
                                            .classification = CLASS_CONFIDENTIAL,
                                            .approval = {.group = m > 0 ? group : NULL, .m = m}}};
    random_bytes(random, sizeof(random));
    approval_cka_id(span_text(group), (uint8_t)m, random, cka_id);
    const struct version_source source = {.cka_id = span_of(cka_id, sizeof(cka_id))};
    const struct version_move move = {.number = 1, .from = VERSION_PENDING, .to = VERSION_ACTIVE};
    assert_ok(keystore_reserve_key(store, &spec, &source, now));
    assert_ok(keystore_record_material(store, span_text(name), 1, span_text("identity"),
                                       span_of(NULL, 0)));
    assert_ok(keystore_move(store, span_text(name), &move, 1, now));
}

char *gate_ciphertext(struct gate *gate, const char *name, uint32_t version)
{
    static const uint8_t body[ENVELOPE_TAG_LEN + 3];
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(gate->fixture.gateway.store, span_text(name));
    CLEANUP(buf_clear) struct buf blob = {0};
    CLEANUP(buf_clear) struct buf text = {0};
    const struct envelope envelope = {.type = ENVELOPE_DATA,
                                      .key = key->id,
                                      .version = version,
                                      .algorithm = ENVELOPE_AES_256_GCM,
                                      .iv = span_of(body, ENVELOPE_IV_LEN),
                                      .body = span_of(body, sizeof(body))};
    assert_ok(envelope_encode(&envelope, &blob));
    assert_ok(base64_encode(buf_span(&blob), &text));
    return span_to_text(buf_span(&text));
}

/* --- requests --- */

struct answer gate_ask(struct gate *gate, const char *body)
{
    return fixture_admin(&gate->fixture, METHOD_POST, "/v1/break-glass", body);
}

void gate_request(struct gate *gate, const char *body)
{
    CLEANUP(answer_clear) struct answer answer = gate_ask(gate, body);
    if (answer.status != 201) {
        fail_msg("not made: %.*s", (int)answer.body.len, (const char *)answer.body.data);
    }
    struct span id = answer_text(&answer, "id");
    assert_int_equal(id.len, UUID_TEXT_LEN);
    (void)snprintf(gate->id, sizeof(gate->id), "%.*s", UUID_TEXT_LEN, (const char *)id.data);
}

void gate_request_open(struct gate *gate, const char *more)
{
    CLEANUP(mem_free_at) char *ciphertext = gate_ciphertext(gate, GATE_KEY, 1);
    CLEANUP(mem_free_at)
    char *body = mem_format("{\"key\":\"" GATE_KEY "\"," GATE_TICKET "," GATE_RECIPIENT
                            ",\"ciphertext\":\"%s\"%s%s}",
                            ciphertext, more[0] != '\0' ? "," : "", more);
    gate_request(gate, body);
}

const struct quorum_request *gate_row(struct gate *gate)
{
    const struct quorum_request *request = NULL;
    struct uuid id;
    assert_ok(uuid_parse(span_text(gate->id), &id));
    assert_ok(keystore_find_request(gate->fixture.gateway.store, id, &request));
    return request;
}

void gate_expect(struct gate *gate, const char *state)
{
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(gate);
    assert_string_equal(request_state_name(request->state), state);
}

struct answer gate_do(struct gate *gate, enum method method, const char *verb, const char *body,
                      const char *bearer)
{
    CLEANUP(mem_free_at) char *path = mem_format("/v1/break-glass/%s%s", gate->id, verb);
    const struct asking asking = {.method = method,
                                  .path = path,
                                  .body = body,
                                  .bearer = bearer != NULL ? bearer : ADMIN_TOKEN};
    return fixture_ask(&gate->fixture, &asking);
}

/* --- votes --- */

static struct vote sign(struct gate *gate, const char *voter, enum vote_choice choice)
{
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(gate);
    return people_vote(&gate->people, voter, choice, request->statement, clock_wall_ms());
}

struct answer gate_vote(struct gate *gate, const char *voter, enum vote_choice choice)
{
    CLEANUP(buf_clear) struct buf body = {0};
    struct vote vote = sign(gate, voter, choice);
    struct json_writer writer = json_writer_on(&body);
    vote_put(&writer, NULL, &vote);
    assert_ok(json_finish(&writer));
    assert_ok(buf_append_u8(&body, 0));
    return gate_do(gate, METHOD_POST, ":vote", (const char *)body.data, NULL);
}

void gate_voted(struct gate *gate, const char *voter, enum vote_choice choice)
{
    CLEANUP(answer_clear) struct answer answer = gate_vote(gate, voter, choice);
    if (answer.status != 200) {
        fail_msg("not taken: %.*s", (int)answer.body.len, (const char *)answer.body.data);
    }
}

void gate_put_vote(struct gate *gate, const char *voter, enum vote_choice choice)
{
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(gate);
    struct vote vote = sign(gate, voter, choice);
    CLEANUP(mem_free_at) char *id = span_to_text(vote.voter);
    CLEANUP(mem_free_at) char *signed_at = span_to_text(vote.signed_at);
    const struct request_vote row = {.voter = id,
                                     .choice = vote_choice_name(choice),
                                     .format = "raw",
                                     .signed_at = signed_at,
                                     .signature = vote.signature,
                                     .received_at = clock_wall_ms()};
    assert_ok(keystore_put_vote(gate->fixture.gateway.store, request->id, &row));
}

/* --- rosters --- */

const struct roster_link *gate_next_link(struct gate *gate)
{
    struct quorum_fixture *people = &gate->people;
    static const char *const voters[] = {"ann", "bob"};
    int64_t now = clock_wall_ms() / 1000 * 1000;
    struct roster roster = people_roster(people);
    struct roster_link *link = &people->links[people->link_count];
    struct vote *votes = mem_array(ARRAY_LEN(voters), sizeof(*votes));
    people->owned[people->owned_count++] = votes;
    *link = (struct roster_link){.roster = people_roster_bytes(people, &roster),
                                 .votes = votes,
                                 .vote_count = ARRAY_LEN(voters)};
    struct statement says = people_roster_statement(people, link->roster);
    says.created_at = now;
    says.expires_at = now + HOUR_MS;
    link->statement = people_bytes(people, &says);
    for (size_t i = 0; i < ARRAY_LEN(voters); i++) {
        votes[i] = people_vote(people, voters[i], VOTE_APPROVE, link->statement, now);
    }
    assert_ok(roster_parse(link->roster, &people->rosters[people->link_count]));
    people->link_count++;
    return link;
}

void gate_publish(struct gate *gate)
{
    assert_ok(roster_book_add(gate->fixture.gateway.rotation.rosters, gate_next_link(gate),
                              clock_wall_ms()));
}
