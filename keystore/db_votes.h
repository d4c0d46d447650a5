/* db_votes: rows of the votes on what a quorum decides. Changes want an open transaction. */
#ifndef HSMGATE_KEYSTORE_DB_VOTES_H
#define HSMGATE_KEYSTORE_DB_VOTES_H

#include "keystore/db.h"
#include "keystore/request.h"

/* Copies, because the next row takes back what a row lent. */
struct db_votes {
    struct request_vote list[REQUEST_VOTES_MAX];
    size_t count;
};
/* Those on one request, in the order in which they came; ERR_CORRUPT for what no hsmgate wrote. */
MUST_USE struct err db_votes_of(struct db *db, struct uuid id, struct db_votes **out);
void db_votes_free_at(struct db_votes **votes); /* takes a NULL inside; for CLEANUP */
/* ERR_CONFLICT. */
MUST_USE struct err db_votes_insert(struct db *db, struct uuid id, const struct request_vote *vote);
/* When the voter last voted; 0: never. */
MUST_USE struct err db_votes_last(struct db *db, const char *voter, int64_t *out_received_at);

#endif
