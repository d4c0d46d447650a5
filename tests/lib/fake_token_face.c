/* fake_token_face: the functions of pkcs11/token.h that rotation/ calls, on OpenSSL keys.
 *
 * One file per key, named by its CKA_ID in hex: algorithm, attributes, length of the label, label,
 * and the secret bytes or the DER private key. A fault strikes one kind of call after a countdown.
 */
#include "tests/lib/fake_token_face.h"

#include <assert.h>
#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/public_key.h"
#include "base/sync.h"

#define SECRET_MAX 64
#define CALLS      8

struct token {
    char *name;
    char *folder;
    uint32_t algorithms;
    bool oaep_sha256;
    bool pss_only;
    pthread_mutex_t mutex; /* guards the rest */
    struct fake_fault fault;
    unsigned calls[CALLS];
    unsigned decryptions;
    struct buf permission;
};

/* A key as it is in its file. */
struct fake_key {
    enum algorithm algorithm;
    uint32_t attributes; /* 1u << enum token_attribute, of the secret or private object */
    char label[TOKEN_TEXT_MAX + 1];
    uint8_t secret[SECRET_MAX];
    EVP_PKEY *pair; /* NULL for secret keys */
};

static void fake_key_clear(struct fake_key *key)
{
    EVP_PKEY_free(key->pair);
    *key = (struct fake_key){0};
}

struct token *fake_token_open(const char *name, const char *folder)
{
    struct token *token = mem_alloc(sizeof(*token));
    token->name = mem_text(name);
    token->folder = mem_text(folder);
    token->algorithms = UINT32_MAX;
    sync_init(&token->mutex, NULL);
    return token;
}

void fake_token_close(struct token *token)
{
    sync_destroy(&token->mutex, NULL);
    buf_clear(&token->permission);
    mem_free(token->name);
    mem_free(token->folder);
    mem_free(token);
}

void fake_token_fault(struct token *token, struct fake_fault fault)
{
    sync_lock(&token->mutex);
    token->fault = fault;
    sync_unlock(&token->mutex);
}

void fake_token_only(struct token *token, uint32_t algorithms)
{
    token->algorithms = algorithms;
}

void fake_token_offer_oaep_sha256(struct token *token)
{
    token->oaep_sha256 = true;
}

void fake_token_sign_with_pss_only(struct token *token)
{
    token->pss_only = true;
}

unsigned fake_token_calls(struct token *token, enum fake_call call)
{
    sync_lock(&token->mutex);
    unsigned calls = token->calls[call];
    sync_unlock(&token->mutex);
    return calls;
}

unsigned fake_token_decryptions(struct token *token)
{
    return token->decryptions;
}

/* The fault when it is due in this call, else one of FAKE_NONE. */
static struct fake_fault due_fault(struct token *token, enum fake_call call)
{
    struct fake_fault due = {.call = FAKE_NONE};
    sync_lock(&token->mutex);
    token->calls[call]++;
    if (token->fault.call == call) {
        if (token->fault.countdown == 0) {
            due = token->fault;
        } else {
            token->fault.countdown--;
        }
    }
    sync_unlock(&token->mutex);
    return due;
}

static bool strikes(const struct fake_fault *fault, enum fake_action action)
{
    return fault->call != FAKE_NONE && fault->action == action;
}

static struct err before(const struct fake_fault *fault)
{
    if (strikes(fault, FAKE_DIE)) {
        (void)raise(SIGKILL);
    }
    ENSURE(!strikes(fault, FAKE_REFUSE), fault->code, "the fake token refuses");
    return err_ok();
}

static struct err after(const struct fake_fault *fault, struct err err)
{
    if (fault->call != FAKE_NONE && fault->hook != NULL) {
        fault->hook(fault->arg);
    }
    if (strikes(fault, FAKE_DIE_DONE)) {
        (void)raise(SIGKILL);
    }
    ENSURE(!strikes(fault, FAKE_LOSE), fault->code, "the fake token lost its answer");
    return err;
}

/* --- keys in files --- */

static char *path_of(const struct token *token, struct span cka_id)
{
    CLEANUP(buf_clear) struct buf hex = {0};
    struct err err = hex_encode(cka_id, &hex);
    assert(err.code == ERR_OK);
    return mem_format("%s/%.*s", token->folder, (int)hex.len, (const char *)hex.data);
}

