/* probe: tries every algorithm and mechanism once, because the mechanism list lies.
 *
 * The keys are session objects, made by the same templates as real ones. RSA of 3072 and 4096 bits
 * takes seconds to make, so those are believed of the mechanism's key sizes once 2048 has passed.
 * Only answers about abilities are a result; a device that gives way is an error. */
#include "pkcs11/probe.h"

#include "base/banned.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pkcs11/search.h"
#include "pkcs11/selftest.h"

#define LABEL "hsmgate-probe"

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

/* Where the trials are made. A session that was given up may be closed, and what was made in it is
 * gone then: so keys are made in one and used in another, if the token gives two. */
struct bench {
    struct session_pool *pool;
    struct session *maker;
    struct session *user;
    struct probe *probe;
};

/* A refused operation may still be active in its session, and refuse the next one. */
static struct ckr_verdict clean(const struct bench *bench)
{
    return session_ready(bench->pool, bench->user);
}

/* Whether the verdict is about what the token can do, not about how it is. */
static bool is_answer(struct ckr_verdict verdict)
{
    return verdict.class == FRAME_OK || verdict.class == FRAME_OUR_MISTAKE ||
           verdict.class == FRAME_UNSUPPORTED || verdict.class == FRAME_CALLER_DATA ||
           verdict.class == FRAME_KEY_SWAPPED || verdict.class == FRAME_LYING;
}

static struct ckr_verdict use_once(const struct bench *bench, const struct selftest *test,
                                   enum token_mechanism kind)
{
    struct ckr_verdict verdict = clean(bench);
    return verdict.class == FRAME_OK ? selftest_run(bench->user, test, kind) : verdict;
}

static struct ckr_verdict tamper(const struct bench *bench, const struct selftest *test,
                                 enum token_mechanism kind, CK_RV *out)
{
    struct ckr_verdict verdict = clean(bench);
    return verdict.class == FRAME_OK ? selftest_tamper(bench->user, test, kind, out) : verdict;
}

/* Finds where IVs come from: the first way in which a ciphertext opens again. */
static struct ckr_verdict find_iv(const struct bench *bench, struct selftest *test)
{
    struct ckr_verdict verdict = ckr_own(FRAME_UNSUPPORTED);
    for (int iv = 0; iv < OPERATION_IV_COUNT && verdict.class != FRAME_OK; iv++) {
        test->iv = (enum operation_iv)iv;
        verdict = use_once(bench, test, TOKEN_AES_GCM);
        if (!is_answer(verdict)) {
            return verdict;
        }
    }
    bench->probe->iv = test->iv;
    bench->probe->found.gcm_iv_by_caller = test->iv == OPERATION_IV_RANDOM;
    return verdict;
}

static struct ckr_verdict try_gcm(const struct bench *bench, struct selftest *test)
{
    CK_RV ckr = CKR_OK;
    struct token_probe *found = &bench->probe->found;
    struct ckr_verdict verdict = find_iv(bench, test);
    if (verdict.class == FRAME_OK) {
        verdict = tamper(bench, test, TOKEN_AES_GCM, &ckr);
    }
    if (verdict.class == FRAME_OK) {
        verdict = clean(bench);
    }
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    found->tamper_ckr = ckr;
    found->empty_plaintext = selftest_empty_plaintext(bench->user, test);
    return ckr == CKR_OK ? ckr_own(FRAME_UNSUPPORTED) : verdict;
}

static struct ckr_verdict try_mechanism(const struct bench *bench, struct selftest *test,
                                        enum token_mechanism kind)
{
    if (kind == TOKEN_AES_GCM) {
        return try_gcm(bench, test);
    }
    struct ckr_verdict verdict = use_once(bench, test, kind);
    if (verdict.class == FRAME_OK && test->key->purpose == PURPOSE_DECRYPT) {
        return tamper(bench, test, kind, &bench->probe->oaep_tamper_ckr);
    }
    return verdict;
}

static struct ckr_verdict try_all(const struct bench *bench, struct selftest *test,
                                  const struct trial *trial)
{
    struct token_probe *found = &bench->probe->found;
    for (size_t i = 0; i < trial->count; i++) {
        struct ckr_verdict verdict = try_mechanism(bench, test, trial->mechanisms[i]);
        if (!is_answer(verdict)) {
            return verdict;
        }
        if (verdict.class == FRAME_OK) {
            found->algorithms |= 1u << trial->algorithm;
            found->mechanisms |= 1u << trial->mechanisms[i];
        } else {
            log_info("probe", "%s with %s does not work: class %d, CKR_%s",
                     algorithm_info(trial->algorithm)->name,
                     token_mechanism_name(trial->mechanisms[i]), (int)verdict.class,
                     ckr_name(verdict.ckr));
        }
    }
    return clean(bench);
}

