/* People with keys in software, and what they agree to. */
#include "quorum_fixture.h"

#include <openssl/ec.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base_test.h"

/* --- what the fixture owns --- */

static void *own(struct quorum_fixture *fix, void *memory)
{
    assert_true(fix->owned_count < FIXTURE_TEXTS);
    fix->owned[fix->owned_count++] = memory;
    return memory;
}

struct span people_copy(struct quorum_fixture *fix, struct span bytes)
{
    return span_of(own(fix, mem_copy(bytes.data, bytes.len)), bytes.len);
}

struct span people_text(struct quorum_fixture *fix, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    assert_true(len >= 0 && (size_t)len < sizeof(text));
    return people_copy(fix, span_of(text, (size_t)len));
}

static struct span own_buf(struct quorum_fixture *fix, struct buf *bytes)
{
    struct span copy = people_copy(fix, buf_span(bytes));
    buf_clear(bytes);
    return copy;
}

void people_open_empty(struct quorum_fixture *fix)
{
    memset(fix, 0, sizeof(*fix));
}

void people_open(struct quorum_fixture *fix)
{
    static const char *const ids[] = {"ann", "bob", "cem", "dora"};
    people_open_empty(fix);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        (void)people_person(fix, ids[i]);
    }
    (void)people_group(fix, "ops", 2, "ann,bob,cem,dora");
    (void)people_group(fix, "admins", 2, "ann,bob,cem,dora");
    (void)people_next_roster(fix, "");
}

static void free_person(struct people_person *person)
{
    for (size_t i = 0; i < person->is.key_count; i++) {
        EVP_PKEY_free(person->keys[i].key);
    }
}

void people_close(struct quorum_fixture *fix)
{
    for (size_t i = 0; i < fix->person_count; i++) {
        free_person(&fix->people[i]);
    }
    for (size_t i = 0; i < fix->link_count; i++) {
        roster_free(fix->rosters[i]);
    }
    for (size_t i = 0; i < fix->owned_count; i++) {
        mem_free(fix->owned[i]);
    }
    memset(fix, 0, sizeof(*fix));
}

/* --- people and groups --- */

static struct people_person *find_person(struct quorum_fixture *fix, const char *id)
{
    for (size_t i = 0; i < fix->person_count; i++) {
        if (span_is(fix->people[i].is.id, id)) {
            return &fix->people[i];
        }
    }
    return NULL;
}

struct people_person *people_person(struct quorum_fixture *fix, const char *id)
{
    struct people_person *person = find_person(fix, id);
    if (person != NULL) {
        return person;
    }
    assert_true(fix->person_count < FIXTURE_PEOPLE);
    person = &fix->people[fix->person_count++];
    *person = (struct people_person){.is = {.id = people_text(fix, "%s", id),
                                            .name = people_text(fix, "%s of the tests", id),
                                            .principal_count = 1}};
    person->is.principals[0] = people_text(fix, "token:%s", id);
    people_add_key(fix, id, VOTER_KEY_ED25519);
    return person;
}

void people_remove_person(struct quorum_fixture *fix, const char *id)
{
    struct people_person *person = find_person(fix, id);
    assert_non_null(person);
    free_person(person);
    size_t behind = fix->person_count - 1 - (size_t)(person - fix->people);
    memmove(person, person + 1, behind * sizeof(*person));
    fix->person_count--;
}

void people_prove(struct quorum_fixture *fix, struct people_person *person, size_t key)
{
    struct buf message = {0};
    assert_ok(voter_key_message(person->is.id, &person->keys[key].is, &message));
    person->keys[key].is.proof = people_sign(fix, &person->keys[key], own_buf(fix, &message));
    person->is.keys[key] = person->keys[key].is;
}

void people_add_key(struct quorum_fixture *fix, const char *id, enum voter_key_kind kind)
{
    struct people_person *person = find_person(fix, id);
    assert_non_null(person);
    assert_true(person->is.key_count < QUORUM_KEYS_MAX);
    struct people_key *key = &person->keys[person->is.key_count];
    bool is_ed = kind == VOTER_KEY_ED25519;
    key->key = is_ed ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_EC_gen("P-256");
    assert_non_null(key->key);
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key->key, &der);
    assert_true(len > 0);
    key->is = (struct voter_key){.kind = kind, .spki = people_copy(fix, span_of(der, (size_t)len))};
    OPENSSL_free(der);
    people_prove(fix, person, person->is.key_count);
    person->is.key_count++;
}

static struct roster_group *find_group(struct quorum_fixture *fix, const char *id)
{
    for (size_t i = 0; i < fix->group_count; i++) {
        if (span_is(fix->groups[i].id, id)) {
            return &fix->groups[i];
        }
    }
    assert_true(fix->group_count < FIXTURE_GROUPS);
    struct roster_group *group = &fix->groups[fix->group_count++];
    *group = (struct roster_group){.id = people_text(fix, "%s", id)};
    return group;
}