static struct err save(const struct token *token, struct span cka_id, const struct fake_key *key,
                       struct span material)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(mem_free_at) char *path = path_of(token, cka_id);
    TRY(buf_append_u8(&bytes, (uint8_t)key->algorithm));
    TRY(buf_append_u32(&bytes, key->attributes));
    TRY(buf_append_u8(&bytes, (uint8_t)strlen(key->label)));
    TRY(buf_append_text(&bytes, key->label));
    TRY(buf_append(&bytes, material));
    return file_write(path, buf_span(&bytes), 0600);
}

static bool is_pair(enum algorithm algorithm)
{
    enum family family = algorithm_info(algorithm)->family;
    return family != FAMILY_AES && family != FAMILY_HMAC;
}

static struct err load(const struct token *token, struct span cka_id, struct fake_key *out)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(mem_free_at) char *path = path_of(token, cka_id);
    TRY(file_read(path, &bytes));
    struct cursor cursor = cursor_of(buf_span(&bytes));
    uint8_t algorithm = 0;
    uint8_t len = 0;
    struct span label = {0};
    TRY(cursor_u8(&cursor, &algorithm));
    TRY(cursor_u32(&cursor, &out->attributes));
    TRY(cursor_u8(&cursor, &len));
    TRY(cursor_bytes(&cursor, len, &label));
    out->algorithm = (enum algorithm)algorithm;
    memcpy(out->label, label.data, label.len);
    if (is_pair(out->algorithm)) {
        const uint8_t *at = cursor.rest.data;
        out->pair = d2i_AutoPrivateKey(NULL, &at, (long)cursor.rest.len);
        assert(out->pair != NULL);
    } else {
        memcpy(out->secret, cursor.rest.data, cursor.rest.len);
    }
    return err_ok();
}

void fake_token_label(struct token *token, struct span cka_id, char *out)
{
    CLEANUP(fake_key_clear) struct fake_key key = {0};
    struct err err = load(token, cka_id, &key);
    assert(err.code == ERR_OK);
    memcpy(out, key.label, sizeof(key.label));
}

/* --- generate, destroy, inventory --- */

static EVP_PKEY *make_pair(enum algorithm algorithm)
{
    const struct algorithm_info *info = algorithm_info(algorithm);
    switch (info->family) {
    case FAMILY_EC:
        return EVP_EC_gen(info->bits == 256 ? "P-256" : info->bits == 384 ? "P-384" : "P-521");
    case FAMILY_RSA:
        return EVP_RSA_gen(info->bits);
    case FAMILY_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case FAMILY_AES:
    case FAMILY_HMAC:
    default:
        return NULL;
    }
}

/* The identity of a key, and the public half of a pair. */
static struct err make_identity(const struct fake_key *made, struct token_key *key,
                                struct buf *public_key)
{
    struct span parts[] = {span_of(key->cka_id, key->cka_id_len),
                           span_of(made->secret, sizeof(made->secret))};
    if (made->pair == NULL) {
        digest_sha256_parts(parts, 2, key->identity);
        key->identity_len = 16;
        return err_ok();
    }
    unsigned char *spki = NULL;
    int len = i2d_PUBKEY(made->pair, &spki);
    assert(len > 0);
    struct span der = span_of(spki, (size_t)len);
    struct err err = buf_append(public_key, der);
    digest_sha256_parts(&der, 1, key->identity);
    key->identity_len = SHA256_LEN;
    OPENSSL_free(spki);
    return err;
}

static struct err save_pair(struct token *token, struct span cka_id, struct fake_key *made)
{
    unsigned char *der = NULL;
    made->pair = make_pair(made->algorithm);
    int len = i2d_PrivateKey(made->pair, &der);
    assert(len > 0);
    struct err err = save(token, cka_id, made, span_of(der, (size_t)len));
    OPENSSL_free(der);
    return err;
}

static struct err save_secret(struct token *token, struct span cka_id, struct fake_key *made)
{
    random_bytes(made->secret, sizeof(made->secret));
    return save(token, cka_id, made, span_of(made->secret, sizeof(made->secret)));
}

static struct err make_key(struct token *token, struct token_key *key, const char *label,
                           uint32_t attributes, struct buf *public_key)
{
    struct span cka_id = span_of(key->cka_id, key->cka_id_len);
    CLEANUP(mem_free_at) char *path = path_of(token, cka_id);
    CLEANUP(fake_key_clear)
    struct fake_key made = {.algorithm = key->algorithm, .attributes = attributes};
    ENSURE(strlen(label) <= TOKEN_TEXT_MAX, ERR_INVALID_FIELD, "a label is too long");
    ENSURE(access(path, F_OK) != 0, ERR_CONFLICT, "the CKA_ID is taken");
    memcpy(made.label, label, strlen(label));
    TRY(is_pair(key->algorithm) ? save_pair(token, cka_id, &made)
                                : save_secret(token, cka_id, &made));
    return make_identity(&made, key, public_key);
}

