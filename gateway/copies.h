/* copies: the newest checkpoint at the places of the operator's choice: files, a command, a
 * webhook.
 *
 * Each place has a thread and a retry of its own, so that a slow or broken one holds up neither the
 * others nor signing. A place owes only the newest checkpoint: one that was replaced before it came
 * through is left out. What a place has is not remembered across restarts, the newest goes out
 * again. */
#ifndef HSMGATE_GATEWAY_COPIES_H
#define HSMGATE_GATEWAY_COPIES_H

#include "gateway/config.h"

struct copies;

struct copies_pace {
    int64_t attempt_ms;   /* the longest that one delivery may take */
    int64_t retry_ms;     /* pause after the first failure; it doubles */
    int64_t retry_max_ms; /* up to this */
};
/* 15 s, 1 s, 60 s. */
struct copies_pace copies_pace_default(void);

/* Starts a thread for each place of the configuration, which must outlive it. */
struct copies *copies_open(const struct config_audit *config, struct copies_pace pace);
/* Waits up to `wait_ms` for places that are not failing, ends what still runs. Takes NULL. */
void copies_close(struct copies *copies, int64_t wait_ms);
/* Hands over a newer checkpoint's note, at most CHECKPOINT_MAX bytes; copied. */
void copies_put(struct copies *copies, struct span note);

struct copies_status {
    uint64_t delivered;
    uint64_t failures;
    size_t waiting; /* places that do not have the newest one */
};
void copies_status(struct copies *copies, struct copies_status *out);

#endif
