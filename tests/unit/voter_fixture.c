#include "voter_fixture.h"

#include <assert.h>
#include <openssl/x509.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "base/public_key.h"

#define must(call) assert((call).code == ERR_OK)
#define HALF       ((size_t)32)

static bool is_sk(enum voter_key_kind kind)
{
    return kind == VOTER_KEY_SK_ED25519 || kind == VOTER_KEY_SK_P256;
}

static bool is_ecdsa(enum voter_key_kind kind)
{
    return kind == VOTER_KEY_P256 || kind == VOTER_KEY_SK_P256;
}

void voter_make(struct voter_fixture *voter, enum voter_key_kind kind)
{
    uint8_t *der = NULL;
    *voter = (struct voter_fixture){0};
    voter->pair = is_ecdsa(kind) ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert(voter->pair != NULL);
    int len = i2d_PUBKEY(voter->pair, &der);
    assert(len > 0);
    must(buf_append(&voter->bytes, span_of(der, (size_t)len)));
    OPENSSL_free(der);
    voter->key.kind = kind;
    voter->key.spki = buf_span(&voter->bytes);
    voter->key.application = span_text(is_sk(kind) ? "ssh:" : "");
}

void voter_clear(struct voter_fixture *voter)
{
    EVP_PKEY_free(voter->pair);
    buf_clear(&voter->bytes);
}

void voter_sign(const struct voter_fixture *voter, struct span message, struct buf *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *hash = is_ecdsa(voter->key.kind) ? EVP_sha256() : NULL;
    uint8_t signature[128];
    size_t len = sizeof(signature);
    assert(EVP_DigestSignInit(ctx, NULL, hash, NULL, voter->pair) == 1);
    assert(EVP_DigestSign(ctx, signature, &len, message.data, message.len) == 1);
    must(buf_append(out, span_of(signature, len)));
    EVP_MD_CTX_free(ctx);
}

/* --- SSHSIG --- */

static void put_string(struct buf *out, struct span string)
{
    must(buf_append_u32(out, (uint32_t)string.len));
    must(buf_append(out, string));
}

static void put_text(struct buf *out, const char *text)
{
    put_string(out, span_text(text));
}

struct sshsig_recipe sshsig_recipe_of(const struct voter_fixture *voter, const char *name_space)
{
    static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256",
                                        "sk-ssh-ed25519@openssh.com",
                                        "sk-ecdsa-sha2-nistp256@openssh.com"};
    struct span spki = voter->key.spki;
    size_t point = is_ecdsa(voter->key.kind) ? 65 : 32;
    return (struct sshsig_recipe){
        .magic = "SSHSIG",
        .version = 1,
        .key_type = types[voter->key.kind],
        .curve = is_ecdsa(voter->key.kind) ? "nistp256" : NULL,
        .point = span_of(spki.data + spki.len - point, point),
        .application = is_sk(voter->key.kind) ? "ssh:" : NULL,
        .name_space = name_space,
        .reserved = "",
        .hash_name = "sha512",
        .hash = DIGEST_SHA512,
        .type = types[voter->key.kind],
        .flags = 0x01,
        .counter = 7,
        .after_key = "",
        .after_numbers = "",
        .after_signature = "",
        .after_all = "",
    };
}

static void put_key(struct buf *out, const struct sshsig_recipe *recipe)
{
    put_text(out, recipe->key_type);
    if (recipe->curve != NULL) {
        put_text(out, recipe->curve);
    }
    put_string(out, recipe->point);
    if (recipe->application != NULL) {
        put_text(out, recipe->application);
    }
    must(buf_append_text(out, recipe->after_key));
}

static void put_number(struct buf *out, const uint8_t half[HALF], bool has_zero)
{
    CLEANUP(buf_clear) struct buf number = {0};
    size_t zeros = 0;
    while (half[zeros] == 0) {
        zeros++;
    }
    if (has_zero) {
        must(buf_append_u8(&number, 0));
    }
    if ((half[zeros] & 0x80) != 0) {
        must(buf_append_u8(&number, 0));
    }
    must(buf_append(&number, span_of(half + zeros, HALF - zeros)));
    put_string(out, buf_span(&number));
}

