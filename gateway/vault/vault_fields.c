/* What Vault's clients may ask for, and never get. */
#include "base/mem.h"
#include "gateway/vault/vault.h"

struct err vault_refuse_flags(const struct json_value *object)
{
    static const struct {
        const char *name;
        const char *why;
    } never[] = {
        {"exportable", "keys never leave the token, so none is exportable"},
        {"allow_plaintext_backup", "keys never leave the token, so there is no plaintext backup"},
        {"derived", "keys are not derived: make one key for each context, or use associated_data"},
        {"convergent_encryption", "equal plaintexts are not to have equal ciphertexts: convergent "
                                  "encryption is not done"},
    };
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        bool wanted = false;
        const struct loose_field field = {never[i].name, LOOSE_FLAG, 0, &wanted, NULL};
        TRY(loose_read(object, &field, 1));
        ENSURE(!wanted, ERR_UNSUPPORTED_OPERATION, "%s: %s", never[i].name, never[i].why);
    }
    return err_ok();
}

struct err vault_hash_by_name(struct span name, enum digest *out)
{
    static const struct {
        const char *name;
        enum digest digest;
    } hashes[] = {
        {"sha2-256", DIGEST_SHA256}, {"sha2-384", DIGEST_SHA384}, {"sha2-512", DIGEST_SHA512}};
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        if (span_is(name, hashes[i].name)) {
            *out = hashes[i].digest;
            return err_ok();
        }
    }
    return err_new(ERR_INVALID_FIELD, __func__,
                   "invalid hash algorithm: it is sha2-256, sha2-384 or sha2-512");
}
