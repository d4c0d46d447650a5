/* Encrypt, Decrypt, GenerateDataKey and GenerateRandom.
 *
 * A CiphertextBlob is the native ciphertext, and the encryption context is the native context, so
 * each side opens what the other made. RSA keys are the exception: what AWS calls their ciphertext
 * is the bare OAEP block. */
#include "base/mem.h"
#include "gateway/aws/aws.h"
#include "gateway/ops/choice.h"
#include "gateway/ops/cipher.h"
#include "gateway/ops/data_ops.h"
#include "gateway/ops/verbs.h"

#define PLAINTEXT_AWS_MAX ((size_t)4096)

/* What the request may say besides: the algorithm must be the key's. */
static struct err read_common(const struct batch *batch, struct item *item)
{
    struct span algorithm = {0};
    const struct loose_field fields[] = {
        {"EncryptionAlgorithm", LOOSE_TEXT, 0, &algorithm, NULL},
    };
    const struct key *key = batch->call->key;
    TRY(loose_read(item->object, fields, ARRAY_LEN(fields)));
    TRY(aws_check_encryption_algorithm(batch->call->gateway, key, algorithm));
    TRY(aws_read_context(item->object, "EncryptionContext", &item->context));
    ENSURE(item->context.len == 0 || key->purpose == PURPOSE_ENCRYPT, ERR_INVALID_FIELD,
           "EncryptionContext is not supported by this key.");
    return err_ok();
}

/* --- Encrypt --- */

static struct err encrypt_read(struct batch *batch, struct item *item)
{
    const struct loose_field field = {"Plaintext", LOOSE_BYTES, PLAINTEXT_AWS_MAX, &item->input,
                                      NULL};
    TRY(loose_read(item->object, &field, 1));
    item->type = ENVELOPE_DATA;
    TRY(read_common(batch, item));
    return aws_refuse_dry(item->object);
}

/* The whole envelope, or the block in it. */
static struct span blob_of(const struct batch *batch, const struct item *item)
{
    struct envelope envelope;
    struct span output = buf_span(&item->output);
    bool rsa = algorithm_info(batch->call->key->algorithm)->family == FAMILY_RSA;
    return rsa && envelope_decode(output, &envelope).code == ERR_OK ? envelope.body : output;
}

static void encrypt_write(const struct batch *batch, const struct item *item,
                          struct json_writer *writer)
{
    json_put_bytes(writer, "CiphertextBlob", blob_of(batch, item));
    aws_put_key_id(batch->call, writer);
    json_put_text_if(writer, "EncryptionAlgorithm",
                     aws_encryption_algorithm(batch->call->gateway, batch->call->key));
}

struct err aws_encrypt(struct call *call)
{
    static const struct words words = {encrypt_read, encrypt_write};
    TRY(aws_check_usable(call));
    return verb_encrypt(call, &words);
}

/* --- Decrypt --- */

struct err aws_check_key_of(const struct call *call, struct span blob)
{
    struct envelope envelope;
    bool other =
        envelope_decode(blob, &envelope).code == ERR_OK && !uuid_equal(envelope.key, call->key->id);
    ENSURE(!other, ERR_INVALID_CIPHERTEXT,
           AWS_INCORRECT_KEY " the key that was used to encrypt the ciphertext.");
    return err_ok();
}

static struct err decrypt_read(struct batch *batch, struct item *item)
{
    const struct loose_field field = {"CiphertextBlob", LOOSE_BYTES, ENVELOPE_MAX, &item->input,
                                      NULL};
    TRY(loose_read(item->object, &field, 1));
    item_digest(item, buf_span(&item->input));
    TRY(read_common(batch, item));
    TRY(aws_check_key_of(batch->call, buf_span(&item->input)));
    TRY(cipher_read_blob(batch, item, BLOBS_ANY));
    const char *operation = item->type == ENVELOPE_DATA ? "decrypt" : "unwrap";
    batch->call->operation = operation;
    TRY(pipeline_grant_item(batch->call, operation, item->object));
    return aws_refuse_dry(item->object);
}

static void decrypt_write(const struct batch *batch, const struct item *item,
                          struct json_writer *writer)
{
    json_put_bytes(writer, "Plaintext", buf_span(&item->output));
    aws_put_key_id(batch->call, writer);
    json_put_text_if(writer, "EncryptionAlgorithm",
                     aws_encryption_algorithm(batch->call->gateway, batch->call->key));
}

struct err aws_decrypt(struct call *call)
{
    static const struct words words = {decrypt_read, decrypt_write};
    TRY(aws_check_usable(call));
    return verb_decrypt(call, &words);
}

/* --- GenerateDataKey --- */

static struct err read_bytes(const struct item *item, int64_t *out)
{
    struct span spec = {0};
    bool has_bytes = false;
    const struct loose_field fields[] = {
        {"KeySpec", LOOSE_TEXT, 0, &spec, NULL},
        {"NumberOfBytes", LOOSE_INTEGER, 0, out, &has_bytes},
    };
    TRY(loose_read(item->object, fields, ARRAY_LEN(fields)));
    ENSURE(has_bytes != (spec.len > 0), ERR_INVALID_FIELD,
           "Please specify either number of bytes or key spec.");
    if (!has_bytes) {
        *out = span_is(spec, "AES_256") ? 32 : 16;
    }
    return err_ok();
}

static struct err wrapped_read(struct batch *batch, struct item *item)
{
    int64_t bytes = 0;
    TRY(read_bytes(item, &bytes));
    TRY(data_key_ask(batch, item, bytes));
    TRY(read_common(batch, item));
    return aws_refuse_dry(item->object);
}

static struct err data_key_read(struct batch *batch, struct item *item)
{
    item->token.reveal = true;
    return wrapped_read(batch, item);
}

static void data_key_write(const struct batch *batch, const struct item *item,
                           struct json_writer *writer)
{
    json_put_bytes(writer, "CiphertextBlob", buf_span(&item->output));
    if (item->token.reveal) {
        json_put_bytes(writer, "Plaintext", buf_span(&item->token.plaintext));
    }
    aws_put_key_id(batch->call, writer);
}

struct err aws_data_key(struct call *call)
{
    static const struct words words = {data_key_read, data_key_write};
    TRY(aws_check_usable(call));
    return verb_data_key(call, &words);
}

struct err aws_data_key_wrapped(struct call *call)
{
    static const struct words words = {wrapped_read, data_key_write};
    TRY(aws_check_usable(call));
    return verb_data_key(call, &words);
}

/* --- GenerateRandom --- */

static struct err random_read(struct batch *batch, struct item *item)
{
    int64_t bytes = 0;
    (void)batch;
    const struct loose_field field = {"NumberOfBytes", LOOSE_INTEGER, 0, &bytes, NULL};
    TRY(loose_read(item->object, &field, 1));
    return random_ask(item, bytes);
}

static void random_write(const struct batch *batch, const struct item *item,
                         struct json_writer *writer)
{
    (void)batch;
    json_put_bytes(writer, "Plaintext", buf_span(&item->token.output));
}

struct err aws_random(struct call *call)
{
    static const struct words words = {random_read, random_write};
    return verb_random(call, &words);
}
