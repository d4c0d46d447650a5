/* People with keys in software, rosters, statements, votes and bundles, for tests of whatever uses
 * quorum/. A fixture owns everything that its functions return; all spans live as long as it.
 *
 *     struct quorum_fixture fix;
 *     people_open(&fix);                                       // ann, bob, cem, dora; group ops
 *     struct statement says = people_statement(&fix, STATEMENT_OPEN);   // dora asks
 *     struct span bytes = people_bytes(&fix, &says);
 *     struct vote votes[] = {people_vote(&fix, "ann", VOTE_APPROVE, bytes, FIXTURE_NOW),
 *                            people_vote(&fix, "bob", VOTE_APPROVE, bytes, FIXTURE_NOW)};
 *     struct span bundle = people_bundle(&fix, bytes, votes, 2);
 *     people_close(&fix);
 *
 * The first roster has people ann, bob, cem and dora (principal `token:ID` each), groups `ops` (all
 * four, m 2) and `admins` (all four, m 2), and `admins` is the authority. */
#ifndef HSMGATE_TESTS_UNIT_QUORUM_FIXTURE_H
#define HSMGATE_TESTS_UNIT_QUORUM_FIXTURE_H

#include <openssl/evp.h>

#include "quorum/quorum.h"

#define FIXTURE_NOW     ((int64_t)1767323045000) /* 2026-01-02T03:04:05Z: statements are made then */
#define FIXTURE_WINDOW  ((int64_t)3600 * 1000)   /* and expire so long after */
#define FIXTURE_PEOPLE  32
#define FIXTURE_GROUPS  QUORUM_GROUPS_MAX
#define FIXTURE_MEMBERS 32
#define FIXTURE_LINKS   16
#define FIXTURE_TEXTS   4096

/* A person's key with its private half. */
struct people_key {
    EVP_PKEY *key;
    struct voter_key is;
};
struct people_person {
    struct roster_person is;
    struct people_key keys[QUORUM_KEYS_MAX]; /* as many as is.key_count */
};

struct quorum_fixture {
    struct people_person people[FIXTURE_PEOPLE];
    size_t person_count;
    struct roster_group groups[FIXTURE_GROUPS];
    struct span members[FIXTURE_GROUPS][FIXTURE_MEMBERS];
    size_t group_count;
    /* The chain so far, from the root. */
    struct roster_link links[FIXTURE_LINKS];
    const struct roster *rosters[FIXTURE_LINKS];
    size_t link_count;
    uint8_t root[SHA256_LEN]; /* the pin */
    void *owned[FIXTURE_TEXTS];
    size_t owned_count;
};

/* With the people, groups and first roster named above. */
void people_open(struct quorum_fixture *fix);
/* With nobody. */
void people_open_empty(struct quorum_fixture *fix);
void people_close(struct quorum_fixture *fix);
/* A copy that the fixture owns; the first from printf. */
struct span people_text(struct quorum_fixture *fix, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct span people_copy(struct quorum_fixture *fix, struct span bytes);

/* --- people and groups: what the next roster says --- */

/* A person with name, principal `token:ID` and one Ed25519 key; or the one who is there already. */
struct people_person *people_person(struct quorum_fixture *fix, const char *id);
/* Another key for the person, with its proof. */
void people_add_key(struct quorum_fixture *fix, const char *id, enum voter_key_kind kind);
void people_remove_person(struct quorum_fixture *fix, const char *id);
/* Signs the proof of possession again, for a key that was changed. */
void people_prove(struct quorum_fixture *fix, struct people_person *person, size_t key);
/* A group, or the one that is there, with these members (comma between them). */
struct roster_group *people_group(struct quorum_fixture *fix, const char *id, uint32_t m,
                                  const char *members);

/* --- rosters --- */

/* The struct for roster_write of all people and groups; number and previous follow the chain. It is
 * used up by the next call. */
struct roster people_roster(struct quorum_fixture *fix);
/* The struct as canonical bytes. */
struct span people_roster_bytes(struct quorum_fixture *fix, const struct roster *roster);
/* Appends all people and groups as the next roster: the root, or one that `voters` (comma between
 * them) approve. Returns it as read. */
const struct roster *people_next_roster(struct quorum_fixture *fix, const char *voters);
const struct roster *people_newest(const struct quorum_fixture *fix);
/* The statement that asks for this roster behind the newest; dora asks. */
struct statement people_roster_statement(struct quorum_fixture *fix, struct span roster);

/* --- statements, votes, bundles --- */

/* A valid one under the newest roster: rule ops, m 2; `token:dora` asks; made at FIXTURE_NOW.
 * Change what the test wants. STATEMENT_ROSTER asks `admins` and names made-up bytes. */
struct statement people_statement(struct quorum_fixture *fix, enum statement_kind kind);
/* Its canonical bytes. */
struct span people_bytes(struct quorum_fixture *fix, const struct statement *statement);
/* The person's vote with their first key, signed raw. */
struct vote people_vote(struct quorum_fixture *fix, const char *id, enum vote_choice choice,
                        struct span statement, int64_t signed_at);
/* The same with another of their keys. */
struct vote people_vote_by(struct quorum_fixture *fix, const char *id, size_t key,
                           enum vote_choice choice, struct span statement, int64_t signed_at);
/* The same with their first key, an Ed25519 one, as `ssh-keygen -Y sign -n NAMESPACE` signs. */
struct vote people_vote_ssh(struct quorum_fixture *fix, const char *id, enum vote_choice choice,
                            struct span statement, int64_t signed_at, const char *name_space);
/* A raw signature over anything. */
struct span people_sign(struct quorum_fixture *fix, const struct people_key *key,
                        struct span message);
/* A bundle's text, with the chain so far. */
struct span people_bundle(struct quorum_fixture *fix, struct span statement,
                          const struct vote *votes, size_t count);

#endif