static const uint32_t roles[PURPOSE_COUNT] = {
    [PURPOSE_ENCRYPT] = 1u << TOKEN_ATTRIBUTE_ENCRYPTS | 1u << TOKEN_ATTRIBUTE_DECRYPTS,
    [PURPOSE_MAC] = 1u << TOKEN_ATTRIBUTE_SIGNS,
    [PURPOSE_SIGN] = 1u << TOKEN_ATTRIBUTE_SIGNS,
    [PURPOSE_DECRYPT] = 1u << TOKEN_ATTRIBUTE_DECRYPTS,
};

void fake_token_import(struct token *token, struct span cka_id, const char *label,
                       enum algorithm algorithm, uint32_t attributes)
{
    CLEANUP(buf_clear) struct buf public_key = {0};
    struct token_key key = {.algorithm = algorithm, .cka_id_len = cka_id.len};
    assert(cka_id.len > 0 && cka_id.len <= TOKEN_CKA_ID_MAX);
    memcpy(key.cka_id, cka_id.data, cka_id.len);
    struct err err = make_key(token, &key, label, attributes, &public_key);
    assert(err.code == ERR_OK);
}

struct err token_generate(struct token *token, struct token_key *key, const char *label,
                          int64_t deadline_ns, struct buf *public_key)
{
    (void)deadline_ns;
    struct fake_fault fault = due_fault(token, FAKE_GENERATE);
    TRY(before(&fault));
    TRY(after(&fault, make_key(token, key, label, roles[key->purpose], public_key)));
    if (strikes(&fault, FAKE_CORRUPT)) {
        key->identity[0] ^= 1;
    }
    return err_ok();
}

static struct err destroy(struct token *token, struct span cka_id)
{
    CLEANUP(mem_free_at) char *path = path_of(token, cka_id);
    ENSURE(unlink(path) == 0, ERR_NOT_FOUND, "there is no such object");
    return err_ok();
}

struct err token_destroy(struct token *token, struct span cka_id, int64_t deadline_ns)
{
    (void)deadline_ns;
    struct fake_fault fault = due_fault(token, FAKE_DESTROY);
    TRY(before(&fault));
    return after(&fault, destroy(token, cka_id));
}

struct span fake_token_permission(struct token *token)
{
    return buf_span(&token->permission);
}

/* Its permission is believed: whether the worker refuses is a fault's to say. */
struct err token_destroy_approved(struct token *token, struct span cka_id, struct span permission,
                                  int64_t deadline_ns)
{
    buf_reset(&token->permission);
    TRY(buf_append(&token->permission, permission));
    return token_destroy(token, cka_id, deadline_ns);
}

struct err token_open_sealed(struct token *token, const struct token_opening *opening,
                             int64_t deadline_ns, struct buf *out_jwe)
{
    (void)opening;
    (void)deadline_ns;
    struct fake_fault fault = due_fault(token, FAKE_OPEN);
    TRY(before(&fault));
    TRY(after(&fault, err_ok()));
    return buf_append_text(out_jwe, FAKE_TOKEN_JWE);
}

struct err token_show_rosters(struct token *token, struct span bundle, int64_t deadline_ns)
{
    (void)bundle;
    (void)deadline_ns;
    struct fake_fault fault = due_fault(token, FAKE_ROSTERS);
    TRY(before(&fault));
    return after(&fault, err_ok());
}

/* What the public half has in common with the private one, and the other end of its uses. */
static uint32_t public_attributes(uint32_t attributes)
{
    static const uint32_t common = 1u << TOKEN_ATTRIBUTE_MODIFIABLE |
                                   1u << TOKEN_ATTRIBUTE_IMPORTED | 1u << TOKEN_ATTRIBUTE_COPYABLE |
                                   1u << TOKEN_ATTRIBUTE_DERIVES;
    static const struct {
        enum token_attribute private;
        enum token_attribute public;
    } ends[] = {
        {TOKEN_ATTRIBUTE_SIGNS, TOKEN_ATTRIBUTE_VERIFIES},
        {TOKEN_ATTRIBUTE_DECRYPTS, TOKEN_ATTRIBUTE_ENCRYPTS},
        {TOKEN_ATTRIBUTE_UNWRAPS, TOKEN_ATTRIBUTE_WRAPS},
    };
    uint32_t public = attributes & common;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        public |= (attributes & 1u << ends[i].private) != 0 ? 1u << ends[i].public : 0;
    }
    return public;
}

