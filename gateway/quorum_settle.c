/* A request's state follows from its votes: this is the one place that moves it by them. Two votes
 * that come at once both find themselves in the store when they look; who comes second with the
 * move looks again, so that a deny is not lost behind an approval. A process may end between a vote
 * and its move: the thread makes up for it at the next start. */
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/events.h"
#include "gateway/judged.h"
#include "gateway/quorum_watch.h"

#define PAGE_MAX 64

struct outcome {
    enum request_state to;
    const char *event;
};

/* Where the request should be; its own state when it is there. */
static struct outcome outcome_of(const struct quorum_request *request,
                                 const struct decision *decision)
{
    bool agreed = decision->met_at != 0;
    switch (decision->state) {
    case DECISION_DENIED:
        return (struct outcome){REQUEST_DENIED, "request.denied"};
    case DECISION_EXPIRED:
        return (struct outcome){REQUEST_EXPIRED, "request.expired"};
    case DECISION_WAITING:
    case DECISION_MET:
        break;
    case DECISION_STATE_COUNT:
        return (struct outcome){request->state, NULL};
    }
    return agreed ? (struct outcome){REQUEST_APPROVED, "request.approved"}
                  : (struct outcome){REQUEST_PENDING, "request.approval-dropped"};
}

void quorum_watch_tell(struct gateway *gateway, const char *event,
                       const struct quorum_request *request, const char *principal, const char *why)
{
    char id[UUID_TEXT_LEN + 1];
    uuid_format(request->id, id);
    const struct event told = {.name = event,
                               .request = id,
                               .key = request->key != NULL ? request->key : "",
                               .version = request->version,
                               .principal = principal,
                               .why = why};
    events_put(gateway->events, &told);
    quorum_watch_nudge(gateway->quorum_watch);
}

/* ERR_INVALID_STATE is no error here: somebody else moved it first, and it has to be looked at
 * again, because that was by the votes of another moment. */
static struct err move(struct gateway *gateway, const struct quorum_request *request,
                       const struct outcome *outcome, const struct decision *decision, int64_t now,
                       bool *out_again)
{
    const struct request_move wanted = {
        .from = request->state, .to = outcome->to, .outcome = decision->reason};
    failpoint_hit(FAILPOINT_DECIDING);
    struct err err = keystore_move_request(gateway->store, request->id, &wanted, now);
    *out_again = err.code == ERR_INVALID_STATE;
    if (*out_again) {
        return err_ok();
    }
    TRY(err);
    failpoint_hit(FAILPOINT_DECIDED);
    quorum_watch_tell(gateway, outcome->event, request, NULL, decision->reason);
    return err_ok();
}

static struct err settle_once(struct gateway *gateway, struct uuid id, int64_t now, bool *out_again)
{
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    CLEANUP(key_release_at) const struct key *key = NULL;
    CLEANUP(judged_clear) struct judged judged = {0};
    *out_again = false;
    TRY(keystore_find_request(gateway->store, id, &request));
    if (request->state != REQUEST_PENDING && request->state != REQUEST_APPROVED) {
        return err_ok();
    }
    key = request->key != NULL ? keystore_find(gateway->store, span_text(request->key)) : NULL;
    TRY(judged_open(gateway, request, key, now, &judged));
    struct outcome outcome = outcome_of(request, &judged.decision);
    if (outcome.to == request->state) {
        return err_ok();
    }
    return move(gateway, request, &outcome, &judged.decision, now, out_again);
}

struct err quorum_watch_settle(struct gateway *gateway, struct uuid id, int64_t now)
{
    bool again = false;
    do {
        TRY(settle_once(gateway, id, now, &again));
    } while (again);
    return err_ok();
}

/* --- all that wait --- */

struct page {
    const struct quorum_request **requests;
    size_t count;
};

static void page_free(struct page *page)
{
    request_list_free(page->requests, page->count);
}

/* One page behind filter->after, which then is its last one; false when there are no more. */
static struct err settle_page(struct gateway *gateway, struct request_filter *filter,
                              struct uuid *after, int64_t now, bool *out_more)
{
    CLEANUP(page_free) struct page page = {0};
    TRY(keystore_list_requests(gateway->store, filter, &page.requests, &page.count));
    for (size_t i = 0; i < page.count; i++) {
        struct err err = quorum_watch_settle(gateway, page.requests[i]->id, now);
        if (err.code != ERR_OK) {
            log_error("quorum", "a request that waits cannot be judged: %s", err.detail);
        }
        *after = page.requests[i]->id;
        filter->after = after;
    }
    *out_more = page.count == filter->limit;
    return err_ok();
}

struct err quorum_watch_settle_all(struct gateway *gateway, int64_t now)
{
    static const enum request_state waiting[] = {REQUEST_PENDING, REQUEST_APPROVED};
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
        struct request_filter filter = {.state = waiting[i], .limit = PAGE_MAX};
        struct uuid after;
        bool more = true;
        while (more) {
            TRY(settle_page(gateway, &filter, &after, now, &more));
        }
    }
    return err_ok();
}

struct err quorum_watch_end(struct gateway *gateway, struct uuid id,
                            const struct decision *decision, int64_t now)
{
    return decision->state == DECISION_EXPIRED ? quorum_watch_settle(gateway, id, now) : err_ok();
}
