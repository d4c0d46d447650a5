/* token_quorum: calls about which a quorum decides, in the worker.
 *
 * The front carries bundles there and sealed answers back and can do nothing with either. Why the
 * worker refuses is its own sentence, which people are shown; it is checked as any other answer. */
#include "pkcs11/token_inner.h"

#include <string.h>

#include "base/mem.h"
#include "pkcs11/reply.h"

#include "base/banned.h"

/* Sets *out_class to what became of the one item of the call; the error is that of the class, with
 * the worker's reason where it has one, or that of a call that failed. */
static struct err run(struct call *call, enum frame_class *out_class)
{
    struct err err = call_run(call);
    bool answered = call->reply.class != FRAME_OK || err.code == ERR_OK;
    if (!answered) {
        return err;
    }
    enum frame_class class = err.code == ERR_OK ? call->replies[0].class : call->reply.class;
    *out_class = class;
    if (class != FRAME_UNAPPROVED) {
        return err.code == ERR_OK ? reply_error(class, call->op) : err;
    }
    struct err why = err_ok();
    if (call->reply.count != 1 || !reply_unapproved(call->replies[0].input, &why)) {
        struct err lie = err_new(ERR_CORRUPT, __func__, "a refusal without a reason");
        return call_reject(call, &lie);
    }
    return why;
}

static struct err destroy(struct call *call)
{
    enum frame_class class = FRAME_OK;
    struct err err = run(call, &class);
    /* the try before this one may have destroyed it and died */
    if (class == FRAME_KEY_MISSING && call->attempts > 1) {
        return err_ok();
    }
    ENSURE(class != FRAME_KEY_MISSING, ERR_NOT_FOUND, "no object with this CKA_ID");
    return err;
}

struct err token_destroy_approved(struct token *token, struct span cka_id, struct span permission,
                                  int64_t deadline_ns)
{
    ENSURE(cka_id.len >= 1 && cka_id.len <= TOKEN_CKA_ID_MAX, ERR_INVALID_FIELD,
           "a CKA_ID has 1 to %d bytes", TOKEN_CKA_ID_MAX);
    struct frame_item item = {.key = {.cka_id_len = cka_id.len}, .input = permission};
    memcpy(item.key.cka_id, cka_id.data, cka_id.len);
    CLEANUP(call_end) struct call call = token_call(token, FRAME_DESTROY, &item, deadline_ns);
    return token_counted(token, destroy(&call));
}

struct err token_destroy(struct token *token, struct span cka_id, int64_t deadline_ns)
{
    return token_destroy_approved(token, cka_id, (struct span){0}, deadline_ns);
}

static struct err open_sealed(struct call *call, struct buf *out_jwe)
{
    enum frame_class class = FRAME_OK;
    TRY(run(call, &class));
    struct span jwe = call->replies[0].input;
    struct err lie = reply_check_sealed(jwe);
    return lie.code == ERR_OK ? buf_append(out_jwe, jwe) : call_reject(call, &lie);
}

struct err token_open_sealed(struct token *token, const struct token_opening *opening,
                             int64_t deadline_ns, struct buf *out_jwe)
{
    struct frame_item item = {.key = *opening->key,
                              .input = opening->bundle,
                              .aad = opening->context,
                              .iv = opening->ciphertext};
    CLEANUP(call_end) struct call call = token_call(token, FRAME_OPEN, &item, deadline_ns);
    call.op = TOKEN_DECRYPT; /* it is about a ciphertext: so are its errors */
    return token_counted(token, open_sealed(&call, out_jwe));
}

struct err token_show_rosters(struct token *token, struct span bundle, int64_t deadline_ns)
{
    struct frame_item item = {.input = bundle};
    enum frame_class class = FRAME_OK;
    CLEANUP(call_end) struct call call = token_call(token, FRAME_ROSTERS, &item, deadline_ns);
    return token_counted(token, run(&call, &class));
}