/* Both halves of a pair, as a real token lists them. */
static struct err add_object(struct token *token, const char *file, struct token_object *objects,
                             size_t *count)
{
    CLEANUP(buf_clear) struct buf cka_id = {0};
    CLEANUP(fake_key_clear) struct fake_key key = {0};
    TRY(hex_decode(span_text(file), &cka_id));
    TRY(load(token, buf_span(&cka_id), &key));
    struct token_object object = {.class = TOKEN_OBJECT_SECRET,
                                  .has_algorithm = true,
                                  .algorithm = key.algorithm,
                                  .attributes = key.attributes,
                                  .cka_id_len = cka_id.len};
    memcpy(object.cka_id, cka_id.data, cka_id.len);
    memcpy(object.label, key.label, sizeof(key.label));
    if (is_pair(key.algorithm)) {
        object.class = TOKEN_OBJECT_PUBLIC;
        object.attributes = public_attributes(key.attributes);
        objects[(*count)++] = object;
        object.class = TOKEN_OBJECT_PRIVATE;
        object.attributes = key.attributes;
    }
    objects[(*count)++] = object;
    return err_ok();
}

static struct err inventory(struct token *token, struct token_object **out, size_t *out_count)
{
    CLEANUP(mem_free_at)
    struct token_object *objects = mem_array(2 * fake_token_count(token) + 1, sizeof(*objects));
    size_t count = 0;
    DIR *folder = opendir(token->folder);
    assert(folder != NULL);
    struct err err = err_ok();
    for (struct dirent *entry = readdir(folder); entry != NULL && err.code == ERR_OK;
         entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            err = add_object(token, entry->d_name, objects, &count);
        }
    }
    (void)closedir(folder);
    TRY(err);
    *out = TAKE(objects);
    *out_count = count;
    return err_ok();
}

struct err token_inventory(struct token *token, int64_t deadline_ns, struct token_object **out,
                           size_t *out_count)
{
    (void)deadline_ns;
    struct fake_fault fault = due_fault(token, FAKE_INVENTORY);
    TRY(before(&fault));
    return after(&fault, inventory(token, out, out_count));
}

/* --- adopt --- */

/* The CKA_ID of the one secret or private key that the selector names. */
static struct err find_selected(struct token *token, const struct token_selector *which,
                                struct token_key *key)
{
    CLEANUP(mem_free_at) struct token_object *objects = NULL;
    size_t count = 0;
    unsigned found = 0;
    TRY(inventory(token, &objects, &count));
    for (size_t i = 0; i < count; i++) {
        const struct token_object *object = &objects[i];
        struct span cka_id = span_of(object->cka_id, object->cka_id_len);
        bool named = which->label != NULL ? strcmp(which->label, object->label) == 0
                                          : span_equal(which->cka_id, cka_id);
        if (named && object->class != TOKEN_OBJECT_PUBLIC) {
            memcpy(key->cka_id, object->cka_id, sizeof(key->cka_id));
            key->cka_id_len = object->cka_id_len;
            found++;
        }
    }
    ENSURE(found > 0, ERR_NOT_FOUND, "the fake token has no such key");
    ENSURE(found == 1, ERR_CONFLICT, "the fake token has several of them");
    return err_ok();
}

/* As pkcs11/fitness.c has it. */
static struct err check_fit(const struct fake_key *found, const struct token_key *key)
{
    uint32_t leaky = 1u << TOKEN_ATTRIBUTE_WRAPS | 1u << TOKEN_ATTRIBUTE_DECRYPTS;
    ENSURE(found->algorithm == key->algorithm, ERR_UNSUPPORTED_OPERATION,
           "the fake token's key is of another algorithm");
    ENSURE((found->attributes & leaky) != leaky, ERR_UNSUPPORTED_OPERATION,
           "the fake token's key gives keys away");
    ENSURE((found->attributes & roles[key->purpose]) == roles[key->purpose],
           ERR_UNSUPPORTED_OPERATION, "the fake token's key has another role");
    return err_ok();
}

