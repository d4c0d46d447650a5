/* random: bytes from the default token's generator. */
#include "base/mem.h"
#include "gateway/ops/batch.h"
#include "gateway/ops/data_ops.h"
#include "gateway/ops/verbs.h"

#define RANDOM_BYTES     32
#define RANDOM_BYTES_MAX 4096 /* with 256 items well under a frame */

struct err random_ask(struct item *item, int64_t bytes)
{
    ENSURE(bytes >= 1, ERR_INVALID_FIELD, "field 'bytes' is at least 1");
    ENSURE(bytes <= RANDOM_BYTES_MAX, ERR_TOO_LARGE, "field 'bytes' is at most %d",
           RANDOM_BYTES_MAX);
    item->token.bytes = (uint32_t)bytes;
    return err_ok();
}

static struct err random_read(struct batch *batch, struct item *item)
{
    (void)batch;
    int64_t bytes = RANDOM_BYTES;
    const struct json_field fields[] = {
        {"bytes", JSON_INTEGER, JSON_OPTIONAL, 0, &bytes, NULL},
    };
    TRY(item_read(item, fields, ARRAY_LEN(fields)));
    return random_ask(item, bytes);
}

static struct err default_token(const struct gateway *gateway, struct token **out)
{
    struct token *token = gateway_token(gateway, gateway->config->default_token);
    ENSURE(token != NULL, ERR_TOKEN_UNAVAILABLE, "the default token is not configured");
    *out = token;
    return err_ok();
}

static struct err random_run(struct batch *batch)
{
    struct token *token = NULL;
    TRY(default_token(batch->call->gateway, &token));
    TRY(batch_token(batch, token, TOKEN_RANDOM));
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (batch_waits(item) && item->token.output.len != item->token.bytes) {
            item->err = err_new(ERR_INTERNAL, __func__, "the token gave an odd answer");
        }
    }
    return err_ok();
}

static void random_write(const struct batch *batch, const struct item *item,
                         struct json_writer *writer)
{
    (void)batch;
    json_put_bytes(writer, "random", buf_span(&item->token.output));
}

struct err verb_random(struct call *call, const struct words *words)
{
    const struct verb verb = {words, random_run, VERB_USES_NOTHING};
    struct batch batch = {.call = call, .verb = &verb};
    return batch_run(&batch);
}

struct err op_random(struct call *call)
{
    static const struct words words = {random_read, random_write};
    return verb_random(call, &words);
}
