/* cryptoki: the one place where the worker takes in the PKCS#11 header, and what 2.40 lacks. */
#ifndef HSMGATE_PKCS11_CRYPTOKI_H
#define HSMGATE_PKCS11_CRYPTOKI_H

#include <p11-kit/pkcs11.h>

#include "base/buf.h"

/* PKCS#11 3.0 and 3.1, not in the header of Debian 12. */
#define CKR_AEAD_DECRYPT_FAILED     0x35UL
#define CKR_TOKEN_RESOURCE_EXCEEDED 0x201UL
#define CKR_OPERATION_CANCEL_FAILED 0x202UL

/* Bytes as a C_ function wants them: not const, though it only reads, and never NULL, because
 * SoftHSM takes NULL for a mistake and leaves the operation active. */
static inline CK_BYTE *cryptoki_bytes(struct span bytes)
{
    static CK_BYTE none[1];
    return bytes.len > 0 ? (CK_BYTE *)(uintptr_t)bytes.data : none;
}

#endif
