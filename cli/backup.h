/* backup: has the gateway make a backup of itself, and waits for it. */
#ifndef HSMGATE_CLI_BACKUP_H
#define HSMGATE_CLI_BACKUP_H

#include "cli/client.h"

/* Called after each look, with the backup's document. */
typedef void backup_progress(void *arg, const struct json_value *backup);
/* Starts one (`name` or NULL: the gateway chooses) and looks until it is done; `out_json` is the
 * last document, of which `out` has the text. ERR_IO when it failed, with the gateway's reason. */
MUST_USE struct err backup_run(struct client *client, const char *name, backup_progress *progress,
                               void *arg, struct response *out, struct json *out_json);

#endif
