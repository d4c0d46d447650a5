/* Everything that a worker does with keys, in the test's own process and by OpenSSL: AES-256-GCM
 * with IVs of its own, HMAC, ECDSA as r‖s, Ed25519, RSA PKCS#1 v1.5, PSS and OAEP. Nothing here is
 * code under test: it is the other opinion. */
#include "tests/lib/fake_token_run.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "base/mem.h"

#define PAIRS_MAX 32

struct pair {
    uint8_t cka_id[TOKEN_CKA_ID_MAX];
    size_t cka_id_len;
    EVP_PKEY *key;
};

struct token {
    char *name;
    struct pair pairs[PAIRS_MAX];
    size_t pair_count;
    struct fake_script script;
    struct fake_counts counts;
};

#define CHECK(condition)  \
    do {                  \
        if (!(condition)) \
            abort();      \
    } while (0)

struct token *fake_token_open(const char *name)
{
    struct token *token = mem_alloc(sizeof(*token));
    token->name = mem_text(name);
    return token;
}

void fake_token_close(struct token *token)
{
    for (size_t i = 0; i < token->pair_count; i++) {
        EVP_PKEY_free(token->pairs[i].key);
    }
    mem_free(token->name);
    mem_free(token);
}

void fake_token_script(struct token *token, const struct fake_script *script)
{
    token->script = *script;
}

struct fake_counts fake_token_counts(const struct token *token)
{
    return token->counts;
}

static EVP_PKEY *make_pair(enum algorithm algorithm)
{
    const struct algorithm_info *info = algorithm_info(algorithm);
    static const char *const curves[] = {"P-256", "P-384", "P-521"};
    switch (info->family) {
    case FAMILY_EC:
        return EVP_EC_gen(curves[algorithm - ALGORITHM_ECDSA_P256]);
    case FAMILY_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case FAMILY_RSA:
        return EVP_RSA_gen(info->bits);
    case FAMILY_AES:
    case FAMILY_HMAC:
    default:
        return NULL;
    }
}

void fake_token_pair(struct token *token, struct span cka_id, enum algorithm algorithm,
                     struct buf *public_key)
{
    CHECK(token->pair_count < PAIRS_MAX && cka_id.len <= TOKEN_CKA_ID_MAX);
    struct pair *pair = &token->pairs[token->pair_count++];
    memcpy(pair->cka_id, cka_id.data, cka_id.len);
    pair->cka_id_len = cka_id.len;
    pair->key = make_pair(algorithm);
    CHECK(pair->key != NULL);
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pair->key, &der);
    CHECK(len > 0);
    CHECK(buf_append(public_key, span_of(der, (size_t)len)).code == ERR_OK);
    OPENSSL_free(der);
}

static EVP_PKEY *find_pair(const struct token *token, const struct token_key *key)
{
    for (size_t i = 0; i < token->pair_count; i++) {
        const struct pair *pair = &token->pairs[i];
        if (span_equal(span_of(pair->cka_id, pair->cka_id_len),
                       span_of(key->cka_id, key->cka_id_len))) {
            return pair->key;
        }
    }
    return NULL;
}

static void secret_of(const struct token_key *key, uint8_t out[SHA256_LEN])
{
    const struct span parts[] = {span_text("fake secret"), span_of(key->cka_id, key->cka_id_len)};
    digest_sha256_parts(parts, ARRAY_LEN(parts), out);
}

static const unsigned char *not_null(struct span bytes)
{
    static const unsigned char nothing[1];
    return bytes.len > 0 ? bytes.data : nothing;
}

static struct err seal(const struct token_key *key, struct span plaintext, struct span aad,
                       struct token_item *item)
{
    uint8_t secret[SHA256_LEN];
    uint8_t iv[TOKEN_IV_LEN];
    uint8_t *place = NULL;
    int len = 0;
    secret_of(key, secret);
    random_bytes(iv, sizeof(iv));
    TRY(buf_append(&item->extra, span_of(iv, sizeof(iv))));
    TRY(buf_extend(&item->output, plaintext.len + TOKEN_TAG_LEN, &place));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool done =
        EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, secret, iv) == 1 &&
        EVP_EncryptUpdate(ctx, NULL, &len, not_null(aad), (int)aad.len) == 1 &&
        EVP_EncryptUpdate(ctx, place, &len, not_null(plaintext), (int)plaintext.len) == 1 &&
        EVP_EncryptFinal_ex(ctx, place + plaintext.len, &len) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TOKEN_TAG_LEN, place + plaintext.len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    ENSURE(done, ERR_INTERNAL, "fake GCM");
    return err_ok();
}

