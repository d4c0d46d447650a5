/* encrypt, decrypt, data-key, unwrap and rewrap.
 *
 * Each verb is three functions (see batch.h): read one item, run all, write one answer. A data-key
 * blob only unwraps and a data blob only decrypts; rewrap takes both and keeps which it is. */
#include "base/mem.h"
#include "gateway/ops/batch.h"
#include "gateway/ops/choice.h"
#include "gateway/ops/cipher.h"
#include "gateway/ops/context.h"
#include "gateway/ops/data_ops.h"
#include "gateway/ops/verbs.h"

#define DATA_KEY_BYTES 32

static struct err read_context(const struct batch *batch, const struct json_value *context,
                               struct item *item)
{
    TRY(context_canonical(context, &item->context));
    ENSURE(item->context.len == 0 || batch->call->key->purpose == PURPOSE_ENCRYPT,
           ERR_INVALID_FIELD, "RSA binds no context");
    return err_ok();
}

/* --- encrypt, decrypt --- */

static struct err encrypt_read(struct batch *batch, struct item *item)
{
    const struct json_value *context = NULL;
    const struct json_field fields[] = {
        {"plaintext", JSON_BYTES, JSON_REQUIRED, PLAINTEXT_MAX, &item->input, NULL},
        {"context", JSON_OBJECT, JSON_OPTIONAL, 0, &context, NULL},
    };
    TRY(item_read(item, fields, ARRAY_LEN(fields)));
    item->type = ENVELOPE_DATA;
    return read_context(batch, context, item);
}

/* The record names what came out: the hash of a short plaintext could be guessed back, and the
 * ciphertext's own also ties the record to the one of its opening. */
static void digest_outputs(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch_waits(&batch->items[i])) {
            item_digest(&batch->items[i], buf_span(&batch->items[i].output));
        }
    }
}

static struct err encrypt_run(struct batch *batch)
{
    TRY(cipher_protect(batch, TOKEN_ENCRYPT));
    digest_outputs(batch);
    return err_ok();
}

static void write_ciphertext(const struct batch *batch, const struct item *item,
                             struct json_writer *writer)
{
    (void)batch;
    json_put_bytes(writer, "ciphertext", buf_span(&item->output));
}

static struct err read_blob(struct batch *batch, struct item *item, enum cipher_blobs blobs)
{
    const struct json_value *context = NULL;
    const struct json_field fields[] = {
        {"ciphertext", JSON_BYTES, JSON_REQUIRED, ENVELOPE_MAX, &item->input, NULL},
        {"context", JSON_OBJECT, JSON_OPTIONAL, 0, &context, NULL},
    };
    TRY(item_read(item, fields, ARRAY_LEN(fields)));
    item_digest(item, buf_span(&item->input));
    TRY(read_context(batch, context, item));
    return cipher_read_blob(batch, item, blobs);
}

static struct err decrypt_read(struct batch *batch, struct item *item)
{
    return read_blob(batch, item, BLOBS_DATA);
}

static void write_plaintext(const struct batch *batch, const struct item *item,
                            struct json_writer *writer)
{
    (void)batch;
    json_put_bytes(writer, "plaintext", buf_span(&item->output));
}

/* RSA keys encrypt and decrypt too, when they were made for it. */
static struct err check_cipher_key(const struct call *call)
{
    enum purpose purpose = call->key->purpose;
    return choice_purpose(call, purpose == PURPOSE_DECRYPT ? PURPOSE_DECRYPT : PURPOSE_ENCRYPT);
}

struct err verb_encrypt(struct call *call, const struct words *words)
{
    const struct verb verb = {words, encrypt_run, VERB_PROTECTS};
    struct batch batch = {.call = call, .verb = &verb};
    TRY(check_cipher_key(call));
    TRY(choice_protecting(call, &batch.version));
    return batch_run(&batch);
}

struct err op_encrypt(struct call *call)
{
    static const struct words words = {encrypt_read, write_ciphertext};
    return verb_encrypt(call, &words);
}

struct err verb_decrypt(struct call *call, const struct words *words)
{
    const struct verb verb = {words, cipher_open, VERB_OPENS};
    struct batch batch = {.call = call, .verb = &verb};
    TRY(check_cipher_key(call));
    TRY(choice_pinned(call, &batch.version));
    return batch_run(&batch);
}

struct err op_decrypt(struct call *call)
{
    static const struct words words = {decrypt_read, write_plaintext};
    return verb_decrypt(call, &words);
}

/* --- data-key, unwrap --- */

