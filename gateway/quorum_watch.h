/* quorum_watch: what becomes of requests by votes and by time, and that every worker has seen the
 * newest roster. */
#ifndef HSMGATE_GATEWAY_QUORUM_WATCH_H
#define HSMGATE_GATEWAY_QUORUM_WATCH_H

#include "gateway/gateway.h"

struct quorum_watch;

/* Starts the thread, which ends requests that have expired, judges those that wait when the people
 * change, and shows the rosters to workers; gateway->quorum_watch stays NULL when the configuration
 * pins no roster. */
void quorum_watch_open(struct gateway *gateway);
void quorum_watch_close(struct quorum_watch *watch); /* takes NULL */
/* Something was asked, or the roster changed: look again. Takes NULL. */
void quorum_watch_nudge(struct quorum_watch *watch);

/* Whether the worker of this token does not believe the rosters. False for NULL. */
bool quorum_watch_is_refused(struct quorum_watch *watch, size_t token);

/* Brings the request's state in line with what its votes amount to now, durably. ok when there is
 * nothing to do. */
MUST_USE struct err quorum_watch_settle(struct gateway *gateway, struct uuid id, int64_t now);
/* The same for each that waits; one that cannot be judged stays as it is, and the log says so. */
MUST_USE struct err quorum_watch_settle_all(struct gateway *gateway, int64_t now);
/* Likewise, when this decision says that it has expired: it stays so, whatever clocks do then. */
MUST_USE struct err quorum_watch_end(struct gateway *gateway, struct uuid id,
                                     const struct decision *decision, int64_t now);
/* Tells those who want to know, and wakes the thread. `principal` and `why` or NULL. */
void quorum_watch_tell(struct gateway *gateway, const char *event,
                       const struct quorum_request *request, const char *principal,
                       const char *why);

#endif
