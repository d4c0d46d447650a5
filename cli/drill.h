/* drill: an emergency rehearsed on throw-away keys, as a table of measured steps. */
#ifndef HSMGATE_CLI_DRILL_H
#define HSMGATE_CLI_DRILL_H

#include "cli/client.h"
#include "cli/options.h"

#define DRILL_KEYS_MAX 4
#define DRILL_WAIT_MS  20000 /* for what a step waits for */

struct drill_step {
    char *what;
    int64_t ms;       /* -1: nothing is measured */
    int64_t limit_ms; /* 0: none */
    bool passed;
};

struct drill {
    const char *name; /* `revoke`, `rotate`, `restore` */
    struct client *client;
    struct drill_step *steps;
    size_t step_count;
    char *keys[DRILL_KEYS_MAX]; /* names of those that were made */
    size_t key_count;
    bool keeps; /* them, and --keep need not be there */
};

/* Notes a step that began at `start_ns` (0: not measured) and ends now, or took until `end_ns` when
 * that is not 0. A figure over the limit does not pass. */
struct drill_measure {
    int64_t start_ns;
    int64_t end_ns;
    int64_t limit_ms;
    bool passed;
};
void drill_note(struct drill *drill, const struct drill_measure *measure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes `drill/NAME-RANDOM/key`; `more` is JSON members with a comma before them, or "". The name
 * lives as long as the drill. */
MUST_USE struct err drill_make_key(struct drill *drill, const char *algorithm, const char *more,
                                   const char **out_name);
/* One move of version 1, such as `:disable`. */
MUST_USE struct err drill_move(struct drill *drill, const char *name, const char *verb);

/* What a drill does; an error ends it and is noted as a failed step. */
typedef struct err drill_work(struct drill *drill, const struct options *options);
/* Runs it, clears up unless --keep was given, prints the table; *out_exit is 1 unless all passed.
 */
MUST_USE struct err drill_run(struct client *client, const struct options *options,
                              const char *name, drill_work *work, int *out_exit);

#endif
