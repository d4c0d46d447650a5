/* People with voter keys, rosters that follow from one another, and bundles, for tests of the
 * worker. */
#ifndef HSMGATE_TESTS_UNIT_GLASS_FIXTURE_H
#define HSMGATE_TESTS_UNIT_GLASS_FIXTURE_H

#include <openssl/evp.h>

#include "quorum/quorum.h"

#define GLASS_PEOPLE   4
#define GLASS_ROSTERS  3
#define GLASS_VOTES    4
#define GLASS_TIME_MAX 32

struct glass_person {
    char id[16];
    EVP_PKEY *key;
    struct buf spki;
    struct buf proof;
};

struct glass_vote {
    char signed_at[GLASS_TIME_MAX];
    uint8_t signature[64];
};

/* One roster of the chain, with what made it. */
struct glass_link {
    struct buf roster;
    uint8_t digest[SHA256_LEN];
    struct buf statement;
    struct glass_vote signed_by[GLASS_VOTES];
    struct vote votes[GLASS_VOTES];
    size_t vote_count;
};

/* Groups `keepers` (people 0 to 2) and `others` (1 to 3), of 2 each, and `owners` (0 to 2, of 2),
 * the authority. */
struct glass {
    struct glass_person people[GLASS_PEOPLE];
    struct glass_link chain[GLASS_ROSTERS];
    size_t rosters;
};

void glass_make(struct glass *glass);
/* The same people under a roster of their own. */
void glass_copy_people(const struct glass *glass, struct glass *out);
void glass_clear(struct glass *glass);
/* One more roster, approved by people 0 and 1; `name` tells it from another one. */
void glass_add_roster(struct glass *glass, const char *name);

/* Unix ms, whole seconds. */
int64_t glass_now(void);
/* What every statement needs, under the newest roster: for 1 h from `created_at`. */
void glass_begin_statement(const struct glass *glass, enum statement_kind kind, int64_t created_at,
                           struct statement *out);
/* A vote with the person's key; `vote` borrows from `out` and the glass. */
void glass_sign(const struct glass *glass, unsigned person, enum vote_choice choice,
                struct span statement, int64_t signed_at, struct glass_vote *out,
                struct vote *vote);
/* The bundle with the first `rosters` of the chain. */
void glass_bundle(const struct glass *glass, struct span statement, const struct vote *votes,
                  size_t vote_count, size_t rosters, struct buf *out);

#endif
