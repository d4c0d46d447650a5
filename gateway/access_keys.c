/* Secrets of access keys. A sealed one is an envelope of the gateway's own key, with id and subject
 * as its context: whoever can write the database can neither read one nor give it to another.
 *
 * Opened secrets are kept in a small table, one slot for each hash of an id, and with each the
 * signing key of the scope that it was last asked for; a slot counts only while it was filled from
 * exactly what the store has now, so a revoked key is gone at once. */
#include "gateway/access_keys.h"

#include "base/digest.h"
#include "base/envelope.h"
#include "base/mem.h"
#include "base/sync.h"
#include "gateway/ops/context.h"
#include "gateway/own_key.h"
#include "gateway/policy.h"

#define SLOTS     256
#define SCOPE_MAX 96 /* a longer one is derived each time */

struct slot {
    uint8_t sealed_digest[SHA256_LEN]; /* of what it was opened from */
    struct secret secret;              /* empty: none */
    struct secret signing;             /* derived from it for `scope`; empty: none */
    uint8_t scope[SCOPE_MAX];
    size_t scope_len;
};

struct access_keys {
    pthread_mutex_t lock;
    struct slot slots[SLOTS];
};

struct access_keys *access_keys_open(void)
{
    struct access_keys *keys = mem_alloc(sizeof(*keys));
    sync_init(&keys->lock, NULL);
    return keys;
}

void access_keys_close(struct access_keys *keys)
{
    if (keys == NULL) {
        return;
    }
    for (size_t i = 0; i < SLOTS; i++) {
        secret_clear(&keys->slots[i].secret);
        secret_clear(&keys->slots[i].signing);
    }
    sync_destroy(&keys->lock, NULL);
    mem_free(keys);
}

/* --- sealing and opening --- */

static struct err get_key(const struct gateway *gateway, int64_t deadline_ns,
                          const struct key **out)
{
    static const struct own_key wanted = {
        .name = ACCESS_KEYS_KEY,
        .description = "Seals the secrets of access keys; the gateway's own.",
        .algorithm = ALGORITHM_AES_256_GCM,
        .otherwise = ALGORITHM_AES_256_GCM,
        .purpose = PURPOSE_ENCRYPT,
    };
    return own_key_get(gateway, &wanted, deadline_ns, out);
}

/* As a context of {"access_key":ID,"subject":SUBJECT}. */
static struct err put_context(const struct bearer *bearer, struct buf *out)
{
    CLEANUP(buf_clear) struct buf text = {.max = BUF_MAX_DEFAULT};
    CLEANUP(json_clear) struct json json = {0};
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "access_key", bearer->access_key);
    json_put_text(&writer, "subject", bearer->subject);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(json_parse(buf_span(&text), &json));
    return context_canonical(json.root, out);
}

static struct err put_aad(const struct bearer *bearer, const struct envelope *envelope,
                          struct buf *out)
{
    CLEANUP(buf_clear) struct buf context = {0};
    TRY(put_context(bearer, &context));
    return envelope_aad(envelope, buf_span(&context), out);
}

static struct err run(const struct gateway *gateway, const struct key *key, enum token_op op,
                      struct token_item *item, int64_t deadline_ns)
{
    struct token *token = gateway_token(gateway, key->token);
    ENSURE(token != NULL, ERR_TOKEN_UNAVAILABLE, "token %s is not configured", key->token);
    TRY(token_run(token, op, item, 1, deadline_ns));
    return item->result;
}

