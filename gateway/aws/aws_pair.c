/* GenerateDataKeyPair: a key pair that is made here for use elsewhere, like a data key. Its private
 * half never was on the token, and is protected as data, which opens with a grant to decrypt. */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "gateway/aws/aws.h"
#include "gateway/ops/choice.h"
#include "gateway/ops/verbs.h"

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void free_pkcs8(PKCS8_PRIV_KEY_INFO **info)
{
    PKCS8_PRIV_KEY_INFO_free(*info);
}

static EVP_PKEY *make_pair(struct span spec)
{
    static const struct {
        const char *spec;
        const char *type;
        const char *curve; /* NULL: none */
        size_t bits;
    } specs[] = {
        {"RSA_2048", "RSA", NULL, 2048},           {"RSA_3072", "RSA", NULL, 3072},
        {"RSA_4096", "RSA", NULL, 4096},           {"ECC_NIST_P256", "EC", "P-256", 0},
        {"ECC_NIST_P384", "EC", "P-384", 0},       {"ECC_NIST_P521", "EC", "P-521", 0},
        {"ECC_SECG_P256K1", "EC", "secp256k1", 0}, {"ECC_NIST_EDWARDS25519", "ED25519", NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        if (span_is(spec, specs[i].spec)) {
            if (specs[i].curve != NULL) {
                return EVP_PKEY_Q_keygen(NULL, NULL, specs[i].type, specs[i].curve);
            }
            return specs[i].bits != 0 ? EVP_PKEY_Q_keygen(NULL, NULL, specs[i].type, specs[i].bits)
                                      : EVP_PKEY_Q_keygen(NULL, NULL, specs[i].type);
        }
    }
    return NULL;
}

static struct err put_der(int len, uint8_t *der, struct buf *out)
{
    struct err err = len > 0 ? buf_append(out, span_of(der, (size_t)len))
                             : err_new(ERR_INTERNAL, __func__, "cannot write the key pair");
    if (len > 0) {
        mem_wipe(der, (size_t)len);
    }
    OPENSSL_free(der);
    return err;
}

/* PKCS #8 (RFC 5958) and SubjectPublicKeyInfo. */
static struct err write_pair(EVP_PKEY *key, struct buf *out_private, struct buf *out_public)
{
    CLEANUP(free_pkcs8) PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    uint8_t *der = NULL;
    ENSURE(info != NULL, ERR_INTERNAL, "cannot write the private key");
    int len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    TRY(put_der(len, der, out_private));
    der = NULL;
    len = i2d_PUBKEY(key, &der);
    return put_der(len, der, out_public);
}

/* item->input is the private half, item->proof the public one. */
static struct err read_pair(struct batch *batch, struct item *item)
{
    struct span spec = {0};
    const struct key *key = batch->call->key;
    const struct loose_field field = {"KeyPairSpec", LOOSE_TEXT, 0, &spec, NULL};
    TRY(choice_purpose(batch->call, PURPOSE_ENCRYPT));
    TRY(loose_read(item->object, &field, 1));
    ENSURE(!item->shown || key->facts.approval.m == 0, ERR_APPROVAL_REQUIRED,
           "What this key protects is revealed with the approval of %u people only.",
           key->facts.approval.m);
    TRY(aws_read_context(item->object, "EncryptionContext", &item->context));
    ENSURE(!span_is(spec, "SM2"), ERR_UNSUPPORTED_BY_TOKEN, "Pairs of SM2 are not made here.");
    TRY(aws_refuse_dry(item->object));
    CLEANUP(free_key) EVP_PKEY *pair = make_pair(spec);
    ENSURE(pair != NULL, ERR_INTERNAL, "cannot make the key pair");
    item->type = ENVELOPE_DATA;
    return write_pair(pair, &item->input, &item->proof);
}

static struct err read_revealed(struct batch *batch, struct item *item)
{
    item->shown = true;
    return read_pair(batch, item);
}

static void write_answer(const struct batch *batch, const struct item *item,
                         struct json_writer *writer)
{
    struct span spec = {0};
    (void)json_as_text(json_member(item->object, "KeyPairSpec"), &spec);
    json_put_bytes(writer, "PrivateKeyCiphertextBlob", buf_span(&item->output));
    if (item->shown) {
        json_put_bytes(writer, "PrivateKeyPlaintext", buf_span(&item->input));
    }
    json_put_bytes(writer, "PublicKey", buf_span(&item->proof));
    json_put_span(writer, "KeyPairSpec", spec);
    aws_put_key_id(batch->call, writer);
}

struct err aws_data_key_pair(struct call *call)
{
    static const struct words words = {read_revealed, write_answer};
    TRY(aws_check_usable(call));
    return verb_encrypt(call, &words);
}

struct err aws_data_key_pair_wrapped(struct call *call)
{
    static const struct words words = {read_pair, write_answer};
    TRY(aws_check_usable(call));
    return verb_encrypt(call, &words);
}
