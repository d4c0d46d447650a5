/* quorum_act: the things that are done when a quorum has approved them. */
#ifndef HSMGATE_GATEWAY_OPS_QUORUM_ACT_H
#define HSMGATE_GATEWAY_OPS_QUORUM_ACT_H

#include "gateway/judged.h"
#include "gateway/pipeline.h"

/* One of them on its way. */
struct act {
    const struct quorum_request *request; /* ours, as it was read last; and what it amounts to */
    struct judged judged;
    uint8_t roster[SHA256_LEN]; /* digest of the one by which it is carried out */
    struct buf sealed;          /* what is handed out: a JWE */
    uint8_t result[SHA256_LEN]; /* its digest */
    bool has_result;
    /* writes the members of the answer that are of this kind */
    struct err (*write)(struct call *call, const struct act *act, struct json_writer *writer);
};
void act_clear(struct act *act);
/* Judges the request as it was just read, and takes it, in the place of what was known of it.
 * Errors as judged_open; the request then stays the caller's. */
MUST_USE struct err act_judge(const struct call *call, const struct quorum_request **request,
                              struct act *act);

typedef struct err quorum_act_step(struct call *call, struct act *act);
struct quorum_act {
    quorum_act_step *check; /* nothing has happened yet: an error leaves the request as it is */
    quorum_act_step *run;   /* it is spent: an error ends it */
};

quorum_act_step quorum_act_check_key, quorum_act_check_open, quorum_act_check_destroy;
quorum_act_step quorum_act_open, quorum_act_destroy, quorum_act_rule, quorum_act_unfreeze;

#endif
