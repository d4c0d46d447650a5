/* token: the face. Turns a caller's items into one request and its reply into results.
 *
 * What can go wrong on the way (leases, deadlines, dead workers, the retry) is call.c's; whether an
 * answer can be true is reply.c's. Nothing of a reply reaches a caller before all of it has been
 * checked. The counters are atomics; there is no other shared state here. */
#include "pkcs11/token_inner.h"

#include <unistd.h>

#include "base/mem.h"
#include "pkcs11/reply.h"

#include "base/banned.h"

struct err token_open(const struct token_config *config, struct token **out)
{
    ENSURE(config->channels >= 1 && config->channels <= SPAWN_CHANNELS_MAX, ERR_CONFIG,
           "token %s: channels must be 1 to %d", config->name, SPAWN_CHANNELS_MAX);
    ENSURE(config->operation_ms > 0, ERR_CONFIG, "token %s: no time for an operation",
           config->name);
    ENSURE(access(config->worker_path, X_OK) == 0, ERR_CONFIG, "token %s: cannot run %s",
           config->name, config->worker_path);
    ENSURE(access(config->worker_config, R_OK) == 0, ERR_CONFIG, "token %s: cannot read %s",
           config->name, config->worker_config);
    struct token *token = mem_alloc(sizeof(*token));
    supervisor_open(&token->supervisor, config);
    token_run_open(token);
    *out = token;
    return err_ok();
}

void token_close(struct token *token)
{
    if (token != NULL) {
        supervisor_close(&token->supervisor);
        convoy_clear(&token->convoy);
        mem_free(token);
    }
}

struct err token_wait_ready(struct token *token, int64_t deadline_ns)
{
    return supervisor_wait_ready(&token->supervisor, deadline_ns);
}

const char *token_name(const struct token *token)
{
    return token->supervisor.config.name;
}

struct err token_counted(struct token *token, struct err err)
{
    atomic_fetch_add_explicit(&token->calls, 1, memory_order_relaxed);
    if (err.code != ERR_OK) {
        atomic_fetch_add_explicit(&token->failures, 1, memory_order_relaxed);
    }
    return err;
}

struct call token_call(struct token *token, enum frame_kind kind, const struct frame_item *item,
                       int64_t deadline_ns)
{
    return (struct call){
        .supervisor = &token->supervisor,
        .kind = kind,
        .retry = kind == FRAME_GENERATE || kind == FRAME_OPEN ? CALL_NEVER_RETRY : CALL_RETRY,
        .items = item,
        .count = item != NULL ? 1 : 0,
        .deadline_ns = deadline_ns,
    };
}

/* Overload that the token itself reports may leave a half-made key, unlike that before sending. */
static struct err sent(const struct call *call, struct err err)
{
    ENSURE(err.code != ERR_OVERLOADED || call->reply.kind == 0, ERR_TOKEN_UNAVAILABLE,
           "the token has no room to make the key");
    return err;
}

static struct err generate(struct call *call, struct token_key *key, struct buf *public_key)
{
    TRY(sent(call, call_run(call)));
    const struct frame_item *made = &call->replies[0];
    TRY(sent(call, reply_error(made->class, call->op)));
    struct err lie = reply_check_key(key, made);
    if (lie.code != ERR_OK) {
        return call_reject(call, &lie);
    }
    TRY(buf_append(public_key, made->input));
    memcpy(key->identity, made->key.identity, sizeof(key->identity));
    key->identity_len = made->key.identity_len;
    return err_ok();
}

struct err token_generate(struct token *token, struct token_key *key, const char *label,
                          int64_t deadline_ns, struct buf *public_key)
{
    struct frame_item item = {.key = *key, .input = span_text(label)};
    item.key.identity_len = 0;
    ENSURE(item.input.len <= TOKEN_TEXT_MAX, ERR_INVALID_FIELD, "a label of more than %d bytes",
           TOKEN_TEXT_MAX);
    CLEANUP(call_end) struct call call = token_call(token, FRAME_GENERATE, &item, deadline_ns);
    return token_counted(token, generate(&call, key, public_key));
}

