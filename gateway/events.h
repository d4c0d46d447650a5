/* events: tells one place of the operator's choice that a version has moved, or could not. */
#ifndef HSMGATE_GATEWAY_EVENTS_H
#define HSMGATE_GATEWAY_EVENTS_H

#include "gateway/config.h"

struct events;

struct event {
    const char *name;    /* `version.promoted`, static */
    const char *request; /* id of one that a quorum decides, or NULL */
    const char *key;     /* empty: none */
    uint32_t version;
    const char *principal; /* who, `system:scheduler` or a caller; or NULL */
    const char *why;       /* one clause or a person's reason; or NULL */
    const char *error;     /* the stable word of what failed; NULL: it was done */
};

struct events_pace {
    int64_t attempt_ms;   /* the longest that one delivery may take */
    int64_t retry_ms;     /* pause after the first failure; it doubles */
    int64_t retry_max_ms; /* up to this */
    int64_t give_up_ms;   /* an event older than this is dropped, which is logged and counted */
};
struct events_pace events_pace_default(void); /* 15 s, 1 s, 60 s, 24 h */

/* NULL comes out when the configuration names no webhook. ERR_CONFIG when the secret cannot be
 * read. */
MUST_USE struct err events_open(const struct config_events *config, struct events_pace pace,
                                struct events **out);
/* Waits up to `wait_ms` for what is queued. Takes NULL. */
void events_close(struct events *events, int64_t wait_ms);
/* Queues it; never blocks. Takes NULL. In order, at least once: a receiver goes by `id`. */
void events_put(struct events *events, const struct event *event);

struct events_status {
    uint64_t delivered;
    uint64_t failures; /* deliveries that failed */
    uint64_t dropped;  /* events that nobody will hear of */
    size_t waiting;
};
void events_status(struct events *events, struct events_status *out); /* zeros for NULL */

#endif