static struct err unseal(struct token_item *item)
{
    ENSURE(item->input.len >= TOKEN_TAG_LEN && item->iv.len == TOKEN_IV_LEN, ERR_INVALID_CIPHERTEXT,
           "fake token says: too short");
    uint8_t secret[SHA256_LEN];
    uint8_t tag[TOKEN_TAG_LEN];
    uint8_t *place = NULL;
    int len = 0;
    size_t body = item->input.len - TOKEN_TAG_LEN;
    secret_of(item->key, secret);
    memcpy(tag, item->input.data + body, sizeof(tag));
    TRY(buf_extend(&item->output, body, &place));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool done = EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, secret, item->iv.data) == 1 &&
                EVP_DecryptUpdate(ctx, NULL, &len, not_null(item->aad), (int)item->aad.len) == 1 &&
                EVP_DecryptUpdate(ctx, place, &len, item->input.data, (int)body) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, sizeof(tag), tag) == 1 &&
                EVP_DecryptFinal_ex(ctx, place + body, &len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!done) {
        buf_clear(&item->output);
        return err_new(ERR_INVALID_CIPHERTEXT, __func__, "fake token says: bad tag");
    }
    return err_ok();
}

static struct err data_key(struct token_item *item)
{
    uint8_t key[64];
    random_bytes(key, sizeof(key));
    CHECK(item->bytes <= sizeof(key));
    if (item->reveal) {
        TRY(buf_append(&item->plaintext, span_of(key, item->bytes)));
    }
    return seal(item->key, span_of(key, item->bytes), item->aad, item);
}

/* The hash of a PSS mechanism, or of an HMAC key. */
static const EVP_MD *md_for(const struct token_item *item)
{
    enum digest digest = algorithm_info(item->key->algorithm)->digest;
    if (item->mechanism == TOKEN_RSA_PSS_SHA384 || digest == DIGEST_SHA384) {
        return EVP_sha384();
    }
    if (item->mechanism == TOKEN_RSA_PSS_SHA512 || digest == DIGEST_SHA512) {
        return EVP_sha512();
    }
    return EVP_sha256();
}

static struct err mac(struct token_item *item)
{
    uint8_t secret[SHA256_LEN];
    uint8_t out[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    secret_of(item->key, secret);
    ENSURE(HMAC(md_for(item), secret, sizeof(secret), not_null(item->input), item->input.len, out,
                &len) != NULL,
           ERR_INTERNAL, "fake HMAC");
    return buf_append(&item->output, span_of(out, len));
}

static struct err sign_eddsa(EVP_PKEY *key, struct token_item *item)
{
    uint8_t out[64];
    size_t len = sizeof(out);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool done = EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestSign(ctx, out, &len, not_null(item->input), item->input.len) == 1;
    EVP_MD_CTX_free(ctx);
    ENSURE(done, ERR_INTERNAL, "fake EdDSA");
    return buf_append(&item->output, span_of(out, len));
}

static bool pad_rsa(EVP_PKEY_CTX *ctx, const struct token_item *item)
{
    if (item->mechanism == TOKEN_ECDSA) {
        return true;
    }
    if (item->mechanism == TOKEN_RSA_PKCS1) {
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    }
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_signature_md(ctx, md_for(item)) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* r‖s by hand: base/ecdsa.c is under test elsewhere. */
static struct err der_to_raw(struct span der, size_t half, struct buf *out)
{
    const unsigned char *at = der.data;
    uint8_t raw[132];
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
    CHECK(sig != NULL);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)half) == (int)half);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, (int)half) == (int)half);
    ECDSA_SIG_free(sig);
    return buf_append(out, span_of(raw, 2 * half));
}

