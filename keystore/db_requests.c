/* db_requests: the SQL of requests. They are read when they are asked for: there are few, and who
 * asks is a person. What no hsmgate wrote is refused, never guessed. */
#include "keystore/db_requests.h"

#include <string.h>

#include "base/mem.h"
#include "keystore/db_votes.h"

/* `blobs`: what of ciphertext and context is read; together they may be 100 times the rest. */
#define COLUMNS(blobs)                                                 \
    "id, kind, state, key_name, version, requester, statement, " blobs \
    ", created_at, expires_at, changed_at, outcome, result, audit_seq FROM requests"
#define WHOLE "ciphertext, context"
#define SHORT "x'', x''"

static struct err count_waiting(struct db *db, const char *requester, int64_t *out)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    struct db_value values[] = {db_text(requester)};
    TRY(db_query(db, "SELECT count(*) FROM requests WHERE state IN (1, 2) AND requester = $1",
                 values, ARRAY_LEN(values), &rows));
    TRY(db_next(rows, &more));
    *out = more ? db_integer_at(rows, 0) : 0;
    return err_ok();
}

struct err db_requests_insert(struct db *db, const struct quorum_request *request)
{
    int64_t waiting = 0;
    TRY(count_waiting(db, request->requester, &waiting));
    ENSURE(waiting < REQUESTS_WAITING_MAX, ERR_RATE_LIMITED,
           "%lld requests of this caller are waiting: cancel some, or wait until they end.",
           (long long)waiting);
    struct db_value values[] = {db_uuid(&request->id),          db_text(request->kind),
                                db_integer(REQUEST_PENDING),    db_text(request->key),
                                db_integer(request->version),   db_text(request->requester),
                                db_bytes(request->statement),   db_bytes(request->ciphertext),
                                db_bytes(request->context),     db_integer(request->created_at),
                                db_integer(request->expires_at)};
    return db_run(db,
                  "INSERT INTO requests (id, kind, state, key_name, version, requester, statement,"
                  " ciphertext, context, created_at, expires_at, changed_at)"
                  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $10)",
                  values, ARRAY_LEN(values), NULL);
}

static struct err copy_uuid(struct span from, struct uuid *out)
{
    ENSURE(from.len == UUID_LEN, ERR_CORRUPT, "a stored request's id is damaged");
    memcpy(out->bytes, from.data, UUID_LEN);
    return err_ok();
}

/* --- reading --- */

static struct err check_row(struct db_rows *rows)
{
    int64_t state = db_integer_at(rows, 2);
    ENSURE(state >= REQUEST_PENDING && state < REQUEST_STATE_END, ERR_CORRUPT,
           "a stored request has no known state");
    ENSURE(request_kind_known(db_text_at(rows, 1)), ERR_CORRUPT,
           "a stored request has no known kind");
    ENSURE(db_integer_at(rows, 4) >= 0 && db_integer_at(rows, 4) <= INT32_MAX &&
               db_integer_at(rows, 14) >= 0,
           ERR_CORRUPT, "a stored request has a number out of range");
    return err_ok();
}

/* Borrows from the row. */
static struct quorum_request draft_of(struct db_rows *rows)
{
    return (struct quorum_request){.kind = db_text_at(rows, 1),
                                   .state = (enum request_state)db_integer_at(rows, 2),
                                   .key = db_text_at(rows, 3),
                                   .version = (uint32_t)db_integer_at(rows, 4),
                                   .requester = db_text_at(rows, 5),
                                   .statement = db_bytes_at(rows, 6),
                                   .ciphertext = db_bytes_at(rows, 7),
                                   .context = db_bytes_at(rows, 8),
                                   .created_at = db_integer_at(rows, 9),
                                   .expires_at = db_integer_at(rows, 10),
                                   .changed_at = db_integer_at(rows, 11),
                                   .outcome = db_text_at(rows, 12),
                                   .result = db_bytes_at(rows, 13),
                                   .audit_seq = (uint64_t)db_integer_at(rows, 14)};
}

static struct err read_row(struct db *db, struct db_rows *rows, const struct quorum_request **out)
{
    CLEANUP(db_votes_free_at) struct db_votes *votes = NULL;
    TRY(check_row(rows));
    struct quorum_request draft = draft_of(rows);
    TRY(copy_uuid(db_bytes_at(rows, 0), &draft.id));
    TRY(db_votes_of(db, draft.id, &votes));
    draft.votes = votes->list;
    draft.vote_count = votes->count;
    *out = request_make(&draft);
    return err_ok();
}

struct err db_requests_find(struct db *db, struct uuid id, const struct quorum_request **out)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    struct db_value values[] = {db_uuid(&id)};
    TRY(db_query(db, "SELECT " COLUMNS(WHOLE) " WHERE id = $1", values, ARRAY_LEN(values), &rows));
    TRY(db_next(rows, &more));
    ENSURE(more, ERR_NOT_FOUND, "there is no such request");
    return read_row(db, rows, out);
}