static struct err seal(const struct gateway *gateway, struct bearer *bearer, struct span secret,
                       int64_t now, int64_t deadline_ns)
{
    CLEANUP(key_release_at) const struct key *key = NULL;
    CLEANUP(buf_clear) struct buf aad = {.max = BUF_MAX_DEFAULT};
    CLEANUP(buf_clear) struct buf sealed = {.max = sizeof(bearer->sealed)};
    TRY(get_key(gateway, deadline_ns, &key));
    const struct version *version = key_primary(key);
    TRY(keystore_take_uses(gateway->store, version, 1, plan_uses_limit(key), now));
    struct envelope envelope = {.type = ENVELOPE_DATA,
                                .key = key->id,
                                .version = version->number,
                                .algorithm = ENVELOPE_AES_256_GCM};
    struct token_key token_key;
    rotation_token_key(key, version, &token_key);
    TRY(put_aad(bearer, &envelope, &aad));
    CLEANUP(own_key_item_clear)
    struct token_item item = {
        .key = &token_key, .mechanism = TOKEN_AES_GCM, .input = secret, .aad = buf_span(&aad)};
    TRY(run(gateway, key, TOKEN_ENCRYPT, &item, deadline_ns));
    envelope.iv = buf_span(&item.extra);
    envelope.body = buf_span(&item.output);
    TRY(envelope_encode(&envelope, &sealed));
    memcpy(bearer->sealed, sealed.data, sealed.len);
    bearer->sealed_len = sealed.len;
    return err_ok();
}

static struct err open_sealed(const struct gateway *gateway, const struct bearer *bearer,
                              int64_t deadline_ns, struct secret *out)
{
    CLEANUP(buf_clear) struct buf aad = {.max = BUF_MAX_DEFAULT};
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(gateway->store, span_text(ACCESS_KEYS_KEY));
    struct envelope envelope;
    TRY(envelope_decode(span_of(bearer->sealed, bearer->sealed_len), &envelope));
    const struct version *version = key != NULL && uuid_equal(envelope.key, key->id)
                                        ? key_version(key, envelope.version)
                                        : NULL;
    ENSURE(version != NULL && lifecycle_opens(version->state), ERR_TOKEN_UNAVAILABLE,
           "the key %s does not open this access key's secret", ACCESS_KEYS_KEY);
    struct token_key token_key;
    rotation_token_key(key, version, &token_key);
    TRY(put_aad(bearer, &envelope, &aad));
    CLEANUP(own_key_item_clear)
    struct token_item item = {.key = &token_key,
                              .mechanism = TOKEN_AES_GCM,
                              .input = envelope.body,
                              .iv = envelope.iv,
                              .aad = buf_span(&aad)};
    TRY(run(gateway, key, TOKEN_DECRYPT, &item, deadline_ns));
    secret_set(out, buf_span(&item.output));
    return err_ok();
}

/* --- the store and the table --- */

struct err access_keys_put(const struct gateway *gateway, struct bearer *wanted, struct span secret,
                           int64_t now, int64_t deadline_ns)
{
    uint8_t hash[DIGEST_MAX];
    ENSURE(secret.len > 0 && secret.len <= ACCESS_SECRET_MAX, ERR_INVALID_FIELD,
           "the secret of an access key has 1 to %d bytes", ACCESS_SECRET_MAX);
    digest_of(DIGEST_SHA256, span_text(wanted->access_key), hash);
    memcpy(wanted->hash, hash, SHA256_LEN);
    TRY(seal(gateway, wanted, secret, now, deadline_ns));
    return keystore_put_bearer(gateway->store, wanted, now);
}

static bool is_of(const struct slot *slot, const uint8_t digest[SHA256_LEN])
{
    return slot->secret.len > 0 && memcmp(slot->sealed_digest, digest, SHA256_LEN) == 0;
}

static bool take_signing(struct access_keys *keys, const struct bearer *bearer,
                         const uint8_t digest[SHA256_LEN], struct span scope,
                         uint8_t out[SHA256_LEN])
{
    const struct slot *slot = &keys->slots[bearer->hash[0] % SLOTS];
    sync_lock(&keys->lock);
    bool known = is_of(slot, digest) && slot->signing.len == SHA256_LEN &&
                 span_equal(span_of(slot->scope, slot->scope_len), scope);
    if (known) {
        memcpy(out, slot->signing.data, SHA256_LEN);
    }
    sync_unlock(&keys->lock);
    return known;
}

