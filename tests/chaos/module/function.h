/* function: every function of PKCS#11 v2.40, what it speaks of, and its part in an operation. */
#ifndef HSMGATE_TESTS_CHAOS_FUNCTION_H
#define HSMGATE_TESTS_CHAOS_FUNCTION_H

#include <p11-kit/pkcs11.h>

enum subject { OF_LIBRARY, OF_SLOT, OF_SESSION };
enum operation {
    NO_OPERATION,
    FIND,
    ENCRYPT,
    DECRYPT,
    DIGEST,
    SIGN,
    SIGN_RECOVER,
    VERIFY,
    VERIFY_RECOVER
};
enum part { NO_PART, BEGINS, GOES_ON, WHOLE, ENDS };

/* X(name, what its first argument is, operation, part in it), in the order of CK_FUNCTION_LIST. */
#define FUNCTIONS(X)                                           \
    X(C_Initialize, OF_LIBRARY, NO_OPERATION, NO_PART)         \
    X(C_Finalize, OF_LIBRARY, NO_OPERATION, NO_PART)           \
    X(C_GetInfo, OF_LIBRARY, NO_OPERATION, NO_PART)            \
    X(C_GetSlotList, OF_LIBRARY, NO_OPERATION, NO_PART)        \
    X(C_GetSlotInfo, OF_SLOT, NO_OPERATION, NO_PART)           \
    X(C_GetTokenInfo, OF_SLOT, NO_OPERATION, NO_PART)          \
    X(C_GetMechanismList, OF_SLOT, NO_OPERATION, NO_PART)      \
    X(C_GetMechanismInfo, OF_SLOT, NO_OPERATION, NO_PART)      \
    X(C_InitToken, OF_SLOT, NO_OPERATION, NO_PART)             \
    X(C_InitPIN, OF_SESSION, NO_OPERATION, NO_PART)            \
    X(C_SetPIN, OF_SESSION, NO_OPERATION, NO_PART)             \
    X(C_OpenSession, OF_SLOT, NO_OPERATION, NO_PART)           \
    X(C_CloseSession, OF_SESSION, NO_OPERATION, NO_PART)       \
    X(C_CloseAllSessions, OF_SLOT, NO_OPERATION, NO_PART)      \
    X(C_GetSessionInfo, OF_SESSION, NO_OPERATION, NO_PART)     \
    X(C_GetOperationState, OF_SESSION, NO_OPERATION, NO_PART)  \
    X(C_SetOperationState, OF_SESSION, NO_OPERATION, NO_PART)  \
    X(C_Login, OF_SESSION, NO_OPERATION, NO_PART)              \
    X(C_Logout, OF_SESSION, NO_OPERATION, NO_PART)             \
    X(C_CreateObject, OF_SESSION, NO_OPERATION, NO_PART)       \
    X(C_CopyObject, OF_SESSION, NO_OPERATION, NO_PART)         \
    X(C_DestroyObject, OF_SESSION, NO_OPERATION, NO_PART)      \
    X(C_GetObjectSize, OF_SESSION, NO_OPERATION, NO_PART)      \
    X(C_GetAttributeValue, OF_SESSION, NO_OPERATION, NO_PART)  \
    X(C_SetAttributeValue, OF_SESSION, NO_OPERATION, NO_PART)  \
    X(C_FindObjectsInit, OF_SESSION, FIND, BEGINS)             \
    X(C_FindObjects, OF_SESSION, FIND, GOES_ON)                \
    X(C_FindObjectsFinal, OF_SESSION, FIND, ENDS)              \
    X(C_EncryptInit, OF_SESSION, ENCRYPT, BEGINS)              \
    X(C_Encrypt, OF_SESSION, ENCRYPT, WHOLE)                   \
    X(C_EncryptUpdate, OF_SESSION, ENCRYPT, GOES_ON)           \
    X(C_EncryptFinal, OF_SESSION, ENCRYPT, WHOLE)              \
    X(C_DecryptInit, OF_SESSION, DECRYPT, BEGINS)              \
    X(C_Decrypt, OF_SESSION, DECRYPT, WHOLE)                   \
    X(C_DecryptUpdate, OF_SESSION, DECRYPT, GOES_ON)           \
    X(C_DecryptFinal, OF_SESSION, DECRYPT, WHOLE)              \
    X(C_DigestInit, OF_SESSION, DIGEST, BEGINS)                \
    X(C_Digest, OF_SESSION, DIGEST, WHOLE)                     \
    X(C_DigestUpdate, OF_SESSION, DIGEST, GOES_ON)             \
    X(C_DigestKey, OF_SESSION, DIGEST, GOES_ON)                \
    X(C_DigestFinal, OF_SESSION, DIGEST, WHOLE)                \
    X(C_SignInit, OF_SESSION, SIGN, BEGINS)                    \
    X(C_Sign, OF_SESSION, SIGN, WHOLE)                         \
    X(C_SignUpdate, OF_SESSION, SIGN, GOES_ON)                 \
    X(C_SignFinal, OF_SESSION, SIGN, WHOLE)                    \
    X(C_SignRecoverInit, OF_SESSION, SIGN_RECOVER, BEGINS)     \
    X(C_SignRecover, OF_SESSION, SIGN_RECOVER, WHOLE)          \
    X(C_VerifyInit, OF_SESSION, VERIFY, BEGINS)                \
    X(C_Verify, OF_SESSION, VERIFY, ENDS)                      \
    X(C_VerifyUpdate, OF_SESSION, VERIFY, GOES_ON)             \
    X(C_VerifyFinal, OF_SESSION, VERIFY, ENDS)                 \
    X(C_VerifyRecoverInit, OF_SESSION, VERIFY_RECOVER, BEGINS) \
    X(C_VerifyRecover, OF_SESSION, VERIFY_RECOVER, WHOLE)      \
    X(C_DigestEncryptUpdate, OF_SESSION, ENCRYPT, GOES_ON)     \
    X(C_DecryptDigestUpdate, OF_SESSION, DECRYPT, GOES_ON)     \
    X(C_SignEncryptUpdate, OF_SESSION, ENCRYPT, GOES_ON)       \
    X(C_DecryptVerifyUpdate, OF_SESSION, DECRYPT, GOES_ON)     \
    X(C_GenerateKey, OF_SESSION, NO_OPERATION, NO_PART)        \
    X(C_GenerateKeyPair, OF_SESSION, NO_OPERATION, NO_PART)    \
    X(C_WrapKey, OF_SESSION, NO_OPERATION, NO_PART)            \
    X(C_UnwrapKey, OF_SESSION, NO_OPERATION, NO_PART)          \
    X(C_DeriveKey, OF_SESSION, NO_OPERATION, NO_PART)          \
    X(C_SeedRandom, OF_SESSION, NO_OPERATION, NO_PART)         \
    X(C_GenerateRandom, OF_SESSION, NO_OPERATION, NO_PART)     \
    X(C_GetFunctionStatus, OF_SESSION, NO_OPERATION, NO_PART)  \
    X(C_CancelFunction, OF_SESSION, NO_OPERATION, NO_PART)     \
    X(C_WaitForSlotEvent, OF_LIBRARY, NO_OPERATION, NO_PART)

#define FUNCTION_ID(name, subject, operation, part) F_##name,
enum function { FUNCTIONS(FUNCTION_ID) FUNCTION_COUNT };

struct function_info {
    const char *name;
    enum subject subject;
    enum operation operation;
    enum part part;
};

extern const struct function_info function_info[FUNCTION_COUNT];
/* Our table, which forwards to `target`. */
CK_FUNCTION_LIST *forward_to(CK_FUNCTION_LIST *target);

#endif
