/* ask: what somebody asks a quorum for, from the body to the statement. */
#ifndef HSMGATE_GATEWAY_OPS_ASK_H
#define HSMGATE_GATEWAY_OPS_ASK_H

#include "gateway/judged.h"
#include "gateway/pipeline.h"

struct ask {
    enum statement_kind kind;
    uint32_t version;      /* NAME@N, or the one that the ciphertext names */
    struct buf ciphertext; /* STATEMENT_OPEN */
    struct buf context;    /* canonical */
    struct recipient recipient;
    int64_t after_s; /* STATEMENT_DESTROY */
    bool despite_use;
    struct quorum_rule wanted; /* STATEMENT_RULE */
    struct span reason;
    struct span ticket;
    int64_t window_s;
};
/* The name of the key in the body, checked, and the version behind it or 0. */
MUST_USE struct err ask_name(const struct call *call, struct span *out_name, uint32_t *out_version);
/* Reads the rest of the body for call->key and checks that it makes sense to ask: the ciphertext is
 * one of the key's, the version's state allows it, the key is not frozen. Clear with ask_clear. */
MUST_USE struct err ask_read(const struct call *call, struct ask *out);
void ask_clear(struct ask *ask);
/* Writes the statement for the quorum that holds now. ERR_INVALID_FIELD when it could never agree
 * without the requester. */
MUST_USE struct err ask_statement(const struct call *call, const struct ask *ask,
                                  const struct roster *roster, struct buf *out, struct uuid *out_id,
                                  int64_t *out_expires_at);

#endif
