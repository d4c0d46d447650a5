/* metadata, encrypt, decrypt and health of the XKS proxy API.
 *
 * A ciphertext here is not ours: AWS KMS keeps IV, body and tag itself, and authenticates data of
 * its own. What says which version of the key it was goes into `ciphertextMetadata`. The AAD is as
 * the specification wants it, lengths first; the first of them is at most 8192, so none of these is
 * ever an AAD of a native ciphertext, which begins with letters. */
#include "base/encoding.h"
#include "base/mem.h"
#include "base/secret.h"
#include "gateway/aws/xks.h"
#include "gateway/loose.h"
#include "gateway/ops/batch.h"
#include "gateway/ops/choice.h"
#include "gateway/ops/verbs.h"

#define PLAINTEXT_XKS_MAX ((size_t)4300)
#define AAD_MAX           ((size_t)8192)
#define METADATA_MAX      ((size_t)20)
#define METADATA_LEN      ((size_t)4) /* the version, big-endian */
#define IV_LEN            ((size_t)12)
#define TAG_LEN           ((size_t)16)

/* --- what both read --- */

/* Unknown operations are not refused: AWS adds some. But there must be one. */
static struct err read_common(const struct call *call, struct buf *out_aad)
{
    struct span algorithm = {0};
    const struct json_value *metadata = json_member(call->json.root, "requestMetadata");
    const struct loose_field fields[] = {
        {"encryptionAlgorithm", LOOSE_TEXT, 0, &algorithm, NULL},
        {"additionalAuthenticatedData", LOOSE_BYTES, AAD_MAX, out_aad, NULL},
    };
    ENSURE(metadata != NULL && json_is(metadata, JSON_OBJECT), ERR_INVALID_FIELD,
           "requestMetadata is missing.");
    TRY(loose_read(call->json.root, fields, ARRAY_LEN(fields)));
    ENSURE(span_is(algorithm, "AES_GCM"), ERR_INVALID_FIELD, "encryptionAlgorithm is AES_GCM.");
    return err_ok();
}

/* len16(AAD) ‖ AAD ‖ len8(metadata) ‖ metadata */
static struct err put_aad(struct span aad, struct span metadata, struct buf *out)
{
    const uint8_t len[] = {(uint8_t)(aad.len >> 8), (uint8_t)aad.len};
    const uint8_t metadata_len = (uint8_t)metadata.len;
    TRY(buf_append(out, span_of(len, sizeof(len))));
    TRY(buf_append(out, aad));
    TRY(buf_append(out, span_of(&metadata_len, 1)));
    return buf_append(out, metadata);
}

static void put_version(uint32_t version, uint8_t out[METADATA_LEN])
{
    for (size_t i = 0; i < METADATA_LEN; i++) {
        out[i] = (uint8_t)(version >> (24 - 8 * i));
    }
}

static struct err point_token(const struct batch *batch, struct item *item)
{
    rotation_token_key(batch->call->key, item->version, &item->key);
    item->token.key = &item->key;
    item->token.mechanism = TOKEN_AES_GCM;
    item->token.aad = buf_span(&item->scratch);
    return err_ok();
}

static struct err check_key(const struct call *call)
{
    ENSURE(call->key->algorithm == ALGORITHM_AES_256_GCM, ERR_UNSUPPORTED_OPERATION,
           "The key is not one of AES_256.");
    return err_ok();
}

/* --- encrypt --- */

static struct err encrypt_read(struct batch *batch, struct item *item)
{
    uint8_t metadata[METADATA_LEN];
    bool present = false;
    struct span integrity = {0};
    const struct loose_field fields[] = {
        {"plaintext", LOOSE_BYTES, PLAINTEXT_XKS_MAX, &item->input, &present},
        {"ciphertextDataIntegrityValueAlgorithm", LOOSE_TEXT, 0, &integrity, NULL},
    };
    TRY(read_common(batch->call, &item->context));
    TRY(loose_read(item->object, fields, ARRAY_LEN(fields)));
    ENSURE(present && item->input.len > 0, ERR_INVALID_FIELD, "plaintext is missing.");
    ENSURE(integrity.len == 0 || span_is(integrity, "SHA_256"), ERR_INVALID_FIELD,
           "ciphertextDataIntegrityValueAlgorithm is SHA_256.");
    item->shown = integrity.len > 0;
    item->version = batch->version;
    put_version(batch->version->number, metadata);
    TRY(put_aad(buf_span(&item->context), span_of(metadata, sizeof(metadata)), &item->scratch));
    return point_token(batch, item);
}

