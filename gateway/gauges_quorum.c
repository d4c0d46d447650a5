/* Figures of what a quorum decides: requests by what became of them, and whether the rosters are
 * believed here and by each worker. */
#include "base/mem.h"
#include "gateway/gauges_inner.h"
#include "gateway/quorum_watch.h"

static struct err write_requests(struct keystore *store, struct buf *out)
{
    uint64_t counts[REQUEST_STATE_END] = {0};
    TRY(keystore_count_requests(store, counts));
    TRY(gauges_head(out, "hsmgate_quorum_requests", "gauge",
                    "Requests that a quorum decides, by state."));
    for (enum request_state state = REQUEST_PENDING; state < REQUEST_STATE_END; state++) {
        TRY(buf_printf(out, "hsmgate_quorum_requests{state=\"%s\"} %llu\n",
                       request_state_name(state), (unsigned long long)counts[state]));
    }
    return err_ok();
}

static struct err write_rosters(const struct gateway *gateway, struct buf *out)
{
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    struct err err = roster_book_view(gateway->rotation.rosters, &view);
    TRY(gauges_one(out, "hsmgate_quorum_roster_number", "gauge",
                   "The newest roster; 0: none that is believed.",
                   view != NULL ? view->newest->number : 0));
    return gauges_one(out, "hsmgate_quorum_rosters_trusted", "gauge",
                      "0 while the stored rosters do not follow from the pinned root.",
                      err.code == ERR_APPROVAL_REQUIRED ? 0 : 1);
}

static struct err write_refusals(const struct gateway *gateway, struct buf *out)
{
    TRY(gauges_head(out, "hsmgate_quorum_rosters_refused", "gauge",
                    "1 while the token's worker does not believe the rosters."));
    for (size_t i = 0; i < gateway->token_count; i++) {
        TRY(buf_printf(out, "hsmgate_quorum_rosters_refused{token=\"%s\"} %d\n",
                       token_name(gateway->tokens[i]),
                       quorum_watch_is_refused(gateway->quorum_watch, i) ? 1 : 0));
    }
    return err_ok();
}

struct err gauges_quorum(const struct gateway *gateway, struct buf *out)
{
    if (gateway->rotation.rosters == NULL) {
        return err_ok();
    }
    TRY(write_requests(gateway->store, out));
    TRY(write_rosters(gateway, out));
    return write_refusals(gateway, out);
}
