/* verdict: what verifying a log found, for people and for programs. */
#ifndef HSMGATE_CLI_VERDICT_H
#define HSMGATE_CLI_VERDICT_H

#include "audit/verify.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/trust.h"

struct verdict {
    const struct audit_finding *finding;
    const struct trust *trust;
};

/* Intact, and proved by a checkpoint when a key was given. */
bool verdict_is_good(const struct verdict *verdict);
/* One line that scripts may compare: `intact`, `record N changed`, `records missing at the end: N
 * to M`, `contradicts the checkpoint`, `torn last line after record N`, `no checkpoint for the key
 * to prove`. */
#define VERDICT_MAX 96
void verdict_line(const struct verdict *verdict, char out[VERDICT_MAX]);
/* That line and a small table on standard output; with --json one object. */
MUST_USE struct err verdict_print(const struct options *options, const struct verdict *verdict);
/* `size` and `root` into the open object. */
void verdict_put_head(struct json_writer *writer, const struct tree_head *head);

#endif
