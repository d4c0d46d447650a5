/* token_names: the words for a token's states, error classes and mechanisms.
 *
 * They stand in metrics and in the status, so a word never changes its meaning. */
#include <assert.h>

#include "pkcs11/frame.h"

#include "base/banned.h"

const char *token_state_name(enum token_state state)
{
    static const char *const names[] = {
        [TOKEN_STARTING] = "starting",
        [TOKEN_READY] = "ready",
        [TOKEN_DOWN] = "down",
        [TOKEN_LATCHED] = "latched",
    };
    return names[state];
}

const char *token_error_name(size_t class)
{
    static const char *const names[TOKEN_ERROR_COUNT] = {
        [FRAME_OK] = "ok",
        [FRAME_CALLER_DATA] = "caller_data",
        [FRAME_OUR_MISTAKE] = "our_mistake",
        [FRAME_STALE_SESSION] = "stale_session",
        [FRAME_STALE_EPOCH] = "stale_login",
        [FRAME_DEVICE_LOST] = "device_lost",
        [FRAME_PIN] = "pin",
        [FRAME_CAPACITY] = "capacity",
        [FRAME_KEY_MISSING] = "key_missing",
        [FRAME_KEY_SWAPPED] = "key_swapped",
        [FRAME_UNSUPPORTED] = "unsupported",
        [FRAME_EXISTS] = "exists",
        [FRAME_UNFIT] = "unfit",
        [FRAME_UNAPPROVED] = "unapproved",
        [FRAME_SPENT] = "spent",
        [FRAME_UNPINNED] = "unpinned",
        [FRAME_LYING] = "lying",
    };
    static_assert(TOKEN_ERROR_COUNT == FRAME_CLASS_END, "a name for each class");
    return names[class];
}

const char *token_mechanism_name(enum token_mechanism mechanism)
{
    static const char *const names[TOKEN_MECHANISM_COUNT] = {
        [TOKEN_AES_GCM] = "aes-gcm",
        [TOKEN_HMAC] = "hmac",
        [TOKEN_ECDSA] = "ecdsa",
        [TOKEN_EDDSA] = "eddsa",
        [TOKEN_RSA_PKCS1] = "rsa-pkcs1",
        [TOKEN_RSA_PSS_SHA256] = "rsa-pss-sha256",
        [TOKEN_RSA_PSS_SHA384] = "rsa-pss-sha384",
        [TOKEN_RSA_PSS_SHA512] = "rsa-pss-sha512",
        [TOKEN_RSA_OAEP_SHA1] = "rsa-oaep-sha1",
        [TOKEN_RSA_OAEP_SHA256] = "rsa-oaep-sha256",
    };
    return names[mechanism];
}