/* SHA-256(AAD ‖ metadata ‖ IV ‖ ciphertext ‖ tag), into item->hash. */
static void make_integrity(const struct batch *batch, struct item *item)
{
    uint8_t metadata[METADATA_LEN];
    put_version(batch->version->number, metadata);
    const struct span parts[] = {buf_span(&item->context), span_of(metadata, sizeof(metadata)),
                                 buf_span(&item->proof), buf_span(&item->output)};
    digest_sha256_parts(parts, ARRAY_LEN(parts), item->hash);
    item->hash_len = SHA256_LEN;
}

/* Who asks for the integrity value wants to know that this opens again. */
static struct err prove(struct batch *batch, struct token *token, struct item *item)
{
    item->token.iv = buf_span(&item->proof);
    item->token.input = buf_span(&item->output);
    TRY(batch_token(batch, token, TOKEN_DECRYPT));
    ENSURE(item->err.code == ERR_OK &&
               secret_equal(buf_span(&item->token.output), buf_span(&item->input)),
           ERR_INTERNAL, "what the token encrypted does not open");
    return err_ok();
}

static struct err encrypt_run(struct batch *batch)
{
    struct token *token = NULL;
    struct item *item = &batch->items[0];
    TRY(choice_token(batch->call, &token));
    TRY(choice_count_uses(batch->call, batch->version, 1));
    item->token.input = buf_span(&item->input);
    TRY(batch_token(batch, token, TOKEN_ENCRYPT));
    TRY(item->err);
    ENSURE(item->token.output.len >= TAG_LEN && item->token.extra.len == IV_LEN, ERR_INTERNAL,
           "the token gave an odd ciphertext");
    buf_move(&item->output, &item->token.output);
    buf_move(&item->proof, &item->token.extra);
    item_digest(item, buf_span(&item->output));
    make_integrity(batch, item);
    return item->shown ? prove(batch, token, item) : err_ok();
}

static void encrypt_write(const struct batch *batch, const struct item *item,
                          struct json_writer *writer)
{
    uint8_t metadata[METADATA_LEN];
    struct span output = buf_span(&item->output);
    size_t body = output.len - TAG_LEN;
    put_version(batch->version->number, metadata);
    json_put_bytes(writer, "ciphertext", span_of(output.data, body));
    json_put_bytes(writer, "initializationVector", buf_span(&item->proof));
    json_put_bytes(writer, "authenticationTag", span_of(output.data + body, TAG_LEN));
    json_put_bytes(writer, "ciphertextMetadata", span_of(metadata, sizeof(metadata)));
    if (item->shown) {
        json_put_bytes(writer, "ciphertextDataIntegrityValue", span_of(item->hash, item->hash_len));
    }
}

struct err xks_encrypt(struct call *call)
{
    static const struct words words = {encrypt_read, encrypt_write};
    static const struct verb verb = {&words, encrypt_run, VERB_PROTECTS};
    struct batch batch = {.call = call, .verb = &verb};
    TRY(check_key(call));
    TRY(choice_protecting(call, &batch.version));
    return batch_run(&batch);
}

/* --- decrypt --- */

static struct err find_version(const struct batch *batch, struct span metadata, struct item *item)
{
    uint32_t number = 0;
    for (size_t i = 0; i < METADATA_LEN && metadata.len == METADATA_LEN; i++) {
        number = number << 8 | metadata.data[i];
    }
    item->version = number != 0 ? key_version(batch->call->key, number) : NULL;
    if (item->version == NULL) {
        return envelope_refusal();
    }
    return choice_may_open(item->version);
}

