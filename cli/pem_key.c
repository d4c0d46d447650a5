/* The private half stays in OpenSSL's memory for as long as one command runs; its file is read
 * through `secret`, which refuses one that others may read. */
#include "cli/pem_key.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/public_key.h"
#include "base/secret.h"
#include "cli/new_file.h"

#define PEM_FILE_MAX  ((size_t)16 << 10)
#define SIGNATURE_MAX 128
#define P256_RAW_LEN  64

static void free_bio(BIO **bio)
{
    BIO_free(*bio);
}

static void free_context(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

void pem_key_close(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

struct err pem_key_make(const char *path)
{
    CLEANUP(pem_key_close) EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    CLEANUP(free_bio) BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    ENSURE(key != NULL && bio != NULL &&
               PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1,
           ERR_INTERNAL, "a key cannot be made");
    const long len = BIO_get_mem_data(bio, &text);
    ENSURE(len > 0, ERR_INTERNAL, "a key cannot be made");
    return new_file_write(path, span_of(text, (size_t)len));
}

struct err pem_key_open(const char *path, EVP_PKEY **out)
{
    CLEANUP(secret_clear) struct secret text = {0};
    const struct err err = secret_read_file(&text, path, PEM_FILE_MAX);
    ENSURE(err.code == ERR_OK, err.code, "%s: %s", path, err.detail);
    CLEANUP(free_bio) BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    ENSURE(bio != NULL, ERR_INTERNAL, "%s: it cannot be read", path);
    CLEANUP(pem_key_close) EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    ENSURE(key != NULL, ERR_INVALID_FIELD,
           "%s: no private key in PEM, or the wrong passphrase; for an SSH key: --ssh-key %s.pub",
           path, path);
    ENSURE(EVP_PKEY_is_a(key, "ED25519") == 1 || EVP_PKEY_is_a(key, "EC") == 1, ERR_INVALID_FIELD,
           "%s: voters' keys are Ed25519 or ECDSA P-256", path);
    *out = TAKE(key);
    return err_ok();
}

struct err pem_key_public(EVP_PKEY *key, struct buf *out)
{
    unsigned char *der = NULL;
    const int len = i2d_PUBKEY(key, &der);
    ENSURE(len > 0, ERR_INTERNAL, "the key has no public half");
    const struct err err = buf_append(out, span_of(der, (size_t)len));
    OPENSSL_free(der);
    return err;
}

struct err pem_key_sign(EVP_PKEY *key, struct span message, struct buf *out)
{
    uint8_t signature[SIGNATURE_MAX];
    size_t len = sizeof signature;
    const bool is_ec = EVP_PKEY_is_a(key, "EC") == 1;
    CLEANUP(free_context) EVP_MD_CTX *context = EVP_MD_CTX_new();
    ENSURE(context != NULL &&
               EVP_DigestSignInit(context, NULL, is_ec ? EVP_sha256() : NULL, NULL, key) == 1 &&
               EVP_DigestSign(context, signature, &len, message.data, message.len) == 1,
           ERR_INTERNAL, "signing failed");
    const struct span made = span_of(signature, len);
    return is_ec ? ecdsa_der_to_raw(made, P256_RAW_LEN, out) : buf_append(out, made);
}