static struct err adopt(struct token *token, const struct token_selector *which,
                        struct token_key *key, uint32_t *out_attributes, struct buf *public_key)
{
    CLEANUP(fake_key_clear) struct fake_key found = {0};
    struct token_key adopted = {.algorithm = key->algorithm, .purpose = key->purpose};
    TRY(find_selected(token, which, &adopted));
    TRY(load(token, span_of(adopted.cka_id, adopted.cka_id_len), &found));
    TRY(check_fit(&found, key));
    TRY(make_identity(&found, &adopted, public_key));
    *key = adopted;
    *out_attributes = found.attributes;
    return err_ok();
}

struct err token_adopt(struct token *token, const struct token_selector *which,
                       struct token_key *key, int64_t deadline_ns, uint32_t *out_attributes,
                       struct buf *public_key)
{
    (void)deadline_ns;
    struct fake_fault fault = due_fault(token, FAKE_ADOPT);
    TRY(before(&fault));
    TRY(after(&fault, adopt(token, which, key, out_attributes, public_key)));
    if (strikes(&fault, FAKE_CORRUPT)) {
        key->identity[0] ^= 1;
    }
    return err_ok();
}

size_t fake_token_count(struct token *token)
{
    size_t count = 0;
    DIR *folder = opendir(token->folder);
    assert(folder != NULL);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    (void)closedir(folder);
    return count;
}

/* --- use --- */

static const EVP_MD *md_of(enum digest digest)
{
    return digest == DIGEST_SHA256   ? EVP_sha256()
           : digest == DIGEST_SHA384 ? EVP_sha384()
                                     : EVP_sha512();
}

static struct err sign_mac(const struct fake_key *key, struct token_item *item)
{
    uint8_t *place = NULL;
    unsigned len = 0;
    const struct algorithm_info *info = algorithm_info(key->algorithm);
    TRY(buf_extend(&item->output, info->signature_len, &place));
    HMAC(md_of(info->digest), key->secret, SECRET_MAX, item->input.data, item->input.len, place,
         &len);
    assert(len == info->signature_len);
    return err_ok();
}

static struct err sign_message(const struct fake_key *key, struct token_item *item)
{
    uint8_t *place = NULL;
    size_t len = algorithm_info(key->algorithm)->signature_len;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    TRY(buf_extend(&item->output, len, &place));
    int ok = EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pair) == 1 &&
             EVP_DigestSign(ctx, place, &len, item->input.data, item->input.len) == 1;
    assert(ok == 1);
    EVP_MD_CTX_free(ctx);
    return err_ok();
}

static bool pad(EVP_PKEY_CTX *ctx, enum token_mechanism mechanism)
{
    return mechanism != TOKEN_RSA_PSS_SHA384 ||
           (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha384()) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
}

/* Without a hash set, RSA pads the DigestInfo as it is and ECDSA takes the digest as it is. */
static struct err sign_digest(const struct fake_key *key, struct token_item *item)
{
    uint8_t signature[1024];
    size_t len = sizeof(signature);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pair, NULL);
    int ok = EVP_PKEY_sign_init(ctx) == 1 && pad(ctx, item->mechanism) &&
             EVP_PKEY_sign(ctx, signature, &len, item->input.data, item->input.len) == 1;
    assert(ok == 1);
    EVP_PKEY_CTX_free(ctx);
    if (item->mechanism == TOKEN_ECDSA) {
        return ecdsa_der_to_raw(span_of(signature, len),
                                algorithm_info(key->algorithm)->signature_len, &item->output);
    }
    return buf_append(&item->output, span_of(signature, len));
}

static struct err sign(const struct fake_key *key, struct token_item *item)
{
    switch (algorithm_info(key->algorithm)->family) {
    case FAMILY_HMAC:
        return sign_mac(key, item);
    case FAMILY_ED25519:
        return sign_message(key, item);
    case FAMILY_EC:
    case FAMILY_RSA:
        return sign_digest(key, item);
    case FAMILY_AES:
    default:
        return err_new(ERR_INTERNAL, __func__, "the key does not sign");
    }
}

