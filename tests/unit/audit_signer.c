/* Signs checkpoints by OpenSSL, where the gateway has the token do it. */
#include "audit_signer.h"

#include <openssl/x509.h>
#include <string.h>

#include "base_test.h"

void signer_make(struct signer *signer, const char *name, const char *kind)
{
    *signer = (struct signer){.as = {.name = name}};
    bool is_ed = strcmp(kind, "ED25519") == 0;
    signer->key = is_ed ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_EC_gen(kind);
    assert_non_null(signer->key);
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(signer->key, &der);
    assert_true(len > 0);
    assert_ok(buf_append(&signer->spki, span_of(der, (size_t)len)));
    OPENSSL_free(der);
    signer->as.public_key = buf_span(&signer->spki);
}

void signer_clear(struct signer *signer)
{
    EVP_PKEY_free(signer->key);
    buf_clear(&signer->spki);
}

void signer_sign(const struct signer *signer, struct span body, struct buf *out)
{
    bool is_ed = EVP_PKEY_get_base_id(signer->key) == EVP_PKEY_ED25519;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char signature[256];
    size_t len = sizeof(signature);
    const EVP_MD *hash = is_ed ? NULL : EVP_sha256();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, hash, NULL, signer->key), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &len, body.data, body.len), 1);
    EVP_MD_CTX_free(ctx);
    assert_ok(buf_append(out, span_of(signature, len)));
}

void signer_note(const struct signer *signer, const struct tree_head *head, struct buf *out)
{
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(buf_clear) struct buf signature = {0};
    assert_ok(checkpoint_body(signer->as.name, head, &body));
    signer_sign(signer, buf_span(&body), &signature);
    assert_ok(checkpoint_note(&signer->as, head, buf_span(&signature), out));
}

void signer_verifier(const struct signer *signer, struct checkpoint_verifier *out)
{
    CLEANUP(buf_clear) struct buf text = {0};
    assert_ok(checkpoint_key_text(&signer->as, &text));
    assert_ok(checkpoint_verifier_read(buf_span(&text), out));
}
