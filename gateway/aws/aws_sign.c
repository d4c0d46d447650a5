/* Sign, Verify, GenerateMac and VerifyMac. Without a version in the request, a check tries every
 * version that may verify, as the native one does. */
#include "base/mem.h"
#include "base/public_key.h"
#include "gateway/aws/aws.h"
#include "gateway/ops/choice.h"
#include "gateway/ops/data_ops.h"
#include "gateway/ops/signature.h"
#include "gateway/ops/verbs.h"

#define MESSAGE_AWS_MAX   ((size_t)4096)
#define SIGNATURE_AWS_MAX ((size_t)6144)

/* --- signatures --- */

static struct err take_digest(struct item *item)
{
    const struct scheme_info *info = scheme_info(item->scheme);
    ENSURE(item->scheme != SCHEME_EDDSA, ERR_INVALID_FIELD,
           "ED25519_SHA_512 signs a message of type RAW.");
    ENSURE(item->input.len == digest_len(info->digest), ERR_INVALID_FIELD,
           "Digest is invalid length for algorithm %s.", aws_scheme_name(item->scheme));
    memcpy(item->hash, item->input.data, item->input.len);
    item->hash_len = item->input.len;
    return err_ok();
}

static struct err read_message(const struct batch *batch, struct item *item)
{
    struct span algorithm = {0}, type = {0};
    const struct loose_field fields[] = {
        {"Message", LOOSE_BYTES, MESSAGE_AWS_MAX, &item->input, NULL},
        {"MessageType", LOOSE_TEXT, 0, &type, NULL},
        {"SigningAlgorithm", LOOSE_TEXT, 0, &algorithm, NULL},
    };
    TRY(loose_read(item->object, fields, ARRAY_LEN(fields)));
    ENSURE(!span_is(type, "EXTERNAL_MU"), ERR_UNSUPPORTED_OPERATION,
           "MessageType EXTERNAL_MU is incompatible with key spec %s.",
           aws_key_spec(batch->call->key->algorithm));
    TRY(aws_scheme(batch->call->key, algorithm, &item->scheme));
    item->encoding = ENCODING_DER;
    item_digest(item, buf_span(&item->input));
    if (span_is(type, "DIGEST")) {
        return take_digest(item);
    }
    signature_hash(item);
    return err_ok();
}

static struct err sign_read(struct batch *batch, struct item *item)
{
    TRY(read_message(batch, item));
    return aws_refuse_dry(item->object);
}

static void sign_write(const struct batch *batch, const struct item *item,
                       struct json_writer *writer)
{
    aws_put_key_id(batch->call, writer);
    json_put_bytes(writer, "Signature", buf_span(&item->output));
    json_put_text(writer, "SigningAlgorithm", aws_scheme_name(item->scheme));
}

struct err aws_sign(struct call *call)
{
    static const struct words words = {sign_read, sign_write};
    TRY(aws_check_usable(call));
    return verb_sign(call, &words);
}

/* As tokens have it; one of an impossible shape is settled as not valid. */
static struct err read_signature(const struct batch *batch, struct item *item)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    size_t len = algorithm_info(batch->call->key->algorithm)->signature_len;
    const struct loose_field field = {"Signature", LOOSE_BYTES, SIGNATURE_AWS_MAX, &bytes, NULL};
    TRY(loose_read(item->object, &field, 1));
    if (scheme_info(item->scheme)->family == FAMILY_EC) {
        item->settled = ecdsa_der_to_raw(buf_span(&bytes), len, &item->proof).code != ERR_OK;
        return err_ok();
    }
    buf_move(&item->proof, &bytes);
    item->settled = item->proof.len != len;
    return err_ok();
}

static struct err verify_read(struct batch *batch, struct item *item)
{
    TRY(read_message(batch, item));
    TRY(read_signature(batch, item));
    item->version = batch->version;
    return aws_refuse_dry(item->object);
}

static void verify_write(const struct batch *batch, const struct item *item,
                         struct json_writer *writer)
{
    aws_put_key_id(batch->call, writer);
    json_put_flag(writer, "SignatureValid", item->valid);
    json_put_text(writer, "SigningAlgorithm", aws_scheme_name(item->scheme));
}

struct err aws_verify_signature(struct call *call)
{
    static const struct words words = {verify_read, verify_write};
    TRY(aws_check_usable(call));
    return verb_verify(call, &words);
}

/* --- MACs --- */

static const char *mac_algorithm(const struct key *key)
{
    switch ((int)algorithm_info(key->algorithm)->digest) {
    case DIGEST_SHA384:
        return "HMAC_SHA_384";
    case DIGEST_SHA512:
        return "HMAC_SHA_512";
    default:
        return "HMAC_SHA_256";
    }
}

static struct err mac_input(const struct batch *batch, struct item *item)
{
    struct span algorithm = {0};
    const struct key *key = batch->call->key;
    const struct loose_field fields[] = {
        {"Message", LOOSE_BYTES, MESSAGE_AWS_MAX, &item->input, NULL},
        {"MacAlgorithm", LOOSE_TEXT, 0, &algorithm, NULL},
    };
    TRY(loose_read(item->object, fields, ARRAY_LEN(fields)));
    ENSURE(span_is(algorithm, mac_algorithm(key)), ERR_UNSUPPORTED_OPERATION,
           "The algorithm is incompatible with key spec %s.", aws_key_spec(key->algorithm));
    item_digest(item, buf_span(&item->input));
    item->version = batch->version;
    return aws_refuse_dry(item->object);
}

static struct err mac_read(struct batch *batch, struct item *item)
{
    return mac_input(batch, item);
}

static void mac_write(const struct batch *batch, const struct item *item,
                      struct json_writer *writer)
{
    aws_put_key_id(batch->call, writer);
    json_put_bytes(writer, "Mac", buf_span(&item->token.output));
    json_put_text(writer, "MacAlgorithm", mac_algorithm(batch->call->key));
}

struct err aws_mac(struct call *call)
{
    static const struct words words = {mac_read, mac_write};
    TRY(aws_check_usable(call));
    return verb_mac(call, &words);
}

static struct err verify_mac_read(struct batch *batch, struct item *item)
{
    const struct loose_field field = {"Mac", LOOSE_BYTES, SIGNATURE_AWS_MAX, &item->proof, NULL};
    TRY(loose_read(item->object, &field, 1));
    item->settled = item->proof.len != algorithm_info(batch->call->key->algorithm)->signature_len;
    return mac_input(batch, item);
}

static void verify_mac_write(const struct batch *batch, const struct item *item,
                             struct json_writer *writer)
{
    aws_put_key_id(batch->call, writer);
    json_put_flag(writer, "MacValid", item->valid);
    json_put_text(writer, "MacAlgorithm", mac_algorithm(batch->call->key));
}

struct err aws_verify_mac(struct call *call)
{
    static const struct words words = {verify_mac_read, verify_mac_write};
    TRY(aws_check_usable(call));
    return verb_verify_mac(call, &words);
}