static struct err encrypt(const struct fake_key *key, struct token_item *item)
{
    uint8_t *iv = NULL;
    uint8_t *place = NULL;
    int len = 0;
    TRY(buf_extend(&item->extra, TOKEN_IV_LEN, &iv));
    random_bytes(iv, TOKEN_IV_LEN);
    TRY(buf_extend(&item->output, item->input.len + TOKEN_TAG_LEN, &place));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int ok =
        EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->secret, iv) == 1 &&
        EVP_EncryptUpdate(ctx, NULL, &len, item->aad.data, (int)item->aad.len) == 1 &&
        EVP_EncryptUpdate(ctx, place, &len, item->input.data, (int)item->input.len) == 1 &&
        EVP_EncryptFinal_ex(ctx, place, &len) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TOKEN_TAG_LEN, place + item->input.len) == 1;
    assert(ok == 1);
    EVP_CIPHER_CTX_free(ctx);
    return err_ok();
}

static struct err decrypt_gcm(const struct fake_key *key, struct token_item *item)
{
    uint8_t tag[TOKEN_TAG_LEN];
    uint8_t *place = NULL;
    int len = 0;
    size_t body = item->input.len - TOKEN_TAG_LEN;
    memcpy(tag, item->input.data + body, sizeof(tag));
    TRY(buf_extend(&item->output, body, &place));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int ok = EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->secret, item->iv.data) == 1 &&
             EVP_DecryptUpdate(ctx, NULL, &len, item->aad.data, (int)item->aad.len) == 1 &&
             EVP_DecryptUpdate(ctx, place, &len, item->input.data, (int)body) == 1 &&
             EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TOKEN_TAG_LEN, tag) == 1 &&
             EVP_DecryptFinal_ex(ctx, place + body, &len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    ENSURE(ok == 1, ERR_INVALID_CIPHERTEXT, "the ciphertext is not valid");
    return err_ok();
}

static struct err decrypt_oaep(const struct fake_key *key, struct token_item *item)
{
    uint8_t plaintext[1024];
    size_t len = sizeof(plaintext);
    const EVP_MD *md = item->mechanism == TOKEN_RSA_OAEP_SHA256 ? EVP_sha256() : EVP_sha1();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pair, NULL);
    int ok = EVP_PKEY_decrypt_init(ctx) == 1 &&
             EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 &&
             EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1 &&
             EVP_PKEY_decrypt(ctx, plaintext, &len, item->input.data, item->input.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    ENSURE(ok == 1, ERR_INVALID_CIPHERTEXT, "the ciphertext is not valid");
    return buf_append(&item->output, span_of(plaintext, len));
}

static struct err run_item(struct token *token, enum token_op op, struct token_item *item)
{
    CLEANUP(fake_key_clear) struct fake_key key = {0};
    TRY(load(token, span_of(item->key->cka_id, item->key->cka_id_len), &key));
    ENSURE(!token->pss_only || item->mechanism != TOKEN_RSA_PKCS1, ERR_UNSUPPORTED_BY_TOKEN,
           "the fake token pads with PSS");
    if (op == TOKEN_SIGN) {
        return sign(&key, item);
    }
    if (op == TOKEN_ENCRYPT) {
        return encrypt(&key, item);
    }
    token->decryptions++;
    return item->mechanism == TOKEN_AES_GCM ? decrypt_gcm(&key, item) : decrypt_oaep(&key, item);
}

struct err token_run(struct token *token, enum token_op op, struct token_item *items, size_t count,
                     int64_t deadline_ns)
{
    (void)deadline_ns;
    struct fake_fault fault = due_fault(token, FAKE_RUN);
    TRY(before(&fault));
    for (size_t i = 0; i < count; i++) {
        items[i].result = run_item(token, op, &items[i]);
        if (strikes(&fault, FAKE_CORRUPT)) {
            items[i].output.data[0] ^= 1;
        }
        if (strikes(&fault, FAKE_BREAK)) {
            items[i].result = err_new(fault.code, __func__, "the fake token breaks an item");
        }
    }
    return after(&fault, err_ok());
}

/* --- what it says of itself --- */

const char *token_name(const struct token *token)
{
    return token->name;
}

bool token_supports(struct token *token, enum algorithm algorithm, enum purpose purpose)
{
    (void)purpose;
    return (token->algorithms & (1u << algorithm)) != 0;
}

void token_status(struct token *token, struct token_status *out)
{
    *out = (struct token_status){.state = TOKEN_READY};
    out->probe.mechanisms = 1u << TOKEN_RSA_OAEP_SHA1;
    if (token->pss_only) {
        out->probe.mechanisms |= 1u << TOKEN_RSA_PSS_SHA384;
    }
    if (token->oaep_sha256) {
        out->probe.mechanisms |= 1u << TOKEN_RSA_OAEP_SHA256;
    }
}
