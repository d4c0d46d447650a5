/* fake_token: a PKCS#11 module in memory, with scripted return codes and faults.
 *
 * It knows one token with AES-GCM and HMAC keys, checked as strictly as the standard allows: an
 * operation left active poisons its session, handles die with a reset, and a session that two
 * threads use at once aborts the test. One per process, because a module has no context. */
#ifndef HSMGATE_TESTS_LIB_FAKE_TOKEN_H
#define HSMGATE_TESTS_LIB_FAKE_TOKEN_H

#include "pkcs11/cryptoki.h"
#include "pkcs11/operation.h"

#define FAKE_TOKEN_PIN    "1234"
#define FAKE_TOKEN_LABEL  "fake"
#define FAKE_TOKEN_SERIAL "F-0001"

enum fake_call {
    FAKE_INITIALIZE,
    FAKE_FINALIZE,
    FAKE_OPEN_SESSION,
    FAKE_CLOSE_SESSION,
    FAKE_LOGIN,
    FAKE_RANDOM,
    FAKE_GENERATE_KEY,
    FAKE_DESTROY_OBJECT,
    FAKE_GET_ATTRIBUTES,
    FAKE_FIND_INIT,
    FAKE_FIND,
    FAKE_SIGN_INIT,
    FAKE_SIGN,
    FAKE_ENCRYPT_INIT,
    FAKE_ENCRYPT,
    FAKE_DECRYPT_INIT,
    FAKE_DECRYPT,
    FAKE_CALL_COUNT
};

/* A blank token, nobody logged in, no faults. */
CK_FUNCTION_LIST *fake_token_new(void);
/* After `after` more calls of the function the next `times` return the code and do nothing. */
void fake_token_fail(enum fake_call call, CK_RV ckr, unsigned after, unsigned times);
unsigned fake_token_calls(enum fake_call call);
/* As after a reset of the device: sessions, login and object handles are dead, the keys are not. */
void fake_token_reset_device(void);
/* C_GenerateRandom writes the same bytes from now on; so it does until fake_token_new. */
void fake_token_stick(void);
/* C_Sign, C_Encrypt and C_Decrypt say that their output is so much longer; 0: the truth. */
void fake_token_lie_about_length(int more);
/* C_Sign writes zeroes. */
void fake_token_sign_zeroes(void);
/* Only the login is lost. */
void fake_token_log_out(void);
void fake_token_set_flags(CK_FLAGS flags);
void fake_token_set_serial(const char *serial);
/* Sessions that can be open at once. */
void fake_token_limit_sessions(unsigned limit);
void fake_token_set_iv(enum operation_iv iv);
void fake_token_refuse_empty_plaintext(void);
void fake_token_set_tamper_ckr(CK_RV ckr);
/* The token makes the attribute what it likes, against the template. */
void fake_token_lie(CK_ATTRIBUTE_TYPE type, CK_BBOOL value);
/* The token does not know the attribute. */
void fake_token_ignore(CK_ATTRIBUTE_TYPE type);
/* The token keeps no keys for a session. */
void fake_token_refuse_session_keys(void);
/* Puts an object on the token that somebody else made: these attributes and no others, and a value
 * that nobody knows. */
CK_OBJECT_HANDLE fake_token_put(const CK_ATTRIBUTE *list, CK_ULONG count);
/* Takes all objects off the token, without a call that counts. */
void fake_token_wipe(void);
/* Replaces the value of every key with this CKA_ID by another. */
void fake_token_swap_key(const uint8_t *cka_id, size_t len);
unsigned fake_token_objects(void);
unsigned fake_token_sessions(void);

#endif
