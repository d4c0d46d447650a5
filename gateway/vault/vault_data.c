/* encrypt, decrypt, rewrap and datakey.
 *
 * A ciphertext is `vault:vN:` and the native one, so each side opens what the other made. What
 * Vault calls decrypt is two things here: data needs a grant to decrypt, data keys one to unwrap.
 * `associated_data` becomes a native context of that one name; `context` derives keys upstream, and
 * does nothing to a key that is not derived, as no key here is. */
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/ops/choice.h"
#include "gateway/ops/cipher.h"
#include "gateway/ops/context.h"
#include "gateway/ops/data_ops.h"
#include "gateway/ops/verbs.h"
#include "gateway/vault/vault.h"

#define ASSOCIATED      "associated_data"
#define ASSOCIATED_MAX  ((size_t)4 << 10)
#define CIPHERTEXT_TEXT ((size_t)256 << 10)
#define BITS_DEFAULT    256

/* --- what the items have in common --- */

struct err vault_context(const struct json_value *item, struct json *made,
                         const struct json_value **out)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(buf_clear) struct buf text = {.max = BUF_MAX_DEFAULT};
    bool present = false;
    const struct loose_field field = {ASSOCIATED, LOOSE_BYTES, ASSOCIATED_MAX, &bytes, &present};
    *out = NULL;
    TRY(loose_read(item, &field, 1));
    if (bytes.len == 0) {
        return err_ok();
    }
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_bytes(&writer, ASSOCIATED, buf_span(&bytes));
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(json_parse(buf_span(&text), made));
    *out = made->root;
    return err_ok();
}

static struct err read_context(const struct batch *batch, struct item *item)
{
    CLEANUP(json_clear) struct json made = {0};
    const struct json_value *context = NULL;
    TRY(vault_context(item->object, &made, &context));
    ENSURE(context == NULL || batch->call->key->purpose == PURPOSE_ENCRYPT, ERR_INVALID_FIELD,
           "'associated_data' provided for non-AEAD cipher suite");
    return context_canonical(context, &item->context);
}

/* Convergent encryption and nonces of the caller's own are refused, a context is not looked at. */
static struct err refuse_nonce(const struct item *item)
{
    struct span nonce = {0};
    const struct loose_field field = {"nonce", LOOSE_TEXT, 0, &nonce, NULL};
    TRY(loose_read(item->object, &field, 1));
    ENSURE(nonce.len == 0, ERR_UNSUPPORTED_OPERATION,
           "provided nonce not allowed for this key: the token makes each one");
    return vault_refuse_flags(item->object);
}

/* New data is the primary's: 0 and its own number say the same. */
static struct err read_version(const struct batch *batch, const struct item *item)
{
    int64_t version = 0;
    const struct loose_field field = {"key_version", LOOSE_INTEGER, 0, &version, NULL};
    TRY(loose_read(item->object, &field, 1));
    ENSURE(version == 0 || version == batch->version->number, ERR_INVALID_FIELD,
           "requested version %lld for encryption is not the latest one, %u, and only that "
           "protects new data",
           (long long)version, batch->version->number);
    return err_ok();
}

static void write_ciphertext(const struct batch *batch, const struct item *item,
                             struct json_writer *writer)
{
    (void)batch;
    vault_put_text(writer, "ciphertext", item->version->number, buf_span(&item->output),
                   ENCODING_DER);
    json_put_integer(writer, "key_version", item->version->number);
}

/* --- encrypt --- */

static struct err encrypt_read(struct batch *batch, struct item *item)
{
    const struct json_value *object = item->object;
    const struct loose_field field = {"plaintext", LOOSE_BYTES, PLAINTEXT_MAX, &item->input, NULL};
    ENSURE(object != NULL && json_member(object, field.name) != NULL, ERR_INVALID_FIELD,
           "missing plaintext to encrypt");
    TRY(loose_read(object, &field, 1));
    TRY(refuse_nonce(item));
    TRY(read_version(batch, item));
    item->type = ENVELOPE_DATA;
    return read_context(batch, item);
}