/* Behind the request `after` in the order of the list; an unknown one ends the list. */
static struct err query_list(struct db *db, const struct request_filter *filter,
                             struct db_rows **out)
{
    struct db_value values[] = {db_integer((int64_t)filter->state), db_name(filter->key),
                                filter->after != NULL ? db_uuid(filter->after) : db_text(NULL),
                                db_integer((int64_t)filter->limit)};
    return db_query(
        db,
        "SELECT " COLUMNS(
            SHORT) " WHERE ($1 = 0 OR state = $1)"
                   " AND ($2 = '' OR key_name = $2) AND ($3 IS NULL OR (created_at, id) <"
                   " (SELECT created_at, id FROM requests WHERE id = $3))"
                   " ORDER BY created_at DESC, id DESC LIMIT $4",
        values, ARRAY_LEN(values), out);
}

static struct err read_list(struct db *db, const struct request_filter *filter,
                            const struct quorum_request **out, size_t *count)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    TRY(query_list(db, filter, &rows));
    TRY(db_next(rows, &more));
    while (more && *count < filter->limit) {
        TRY(read_row(db, rows, &out[*count]));
        (*count)++;
        TRY(db_next(rows, &more));
    }
    return err_ok();
}

struct err db_requests_list(struct db *db, const struct request_filter *filter,
                            const struct quorum_request **out, size_t *out_count)
{
    size_t count = 0;
    struct err err = read_list(db, filter, out, &count);
    for (size_t i = 0; err.code != ERR_OK && i < count; i++) {
        request_free(out[i]);
    }
    TRY(err);
    *out_count = count;
    return err_ok();
}

static struct err next_expiry(struct db *db, int64_t now, int64_t *out)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    struct db_value values[] = {db_integer(now)};
    TRY(db_query(db,
                 "SELECT coalesce(min(expires_at), 0) FROM requests"
                 " WHERE state IN (1, 2) AND expires_at > $1",
                 values, ARRAY_LEN(values), &rows));
    TRY(db_next(rows, &more));
    *out = more ? db_integer_at(rows, 0) : 0;
    return err_ok();
}

struct err db_requests_expired(struct db *db, int64_t now, struct uuid *out, size_t max,
                               size_t *out_count, int64_t *out_next)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    size_t count = 0;
    struct db_value values[] = {db_integer(now), db_integer((int64_t)max)};
    TRY(db_query(db,
                 "SELECT id FROM requests WHERE state IN (1, 2) AND expires_at <= $1"
                 " ORDER BY expires_at LIMIT $2",
                 values, ARRAY_LEN(values), &rows));
    TRY(db_next(rows, &more));
    while (more && count < max) {
        TRY(copy_uuid(db_bytes_at(rows, 0), &out[count]));
        count++;
        TRY(db_next(rows, &more));
    }
    TRY(next_expiry(db, now, out_next));
    *out_count = count;
    return err_ok();
}

/* --- changing --- */

struct err db_requests_move(struct db *db, struct uuid id, const struct request_move *move,
                            int64_t now, size_t *out_changed)
{
    struct db_value values[] = {db_integer(move->to),
                                db_integer(now),
                                db_text(move->outcome),
                                db_bytes(move->result),
                                db_integer((int64_t)move->audit_seq),
                                db_uuid(&id),
                                db_integer(move->from)};
    return db_run(db,
                  "UPDATE requests SET state = $1, changed_at = $2, outcome = $3, result = $4,"
                  " audit_seq = iif($1 = 2, 0, max(audit_seq, $5)) WHERE id = $6 AND state = $7",
                  values, ARRAY_LEN(values), out_changed);
}

struct err db_requests_settle(struct db *db, int64_t now, size_t *out_changed)
{
    struct db_value values[] = {db_integer(REQUEST_INDETERMINATE), db_integer(now),
                                db_text("the gateway ended while this was being opened"),
                                db_integer(REQUEST_OPENING)};
    return db_run(db,
                  "UPDATE requests SET state = $1, changed_at = $2, outcome = $3 WHERE state = $4",
                  values, ARRAY_LEN(values), out_changed);
}

struct err db_requests_count(struct db *db, uint64_t out[REQUEST_STATE_END])
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    TRY(db_query(db, "SELECT state, count(*) FROM requests GROUP BY state", NULL, 0, &rows));
    TRY(db_next(rows, &more));
    while (more) {
        int64_t state = db_integer_at(rows, 0);
        if (state >= REQUEST_PENDING && state < REQUEST_STATE_END) {
            out[state] = (uint64_t)db_integer_at(rows, 1);
        }
        TRY(db_next(rows, &more));
    }
    return err_ok();
}
