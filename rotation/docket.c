/* docket: a request of the store as the quorum's library wants it, and as the worker is shown it.
 *
 * The row repeats parts of the statement, to be listed, searched and recorded by them. People have
 * signed the statement alone, so a row that says something else is not believed. */
#include "base/mem.h"
#include "rotation/rotation.h"

static struct err read_vote(const struct request_vote *from, struct vote *out)
{
    *out = (struct vote){.voter = span_text(from->voter),
                         .signed_at = span_text(from->signed_at),
                         .signature = from->signature};
    ENSURE(vote_choice_by_name(span_text(from->choice), &out->choice) &&
               vote_format_by_name(span_text(from->format), &out->format),
           ERR_CORRUPT, "a vote in the store is of no known kind");
    return err_ok();
}

static struct err read_all(const struct quorum_request *request, struct docket *docket)
{
    docket->vote_count = request->vote_count;
    docket->votes = mem_array(request->vote_count, sizeof(struct vote));
    for (size_t i = 0; i < request->vote_count; i++) {
        TRY(read_vote(&request->votes[i], &docket->votes[i]));
    }
    return statement_parse(request->statement, &docket->statement);
}

static struct err check_row(const struct quorum_request *request, const struct statement *says)
{
    bool same = uuid_equal(request->id, says->id) && request->version == says->version &&
                request->expires_at == says->expires_at &&
                span_is(says->requester, request->requester) && request->key != NULL &&
                span_is(says->key, request->key) &&
                span_is(span_text(request->kind), statement_kind_name(says->kind));
    ENSURE(same, ERR_CORRUPT, "the row says something else than its statement");
    return err_ok();
}

struct err docket_open(const struct quorum_request *request, struct docket *out)
{
    struct docket docket = {0};
    struct err err = read_all(request, &docket);
    if (err.code == ERR_OK) {
        err = check_row(request, &docket.statement.is);
    }
    if (err.code != ERR_OK) {
        docket_clear(&docket);
        return err;
    }
    *out = docket;
    return err_ok();
}

void docket_clear(struct docket *docket)
{
    statement_clear(&docket->statement);
    mem_free(docket->votes);
    docket->votes = NULL;
}

struct err docket_bundle(const struct roster_view *view, const struct quorum_request *request,
                         struct buf *out)
{
    CLEANUP(docket_clear) struct docket docket = {0};
    struct bundle bundle = {.rosters = view->links, .roster_count = view->count};
    if (request != NULL) {
        TRY(docket_open(request, &docket));
        bundle.statement = request->statement;
        bundle.votes = docket.votes;
        bundle.vote_count = docket.vote_count;
    }
    return bundle_write(&bundle, out);
}
