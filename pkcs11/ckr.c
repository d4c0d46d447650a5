/* ckr: the error classes of the worker as one table.
 *
 * Everything that the worker does after a failed C_ call follows from the class found here: who is
 * at fault, whether the session may go back into the pool, whether a retry makes sense. A code that
 * is not in the table is taken for a lost device, because a fresh process is the one remedy that
 * always works. */
#include "pkcs11/ckr.h"

#include "base/banned.h"
#include "base/mem.h"

#define RULE(code, class_, ends_)                                            \
    {                                                                        \
        .ckr = CKR_##code, .name = #code, .class = (class_), .ends = (ends_) \
    }
#define A(code) RULE(code, FRAME_CALLER_DATA, true)
#define B(code) RULE(code, FRAME_OUR_MISTAKE, false)
#define C(code) RULE(code, FRAME_STALE_SESSION, false)
#define D(code) RULE(code, FRAME_STALE_EPOCH, false)
#define E(code) RULE(code, FRAME_DEVICE_LOST, false)
#define F(code) RULE(code, FRAME_PIN, true)
#define G(code) RULE(code, FRAME_CAPACITY, true)
#define H(code) RULE(code, FRAME_OK, true)

static const struct ckr_rule rules[] = {
    H(OK),
    H(USER_ALREADY_LOGGED_IN),
    H(CRYPTOKI_ALREADY_INITIALIZED),
    A(DATA_INVALID),
    A(DATA_LEN_RANGE),
    A(ENCRYPTED_DATA_INVALID),
    A(ENCRYPTED_DATA_LEN_RANGE),
    A(AEAD_DECRYPT_FAILED),
    A(SIGNATURE_INVALID),
    A(SIGNATURE_LEN_RANGE),
    A(WRAPPED_KEY_INVALID),
    A(WRAPPED_KEY_LEN_RANGE),
    B(KEY_FUNCTION_NOT_PERMITTED),
    B(KEY_TYPE_INCONSISTENT),
    B(KEY_SIZE_RANGE),
    B(KEY_NOT_NEEDED),
    B(KEY_CHANGED),
    B(KEY_NEEDED),
    B(KEY_INDIGESTIBLE),
    B(KEY_NOT_WRAPPABLE),
    B(KEY_UNEXTRACTABLE),
    B(MECHANISM_INVALID),
    B(MECHANISM_PARAM_INVALID),
    B(TEMPLATE_INCOMPLETE),
    B(TEMPLATE_INCONSISTENT),
    B(ATTRIBUTE_READ_ONLY),
    B(ATTRIBUTE_SENSITIVE),
    B(ATTRIBUTE_TYPE_INVALID),
    B(ATTRIBUTE_VALUE_INVALID),
    B(ACTION_PROHIBITED),
    B(ARGUMENTS_BAD),
    B(BUFFER_TOO_SMALL),
    B(FUNCTION_NOT_SUPPORTED),
    B(FUNCTION_NOT_PARALLEL),
    B(FUNCTION_REJECTED),
    B(SESSION_READ_ONLY),
    B(SESSION_READ_ONLY_EXISTS),
    B(SESSION_PARALLEL_NOT_SUPPORTED),
    B(TOKEN_WRITE_PROTECTED),
    B(CURVE_NOT_SUPPORTED),
    B(DOMAIN_PARAMS_INVALID),
    B(PUBLIC_KEY_INVALID),
    B(RANDOM_NO_RNG),
    B(INFORMATION_SENSITIVE),
    C(SESSION_HANDLE_INVALID),
    C(SESSION_CLOSED),
    C(OPERATION_ACTIVE),
    C(OPERATION_NOT_INITIALIZED),
    C(OPERATION_CANCEL_FAILED),
    D(USER_NOT_LOGGED_IN),
    D(OBJECT_HANDLE_INVALID),
    D(KEY_HANDLE_INVALID),
    E(DEVICE_ERROR),
    E(DEVICE_MEMORY),
    E(DEVICE_REMOVED),
    E(TOKEN_NOT_PRESENT),
    E(TOKEN_NOT_RECOGNIZED),
    E(HOST_MEMORY),
    E(SLOT_ID_INVALID),
    E(CRYPTOKI_NOT_INITIALIZED),
    E(GENERAL_ERROR),
    E(FUNCTION_FAILED),
    E(FUNCTION_CANCELED),
    E(CANCEL),
    E(CANT_LOCK),
    E(NEED_TO_CREATE_THREADS),
    E(MUTEX_BAD),
    E(MUTEX_NOT_LOCKED),
    E(FIPS_SELF_TEST_FAILED),
    E(LIBRARY_LOAD_FAILED),
    E(USER_ANOTHER_ALREADY_LOGGED_IN),
    E(USER_TOO_MANY_TYPES),
    E(SESSION_READ_WRITE_SO_EXISTS),
    F(PIN_INCORRECT),
    F(PIN_INVALID),
    F(PIN_LEN_RANGE),
    F(PIN_EXPIRED),
    F(PIN_LOCKED),
    F(PIN_TOO_WEAK),
    F(USER_PIN_NOT_INITIALIZED),
    F(USER_TYPE_INVALID),
    G(SESSION_COUNT),
    G(TOKEN_RESOURCE_EXCEEDED),
};

static const struct ckr_rule unknown = {
    .ckr = CKR_VENDOR_DEFINED, .name = "VENDOR", .class = FRAME_DEVICE_LOST};

const struct ckr_rule *ckr_rule(CK_RV ckr)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (rules[i].ckr == ckr) {
            return &rules[i];
        }
    }
    return &unknown;
}

const char *ckr_name(CK_RV ckr)
{
    return ckr_rule(ckr)->name;
}

struct ckr_verdict ckr_verdict(CK_RV ckr)
{
    return (struct ckr_verdict){.class = ckr_rule(ckr)->class, .ckr = ckr};
}

struct ckr_verdict ckr_own(enum frame_class class)
{
    return (struct ckr_verdict){.class = class, .ckr = CKR_OK};
}

struct ckr_verdict ckr_done(void)
{
    return ckr_own(FRAME_OK);
}

struct ckr_verdict ckr_unfit(enum frame_unfit unfit)
{
    enum frame_class class = unfit == FRAME_FIT ? FRAME_OK : FRAME_UNFIT;
    return (struct ckr_verdict){.class = class, .ckr = CKR_OK, .unfit = unfit};
}

bool ckr_is_vague(CK_RV ckr)
{
    return ckr == CKR_GENERAL_ERROR || ckr == CKR_FUNCTION_FAILED;
}

struct ckr_verdict ckr_decrypt_verdict(CK_RV ckr, CK_RV tampered)
{
    if (ckr_is_vague(ckr) && ckr == tampered) {
        return (struct ckr_verdict){.class = FRAME_CALLER_DATA, .ckr = ckr};
    }
    return ckr_verdict(ckr);
}