struct err data_key_ask(const struct batch *batch, struct item *item, int64_t bytes)
{
    const struct key *key = batch->call->key;
    ENSURE(bytes >= 1 && (uint64_t)bytes <= DATA_KEY_MAX, ERR_INVALID_FIELD,
           "a data key has 1 to %zu bytes", DATA_KEY_MAX);
    ENSURE(!item->token.reveal || key->facts.approval.m == 0, ERR_APPROVAL_REQUIRED,
           "What this key protects is revealed with the approval of %u people only: ask for the "
           "data key without its plaintext.",
           key->facts.approval.m);
    item->token.bytes = (uint32_t)bytes;
    item->type = ENVELOPE_DATA_KEY;
    return err_ok();
}

static struct err data_key_read(struct batch *batch, struct item *item)
{
    const struct json_value *context = NULL;
    int64_t bytes = DATA_KEY_BYTES;
    const struct json_field fields[] = {
        {"bytes", JSON_INTEGER, JSON_OPTIONAL, 0, &bytes, NULL},
        {"context", JSON_OBJECT, JSON_OPTIONAL, 0, &context, NULL},
        {"plaintext", JSON_FLAG, JSON_OPTIONAL, 0, &item->token.reveal, NULL},
    };
    TRY(item_read(item, fields, ARRAY_LEN(fields)));
    ENSURE(bytes == 16 || bytes == 24 || bytes == 32 || bytes == 64, ERR_INVALID_FIELD,
           "field 'bytes' is 16, 24, 32 or 64");
    TRY(data_key_ask(batch, item, bytes));
    return read_context(batch, context, item);
}

static struct err data_key_run(struct batch *batch)
{
    TRY(cipher_protect(batch, TOKEN_DATA_KEY));
    digest_outputs(batch);
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (batch_waits(item) && item->token.reveal &&
            item->token.plaintext.len != item->token.bytes) {
            item->err = err_new(ERR_INTERNAL, __func__, "the token gave an odd data key");
        }
    }
    return err_ok();
}

static void data_key_write(const struct batch *batch, const struct item *item,
                           struct json_writer *writer)
{
    write_ciphertext(batch, item, writer);
    if (item->token.reveal) {
        json_put_bytes(writer, "plaintext", buf_span(&item->token.plaintext));
    }
}

static struct err unwrap_read(struct batch *batch, struct item *item)
{
    return read_blob(batch, item, BLOBS_DATA_KEY);
}

struct err verb_data_key(struct call *call, const struct words *words)
{
    const struct verb verb = {words, data_key_run, VERB_PROTECTS};
    struct batch batch = {.call = call, .verb = &verb};
    TRY(choice_purpose(call, PURPOSE_ENCRYPT));
    TRY(choice_protecting(call, &batch.version));
    return batch_run(&batch);
}

struct err op_data_key(struct call *call)
{
    static const struct words words = {data_key_read, data_key_write};
    return verb_data_key(call, &words);
}

struct err op_unwrap(struct call *call)
{
    static const struct words words = {unwrap_read, write_plaintext};
    static const struct verb verb = {&words, cipher_open, VERB_OPENS};
    struct batch batch = {.call = call, .verb = &verb};
    TRY(choice_purpose(call, PURPOSE_ENCRYPT));
    TRY(choice_pinned(call, &batch.version));
    return batch_run(&batch);
}

/* --- rewrap --- */

static struct err rewrap_read(struct batch *batch, struct item *item)
{
    return read_blob(batch, item, BLOBS_ANY);
}

/* Opens, then protects under the primary; between the two the plaintext stands in item->input. */
static struct err rewrap_run(struct batch *batch)
{
    TRY(cipher_open(batch));
    size_t waiting = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (batch_waits(item)) {
            item->from_version = item->version->number;
            buf_move(&item->input, &item->output);
            buf_clear(&item->token.output);
            buf_clear(&item->token.extra);
            item->token.iv = (struct span){0};
            waiting++;
        }
    }
    return waiting == 0 ? err_ok() : cipher_protect(batch, TOKEN_ENCRYPT);
}

static void rewrap_write(const struct batch *batch, const struct item *item,
                         struct json_writer *writer)
{
    write_ciphertext(batch, item, writer);
    json_put_integer(writer, "from_version", item->from_version);
}

/* A pinned version is the one that the blobs must be of; new data is always the primary's. */
struct err verb_rewrap(struct call *call, const struct words *words)
{
    const struct verb verb = {words, rewrap_run, VERB_REWRAPS};
    struct batch batch = {.call = call, .verb = &verb};
    const struct version *pinned = NULL;
    TRY(check_cipher_key(call));
    TRY(choice_pinned(call, &pinned));
    TRY(choice_primary(call, &batch.version));
    return batch_run(&batch);
}

struct err op_rewrap(struct call *call)
{
    static const struct words words = {rewrap_read, rewrap_write};
    return verb_rewrap(call, &words);
}
