/* ReEncrypt: opened with one key and protected with another, and the plaintext stays here.
 *
 * Under the same key and context that is a rewrap. Under others it takes the grants to open and to
 * protect: who may open what has that context, or is under that key, could read it there. */
#include <assert.h>

#include "base/mem.h"
#include "gateway/aws/aws.h"
#include "gateway/ops/choice.h"
#include "gateway/ops/cipher.h"
#include "gateway/ops/use_note.h"

const struct route aws_reencrypt_target = {METHOD_POST,  "ReEncrypt", NULL,      "rewrap",
                                           ACCESS_GRANT, TARGET_KEY,  BODY_JSON, aws_reencrypt};

/* The one key that the ciphertext is moved to. */
struct target {
    const struct key *key;
    struct call call; /* the request as the destination's operations see it */
    struct buf context;
};

static void target_clear(struct target *target)
{
    key_release(target->key);
    buf_clear(&target->context);
}

static struct err check_context(const struct key *key, const struct buf *context)
{
    assert(key != NULL);
    ENSURE(context->len == 0 || key->purpose == PURPOSE_ENCRYPT, ERR_INVALID_FIELD,
           "An encryption context is not supported by a key of spec %s.",
           aws_key_spec(key->algorithm));
    return err_ok();
}

static struct err check_algorithm(const struct call *call, const struct key *key,
                                  const char *member)
{
    struct span name = {0};
    const struct loose_field field = {member, LOOSE_TEXT, 0, &name, NULL};
    TRY(loose_read(call->json.root, &field, 1));
    return aws_check_encryption_algorithm(call->gateway, key, name);
}

static struct err check_cipher(const struct key *key)
{
    assert(key != NULL);
    ENSURE(key->purpose == PURPOSE_ENCRYPT || key->purpose == PURPOSE_DECRYPT,
           ERR_UNSUPPORTED_OPERATION, "a key of purpose %s does not do this",
           purpose_name(key->purpose));
    return err_ok();
}

/* --- the source --- */

static struct err read_source(struct batch *batch, struct item *item)
{
    struct call *call = batch->call;
    const struct loose_field field = {"CiphertextBlob", LOOSE_BYTES, ENVELOPE_MAX, &item->input,
                                      NULL};
    TRY(check_cipher(call->key));
    TRY(loose_read(call->json.root, &field, 1));
    item_digest(item, buf_span(&item->input));
    TRY(check_algorithm(call, call->key, "SourceEncryptionAlgorithm"));
    TRY(aws_read_context(call->json.root, "SourceEncryptionContext", &item->context));
    TRY(check_context(call->key, &item->context));
    TRY(aws_check_key_of(call, buf_span(&item->input)));
    return cipher_read_blob(batch, item, BLOBS_ANY);
}

static struct err open_source(struct batch *batch, struct item *item)
{
    TRY(cipher_open(batch));
    TRY(item->err);
    return use_note_batch(batch);
}

/* --- the destination --- */

static struct err find_target(struct call *call, struct target *out)
{
    struct span id = {0};
    const struct loose_field field = {"DestinationKeyId", LOOSE_TEXT, 0, &id, NULL};
    TRY(loose_read(call->json.root, &field, 1));
    TRY(aws_read_context(call->json.root, "DestinationEncryptionContext", &out->context));
    out->key = aws_resolve(call->gateway, id);
    out->call = *call;
    out->call.route = &aws_reencrypt_target;
    out->call.key = out->key;
    out->call.target = aws_target(call->gateway, out->key, id);
    return err_ok();
}

/* Nothing but the version changes. */
static bool is_rewrap(const struct call *call, const struct item *item, const struct target *target)
{
    return target->key != NULL && uuid_equal(target->key->id, call->key->id) &&
           span_equal(buf_span(&item->context), buf_span(&target->context));
}

static struct err check_grants(struct call *call, const struct item *item, struct target *target)
{
    bool same = is_rewrap(call, item, target);
    const char *opening = item->type == ENVELOPE_DATA ? "decrypt" : "unwrap";
    TRY(pipeline_grant_item(call, same ? "rewrap" : opening, call->json.root));
    if (!same) {
        TRY(pipeline_grant_item(&target->call, "encrypt", call->json.root));
    }
    ENSURE(target->key != NULL, ERR_NOT_FOUND, "There is no such destination key.");
    TRY(aws_check_usable(&target->call));
    TRY(check_algorithm(call, target->key, "DestinationEncryptionAlgorithm"));
    TRY(check_context(target->key, &target->context));
    return check_cipher(target->key);
}

static struct err protect(struct target *target, struct item *from, struct batch *batch,
                          struct item *to)
{
    struct call *call = &target->call;
    to->object = call->json.root;
    /* an RSA block does not say what it holds and opens as data, a data key too, as in AWS */
    to->type = target->key->purpose == PURPOSE_DECRYPT ? ENVELOPE_DATA : from->type;
    buf_move(&to->input, &from->output);
    buf_move(&to->context, &target->context);
    TRY(choice_primary(call, &batch->version));
    TRY(cipher_protect(batch, TOKEN_ENCRYPT));
    TRY(to->err);
    return use_note_batch(batch);
}

/* --- the answer and the record --- */

static struct err note(struct call *call, const struct item *from, const struct item *to,
                       const struct target *target)
{
    struct json_writer writer = json_writer_on(&call->detail);
    call->version = from->version->number;
    call->has_digest = from->has_digest;
    memcpy(call->digest, from->digest, SHA256_LEN);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "to_key", target->key->name);
    json_put_integer(&writer, "to_version", to->version->number);
    json_end_object(&writer);
    return json_finish(&writer);
}

static struct err reply(struct call *call, const struct target *target, const struct item *to)
{
    char arn[AWS_ARN_MAX];
    struct envelope envelope;
    struct span blob = buf_span(&to->output);
    if (target->key->purpose == PURPOSE_DECRYPT) {
        TRY(envelope_decode(blob, &envelope));
        blob = envelope.body;
    }
    struct json_writer writer = aws_begin(call);
    json_put_bytes(&writer, "CiphertextBlob", blob);
    aws_arn(call, call->key, arn);
    json_put_text(&writer, "SourceKeyId", arn);
    aws_arn(call, target->key, arn);
    json_put_text(&writer, "KeyId", arn);
    json_put_text_if(&writer, "SourceEncryptionAlgorithm",
                     aws_encryption_algorithm(call->gateway, call->key));
    json_put_text_if(&writer, "DestinationEncryptionAlgorithm",
                     aws_encryption_algorithm(call->gateway, target->key));
    return aws_end(&writer);
}

static struct err run(struct call *call, struct target *target, struct item *from, struct item *to)
{
    static const struct verb opens = {.use = VERB_OPENS};
    static const struct verb protects = {.use = VERB_PROTECTS};
    struct batch source = {.call = call, .verb = &opens, .items = from, .count = 1};
    struct batch destination = {.call = &target->call, .verb = &protects, .items = to, .count = 1};
    TRY(read_source(&source, from));
    TRY(find_target(call, target));
    TRY(check_grants(call, from, target));
    TRY(aws_refuse_dry(call->json.root));
    TRY(open_source(&source, from));
    TRY(protect(target, from, &destination, to));
    TRY(note(call, from, to, target));
    return reply(call, target, to);
}

struct err aws_reencrypt(struct call *call)
{
    CLEANUP(target_clear) struct target target = {0};
    CLEANUP(item_clear) struct item from = {.object = call->json.root};
    CLEANUP(item_clear) struct item to = {0};
    TRY(aws_check_usable(call));
    return run(call, &target, &from, &to);
}
