/* db_votes: the SQL of votes. A row is what somebody signed: it is kept byte for byte, in the order
 * of arrival, and never changed. Whether it counts is for the quorum's library to say; a row that
 * could not have been written here is refused, so that no forged one is quietly left out. */
#include "keystore/db_votes.h"

#include "base/mem.h"
#include "quorum/quorum.h"

static void vote_free(const struct request_vote *vote)
{
    mem_free((void *)(uintptr_t)vote->voter);
    mem_free((void *)(uintptr_t)vote->choice);
    mem_free((void *)(uintptr_t)vote->format);
    mem_free((void *)(uintptr_t)vote->signed_at);
    mem_free((void *)(uintptr_t)vote->signature.data);
}

void db_votes_free_at(struct db_votes **votes)
{
    for (size_t i = 0; *votes != NULL && i < (*votes)->count; i++) {
        vote_free(&(*votes)->list[i]);
    }
    mem_free(*votes);
}

static struct err check_row(struct db_rows *rows)
{
    enum vote_choice choice;
    enum vote_format format;
    ENSURE(vote_choice_by_name(db_bytes_at(rows, 1), &choice) &&
               vote_format_by_name(db_bytes_at(rows, 2), &format),
           ERR_CORRUPT, "a stored vote has no known choice or format");
    ENSURE(db_text_at(rows, 0) != NULL && db_text_at(rows, 3) != NULL &&
               db_bytes_at(rows, 4).len > 0,
           ERR_CORRUPT, "a stored vote is damaged");
    return err_ok();
}

static struct err read_row(struct db_rows *rows, struct request_vote *out)
{
    TRY(check_row(rows));
    struct span signature = db_bytes_at(rows, 4);
    *out = (struct request_vote){
        .voter = mem_text(db_text_at(rows, 0)),
        .choice = mem_text(db_text_at(rows, 1)),
        .format = mem_text(db_text_at(rows, 2)),
        .signed_at = mem_text(db_text_at(rows, 3)),
        .signature = span_of(mem_copy(signature.data, signature.len), signature.len),
        .received_at = db_integer_at(rows, 5)};
    return err_ok();
}

struct err db_votes_of(struct db *db, struct uuid id, struct db_votes **out)
{
    CLEANUP(db_votes_free_at) struct db_votes *votes = mem_alloc(sizeof(*votes));
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    struct db_value values[] = {db_uuid(&id)};
    TRY(db_query(db,
                 "SELECT voter, choice, format, signed_at, signature, received_at FROM votes"
                 " WHERE request_id = $1 ORDER BY number",
                 values, ARRAY_LEN(values), &rows));
    TRY(db_next(rows, &more));
    while (more) {
        ENSURE(votes->count < REQUEST_VOTES_MAX, ERR_CORRUPT,
               "a stored request has too many votes");
        TRY(read_row(rows, &votes->list[votes->count]));
        votes->count++;
        TRY(db_next(rows, &more));
    }
    *out = TAKE(votes);
    return err_ok();
}

struct err db_votes_insert(struct db *db, struct uuid id, const struct request_vote *vote)
{
    struct db_value values[] = {db_uuid(&id),
                                db_text(vote->voter),
                                db_text(vote->choice),
                                db_text(vote->format),
                                db_text(vote->signed_at),
                                db_bytes(vote->signature),
                                db_integer(vote->received_at)};
    return db_run(db,
                  "INSERT INTO votes (request_id, voter, choice, format, signed_at, signature,"
                  " received_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                  values, ARRAY_LEN(values), NULL);
}

struct err db_votes_last(struct db *db, const char *voter, int64_t *out_received_at)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    struct db_value values[] = {db_text(voter)};
    TRY(db_query(db, "SELECT coalesce(max(received_at), 0) FROM votes WHERE voter = $1", values,
                 ARRAY_LEN(values), &rows));
    TRY(db_next(rows, &more));
    *out_received_at = more ? db_integer_at(rows, 0) : 0;
    return err_ok();
}
