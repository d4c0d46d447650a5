/* db_requests: rows of what a quorum decides. Changes want an open transaction. */
#ifndef HSMGATE_KEYSTORE_DB_REQUESTS_H
#define HSMGATE_KEYSTORE_DB_REQUESTS_H

#include "keystore/db.h"
#include "keystore/request.h"

MUST_USE struct err db_requests_insert(struct db *db, const struct quorum_request *request);
/* ERR_NOT_FOUND; ERR_CORRUPT for what no hsmgate wrote. */
MUST_USE struct err db_requests_find(struct db *db, struct uuid id,
                                     const struct quorum_request **out);
/* Up to filter->limit, into `out`; none of them when it fails. */
MUST_USE struct err db_requests_list(struct db *db, const struct request_filter *filter,
                                     const struct quorum_request **out, size_t *out_count);
MUST_USE struct err db_requests_expired(struct db *db, int64_t now, struct uuid *out, size_t max,
                                        size_t *out_count, int64_t *out_next);
/* Only in move->from; how many rows were touched comes out. */
MUST_USE struct err db_requests_move(struct db *db, struct uuid id, const struct request_move *move,
                                     int64_t now, size_t *out_changed);
MUST_USE struct err db_requests_settle(struct db *db, int64_t now, size_t *out_changed);
MUST_USE struct err db_requests_count(struct db *db, uint64_t out[REQUEST_STATE_END]);

#endif