/* Why there is nothing to adopt, or why the answer cannot be true. */
static struct err refused(struct call *call)
{
    struct err why = err_ok();
    if (call->reply.count != 1 || !reply_unfit(call->replies[0].bytes, &why)) {
        struct err lie = err_new(ERR_CORRUPT, __func__, "a refusal without a reason");
        return call_reject(call, &lie);
    }
    return why;
}

static struct err adopt(struct call *call, struct token_key *key, uint32_t *out_attributes,
                        struct buf *public_key)
{
    struct err err = call_run(call);
    enum frame_class class = err.code == ERR_OK ? call->replies[0].class : call->reply.class;
    if (class == FRAME_UNFIT) {
        return refused(call);
    }
    TRY(err);
    TRY(reply_error(class, call->op));
    const struct frame_item *found = &call->replies[0];
    struct err lie = reply_check_adopted(&call->items[0].key, found);
    if (lie.code != ERR_OK) {
        return call_reject(call, &lie);
    }
    TRY(buf_append(public_key, found->input));
    *key = found->key;
    *out_attributes = found->bytes;
    return err_ok();
}

struct err token_adopt(struct token *token, const struct token_selector *which,
                       struct token_key *key, int64_t deadline_ns, uint32_t *out_attributes,
                       struct buf *public_key)
{
    struct frame_item item = {.key = {.algorithm = key->algorithm,
                                      .purpose = key->purpose,
                                      .cka_id_len = which->cka_id.len}};
    item.input = which->label != NULL ? span_text(which->label) : item.input;
    ENSURE((item.input.len > 0) != (which->cka_id.len > 0), ERR_INVALID_FIELD,
           "name the key on the token by its CKA_ID or by its label");
    ENSURE(item.input.len <= TOKEN_TEXT_MAX, ERR_INVALID_FIELD, "a label of more than %d bytes",
           TOKEN_TEXT_MAX);
    ENSURE(which->cka_id.len <= TOKEN_CKA_ID_MAX, ERR_INVALID_FIELD, "a CKA_ID has 1 to %d bytes",
           TOKEN_CKA_ID_MAX);
    if (which->cka_id.len > 0) {
        memcpy(item.key.cka_id, which->cka_id.data, which->cka_id.len);
    }
    CLEANUP(call_end) struct call call = token_call(token, FRAME_ADOPT, &item, deadline_ns);
    return token_counted(token, adopt(&call, key, out_attributes, public_key));
}

static struct err inventory(struct call *call, struct token_object **out, size_t *out_count)
{
    TRY(call_run(call));
    struct err lie = frame_decode_objects(&call->reply, call->body, out, out_count);
    return lie.code == ERR_OK ? err_ok() : call_reject(call, &lie);
}

struct err token_inventory(struct token *token, int64_t deadline_ns, struct token_object **out,
                           size_t *out_count)
{
    CLEANUP(call_end) struct call call = token_call(token, FRAME_INVENTORY, NULL, deadline_ns);
    return token_counted(token, inventory(&call, out, out_count));
}

static void clear_item(struct token_item *item)
{
    buf_clear(&item->output);
    buf_clear(&item->extra);
    buf_clear(&item->plaintext);
}

struct err token_canary(struct token *token, int64_t deadline_ns)
{
    CLEANUP(clear_item) struct token_item item = {.bytes = 1};
    TRY(token_run(token, TOKEN_RANDOM, &item, 1, deadline_ns));
    return item.result;
}

void token_status(struct token *token, struct token_status *out)
{
    supervisor_status(&token->supervisor, out);
    out->calls = atomic_load_explicit(&token->calls, memory_order_relaxed);
    out->failures = atomic_load_explicit(&token->failures, memory_order_relaxed);
}

bool token_supports(struct token *token, enum algorithm algorithm, enum purpose purpose)
{
    struct token_probe probe = {0};
    if (!supervisor_probe(&token->supervisor, &probe)) {
        return true;
    }
    uint32_t oaep = 1u << TOKEN_RSA_OAEP_SHA1 | 1u << TOKEN_RSA_OAEP_SHA256;
    bool opens = purpose != PURPOSE_DECRYPT || (probe.mechanisms & oaep) != 0;
    return opens && (probe.algorithms & 1u << algorithm) != 0;
}
