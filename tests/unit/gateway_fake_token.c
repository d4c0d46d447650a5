/* The face of pkcs11/token.h over OpenSSL, for P-256 keys only: enough for rotation to make
 * versions and use them once. Linked instead of the real one. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "base/public_key.h"
#include "gateway_fixture.h"

#define KEYS_MAX 64

struct fake_key {
    uint8_t cka_id[TOKEN_CKA_ID_MAX];
    size_t cka_id_len;
    EVP_PKEY *pkey;
    bool foreign; /* fake_token_import */
    char label[TOKEN_TEXT_MAX + 1];
    uint32_t attributes;
};

struct token {
    char name[32];
    struct fake_key keys[KEYS_MAX];
    _Atomic size_t key_count; /* grows when the key is whole */
};

/* Set by the test while other threads sign. */
static _Atomic enum err_code next_failure;

void fake_token_fail(enum err_code code)
{
    next_failure = code;
}

static _Atomic enum fake_honesty signs;

void fake_token_signs(enum fake_honesty honesty)
{
    signs = honesty;
}

/* Likewise, while the gateway's own threads show it rosters. */
static _Atomic enum err_code judgement;
static const char *_Atomic judged_why;
static struct {
    _Atomic size_t openings, rosters, permissions;
} shown;

void fake_token_judges(enum err_code code, const char *detail)
{
    judged_why = detail;
    judgement = code;
}

struct fake_shown fake_token_shown(void)
{
    return (struct fake_shown){shown.openings, shown.rosters, shown.permissions};
}

static struct err judged(void)
{
    enum err_code code = judgement;
    ENSURE(code == ERR_OK, code, "%s", judged_why);
    return err_ok();
}

struct token *fake_token_make(const char *name)
{
    struct token *token = mem_alloc(sizeof(*token));
    snprintf(token->name, sizeof(token->name), "%s", name);
    return token;
}

void fake_token_free(struct token *token)
{
    for (size_t i = 0; i < token->key_count; i++) {
        EVP_PKEY_free(token->keys[i].pkey);
    }
    mem_free(token);
}

static struct err scripted(void)
{
    ENSURE(next_failure == ERR_OK, next_failure, "CKR_DEVICE_ERROR in /usr/lib/module.so");
    return err_ok();
}

const char *token_name(const struct token *token)
{
    return token->name;
}

static struct fake_key *make(struct token *token, struct span cka_id)
{
    assert_true(token->key_count < KEYS_MAX && cka_id.len <= TOKEN_CKA_ID_MAX);
    struct fake_key *made = &token->keys[token->key_count];
    memcpy(made->cka_id, cka_id.data, cka_id.len);
    made->cka_id_len = cka_id.len;
    made->pkey = EVP_EC_gen("P-256");
    assert_non_null(made->pkey);
    return made;
}

void fake_token_import(struct token *token, struct span cka_id, const char *label,
                       uint32_t attributes)
{
    struct fake_key *made = make(token, cka_id);
    made->foreign = true;
    made->attributes = attributes;
    snprintf(made->label, sizeof(made->label), "%s", label);
    token->key_count++;
}

static struct err identify(const struct fake_key *made, struct token_key *key,
                           struct buf *public_key)
{
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(made->pkey, &der);
    assert_true(len > 0);
    struct span spki = span_of(der, (size_t)len);
    digest_of(DIGEST_SHA256, spki, key->identity);
    key->identity_len = SHA256_LEN;
    struct err err = buf_append(public_key, spki);
    OPENSSL_free(der);
    return err;
}

struct err token_generate(struct token *token, struct token_key *key, const char *label,
                          int64_t deadline_ns, struct buf *public_key)
{
    (void)label;
    (void)deadline_ns;
    TRY(scripted());
    const struct fake_key *made = make(token, span_of(key->cka_id, key->cka_id_len));
    struct err err = identify(made, key, public_key);
    token->key_count++;
    return err;
}

struct err token_adopt(struct token *token, const struct token_selector *which,
                       struct token_key *key, int64_t deadline_ns, uint32_t *out_attributes,
                       struct buf *public_key)
{
    (void)deadline_ns;
    TRY(scripted());
    for (size_t i = 0; i < token->key_count; i++) {
        const struct fake_key *have = &token->keys[i];
        bool named = which->label != NULL
                         ? strcmp(have->label, which->label) == 0
                         : span_equal(span_of(have->cka_id, have->cka_id_len), which->cka_id);
        if (named && have->foreign) {
            ENSURE(key->algorithm == ALGORITHM_ECDSA_P256, ERR_UNSUPPORTED_OPERATION,
                   "the key is of another algorithm");
            memcpy(key->cka_id, have->cka_id, have->cka_id_len);
            key->cka_id_len = have->cka_id_len;
            *out_attributes = have->attributes;
            return identify(have, key, public_key);
        }
    }
    return err_new(ERR_NOT_FOUND, __func__, "no key has this name");
}

static EVP_PKEY *find(struct token *token, const struct token_key *key)
{
    for (size_t i = 0; i < token->key_count; i++) {
        struct fake_key *have = &token->keys[i];
        if (span_equal(span_of(have->cka_id, have->cka_id_len),
                       span_of(key->cka_id, key->cka_id_len))) {
            return have->pkey;
        }
    }
    return NULL;
}

