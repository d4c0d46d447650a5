#include "tests/unit/glass_fixture.h"

#include <assert.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define HOUR_MS ((int64_t)3600 * 1000)

static void must(struct err err)
{
    if (err.code != ERR_OK) {
        (void)fprintf(stderr, "glass_fixture: %s: %s\n", err.where, err.detail);
    }
    assert(err.code == ERR_OK);
}

static struct span id_of(const struct glass *glass, unsigned person)
{
    return span_text(glass->people[person].id);
}

static void sign_message(EVP_PKEY *key, struct span message, uint8_t out[64])
{
    size_t len = 64;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestSign(ctx, out, &len, message.data, message.len) == 1 && len == 64);
    EVP_MD_CTX_free(ctx);
}

static struct voter_key voter_key_of(const struct glass_person *person)
{
    return (struct voter_key){.kind = VOTER_KEY_ED25519,
                              .spki = buf_span(&person->spki),
                              .proof_format = VOTE_RAW,
                              .proof = buf_span(&person->proof)};
}

static void make_person(struct glass_person *person, unsigned number)
{
    CLEANUP(buf_clear) struct buf message = {0};
    uint8_t *der = NULL;
    uint8_t proof[64];
    (void)snprintf(person->id, sizeof(person->id), "voter-%u", number);
    person->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    int len = i2d_PUBKEY(person->key, &der);
    assert(len > 0);
    must(buf_append(&person->spki, span_of(der, (size_t)len)));
    OPENSSL_free(der);
    struct voter_key key = voter_key_of(person);
    must(voter_key_message(span_text(person->id), &key, &message));
    sign_message(person->key, buf_span(&message), proof);
    must(buf_append(&person->proof, span_of(proof, sizeof(proof))));
}

int64_t glass_now(void)
{
    return clock_wall_ms() / 1000 * 1000;
}

static void write_roster(const struct glass *glass, const char *name, struct buf *out)
{
    static const char *const ids[] = {"keepers", "others", "owners"};
    struct roster_person people[GLASS_PEOPLE] = {0};
    struct span members[GLASS_PEOPLE];
    struct roster_group groups[ARRAY_LEN(ids)] = {0};
    for (unsigned i = 0; i < GLASS_PEOPLE; i++) {
        members[i] = id_of(glass, i);
        people[i].id = members[i];
        people[i].name = span_text(name);
        people[i].key_count = 1;
        people[i].keys[0] = voter_key_of(&glass->people[i]);
    }
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
        groups[i].id = span_text(ids[i]);
        groups[i].m = 2;
        groups[i].members = &members[i == 1 ? 1 : 0];
        groups[i].member_count = 3;
    }
    struct roster roster = {.number = glass->rosters + 1,
                            .created_at = glass_now() - 1000,
                            .authority = span_text("owners"),
                            .people = people,
                            .person_count = GLASS_PEOPLE,
                            .groups = groups,
                            .group_count = ARRAY_LEN(ids)};
    if (glass->rosters > 0) {
        memcpy(roster.previous, glass->chain[glass->rosters - 1].digest, SHA256_LEN);
    }
    must(roster_write(&roster, out));
}

void glass_begin_statement(const struct glass *glass, enum statement_kind kind, int64_t created_at,
                           struct statement *out)
{
    const struct glass_link *newest = &glass->chain[glass->rosters - 1];
    *out = (struct statement){
        .kind = kind,
        .id = uuid_make(),
        .gateway = span_text("gateway.example"),
        .reason = span_text("a test"),
        .ticket = span_text("T-1"),
        .requester = span_text("token:asker"),
        .rule = {.group = span_text(kind == STATEMENT_ROSTER ? "owners" : "keepers"), .m = 2},
        .roster_number = glass->rosters,
        .created_at = created_at,
        .expires_at = created_at + HOUR_MS,
    };
    memcpy(out->roster_sha256, newest->digest, SHA256_LEN);
    random_bytes(out->nonce, sizeof(out->nonce));
}

