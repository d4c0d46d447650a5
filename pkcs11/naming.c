/* naming: people agree to a name, not to a CKA_ID that nobody can compare at night.
 *
 * A front that was taken over could write the name of a drill's key over the CKA_ID of a precious
 * one, and everything else would be as it should be. But what was made here bears NAME@N as its
 * label, which the token refuses to change like the CKA_ID; so the name is believed only if the
 * material bears it, too. */
#include "pkcs11/naming.h"

#include <string.h>

#include "base/banned.h"
#include "base/mem.h"

struct ckr_verdict naming_label(const struct session *session, CK_OBJECT_HANDLE object,
                                char out[TOKEN_TEXT_MAX + 1])
{
    uint8_t label[TOKEN_TEXT_MAX] = {0};
    CK_ATTRIBUTE asked = {.type = CKA_LABEL, .pValue = label, .ulValueLen = sizeof(label)};
    CK_RV ckr = session->list->C_GetAttributeValue(session->handle, object, &asked, 1);
    bool none = ckr == CKR_ATTRIBUTE_TYPE_INVALID || ckr == CKR_BUFFER_TOO_SMALL;
    size_t len = ckr == CKR_OK && asked.ulValueLen <= sizeof(label) ? asked.ulValueLen : 0;
    memcpy(out, label, len);
    out[len] = '\0';
    return none ? ckr_done() : ckr_verdict(ckr);
}

struct err naming_check(const struct statement *says, struct span cka_id, const char *label)
{
    if (approval_m_of(cka_id) == 0) {
        return err_ok();
    }
    CLEANUP(mem_free_at)
    char *whole = mem_format("%.*s@%u", (int)says->key.len, (const char *)says->key.data,
                             (unsigned)says->version);
    size_t len = strlen(whole);
    /* a label has room for the end of a long name */
    const char *wanted = len > TOKEN_TEXT_MAX ? whole + (len - TOKEN_TEXT_MAX) : whole;
    ENSURE(strcmp(label, wanted) == 0, ERR_APPROVAL_REQUIRED,
           "the statement names the key %.64s, but the material on the token is %.64s", wanted,
           label[0] != '\0' ? label : "without a label");
    return err_ok();
}
