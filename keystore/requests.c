/* requests: what a quorum decides, under the writer mutex like every change. A change of state is a
 * comparison and a write in one statement, so of two that come at once one is refused. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/sync.h"
#include "keystore/db_requests.h"
#include "keystore/db_votes.h"
#include "keystore/store.h"

#define LIST_MAX 1000

static struct err put_locked(struct keystore *store, const struct quorum_request *request)
{
    TRY(db_begin(store->db));
    struct err err = db_end(store->db, db_requests_insert(store->db, request));
    ENSURE(err.code != ERR_CONFLICT, ERR_CONFLICT, "another request has this id");
    return err;
}

struct err keystore_put_request(struct keystore *store, const struct quorum_request *request)
{
    sync_lock(&store->writer);
    struct err err = put_locked(store, request);
    sync_unlock(&store->writer);
    return err;
}

struct err keystore_find_request(struct keystore *store, struct uuid id,
                                 const struct quorum_request **out)
{
    sync_lock(&store->writer);
    struct err err = db_requests_find(store->db, id, out);
    sync_unlock(&store->writer);
    return err;
}

struct err keystore_list_requests(struct keystore *store, const struct request_filter *filter,
                                  const struct quorum_request ***out, size_t *out_count)
{
    struct request_filter bounded = *filter;
    bounded.limit = filter->limit < LIST_MAX ? filter->limit : LIST_MAX;
    const struct quorum_request **list = mem_array(bounded.limit + 1, sizeof(*list));
    sync_lock(&store->writer);
    struct err err = db_requests_list(store->db, &bounded, list, out_count);
    sync_unlock(&store->writer);
    if (err.code != ERR_OK) {
        mem_free((void *)(uintptr_t)list);
        return err;
    }
    *out = list;
    return err_ok();
}

struct err keystore_expired_requests(struct keystore *store, int64_t now, struct uuid *out,
                                     size_t max, size_t *out_count, int64_t *out_next)
{
    sync_lock(&store->writer);
    struct err err = db_requests_expired(store->db, now, out, max, out_count, out_next);
    sync_unlock(&store->writer);
    return err;
}

static struct err refuse_state(const struct quorum_request *request)
{
    return err_new(ERR_INVALID_STATE, __func__, "the request is %s",
                   request_state_name(request->state));
}

static struct err move_locked(struct keystore *store, struct uuid id,
                              const struct request_move *move, int64_t now)
{
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    size_t changed = 0;
    TRY(db_requests_find(store->db, id, &request));
    assert(request != NULL);
    if (request->state != move->from || !request_allows(move->from, move->to)) {
        return refuse_state(request);
    }
    TRY(db_begin(store->db));
    TRY(db_end(store->db, db_requests_move(store->db, id, move, now, &changed)));
    return changed == 1 ? err_ok() : refuse_state(request);
}

struct err keystore_move_request(struct keystore *store, struct uuid id,
                                 const struct request_move *move, int64_t now)
{
    sync_lock(&store->writer);
    struct err err = move_locked(store, id, move, now);
    sync_unlock(&store->writer);
    return err;
}

static struct err vote_locked(struct keystore *store, struct uuid id,
                              const struct request_vote *vote)
{
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    TRY(db_requests_find(store->db, id, &request));
    assert(request != NULL);
    if (request->state != REQUEST_PENDING && request->state != REQUEST_APPROVED) {
        return refuse_state(request);
    }
    ENSURE(request->vote_count < REQUEST_VOTES_MAX, ERR_TOO_LARGE,
           "the request has as many votes as it can take");
    TRY(db_begin(store->db));
    struct err err = db_end(store->db, db_votes_insert(store->db, id, vote));
    ENSURE(err.code != ERR_CONFLICT, ERR_CONFLICT, "%s has voted the same way already",
           vote->voter);
    return err;
}

struct err keystore_put_vote(struct keystore *store, struct uuid id,
                             const struct request_vote *vote)
{
    sync_lock(&store->writer);
    struct err err = vote_locked(store, id, vote);
    sync_unlock(&store->writer);
    return err;
}

static struct err settle_locked(struct keystore *store, int64_t now, size_t *out_count)
{
    TRY(db_begin(store->db));
    return db_end(store->db, db_requests_settle(store->db, now, out_count));
}

struct err keystore_settle_requests(struct keystore *store, int64_t now, size_t *out_count)
{
    sync_lock(&store->writer);
    struct err err = settle_locked(store, now, out_count);
    sync_unlock(&store->writer);
    return err;
}

struct err keystore_count_requests(struct keystore *store, uint64_t out[REQUEST_STATE_END])
{
    uint64_t counts[REQUEST_STATE_END] = {0};
    sync_lock(&store->writer);
    struct err err = db_requests_count(store->db, counts);
    sync_unlock(&store->writer);
    TRY(err);
    memcpy(out, counts, sizeof(counts));
    return err_ok();
}

struct err keystore_last_vote(struct keystore *store, const char *voter, int64_t *out_received_at)
{
    sync_lock(&store->writer);
    struct err err = db_votes_last(store->db, voter, out_received_at);
    sync_unlock(&store->writer);
    return err;
}