struct err vault_encrypt(struct call *call)
{
    static const struct words words = {encrypt_read, write_ciphertext};
    return verb_encrypt(call, &words);
}

/* --- decrypt, rewrap --- */

/* The ciphertext without its `vault:vN:`, or a bare native one. */
static struct err read_blob(struct batch *batch, struct item *item)
{
    struct span text = {0}, rest = {0};
    uint32_t version = 0;
    const struct loose_field field = {"ciphertext", LOOSE_TEXT, CIPHERTEXT_TEXT, &text, NULL};
    TRY(loose_read(item->object, &field, 1));
    ENSURE(text.len > 0, ERR_INVALID_FIELD, "missing ciphertext to decrypt");
    item_digest(item, text);
    TRY(read_context(batch, item));
    if (memchr(text.data, ':', text.len) == NULL) {
        rest = text;
    } else if (vault_text_parse(text, &version, &rest).code != ERR_OK) {
        return envelope_refusal();
    }
    buf_init(&item->input, ENVELOPE_MAX);
    if (loose_base64(rest, &item->input).code != ERR_OK) {
        return envelope_refusal();
    }
    item_digest(item, buf_span(&item->input));
    TRY(cipher_read_blob(batch, item, BLOBS_ANY));
    return version == 0 || version == item->version->number ? err_ok() : envelope_refusal();
}

/* The record says unwrap when the first item is a data key and none is data. */
static struct err decrypt_read(struct batch *batch, struct item *item)
{
    TRY(read_blob(batch, item));
    bool data = item->type == ENVELOPE_DATA;
    if (data || item == batch->items) {
        batch->call->operation = data ? "decrypt" : "unwrap";
    }
    return pipeline_grant_item(batch->call, data ? "decrypt" : "unwrap", item->object);
}

static void write_plaintext(const struct batch *batch, const struct item *item,
                            struct json_writer *writer)
{
    (void)batch;
    json_put_bytes(writer, "plaintext", buf_span(&item->output));
}

struct err vault_decrypt(struct call *call)
{
    static const struct words words = {decrypt_read, write_plaintext};
    return verb_decrypt(call, &words);
}

static struct err rewrap_read(struct batch *batch, struct item *item)
{
    TRY(read_version(batch, item));
    return read_blob(batch, item);
}

struct err vault_rewrap(struct call *call)
{
    static const struct words words = {rewrap_read, write_ciphertext};
    return verb_rewrap(call, &words);
}

/* --- datakey --- */

static struct err data_key_read(struct batch *batch, struct item *item)
{
    int64_t bits = BITS_DEFAULT;
    const struct loose_field field = {"bits", LOOSE_INTEGER, 0, &bits, NULL};
    TRY(loose_read(item->object, &field, 1));
    ENSURE(bits == 128 || bits == 256 || bits == 512, ERR_INVALID_FIELD, "invalid bit length");
    TRY(refuse_nonce(item));
    TRY(read_version(batch, item));
    item->token.reveal = span_is(batch->call->arguments[0], "plaintext");
    TRY(data_key_ask(batch, item, bits / 8));
    return read_context(batch, item);
}

static void data_key_write(const struct batch *batch, const struct item *item,
                           struct json_writer *writer)
{
    write_ciphertext(batch, item, writer);
    if (item->token.reveal) {
        json_put_bytes(writer, "plaintext", buf_span(&item->token.plaintext));
    }
}

struct err vault_data_key(struct call *call)
{
    static const struct words words = {data_key_read, data_key_write};
    struct span kind = call->arguments[0];
    ENSURE(span_is(kind, "plaintext") || span_is(kind, "wrapped"), ERR_INVALID_FIELD,
           "Invalid path, must be 'plaintext' or 'wrapped'");
    return verb_data_key(call, &words);
}