static struct err sign(const struct token *token, struct token_item *item)
{
    EVP_PKEY *key = find_pair(token, item->key);
    ENSURE(key != NULL, ERR_INTERNAL, "fake token: no such key pair");
    if (item->mechanism == TOKEN_EDDSA) {
        return sign_eddsa(key, item);
    }
    uint8_t out[512];
    size_t len = sizeof(out);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool done = EVP_PKEY_sign_init(ctx) == 1 && pad_rsa(ctx, item) &&
                EVP_PKEY_sign(ctx, out, &len, item->input.data, item->input.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    ENSURE(done, ERR_INTERNAL, "fake signature");
    if (item->mechanism == TOKEN_ECDSA) {
        return der_to_raw(span_of(out, len),
                          algorithm_info(item->key->algorithm)->signature_len / 2, &item->output);
    }
    return buf_append(&item->output, span_of(out, len));
}

static struct err decrypt_oaep(const struct token *token, struct token_item *item)
{
    uint8_t out[512];
    size_t len = sizeof(out);
    EVP_PKEY *key = find_pair(token, item->key);
    ENSURE(key != NULL, ERR_INTERNAL, "fake token: no such key pair");
    const EVP_MD *md = item->mechanism == TOKEN_RSA_OAEP_SHA256 ? EVP_sha256() : EVP_sha1();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool done = EVP_PKEY_decrypt_init(ctx) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 &&
                EVP_PKEY_decrypt(ctx, out, &len, item->input.data, item->input.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    ENSURE(done, ERR_INVALID_CIPHERTEXT, "fake token says: bad padding");
    return buf_append(&item->output, span_of(out, len));
}

static struct err run_item(const struct token *token, enum token_op op, struct token_item *item)
{
    uint8_t random[4096];
    switch (op) {
    case TOKEN_SIGN:
        return item->mechanism == TOKEN_HMAC ? mac(item) : sign(token, item);
    case TOKEN_ENCRYPT:
        return seal(item->key, item->input, item->aad, item);
    case TOKEN_DECRYPT:
        return item->mechanism == TOKEN_AES_GCM ? unseal(item) : decrypt_oaep(token, item);
    case TOKEN_DATA_KEY:
        return data_key(item);
    case TOKEN_RANDOM:
        CHECK(item->bytes <= sizeof(random));
        random_bytes(random, item->bytes);
        return buf_append(&item->output, span_of(random, item->bytes));
    case TOKEN_OP_COUNT:
    default:
        return err_new(ERR_INTERNAL, __func__, "fake token: no such operation");
    }
}

struct err token_run(struct token *token, enum token_op op, struct token_item *items, size_t count,
                     int64_t deadline_ns)
{
    (void)deadline_ns;
    CHECK(count >= 1 && count <= TOKEN_ITEMS_MAX);
    token->counts.runs++;
    token->counts.items += count;
    ENSURE(token->script.fail == ERR_OK, token->script.fail, "the fake token was told to fail");
    for (size_t i = 0; i < count; i++) {
        struct token_item *item = &items[i];
        CHECK(item->output.len == 0 && item->extra.len == 0 && item->plaintext.len == 0);
        item->result = token->script.fail_item != ERR_OK
                           ? err_new(token->script.fail_item, __func__, "fake item")
                           : run_item(token, op, item);
        if (token->script.short_output && item->output.len > 0) {
            buf_truncate(&item->output, item->output.len - 1);
            buf_truncate(&item->extra, 0);
        }
    }
    return err_ok();
}

const char *token_name(const struct token *token)
{
    return token->name;
}

void token_status(struct token *token, struct token_status *out)
{
    *out = (struct token_status){.state = TOKEN_READY};
    out->probe.mechanisms = ((1u << TOKEN_MECHANISM_COUNT) - 1) & ~token->script.without;
}

const char *token_error_name(size_t class)
{
    (void)class;
    return "fake class";
}

const char *token_mechanism_name(enum token_mechanism mechanism)
{
    (void)mechanism;
    return "fake mechanism";
}

/* The rest of the face is not for operations on data: it stands here so that the real token is
 * never linked. */
struct err token_open(const struct token_config *config, struct token **out)
{
    (void)config;
    (void)out;
    abort();
}

struct err token_wait_ready(struct token *token, int64_t deadline_ns)
{
    (void)token;
    (void)deadline_ns;
    abort();
}

void token_close(struct token *token)
{
    (void)token;
    abort();
}

struct err token_generate(struct token *token, struct token_key *key, const char *label,
                          int64_t deadline_ns, struct buf *public_key)
{
    (void)token;
    (void)key;
    (void)label;
    (void)deadline_ns;
    (void)public_key;
    abort();
}

struct err token_adopt(struct token *token, const struct token_selector *which,
                       struct token_key *key, int64_t deadline_ns, uint32_t *out_attributes,
                       struct buf *public_key)
{
    (void)token;
    (void)which;
    (void)key;
    (void)deadline_ns;
    (void)out_attributes;
    (void)public_key;
    abort();
}

struct err token_destroy(struct token *token, struct span cka_id, int64_t deadline_ns)
{
    (void)token;
    (void)cka_id;
    (void)deadline_ns;
    abort();
}

struct err token_destroy_approved(struct token *token, struct span cka_id, struct span permission,
                                  int64_t deadline_ns)
{
    (void)token;
    (void)cka_id;
    (void)permission;
    (void)deadline_ns;
    abort();
}

struct err token_open_sealed(struct token *token, const struct token_opening *opening,
                             int64_t deadline_ns, struct buf *out_jwe)
{
    (void)token;
    (void)opening;
    (void)deadline_ns;
    (void)out_jwe;
    abort();
}

struct err token_show_rosters(struct token *token, struct span bundle, int64_t deadline_ns)
{
    (void)token;
    (void)bundle;
    (void)deadline_ns;
    abort();
}

struct err token_inventory(struct token *token, int64_t deadline_ns, struct token_object **out,
                           size_t *out_count)
{
    (void)token;
    (void)deadline_ns;
    (void)out;
    (void)out_count;
    abort();
}

struct err token_canary(struct token *token, int64_t deadline_ns)
{
    (void)token;
    (void)deadline_ns;
    abort();
}

bool token_supports(struct token *token, enum algorithm algorithm, enum purpose purpose)
{
    (void)token;
    (void)algorithm;
    (void)purpose;
    return true;
}

const char *token_state_name(enum token_state state)
{
    (void)state;
    return "ready";
}