/* A token that keeps no keys for a session (tpm2-pkcs11) refuses CKA_TOKEN=false: there the key is
 * a real one, for the moment that it takes. */
static struct ckr_verdict make(const struct bench *bench, const struct token_key *key,
                               struct material *out)
{
    struct probe *probe = bench->probe;
    struct template_subject subject = {
        .key = key, .label = LABEL, .on_token = probe->makes_token_keys};
    struct ckr_verdict verdict = material_generate(bench->maker, &subject, out);
    if (subject.on_token || !template_is_refused(verdict.ckr)) {
        return verdict;
    }
    subject.on_token = true;
    verdict = material_generate(bench->maker, &subject, out);
    probe->makes_token_keys = verdict.class == FRAME_OK;
    return verdict;
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

static struct ckr_verdict try_trial(const struct bench *bench, const struct trial *trial)
{
    CLEANUP(buf_clear) struct buf public_key = {0};
    struct token_key key = {.cka_id = LABEL,
                            .cka_id_len = sizeof(LABEL),
                            .algorithm = trial->algorithm,
                            .purpose = trial->purpose};
    struct material material = {0};
    key.cka_id[sizeof(LABEL) - 1] = (uint8_t)(trial - trials); /* another's may not be destroyed */
    struct ckr_verdict verdict = make(bench, &key, &material);
    if (verdict.class != FRAME_OK) {
        log_info("probe", "%s cannot be made: class %d, CKR_%s",
                 algorithm_info(trial->algorithm)->name, (int)verdict.class, ckr_name(verdict.ckr));
        return verdict;
    }
    verdict = material_public_key(bench->maker, &material, key.algorithm, &public_key);
    if (verdict.class == FRAME_OK) {
        struct selftest test = {
            .key = &key, .material = &material, .public_key = buf_span(&public_key)};
        verdict = try_all(bench, &test, trial);
        bench->probe->found.copies_extractable |= copies_extractable(bench->maker, &material);
    } else {
        log_info("probe", "the public half of %s cannot be read: class %d, CKR_%s",
                 algorithm_info(trial->algorithm)->name, (int)verdict.class, ckr_name(verdict.ckr));
    }
    material_destroy(bench->maker, &material);
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

struct ckr_verdict probe_sweep(struct session *session, size_t *out_count)
{
    CK_ATTRIBUTE by_label = {.type = CKA_LABEL,
                             .pValue = cryptoki_bytes(span_text(LABEL)),
                             .ulValueLen = sizeof(LABEL) - 1};
    struct search found = {0};
    struct ckr_verdict verdict = search_run(session, &by_label, 1, &found);
    *out_count = found.count;
    for (CK_ULONG i = 0; verdict.class == FRAME_OK && i < found.count; i++) {
        verdict = ckr_verdict(session->list->C_DestroyObject(session->handle, found.handles[i]));
    }
    return verdict;
}

static struct ckr_verdict try_everything(const struct bench *bench)
{
    for (size_t i = 0; i < ARRAY_LEN(trials); i++) {
        struct ckr_verdict verdict = try_trial(bench, &trials[i]);
        if (!is_answer(verdict)) {
            return verdict;
        }
    }
    add_rsa(bench->maker->login->module, bench->probe);
    return ckr_done();
}

struct ckr_verdict probe_run(struct session_pool *pool, struct probe *out)
{
    struct probe probe = {0};
    struct bench bench = {.pool = pool, .probe = &probe};
    int64_t now_ns = clock_mono_ns();
    struct ckr_verdict verdict = session_lease(pool, now_ns, &bench.maker);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    bench.user = bench.maker;
    if (pool->count > 1) {
        verdict = session_lease(pool, now_ns, &bench.user);
    }
    if (verdict.class == FRAME_OK) {
        verdict = try_everything(&bench);
    }
    if (bench.user != bench.maker) {
        session_release(pool, bench.user);
    }
    session_release(pool, bench.maker);
    if (verdict.class == FRAME_OK) {
        *out = probe;
    }
    return verdict;
}
