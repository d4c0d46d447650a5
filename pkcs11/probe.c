/* probe: tries every algorithm and mechanism once, because the mechanism list lies.
 *
 * The keys are session objects, made by the same templates as real ones. RSA of 3072 and 4096 bits
 * takes seconds to make, so those are believed of the mechanism's key sizes once 2048 has passed.
 * Only answers about abilities are a result; a device that gives way is an error. */
#include "pkcs11/probe.h"

#include "base/banned.h"
#include "base/log.h"
#include "base/mem.h"
#include "pkcs11/selftest.h"

struct trial {
    enum algorithm algorithm;
    enum purpose purpose;
    const enum token_mechanism *mechanisms;
    size_t count;
};

static const enum token_mechanism gcm[] = {TOKEN_AES_GCM};
static const enum token_mechanism hmac[] = {TOKEN_HMAC};
static const enum token_mechanism ecdsa[] = {TOKEN_ECDSA};
static const enum token_mechanism eddsa[] = {TOKEN_EDDSA};
static const enum token_mechanism rsa[] = {TOKEN_RSA_PKCS1, TOKEN_RSA_PSS_SHA256,
                                           TOKEN_RSA_PSS_SHA384, TOKEN_RSA_PSS_SHA512};
static const enum token_mechanism oaep[] = {TOKEN_RSA_OAEP_SHA1, TOKEN_RSA_OAEP_SHA256};

#define TRIAL(algorithm_, purpose_, list)                                       \
    {                                                                           \
        .algorithm = (algorithm_), .purpose = (purpose_), .mechanisms = (list), \
        .count = ARRAY_LEN(list)                                                \
    }

static const struct trial trials[] = {
    TRIAL(ALGORITHM_AES_256_GCM, PURPOSE_ENCRYPT, gcm),
    TRIAL(ALGORITHM_HMAC_SHA256, PURPOSE_MAC, hmac),
    TRIAL(ALGORITHM_HMAC_SHA384, PURPOSE_MAC, hmac),
    TRIAL(ALGORITHM_HMAC_SHA512, PURPOSE_MAC, hmac),
    TRIAL(ALGORITHM_ECDSA_P256, PURPOSE_SIGN, ecdsa),
    TRIAL(ALGORITHM_ECDSA_P384, PURPOSE_SIGN, ecdsa),
    TRIAL(ALGORITHM_ECDSA_P521, PURPOSE_SIGN, ecdsa),
    TRIAL(ALGORITHM_ED25519, PURPOSE_SIGN, eddsa),
    TRIAL(ALGORITHM_RSA_2048, PURPOSE_SIGN, rsa),
    TRIAL(ALGORITHM_RSA_2048, PURPOSE_DECRYPT, oaep),
};

/* Whether the verdict is about what the token can do, not about how it is. */
static bool is_answer(struct ckr_verdict verdict)
{
    return verdict.class == FRAME_OK || verdict.class == FRAME_OUR_MISTAKE ||
           verdict.class == FRAME_UNSUPPORTED || verdict.class == FRAME_CALLER_DATA ||
           verdict.class == FRAME_KEY_SWAPPED || verdict.class == FRAME_LYING;
}

/* Finds where IVs come from: the first way in which a ciphertext opens again. */
static struct ckr_verdict find_iv(struct session *session, struct selftest *test,
                                  struct probe *probe)
{
    struct ckr_verdict verdict = ckr_own(FRAME_UNSUPPORTED);
    for (int iv = 0; iv < OPERATION_IV_COUNT && verdict.class != FRAME_OK; iv++) {
        test->iv = (enum operation_iv)iv;
        verdict = selftest_run(session, test, TOKEN_AES_GCM);
        if (!is_answer(verdict)) {
            return verdict;
        }
    }
    probe->iv = test->iv;
    probe->found.gcm_iv_by_caller = test->iv == OPERATION_IV_RANDOM;
    return verdict;
}

static struct ckr_verdict try_mechanism(struct session *session, struct selftest *test,
                                        enum token_mechanism kind, struct probe *probe)
{
    struct ckr_verdict verdict =
        kind == TOKEN_AES_GCM ? find_iv(session, test, probe) : selftest_run(session, test, kind);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    if (kind == TOKEN_AES_GCM) {
        CK_RV ckr = CKR_OK;
        verdict = selftest_tamper(session, test, kind, &ckr);
        probe->found.tamper_ckr = ckr;
        probe->found.empty_plaintext = selftest_empty_plaintext(session, test);
        return ckr == CKR_OK ? ckr_own(FRAME_UNSUPPORTED) : verdict;
    }
    if (test->key->purpose == PURPOSE_DECRYPT) {
        return selftest_tamper(session, test, kind, &probe->oaep_tamper_ckr);
    }
    return verdict;
}

