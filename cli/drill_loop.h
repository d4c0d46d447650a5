/* drill_loop: uses something again and again on a connection of its own, while the drill goes on,
 * and keeps when it was first refused. */
#ifndef HSMGATE_CLI_DRILL_LOOP_H
#define HSMGATE_CLI_DRILL_LOOP_H

#include "base/sync.h"
#include "cli/client.h"

enum drill_use { DRILL_GOOD, DRILL_REFUSED, DRILL_FAILED };
/* One use: refused is a 409, failed is anything else, with *out_err. `out_version` is the version
 * that was used, when it is known. */
typedef enum drill_use drill_user(struct client *client, void *arg, int64_t *out_version,
                                  struct err *out_err);

struct drill_counts {
    uint64_t good;
    uint64_t refused;
    uint64_t failed;
    uint64_t good_after_refusal;
    int64_t first_refusal_ns; /* when its answer had come; 0: none yet */
    int64_t version;          /* used last */
    int64_t version_ns;       /* when it was first used */
    struct err first_failure;
};

struct drill_loop {
    struct client *client;
    drill_user *use;
    void *arg; /* the thread's until drill_loop_stop */
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    bool stopping;
    struct drill_counts counts;
};

MUST_USE struct err drill_loop_start(struct drill_loop *loop, drill_user *use, void *arg);
/* Waits until the counts are as wanted; false after `wait_ms`. The counts then come out. */
typedef bool drill_wanted(const struct drill_counts *counts, int64_t value);
bool drill_loop_wait(struct drill_loop *loop, drill_wanted *wanted, int64_t value, int64_t wait_ms,
                     struct drill_counts *out);
/* Ends the thread and closes the connection; takes one that is not running. */
void drill_loop_stop(struct drill_loop *loop);

/* What to wait for: that many good uses, that many refusals, any use of that version or a later
 * one. */
drill_wanted drill_has_good, drill_has_refused, drill_has_version;

#endif