static void put_ecdsa(struct buf *out, const struct sshsig_recipe *recipe, struct span der)
{
    CLEANUP(buf_clear) struct buf raw = {0};
    CLEANUP(buf_clear) struct buf numbers = {0};
    must(ecdsa_der_to_raw(der, 2 * HALF, &raw));
    put_number(&numbers, raw.data, recipe->has_zero_in_front);
    put_number(&numbers, raw.data + HALF, false);
    must(buf_append_text(&numbers, recipe->after_numbers));
    put_string(out, buf_span(&numbers));
}

/* PROTOCOL.sshsig: what is signed. */
static void put_signed(struct buf *out, const struct sshsig_recipe *recipe, struct span message)
{
    uint8_t digest[DIGEST_MAX];
    digest_of(recipe->hash, message, digest);
    must(buf_append_text(out, "SSHSIG"));
    put_text(out, recipe->name_space);
    put_text(out, recipe->reserved);
    put_text(out, recipe->hash_name);
    put_string(out, span_of(digest, digest_len(recipe->hash)));
}

/* PROTOCOL.u2f: what an authenticator makes of it. */
static void touch(struct buf *bytes, const struct sshsig_recipe *recipe)
{
    uint8_t application[DIGEST_MAX];
    uint8_t message[DIGEST_MAX];
    digest_of(DIGEST_SHA256, span_text(recipe->application), application);
    digest_of(DIGEST_SHA256, buf_span(bytes), message);
    buf_reset(bytes);
    must(buf_append(bytes, span_of(application, SHA256_LEN)));
    must(buf_append_u8(bytes, recipe->flags));
    must(buf_append_u32(bytes, recipe->counter));
    must(buf_append_text(bytes, recipe->after_signature)); /* so that it is no forgery */
    must(buf_append(bytes, span_of(message, SHA256_LEN)));
}

static void put_signature(struct buf *out, const struct voter_fixture *voter,
                          const struct sshsig_recipe *recipe, struct span message)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(buf_clear) struct buf signature = {0};
    put_signed(&bytes, recipe, message);
    if (is_sk(voter->key.kind)) {
        touch(&bytes, recipe);
    }
    voter_sign(voter, buf_span(&bytes), &signature);
    put_text(out, recipe->type);
    if (is_ecdsa(voter->key.kind)) {
        put_ecdsa(out, recipe, buf_span(&signature));
    } else {
        must(buf_append_text(&signature, recipe->after_numbers));
        put_string(out, buf_span(&signature));
    }
    if (is_sk(voter->key.kind)) {
        must(buf_append_u8(out, recipe->flags));
        must(buf_append_u32(out, recipe->counter));
    }
    must(buf_append_text(out, recipe->after_signature));
}

void sshsig_make(const struct voter_fixture *voter, const struct sshsig_recipe *recipe,
                 struct span message, struct buf *out)
{
    CLEANUP(buf_clear) struct buf key = {0};
    CLEANUP(buf_clear) struct buf signature = {0};
    put_key(&key, recipe);
    put_signature(&signature, voter, recipe, message);
    must(buf_append_text(out, recipe->magic));
    must(buf_append_u32(out, recipe->version));
    put_string(out, buf_span(&key));
    put_text(out, recipe->name_space);
    put_text(out, recipe->reserved);
    put_text(out, recipe->hash_name);
    put_string(out, buf_span(&signature));
    must(buf_append_text(out, recipe->after_all));
}

void sshsig_armor(struct span blob, struct buf *out)
{
    CLEANUP(buf_clear) struct buf text = {0};
    must(base64_encode(blob, &text));
    must(buf_append_text(out, "-----BEGIN SSH SIGNATURE-----\n"));
    for (size_t at = 0; at < text.len; at += 70) {
        size_t len = text.len - at < 70 ? text.len - at : 70;
        must(buf_append(out, span_of(text.data + at, len)));
        must(buf_append_text(out, "\n"));
    }
    must(buf_append_text(out, "-----END SSH SIGNATURE-----\n"));
}

void ssh_public_line(const struct voter_fixture *voter, const char *comment, struct buf *out)
{
    CLEANUP(buf_clear) struct buf blob = {0};
    struct sshsig_recipe recipe = sshsig_recipe_of(voter, "");
    put_key(&blob, &recipe);
    must(buf_printf(out, "%s ", recipe.key_type));
    must(base64_encode(buf_span(&blob), out));
    must(buf_printf(out, " %s\n", comment));
}
