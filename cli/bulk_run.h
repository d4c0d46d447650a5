/* bulk_run: a bulk rewrap from its first line to its last, or to where it has to stop. */
#ifndef HSMGATE_CLI_BULK_RUN_H
#define HSMGATE_CLI_BULK_RUN_H

#include "cli/bulk_file.h"
#include "cli/bulk_progress.h"
#include "cli/bulk_state.h"
#include "cli/options.h"
#include "cli/patience.h"

struct bulk {
    struct client *client;
    char *request_path;
    struct stop stop;
    struct patience patience;
    struct bulk_input input;
    struct bulk_file output;
    struct bulk_file rejects; /* opened when the first bad line comes */
    char *rejects_path;
    char *state_path; /* NULL: none is kept */
    struct buf context;
    struct bulk_state state;
    struct bulk_batch batch;
    struct bulk_line next; /* read, and not in the batch; `taken` is 0 when there is none */
    struct bulk_progress progress;
};

/* By --key, --in, --out, --rejects, --state, --context and --patience: opens everything, and goes
 * where the state says. *out_stopped when a signal came meanwhile. */
MUST_USE struct err bulk_open(struct client *client, const struct options *options,
                              struct bulk *out, bool *out_stopped);
void bulk_close(struct bulk *bulk);
/* Works until the input ends, or a signal comes (*out_stopped). After an error, or a stop, what
 * the state says is done. */
MUST_USE struct err bulk_run(struct bulk *bulk, bool *out_stopped);

#endif
