/* Between the files of rosters. Inner to quorum/. */
#ifndef HSMGATE_QUORUM_ROSTER_H
#define HSMGATE_QUORUM_ROSTER_H

#include "quorum/quorum.h"

/* A roster and what its pointers lead to. */
struct roster_held {
    struct roster is; /* first: roster_free gets its address */
    struct roster_held *self;
    struct json json;
    struct buf bytes; /* decoded keys and proofs; never moves */
    struct roster_person *people;
    struct roster_group *groups;
    struct span *members; /* of all groups */
};
void roster_held_free(struct roster_held **held); /* for CLEANUP */

/* Canonical bytes of whatever the struct says, unchecked. */
MUST_USE struct err roster_put(const struct roster *roster, struct buf *out);
/* Fills from `held->json`, unchecked but for types and counts. */
MUST_USE struct err roster_read(struct roster_held *held);
/* Ids, keys, proofs, principals, times: everything but who is in which group. ERR_INVALID_FIELD. */
MUST_USE struct err roster_check(const struct roster *roster);
/* Resolves nested groups and checks m and members. ERR_INVALID_FIELD. */
MUST_USE struct err roster_resolve(struct roster_held *held);

#endif