static struct ckr_verdict try_all(struct session *session, struct selftest *test,
                                  const struct trial *trial, struct probe *probe)
{
    for (size_t i = 0; i < trial->count; i++) {
        struct ckr_verdict verdict = try_mechanism(session, test, trial->mechanisms[i], probe);
        if (!is_answer(verdict)) {
            return verdict;
        }
        session->unfit = CKR_OK; /* this session is the probe's alone */
        if (verdict.class == FRAME_OK) {
            probe->found.algorithms |= 1u << trial->algorithm;
            probe->found.mechanisms |= 1u << trial->mechanisms[i];
        } else {
            log_info("probe", "%s with %s does not work: class %d, CKR_%s",
                     algorithm_info(trial->algorithm)->name, purpose_name(trial->purpose),
                     (int)verdict.class, ckr_name(verdict.ckr));
        }
    }
    return ckr_done();
}

/* CKA_EXTRACTABLE and CKA_COPYABLE are false in our templates; whether that holds against a copy is
 * the token's doing. Any refusal is good. */
static bool copies_extractable(const struct session *session, const struct material *material)
{
    CK_BBOOL extractable = CK_TRUE;
    CK_ATTRIBUTE wish = {
        .type = CKA_EXTRACTABLE, .pValue = &extractable, .ulValueLen = sizeof(extractable)};
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
    const CK_FUNCTION_LIST *list = session->list;
    if (list->C_CopyObject == NULL ||
        list->C_CopyObject(session->handle, material->key, &wish, 1, &copy) != CKR_OK) {
        return false;
    }
    extractable = CK_FALSE;
    CK_RV read = list->C_GetAttributeValue(session->handle, copy, &wish, 1);
    (void)list->C_DestroyObject(session->handle, copy);
    return read == CKR_OK && extractable == CK_TRUE;
}

static struct ckr_verdict try_trial(struct session *session, const struct trial *trial,
                                    struct probe *probe)
{
    static const struct token_key shape = {.cka_id = "hsmgate-probe", .cka_id_len = 13};
    CLEANUP(buf_clear) struct buf public_key = {0};
    struct token_key key = shape;
    struct material material = {0};
    key.algorithm = trial->algorithm;
    key.purpose = trial->purpose;
    const struct template_subject subject = {.key = &key, .label = "hsmgate-probe"};
    struct ckr_verdict verdict = material_generate(session, &subject, &material);
    if (verdict.class != FRAME_OK) {
        log_info("probe", "%s cannot be made: class %d, CKR_%s",
                 algorithm_info(trial->algorithm)->name, (int)verdict.class, ckr_name(verdict.ckr));
        return verdict;
    }
    verdict = material_public_key(session, &material, key.algorithm, &public_key);
    if (verdict.class == FRAME_OK) {
        struct selftest test = {
            .key = &key, .material = &material, .public_key = buf_span(&public_key)};
        verdict = try_all(session, &test, trial, probe);
        probe->found.copies_extractable |= copies_extractable(session, &material);
    }
    material_destroy(session, &material);
    return verdict;
}

/* Larger RSA keys by what the token says of their sizes. */
static void add_rsa(const struct module *module, struct probe *probe)
{
    CK_MECHANISM_INFO info = {0};
    CK_RV ckr = module->list->C_GetMechanismInfo(module->slot, CKM_RSA_PKCS_KEY_PAIR_GEN, &info);
    if ((probe->found.algorithms & 1u << ALGORITHM_RSA_2048) == 0 || ckr != CKR_OK) {
        return;
    }
    if (info.ulMaxKeySize >= 3072) {
        probe->found.algorithms |= 1u << ALGORITHM_RSA_3072;
    }
    if (info.ulMaxKeySize >= 4096) {
        probe->found.algorithms |= 1u << ALGORITHM_RSA_4096;
    }
}

struct ckr_verdict probe_run(struct session *session, const struct module *module,
                             struct probe *out)
{
    struct probe probe = {0};
    for (size_t i = 0; i < ARRAY_LEN(trials); i++) {
        struct ckr_verdict verdict = try_trial(session, &trials[i], &probe);
        if (!is_answer(verdict)) {
            return verdict;
        }
    }
    add_rsa(module, &probe);
    *out = probe;
    return ckr_done();
}