static bool take_known(struct access_keys *keys, const struct bearer *bearer,
                       const uint8_t digest[SHA256_LEN], struct secret *out)
{
    const struct slot *slot = &keys->slots[bearer->hash[0] % SLOTS];
    sync_lock(&keys->lock);
    bool known = is_of(slot, digest);
    if (known) {
        secret_set(out, secret_span(&slot->secret));
    }
    sync_unlock(&keys->lock);
    return known;
}

static void keep(struct access_keys *keys, const struct bearer *bearer,
                 const uint8_t digest[SHA256_LEN], const struct secret *secret)
{
    struct slot *slot = &keys->slots[bearer->hash[0] % SLOTS];
    sync_lock(&keys->lock);
    secret_clear(&slot->secret);
    secret_clear(&slot->signing);
    secret_set(&slot->secret, secret_span(secret));
    memcpy(slot->sealed_digest, digest, SHA256_LEN);
    sync_unlock(&keys->lock);
}

/* Where the slot is another's meanwhile, that one stays. */
static void keep_signing(struct access_keys *keys, const struct bearer *bearer,
                         const uint8_t digest[SHA256_LEN], struct span scope,
                         const uint8_t key[SHA256_LEN])
{
    struct slot *slot = &keys->slots[bearer->hash[0] % SLOTS];
    if (scope.len > SCOPE_MAX) {
        return;
    }
    sync_lock(&keys->lock);
    if (is_of(slot, digest)) {
        secret_clear(&slot->signing);
        secret_set(&slot->signing, span_of(key, SHA256_LEN));
        memcpy(slot->scope, scope.data, scope.len);
        slot->scope_len = scope.len;
    }
    sync_unlock(&keys->lock);
}

/* With their ends, so that none can take from the next. */
static void digest_sealed(const struct bearer *bearer, uint8_t out[SHA256_LEN])
{
    const struct span parts[] = {span_of(bearer->access_key, strlen(bearer->access_key) + 1),
                                 span_of(bearer->subject, strlen(bearer->subject) + 1),
                                 span_of(bearer->sealed, bearer->sealed_len)};
    digest_sha256_parts(parts, ARRAY_LEN(parts), out);
}

static struct err get_secret(const struct gateway *gateway, const struct bearer *bearer,
                             const uint8_t digest[SHA256_LEN], int64_t deadline_ns,
                             struct secret *out)
{
    if (take_known(gateway->access_keys, bearer, digest, out)) {
        return err_ok();
    }
    struct err err = open_sealed(gateway, bearer, deadline_ns, out);
    ENSURE(err.code != ERR_INVALID_CIPHERTEXT, ERR_UNAUTHENTICATED,
           "The access key's secret does not open: it was not sealed for this key.");
    TRY(err);
    keep(gateway->access_keys, bearer, digest, out);
    return err_ok();
}

struct err access_keys_find(const struct gateway *gateway, const struct sigv4 *signature,
                            int64_t now, int64_t deadline_ns, struct bearer *out,
                            uint8_t out_key[SHA256_LEN])
{
    struct access_keys *keys = gateway->access_keys;
    uint8_t hash[DIGEST_MAX], digest[SHA256_LEN];
    CLEANUP(secret_clear) struct secret secret = {0};
    digest_of(DIGEST_SHA256, signature->access_key, hash);
    bool found = keystore_find_bearer(gateway->store, hash, now, out) && out->sealed_len > 0;
    ENSURE(found, ERR_UNAUTHENTICATED, "The security token included in the request is invalid.");
    digest_sealed(out, digest);
    if (take_signing(keys, out, digest, signature->scope, out_key)) {
        return err_ok();
    }
    TRY(get_secret(gateway, out, digest, deadline_ns, &secret));
    sigv4_signing_key(signature, secret_span(&secret), out_key);
    keep_signing(keys, out, digest, signature->scope, out_key);
    return err_ok();
}