void glass_sign(const struct glass *glass, unsigned person, enum vote_choice choice,
                struct span statement, int64_t signed_at, struct glass_vote *out, struct vote *vote)
{
    CLEANUP(buf_clear) struct buf message = {0};
    char text[CLOCK_TEXT_MAX];
    clock_format(signed_at, text);
    (void)snprintf(out->signed_at, sizeof(out->signed_at), "%.19sZ", text);
    *vote = (struct vote){.voter = id_of(glass, person),
                          .choice = choice,
                          .signed_at = span_text(out->signed_at),
                          .format = VOTE_RAW,
                          .signature = span_of(out->signature, sizeof(out->signature))};
    must(vote_message(vote, statement, &message));
    sign_message(glass->people[person].key, buf_span(&message), out->signature);
}

static void approve_roster(struct glass *glass, struct glass_link *link)
{
    struct statement says;
    int64_t now = glass_now();
    glass_begin_statement(glass, STATEMENT_ROSTER, now, &says);
    says.next_number = glass->rosters + 1;
    memcpy(says.next_sha256, link->digest, SHA256_LEN);
    must(statement_write(&says, &link->statement));
    for (unsigned i = 0; i < 2; i++) {
        glass_sign(glass, i, VOTE_APPROVE, buf_span(&link->statement), now, &link->signed_by[i],
                   &link->votes[i]);
    }
    link->vote_count = 2;
}

void glass_add_roster(struct glass *glass, const char *name)
{
    assert(glass->rosters < GLASS_ROSTERS);
    struct glass_link *link = &glass->chain[glass->rosters];
    write_roster(glass, name, &link->roster);
    roster_digest(buf_span(&link->roster), link->digest);
    if (glass->rosters > 0) {
        approve_roster(glass, link);
    }
    glass->rosters++;
}

void glass_make(struct glass *glass)
{
    *glass = (struct glass){0};
    for (unsigned i = 0; i < GLASS_PEOPLE; i++) {
        make_person(&glass->people[i], i);
    }
}

void glass_copy_people(const struct glass *glass, struct glass *out)
{
    *out = (struct glass){0};
    for (unsigned i = 0; i < GLASS_PEOPLE; i++) {
        const struct glass_person *from = &glass->people[i];
        struct glass_person *to = &out->people[i];
        memcpy(to->id, from->id, sizeof(to->id));
        assert(EVP_PKEY_up_ref(from->key) == 1);
        to->key = from->key;
        must(buf_append(&to->spki, buf_span(&from->spki)));
        must(buf_append(&to->proof, buf_span(&from->proof)));
    }
}

void glass_clear(struct glass *glass)
{
    for (unsigned i = 0; i < GLASS_PEOPLE; i++) {
        EVP_PKEY_free(glass->people[i].key);
        buf_clear(&glass->people[i].spki);
        buf_clear(&glass->people[i].proof);
    }
    for (unsigned i = 0; i < GLASS_ROSTERS; i++) {
        buf_clear(&glass->chain[i].roster);
        buf_clear(&glass->chain[i].statement);
    }
}

void glass_bundle(const struct glass *glass, struct span statement, const struct vote *votes,
                  size_t vote_count, size_t rosters, struct buf *out)
{
    struct roster_link links[GLASS_ROSTERS] = {0};
    for (size_t i = 0; i < rosters; i++) {
        const struct glass_link *link = &glass->chain[i];
        links[i] = (struct roster_link){.roster = buf_span(&link->roster),
                                        .statement = buf_span(&link->statement),
                                        .votes = link->votes,
                                        .vote_count = link->vote_count};
    }
    const struct bundle bundle = {.statement = statement,
                                  .votes = votes,
                                  .vote_count = vote_count,
                                  .rosters = links,
                                  .roster_count = rosters};
    must(bundle_write(&bundle, out));
}