/* ECDSA over a digest, as r‖s. */
static struct err sign_item(struct token *token, struct token_item *item)
{
    uint8_t der[128];
    size_t der_len = sizeof(der);
    EVP_PKEY *pkey = find(token, item->key);
    ENSURE(pkey != NULL, ERR_INTERNAL, "The fake token has no such key.");
    uint8_t digest[DIGEST_MAX];
    assert_true(item->input.len <= sizeof(digest));
    memcpy(digest, item->input.data, item->input.len);
    digest[0] ^= signs == FAKE_LYING ? 1 : 0;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    bool signed_it = EVP_PKEY_sign_init(ctx) == 1 &&
                     EVP_PKEY_sign(ctx, der, &der_len, digest, item->input.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    ENSURE(signed_it, ERR_INTERNAL, "The fake token cannot sign.");
    return ecdsa_der_to_raw(span_of(der, der_len), 64, &item->output);
}

struct err token_run(struct token *token, enum token_op op, struct token_item *items, size_t count,
                     int64_t deadline_ns)
{
    (void)deadline_ns;
    TRY(scripted());
    for (size_t i = 0; i < count; i++) {
        items[i].result = op == TOKEN_SIGN && items[i].mechanism == TOKEN_ECDSA
                              ? sign_item(token, &items[i])
                              : err_new(ERR_UNSUPPORTED_BY_TOKEN, __func__, "not faked");
    }
    return err_ok();
}

struct err token_destroy(struct token *token, struct span cka_id, int64_t deadline_ns)
{
    (void)token;
    (void)cka_id;
    (void)deadline_ns;
    return scripted();
}

struct err token_destroy_approved(struct token *token, struct span cka_id, struct span permission,
                                  int64_t deadline_ns)
{
    shown.permissions++;
    assert_true(permission.len > 0);
    TRY(judged());
    return token_destroy(token, cka_id, deadline_ns);
}

struct err token_open_sealed(struct token *token, const struct token_opening *opening,
                             int64_t deadline_ns, struct buf *out_jwe)
{
    (void)token;
    (void)deadline_ns;
    shown.openings++;
    assert_true(opening->bundle.len > 0 && opening->ciphertext.len > 0);
    TRY(scripted());
    TRY(judged());
    return buf_append_text(out_jwe, FAKE_JWE);
}

struct err token_show_rosters(struct token *token, struct span bundle, int64_t deadline_ns)
{
    (void)token;
    (void)deadline_ns;
    shown.rosters++;
    assert_true(bundle.len > 0);
    TRY(scripted());
    return judged();
}

/* Private halves only. */
struct err token_inventory(struct token *token, int64_t deadline_ns, struct token_object **out,
                           size_t *out_count)
{
    (void)deadline_ns;
    TRY(scripted());
    *out_count = token->key_count;
    *out = mem_array(*out_count + 1, sizeof(**out));
    for (size_t i = 0; i < *out_count; i++) {
        const struct fake_key *have = &token->keys[i];
        struct token_object *object = &(*out)[i];
        *object = (struct token_object){.class = TOKEN_OBJECT_PRIVATE,
                                        .has_algorithm = true,
                                        .algorithm = ALGORITHM_ECDSA_P256,
                                        .attributes = have->attributes,
                                        .cka_id_len = have->cka_id_len};
        memcpy(object->cka_id, have->cka_id, have->cka_id_len);
        memcpy(object->label, have->label, sizeof(have->label));
    }
    return err_ok();
}

struct err token_canary(struct token *token, int64_t deadline_ns)
{
    (void)token;
    (void)deadline_ns;
    return scripted();
}

static void (*status_hook)(void);

void fake_token_on_status(void (*hook)(void))
{
    status_hook = hook;
}

void token_status(struct token *token, struct token_status *out)
{
    (void)token;
    if (status_hook != NULL) {
        void (*hook)(void) = status_hook;
        status_hook = NULL;
        hook();
    }
    *out = (struct token_status){
        .state = TOKEN_READY,
        .epoch = 3,
        .restarts = 2,
        .channels = 16,
        .label = "fake",
        .last_error = "CKR_SESSION_CLOSED",
        .worker_pid = 4711,
        .probe = {.algorithms = 1u << ALGORITHM_ECDSA_P256, .mechanisms = 1u << TOKEN_ECDSA},
    };
}

const char *token_state_name(enum token_state state)
{
    return state == TOKEN_READY ? "ready" : "other";
}

const char *token_error_name(size_t class)
{
    return class == 1 ? "caller_data" : "other";
}

const char *token_mechanism_name(enum token_mechanism mechanism)
{
    return mechanism == TOKEN_ECDSA ? "ecdsa" : "other";
}

bool token_supports(struct token *token, enum algorithm algorithm, enum purpose purpose)
{
    (void)token;
    return algorithm == ALGORITHM_ECDSA_P256 && purpose == PURPOSE_SIGN;
}

struct err token_wait_ready(struct token *token, int64_t deadline_ns)
{
    (void)token;
    (void)deadline_ns;
    return err_ok();
}
