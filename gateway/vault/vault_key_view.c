/* A key as Vault's clients see it. What Vault keeps as numbers follows here from the states of the
 * versions: the least version that opens, and the least whose material will stay. */
#include "base/encoding.h"
#include "base/mem.h"
#include "base/public_key.h"
#include "gateway/vault/vault_keys.h"

#define NUMBER_MAX      12
#define ED25519_KEY_LEN 32 /* at the end of its SubjectPublicKeyInfo (RFC 8410 §4) */

static const struct {
    const char *type;
    const char *curve; /* the name of one version */
    enum algorithm algorithm;
} types[] = {
    {"aes256-gcm96", NULL, ALGORITHM_AES_256_GCM}, {"ecdsa-p256", "P-256", ALGORITHM_ECDSA_P256},
    {"ecdsa-p384", "P-384", ALGORITHM_ECDSA_P384}, {"ecdsa-p521", "P-521", ALGORITHM_ECDSA_P521},
    {"ed25519", "ed25519", ALGORITHM_ED25519},     {"rsa-2048", "rsa-2048", ALGORITHM_RSA_2048},
    {"rsa-3072", "rsa-3072", ALGORITHM_RSA_3072},  {"rsa-4096", "rsa-4096", ALGORITHM_RSA_4096},
    {"hmac", NULL, ALGORITHM_HMAC_SHA256},         {"hmac", NULL, ALGORITHM_HMAC_SHA384},
    {"hmac", NULL, ALGORITHM_HMAC_SHA512},
};

bool vault_type_algorithm(struct span type, enum algorithm *out)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (span_is(type, types[i].type)) {
            *out = types[i].algorithm;
            return true;
        }
    }
    return false;
}

static size_t row_of(enum algorithm algorithm)
{
    size_t i = 0;
    while (types[i].algorithm != algorithm) { /* every algorithm has a row */
        i++;
    }
    return i;
}

const char *vault_type_name(enum algorithm algorithm)
{
    return types[row_of(algorithm)].type;
}

/* --- numbers --- */

static bool is_kept(const struct version *version)
{
    return version->state != VERSION_DESTROY_SCHEDULED && version->state != VERSION_DESTROYED;
}

bool vault_key_is_gone(const struct key *key)
{
    for (size_t i = 0; i < key->version_count; i++) {
        if (is_kept(&key->versions[i])) {
            return false;
        }
    }
    return true;
}

uint32_t vault_latest(const struct key *key)
{
    return key->primary != 0 || key->version_count == 0
               ? key->primary
               : key->versions[key->version_count - 1].number;
}

uint32_t vault_min_decryption(const struct key *key)
{
    for (size_t i = 0; i < key->version_count; i++) {
        if (lifecycle_opens(key->versions[i].state)) {
            return key->versions[i].number;
        }
    }
    return vault_latest(key);
}

/* 0 as long as nothing was trimmed. */
static uint32_t min_available(const struct key *key)
{
    for (size_t i = 0; i < key->version_count; i++) {
        if (is_kept(&key->versions[i])) {
            return key->versions[i].number > 1 ? key->versions[i].number : 0;
        }
    }
    return 0;
}

bool vault_deletion_allowed(const struct key *key)
{
    for (size_t i = 0; i < key->facts.label_count; i++) {
        const struct label *label = &key->facts.labels[i];
        if (strcmp(label->name, VAULT_LABEL_DELETION) == 0) {
            return strcmp(label->value, "true") == 0;
        }
    }
    return false;
}

/* --- public halves --- */

struct err vault_public_text(const struct key *key, const struct version *version, struct buf *out)
{
    struct span spki = version->public_key;
    if (algorithm_info(key->algorithm)->family == FAMILY_ED25519) {
        ENSURE(spki.len > ED25519_KEY_LEN, ERR_INTERNAL, "the stored public key is too short");
        return base64_encode(span_of(spki.data + spki.len - ED25519_KEY_LEN, ED25519_KEY_LEN), out);
    }
    return public_key_pem(spki, out);
}

static struct err put_public(struct json_writer *writer, const struct key *key,
                             const struct version *version)
{
    CLEANUP(buf_clear) struct buf text = {.max = BUF_MAX_DEFAULT};
    TRY(vault_public_text(key, version, &text));
    json_put_span(writer, "public_key", buf_span(&text));
    return err_ok();
}

static struct err put_version(struct json_writer *writer, const struct key *key,
                              const struct version *version)
{
    char number[NUMBER_MAX];
    const char *curve = types[row_of(key->algorithm)].curve;
    snprintf(number, sizeof(number), "%u", version->number);
    if (curve == NULL) {
        json_put_integer(writer, number, version->created_at / 1000);
        return err_ok();
    }
    json_begin_object(writer, number);
    json_put_text(writer, "name", curve);
    TRY(put_public(writer, key, version));
    json_put_text(writer, "certificate_chain",
                  version->certificates != NULL ? version->certificates : "");
    json_put_time(writer, "creation_time", version->created_at);
    json_end_object(writer);
    return err_ok();
}

static void put_flags(struct json_writer *writer, const struct key *key)
{
    bool ciphers = key->purpose == PURPOSE_ENCRYPT || key->purpose == PURPOSE_DECRYPT;
    json_put_flag(writer, "derived", false);
    json_put_flag(writer, "exportable", false);
    json_put_flag(writer, "allow_plaintext_backup", false);
    json_put_flag(writer, "imported_key", false);
    json_put_flag(writer, "supports_encryption", ciphers);
    json_put_flag(writer, "supports_decryption", ciphers);
    json_put_flag(writer, "supports_signing", key->purpose == PURPOSE_SIGN);
    json_put_flag(writer, "supports_derivation", false);
}

struct err vault_put_key(struct call *call, struct json_writer *writer, const struct key *key)
{
    char name[NAME_MAX_LEN + 1];
    json_put_span(writer, "name", vault_key_name(call, key, name));
    json_put_text(writer, "type", vault_type_name(key->algorithm));
    json_put_flag(writer, "deletion_allowed", vault_deletion_allowed(key));
    json_put_integer(writer, "latest_version", vault_latest(key));
    json_put_integer(writer, "min_available_version", min_available(key));
    json_put_integer(writer, "min_decryption_version", vault_min_decryption(key));
    json_put_integer(writer, "min_encryption_version", 0);
    json_put_integer(writer, "auto_rotate_period", key->facts.rotation.every);
    put_flags(writer, key);
    json_begin_object(writer, "keys");
    for (size_t i = 0; i < key->version_count; i++) {
        const struct version *version = &key->versions[i];
        bool shown = lifecycle_opens(version->state) ||
                     (version->state == VERSION_PENDING && version->published_at != 0);
        if (shown) {
            TRY(put_version(writer, key, version));
        }
    }
    json_end_object(writer);
    return err_ok();
}