/* The next piece before a comma; false at the end. */
static bool next_piece(const char **rest, struct span *out)
{
    if (**rest == '\0') {
        return false;
    }
    size_t len = strcspn(*rest, ",");
    *out = span_of(*rest, len);
    *rest += len + ((*rest)[len] == ',');
    return true;
}

struct roster_group *people_group(struct quorum_fixture *fix, const char *id, uint32_t m,
                                  const char *members)
{
    struct roster_group *group = find_group(fix, id);
    struct span *list = fix->members[group - fix->groups];
    group->m = m;
    group->members = list;
    group->member_count = 0;
    struct span member;
    while (next_piece(&members, &member)) {
        assert_true(group->member_count < FIXTURE_MEMBERS);
        list[group->member_count++] = people_copy(fix, member);
    }
    return group;
}

/* --- rosters --- */

const struct roster *people_newest(const struct quorum_fixture *fix)
{
    assert_true(fix->link_count > 0);
    return fix->rosters[fix->link_count - 1];
}

struct roster people_roster(struct quorum_fixture *fix)
{
    struct roster_person *people = own(fix, mem_array(fix->person_count, sizeof(*people)));
    for (size_t i = 0; i < fix->person_count; i++) {
        people[i] = fix->people[i].is;
    }
    struct roster roster = {.number = fix->link_count + 1,
                            .created_at = FIXTURE_NOW - FIXTURE_WINDOW,
                            .authority = span_text("admins"),
                            .people = people,
                            .person_count = fix->person_count,
                            .groups = fix->groups,
                            .group_count = fix->group_count};
    if (fix->link_count > 0) {
        memcpy(roster.previous, people_newest(fix)->digest, SHA256_LEN);
    }
    return roster;
}

struct span people_roster_bytes(struct quorum_fixture *fix, const struct roster *roster)
{
    struct buf bytes = {0};
    assert_ok(roster_write(roster, &bytes));
    return own_buf(fix, &bytes);
}

struct statement people_roster_statement(struct quorum_fixture *fix, struct span roster)
{
    struct statement says = people_statement(fix, STATEMENT_ROSTER);
    says.next_number = people_newest(fix)->number + 1;
    roster_digest(roster, says.next_sha256);
    return says;
}

static void approve_roster(struct quorum_fixture *fix, struct roster_link *link, const char *voters)
{
    struct statement says = people_roster_statement(fix, link->roster);
    link->statement = people_bytes(fix, &says);
    struct vote *votes = own(fix, mem_array(QUORUM_VOTES_MAX, sizeof(*votes)));
    link->votes = votes;
    struct span voter;
    while (next_piece(&voters, &voter)) {
        char id[64] = {0};
        assert_true(voter.len < sizeof(id));
        memcpy(id, voter.data, voter.len);
        votes[link->vote_count++] =
            people_vote(fix, id, VOTE_APPROVE, link->statement, FIXTURE_NOW);
    }
}

const struct roster *people_next_roster(struct quorum_fixture *fix, const char *voters)
{
    assert_true(fix->link_count < FIXTURE_LINKS);
    struct roster roster = people_roster(fix);
    struct roster_link *link = &fix->links[fix->link_count];
    *link = (struct roster_link){.roster = people_roster_bytes(fix, &roster)};
    if (fix->link_count == 0) {
        roster_digest(link->roster, fix->root);
    } else {
        approve_roster(fix, link, voters);
    }
    assert_ok(roster_parse(link->roster, &fix->rosters[fix->link_count]));
    fix->link_count++;
    return people_newest(fix);
}

/* --- statements, votes, bundles --- */

/* The base point of P-256 (SEC 2 §2.4.2), which is a point like any other. */
static const struct recipient some_recipient = {
    .curve = RECIPIENT_P256,
    .x = {0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6,
          0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb,
          0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96},
    .y = {0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb,
          0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31,
          0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5},
};

struct statement people_statement(struct quorum_fixture *fix, enum statement_kind kind)
{
    static const uint8_t cka_id[APPROVAL_CKA_ID_LEN] = {7, 7, 7};
    static const uint8_t identity[SHA256_LEN] = {9, 9, 9};
    const struct roster *newest = people_newest(fix);
    bool is_roster = kind == STATEMENT_ROSTER;
    struct statement says = {
        .kind = kind,
        .id = uuid_make(),
        .gateway = span_text("gate.example"),
        .log_key = span_text("gate.example+00000000+AQ=="),
        .key = span_text("payments/prod/card-dek"),
        .key_id = {{1, 2, 3, 4}},
        .version = 3,
        .cka_id = span_of(cka_id, sizeof(cka_id)),
        .identity = span_of(identity, sizeof(identity)),
        .ciphertext_sha256 = {0xc1},
        .context_sha256 = {0xc2},
        .recipient = some_recipient,
        .after_s = (int64_t)7 * 86400,
        .wanted = {.group = span_text("ops"), .m = 3},
        .next_number = newest->number + 1,
        .next_sha256 = {0xc3},
        .reason = span_text("the card database must be restored"),
        .ticket = span_text("OPS-1"),
        .requester = span_text("token:dora"),
        .rule = {.group = span_text(is_roster ? "admins" : "ops"), .m = 2},
        .roster_number = newest->number,
        .created_at = FIXTURE_NOW,
        .expires_at = FIXTURE_NOW + FIXTURE_WINDOW,
    };
    memcpy(says.roster_sha256, newest->digest, SHA256_LEN);
    random_bytes(says.nonce, sizeof(says.nonce));
    return says;
}

