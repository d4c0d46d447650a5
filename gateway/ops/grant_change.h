/* grant_change: what every change of grants has in common, whether one is written or many. */
#ifndef HSMGATE_GATEWAY_OPS_GRANT_CHANGE_H
#define HSMGATE_GATEWAY_OPS_GRANT_CHANGE_H

#include "gateway/ops/grant_facts.h"
#include "gateway/pipeline.h"

/* The newest grants, held by one try to change them, and the caller's question about them. */
struct grant_try {
    const struct grants *now; /* what is there */
    struct policy policy;     /* over `now` */
    struct policy_question asker;
};
/* Free with grant_try_end. */
void grant_try_start(struct grant_try *try, struct call *call);
void grant_try_end(struct grant_try *try);

typedef struct err grant_try_run(struct call *call, void *arg, bool *out_again);
/* Runs `run` until it does not ask for another go, because the grants changed under it, or the
 * request's time is over. */
MUST_USE struct err grant_change_run(struct call *call, grant_try_run *run, void *arg);
/* Commits against try->now; *out_again when that is no longer the newest. */
MUST_USE struct err grant_change_commit(struct call *call, const struct grant_try *try,
                                        struct grant_change *change, bool *out_again);

/* `create`, `update`, `delete` or `none`; either may be NULL, not both. */
const char *grant_change_word(const struct grant *before, const struct grant *after);
/* `{"id","change","before"?,"after"?}` with the whole content of both. */
void grant_change_put(struct json_writer *writer, const char *name, const struct grant *before,
                      const struct grant *after);
/* ERR_DUAL_ROLE that names the two grants. */
struct err grant_change_dual(const struct grant *grant, const struct grant *other);

#endif