static struct err decrypt_read(struct batch *batch, struct item *item)
{
    CLEANUP(buf_clear) struct buf tag = {0}, metadata = {0};
    const struct loose_field fields[] = {
        {"ciphertext", LOOSE_BYTES, PLAINTEXT_XKS_MAX, &item->input, NULL},
        {"initializationVector", LOOSE_BYTES, 16, &item->proof, NULL},
        {"authenticationTag", LOOSE_BYTES, TAG_LEN, &tag, NULL},
        {"ciphertextMetadata", LOOSE_BYTES, METADATA_MAX, &metadata, NULL},
    };
    TRY(read_common(batch->call, &item->context));
    TRY(loose_read(item->object, fields, ARRAY_LEN(fields)));
    ENSURE(item->input.len > 0 && item->proof.len > 0 && tag.len > 0, ERR_INVALID_FIELD,
           "ciphertext, initializationVector and authenticationTag are needed.");
    if (item->proof.len != IV_LEN || tag.len != TAG_LEN) {
        return envelope_refusal();
    }
    TRY(find_version(batch, buf_span(&metadata), item));
    TRY(put_aad(buf_span(&item->context), buf_span(&metadata), &item->scratch));
    buf_init(&item->output, PLAINTEXT_XKS_MAX + TAG_LEN);
    TRY(buf_append(&item->output, buf_span(&item->input)));
    TRY(buf_append(&item->output, buf_span(&tag)));
    item_digest(item, buf_span(&item->output));
    return point_token(batch, item);
}

static struct err decrypt_run(struct batch *batch)
{
    struct token *token = NULL;
    struct item *item = &batch->items[0];
    TRY(choice_token(batch->call, &token));
    item->token.iv = buf_span(&item->proof);
    item->token.input = buf_span(&item->output);
    TRY(batch_token(batch, token, TOKEN_DECRYPT));
    return item->err.code == ERR_INVALID_CIPHERTEXT ? envelope_refusal() : item->err;
}

static void decrypt_write(const struct batch *batch, const struct item *item,
                          struct json_writer *writer)
{
    (void)batch;
    json_put_bytes(writer, "plaintext", buf_span(&item->token.output));
}

struct err xks_decrypt(struct call *call)
{
    static const struct words words = {decrypt_read, decrypt_write};
    static const struct verb verb = {&words, decrypt_run, VERB_OPENS};
    struct batch batch = {.call = call, .verb = &verb};
    TRY(check_key(call));
    return batch_run(&batch);
}

/* --- metadata, health --- */

struct err xks_metadata(struct call *call)
{
    TRY(check_key(call));
    bool enabled = key_primary(call->key) != NULL;
    struct json_writer writer = xks_begin(call);
    json_put_text(&writer, "keySpec", "AES_256");
    json_begin_array(&writer, "keyUsage");
    json_put_text(&writer, NULL, "ENCRYPT");
    json_put_text(&writer, NULL, "DECRYPT");
    json_end_array(&writer);
    json_put_text(&writer, "keyStatus", enabled ? "ENABLED" : "DISABLED");
    json_end_object(&writer);
    return json_finish(&writer);
}

static void put_token(struct token *token, struct json_writer *writer)
{
    struct token_status status = {0};
    token_status(token, &status);
    json_begin_object(writer, NULL);
    json_put_text(writer, "id", token_name(token));
    json_put_text(writer, "model", status.model[0] != '\0' ? status.model : "unknown");
    json_put_text(writer, "healthStatus", status.state == TOKEN_READY ? "ACTIVE" : "UNAVAILABLE");
    json_end_object(writer);
}

struct err xks_health(struct call *call)
{
    const struct gateway *gateway = call->gateway;
    struct json_writer writer = xks_begin(call);
    json_put_integer(&writer, "xksProxyFleetSize", 1);
    json_put_text(&writer, "xksProxyVendor", "hsmgate");
    json_put_text(&writer, "xksProxyModel", "hsmgate");
    json_put_text(&writer, "ekmVendor", "PKCS#11");
    json_begin_array(&writer, "ekmFleetDetails");
    for (size_t i = 0; i < gateway->token_count; i++) {
        put_token(gateway->tokens[i], &writer);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}