struct span people_bytes(struct quorum_fixture *fix, const struct statement *statement)
{
    struct buf bytes = {0};
    assert_ok(statement_write(statement, &bytes));
    return own_buf(fix, &bytes);
}

struct span people_sign(struct quorum_fixture *fix, const struct people_key *key,
                        struct span message)
{
    bool is_ed = EVP_PKEY_get_base_id(key->key) == EVP_PKEY_ED25519;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char signature[256];
    size_t len = sizeof(signature);
    const EVP_MD *hash = is_ed ? NULL : EVP_sha256();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, hash, NULL, key->key), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &len, message.data, message.len), 1);
    EVP_MD_CTX_free(ctx);
    return people_copy(fix, span_of(signature, len));
}

/* Without a signature. */
static struct vote blank_vote(struct quorum_fixture *fix, const char *id, enum vote_choice choice,
                              int64_t signed_at)
{
    char time[CLOCK_TEXT_MAX];
    clock_format(signed_at, time);
    return (struct vote){.voter = people_text(fix, "%s", id),
                         .choice = choice,
                         .signed_at = people_text(fix, "%s", time),
                         .format = VOTE_RAW};
}

struct vote people_vote_by(struct quorum_fixture *fix, const char *id, size_t key,
                           enum vote_choice choice, struct span statement, int64_t signed_at)
{
    const struct people_person *person = find_person(fix, id);
    assert_non_null(person);
    assert_true(key < person->is.key_count);
    struct vote vote = blank_vote(fix, id, choice, signed_at);
    struct buf message = {0};
    assert_ok(vote_message(&vote, statement, &message));
    vote.signature = people_sign(fix, &person->keys[key], own_buf(fix, &message));
    return vote;
}

static void put_string(struct buf *out, struct span bytes)
{
    assert_ok(buf_append_u32(out, (uint32_t)bytes.len));
    assert_ok(buf_append(out, bytes));
}

/* The blob of OpenSSH's PROTOCOL.sshsig by an Ed25519 key. */
static struct span sign_ssh(struct quorum_fixture *fix, const struct people_key *key,
                            const char *name_space, struct span message)
{
    uint8_t digest[DIGEST_MAX];
    digest_of(DIGEST_SHA512, message, digest);
    CLEANUP(buf_clear) struct buf signs = {0};
    CLEANUP(buf_clear) struct buf blob = {0};
    CLEANUP(buf_clear) struct buf inner = {0};
    assert_ok(buf_append_text(&signs, "SSHSIG"));
    put_string(&signs, span_text(name_space));
    put_string(&signs, (struct span){0});
    put_string(&signs, span_text("sha512"));
    put_string(&signs, span_of(digest, digest_len(DIGEST_SHA512)));
    assert_ok(buf_append_text(&blob, "SSHSIG"));
    assert_ok(buf_append_u32(&blob, 1));
    put_string(&inner, span_text("ssh-ed25519"));
    put_string(&inner, span_of(key->is.spki.data + 12, 32));
    put_string(&blob, buf_span(&inner));
    put_string(&blob, span_text(name_space));
    put_string(&blob, (struct span){0});
    put_string(&blob, span_text("sha512"));
    buf_reset(&inner);
    put_string(&inner, span_text("ssh-ed25519"));
    put_string(&inner, people_sign(fix, key, buf_span(&signs)));
    put_string(&blob, buf_span(&inner));
    return people_copy(fix, buf_span(&blob));
}

struct vote people_vote_ssh(struct quorum_fixture *fix, const char *id, enum vote_choice choice,
                            struct span statement, int64_t signed_at, const char *name_space)
{
    const struct people_person *person = find_person(fix, id);
    assert_non_null(person);
    struct vote vote = blank_vote(fix, id, choice, signed_at);
    vote.format = VOTE_SSHSIG;
    struct buf message = {0};
    assert_ok(vote_message(&vote, statement, &message));
    vote.signature = sign_ssh(fix, &person->keys[0], name_space, own_buf(fix, &message));
    return vote;
}

struct vote people_vote(struct quorum_fixture *fix, const char *id, enum vote_choice choice,
                        struct span statement, int64_t signed_at)
{
    return people_vote_by(fix, id, 0, choice, statement, signed_at);
}

struct span people_bundle(struct quorum_fixture *fix, struct span statement,
                          const struct vote *votes, size_t count)
{
    const struct bundle bundle = {statement, votes, count, fix->links, fix->link_count};
    struct buf text = {0};
    assert_ok(bundle_write(&bundle, &text));
    return own_buf(fix, &text);
}
