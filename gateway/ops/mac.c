/* mac and verify-mac, both on the token, which alone has the key.
 *
 * Without a pinned version a check goes through the versions that may open, newest first: one round
 * trip for each, with the items that no newer version has settled. */
#include "base/mem.h"
#include "base/secret.h"
#include "gateway/ops/batch.h"
#include "gateway/ops/choice.h"
#include "gateway/ops/data_ops.h"
#include "gateway/ops/verbs.h"

static void point_token(const struct batch *batch, const struct version *version, struct item *item)
{
    buf_clear(&item->token.output);
    rotation_token_key(batch->call->key, version, &item->key);
    item->token.key = &item->key;
    item->token.mechanism = TOKEN_HMAC;
    item->token.input = buf_span(&item->input);
}

static size_t mac_len(const struct batch *batch)
{
    return algorithm_info(batch->call->key->algorithm)->signature_len;
}

/* MACs of all waiting items by one version, or by each one's own when it is NULL, in
 * item->token.output. */
static struct err compute(struct batch *batch, struct token *token, const struct version *version)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch_waits(&batch->items[i])) {
            point_token(batch, version != NULL ? version : batch->items[i].version,
                        &batch->items[i]);
        }
    }
    TRY(batch_token(batch, token, TOKEN_SIGN));
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (batch_waits(item) && item->token.output.len != mac_len(batch)) {
            item->err = err_new(ERR_INTERNAL, __func__, "the token gave an odd MAC");
        }
    }
    return err_ok();
}

static struct err mac_read(struct batch *batch, struct item *item)
{
    const struct json_field fields[] = {
        {"message", JSON_BYTES, JSON_REQUIRED, MESSAGE_MAX, &item->input, NULL},
    };
    TRY(item_read(item, fields, ARRAY_LEN(fields)));
    item_digest(item, buf_span(&item->input));
    item->version = batch->version;
    return err_ok();
}

static struct err mac_run(struct batch *batch)
{
    struct token *token = NULL;
    TRY(choice_token(batch->call, &token));
    TRY(choice_count_uses(batch->call, batch->version, batch_waiting(batch)));
    return compute(batch, token, batch->version);
}

static void mac_write(const struct batch *batch, const struct item *item,
                      struct json_writer *writer)
{
    (void)batch;
    json_put_bytes(writer, "mac", buf_span(&item->token.output));
}

struct err verb_mac(struct call *call, const struct words *words)
{
    const struct verb verb = {words, mac_run, VERB_SIGNS};
    struct batch batch = {.call = call, .verb = &verb};
    TRY(choice_purpose(call, PURPOSE_MAC));
    TRY(choice_protecting(call, &batch.version));
    return batch_run(&batch);
}

struct err op_mac(struct call *call)
{
    static const struct words words = {mac_read, mac_write};
    return verb_mac(call, &words);
}

static struct err verify_mac_read(struct batch *batch, struct item *item)
{
    const struct json_field fields[] = {
        {"message", JSON_BYTES, JSON_REQUIRED, MESSAGE_MAX, &item->input, NULL},
        {"mac", JSON_BYTES, JSON_REQUIRED, MESSAGE_MAX, &item->proof, NULL},
    };
    TRY(item_read(item, fields, ARRAY_LEN(fields)));
    item_digest(item, buf_span(&item->input));
    item->version = batch->version;
    item->pinned = batch->call->version_asked != 0;
    item->settled = item->proof.len != mac_len(batch);
    return err_ok();
}

static void compare(const struct version *version, struct item *item)
{
    if (secret_equal(buf_span(&item->token.output), buf_span(&item->proof))) {
        item->valid = true;
        item->settled = true;
        item->version = version;
    }
}

/* All that wait are pinned, or none is. */
static bool are_pinned(const struct batch *batch)
{
    size_t i = 0;
    while (!batch_waits(&batch->items[i])) {
        i++;
    }
    return batch->items[i].pinned;
}

static void compare_all(struct batch *batch, const struct version *version)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (batch_waits(item)) {
            compare(version != NULL ? version : item->version, item);
        }
    }
}

static struct err verify_mac_run(struct batch *batch)
{
    struct token *token = NULL;
    TRY(choice_token(batch->call, &token));
    if (are_pinned(batch)) {
        TRY(compute(batch, token, NULL));
        compare_all(batch, NULL);
        return err_ok();
    }
    const struct version *version = choice_next_opening(batch->call->key, NULL);
    while (version != NULL && batch_waiting(batch) > 0) {
        TRY(compute(batch, token, version));
        compare_all(batch, version);
        version = choice_next_opening(batch->call->key, version);
    }
    return err_ok();
}

static void verify_mac_write(const struct batch *batch, const struct item *item,
                             struct json_writer *writer)
{
    (void)batch;
    json_put_flag(writer, "valid", item->valid);
}

struct err verb_verify_mac(struct call *call, const struct words *words)
{
    const struct verb verb = {words, verify_mac_run, VERB_CHECKS};
    struct batch batch = {.call = call, .verb = &verb};
    TRY(choice_purpose(call, PURPOSE_MAC));
    TRY(choice_checking(call, &batch.version));
    return batch_run(&batch);
}

struct err op_verify_mac(struct call *call)
{
    static const struct words words = {verify_mac_read, verify_mac_write};
    return verb_verify_mac(call, &words);
}
