/* forward: the module's function table.
 *
 * Every function visits the target through visit.h. Macros write those that only differ in their
 * name; the others say what they do besides: object handles are renumbered on their way, sessions
 * are noted, a search may be led elsewhere. */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "tests/chaos/module/visit.h"
#include "tests/chaos/module/watch.h"
#include "tests/chaos/module/world.h"

#define TEMPLATE_MAX 32

static CK_FUNCTION_LIST *behind;

/* A whole function; ISO C has no other way to write 68 of them once. */
#define FORWARD(name, parameters, session, arguments, out, out_len) \
    static CK_RV chaos_##name parameters                            \
    {                                                               \
        struct visit visit = visit_begin(F_##name, session);        \
        if (visit.makes) {                                          \
            visit.ckr = behind->name arguments;                     \
        }                                                           \
        return visit_end(&visit, out, out_len);                     \
    }
#define NO_SESSION CK_INVALID_HANDLE
/* By what they take: a session, and then what the name says. */
#define SESSION_ONLY(name) FORWARD(name, (CK_SESSION_HANDLE s), s, (s), NULL, NULL)
#define INPUT(name)                                                                               \
    FORWARD(name, (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len), s, (s, in, in_len), NULL, \
            NULL)
#define INPUTS(name)                                                                             \
    FORWARD(                                                                                     \
        name,                                                                                    \
        (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len, CK_BYTE * more, CK_ULONG more_len), \
        s, (s, in, in_len, more, more_len), NULL, NULL)
#define OUTPUT(name)                                                                              \
    FORWARD(name, (CK_SESSION_HANDLE s, CK_BYTE * out, CK_ULONG * out_len), s, (s, out, out_len), \
            out, out_len)
#define INPUT_OUTPUT(name)                                                                       \
    FORWARD(                                                                                     \
        name,                                                                                    \
        (CK_SESSION_HANDLE s, CK_BYTE * in, CK_ULONG in_len, CK_BYTE * out, CK_ULONG * out_len), \
        s, (s, in, in_len, out, out_len), out, out_len)
#define MECHANISM_KEY(name)                                                                 \
    FORWARD(name, (CK_SESSION_HANDLE s, CK_MECHANISM * mechanism, CK_OBJECT_HANDLE key), s, \
            (s, mechanism, world_find(key)), NULL, NULL)

static CK_RV chaos_C_Initialize(void *args)
{
    watch_initialize(args);
    struct visit visit = visit_begin(F_C_Initialize, NO_SESSION);
    if (visit.makes) {
        visit.ckr = behind->C_Initialize(args);
    }
    return visit_end(&visit, NULL, NULL);
}

static CK_RV chaos_C_GetSlotList(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
    struct visit visit = visit_begin(F_C_GetSlotList, NO_SESSION);
    if (visit.makes) {
        visit.ckr = behind->C_GetSlotList(present, slots, count);
    }
    if (visit.ckr == CKR_OK && visit_has(&visit, BOARD_REMOVE)) {
        *count = 0;
    }
    return visit_end(&visit, NULL, NULL);
}

static CK_RV chaos_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    struct visit visit = visit_begin(F_C_GetTokenInfo, NO_SESSION);
    if (visit.makes) {
        visit.ckr = behind->C_GetTokenInfo(slot, info);
    }
    if (visit.ckr == CKR_OK && visit_has(&visit, BOARD_FLAGS)) {
        info->flags |= visit.rule->value;
    }
    return visit_end(&visit, NULL, NULL);
}

static CK_RV chaos_C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application,
                                 CK_NOTIFY notify, CK_SESSION_HANDLE *out)
{
    struct visit visit = visit_begin(F_C_OpenSession, NO_SESSION);
    if (visit.makes) {
        visit.ckr = behind->C_OpenSession(slot, flags, application, notify, out);
    }
    if (visit.makes && visit.ckr == CKR_OK) {
        world_note_slot(slot);
        watch_opened(*out, flags);
    }
    return visit_end(&visit, NULL, NULL);
}

static CK_RV chaos_C_CloseSession(CK_SESSION_HANDLE session)
{
    struct visit visit = visit_begin(F_C_CloseSession, session);
    if (visit.makes) {
        visit.ckr = behind->C_CloseSession(session);
    }
    if (visit.makes && visit.ckr == CKR_OK) {
        watch_closed(session);
    }
    return visit_end(&visit, NULL, NULL);
}

static CK_RV chaos_C_CloseAllSessions(CK_SLOT_ID slot)
{
    struct visit visit = visit_begin(F_C_CloseAllSessions, NO_SESSION);
    if (visit.makes) {
        visit.ckr = behind->C_CloseAllSessions(slot);
        watch_all_closed();
    }
    return visit_end(&visit, NULL, NULL);
}

/* The handle that a call made is shown under our number. */
static CK_RV end_with_object(struct visit *visit, CK_OBJECT_HANDLE *object)
{
    if (visit->makes && visit->ckr == CKR_OK) {
        *object = world_show(*object);
    }
    return visit_end(visit, NULL, NULL);
}

/* Likewise a whole function, on session `s` with the handle in `out`. */
#define MAKES_OBJECT(name, parameters, arguments)      \
    static CK_RV chaos_##name parameters               \
    {                                                  \
        struct visit visit = visit_begin(F_##name, s); \
        if (visit.makes) {                             \
            visit.ckr = behind->name arguments;        \
        }                                              \
        return end_with_object(&visit, out);           \
    }

/* The search's template with another CKA_ID, where the rule's is searched. */
static void lead_astray(const struct board_rule *rule, CK_ATTRIBUTE *list, CK_ULONG count)
{
    for (CK_ULONG i = 0; i < count; i++) {
        if (list[i].type == CKA_ID && list[i].ulValueLen == rule->from.len &&
            memcmp(list[i].pValue, rule->from.bytes, rule->from.len) == 0) {
            list[i].pValue = (void *)(uintptr_t)rule->to.bytes;
            list[i].ulValueLen = rule->to.len;
        }
    }
}

static CK_RV chaos_C_FindObjectsInit(CK_SESSION_HANDLE s, CK_ATTRIBUTE *list, CK_ULONG count)
{
    CK_ATTRIBUTE copy[TEMPLATE_MAX];
    CK_ULONG copied = count < TEMPLATE_MAX ? count : TEMPLATE_MAX;
    struct visit visit = visit_begin(F_C_FindObjectsInit, s);
    if (copied > 0) {
        memcpy(copy, list, copied * sizeof(copy[0]));
    }
    if (visit_has(&visit, BOARD_SWAP)) {
        lead_astray(visit.rule, copy, copied);
    }
    if (visit.makes) {
        visit.ckr = behind->C_FindObjectsInit(s, copy, copied);
    }
    return visit_end(&visit, NULL, NULL);
}

static CK_RV chaos_C_FindObjects(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *out, CK_ULONG max,
                                 CK_ULONG *count)
{
    struct visit visit = visit_begin(F_C_FindObjects, s);
    if (visit.makes) {
        visit.ckr = behind->C_FindObjects(s, out, max, count);
    }
    for (CK_ULONG i = 0; visit.makes && visit.ckr == CKR_OK && i < *count; i++) {
        out[i] = world_show(out[i]);
    }
    return visit_end(&visit, NULL, NULL);
}

static CK_RV chaos_C_GenerateKeyPair(CK_SESSION_HANDLE s, CK_MECHANISM *mechanism,
                                     CK_ATTRIBUTE *public, CK_ULONG public_count,
                                     CK_ATTRIBUTE *private, CK_ULONG private_count,
                                     CK_OBJECT_HANDLE *out_public, CK_OBJECT_HANDLE *out_private)
{
    struct visit visit = visit_begin(F_C_GenerateKeyPair, s);
    if (visit.makes) {
        visit.ckr = behind->C_GenerateKeyPair(s, mechanism, public, public_count, private,
                                              private_count, out_public, out_private);
        *out_public = visit.ckr == CKR_OK ? world_show(*out_public) : *out_public;
    }
    return end_with_object(&visit, out_private);
}

static CK_RV chaos_C_GenerateRandom(CK_SESSION_HANDLE s, CK_BYTE *out, CK_ULONG len)
{
    CK_ULONG out_len = len; /* a rule may change the bytes, never the length */
    struct visit visit = visit_begin(F_C_GenerateRandom, s);
    if (visit.makes) {
        visit.ckr = behind->C_GenerateRandom(s, out, len);
    }
    return visit_end(&visit, out, &out_len);
}

MAKES_OBJECT(C_CreateObject,
             (CK_SESSION_HANDLE s, CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *out),
             (s, list, count, out))
MAKES_OBJECT(C_CopyObject,
             (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *list, CK_ULONG count,
              CK_OBJECT_HANDLE *out),
             (s, world_find(object), list, count, out))
MAKES_OBJECT(C_GenerateKey,
             (CK_SESSION_HANDLE s, CK_MECHANISM *how, CK_ATTRIBUTE *list, CK_ULONG count,
              CK_OBJECT_HANDLE *out),
             (s, how, list, count, out))
MAKES_OBJECT(C_UnwrapKey,
             (CK_SESSION_HANDLE s, CK_MECHANISM *how, CK_OBJECT_HANDLE key, CK_BYTE *in,
              CK_ULONG in_len, CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *out),
             (s, how, world_find(key), in, in_len, list, count, out))
MAKES_OBJECT(C_DeriveKey,
             (CK_SESSION_HANDLE s, CK_MECHANISM *how, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *list,
              CK_ULONG count, CK_OBJECT_HANDLE *out),
             (s, how, world_find(key), list, count, out))
FORWARD(C_Finalize, (void *reserved), NO_SESSION, (reserved), NULL, NULL)
FORWARD(C_GetInfo, (CK_INFO * info), NO_SESSION, (info), NULL, NULL)
FORWARD(C_GetSlotInfo, (CK_SLOT_ID slot, CK_SLOT_INFO *info), NO_SESSION, (slot, info), NULL, NULL)
FORWARD(C_GetMechanismList, (CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count), NO_SESSION,
        (slot, list, count), NULL, NULL)
FORWARD(C_GetMechanismInfo, (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info),
        NO_SESSION, (slot, type, info), NULL, NULL)
FORWARD(C_InitToken, (CK_SLOT_ID slot, CK_BYTE *pin, CK_ULONG pin_len, CK_BYTE *label), NO_SESSION,
        (slot, pin, pin_len, label), NULL, NULL)
FORWARD(C_WaitForSlotEvent, (CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved), NO_SESSION,
        (flags, slot, reserved), NULL, NULL)
INPUT(C_InitPIN)
INPUTS(C_SetPIN)
FORWARD(C_GetSessionInfo, (CK_SESSION_HANDLE s, CK_SESSION_INFO *info), s, (s, info), NULL, NULL)
OUTPUT(C_GetOperationState)
FORWARD(C_SetOperationState,
        (CK_SESSION_HANDLE s, CK_BYTE *state, CK_ULONG len, CK_OBJECT_HANDLE cipher,
         CK_OBJECT_HANDLE signer),
        s, (s, state, len, world_find(cipher), world_find(signer)), NULL, NULL)
FORWARD(C_Login, (CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG pin_len), s,
        (s, user, pin, pin_len), NULL, NULL)
SESSION_ONLY(C_Logout)
FORWARD(C_DestroyObject, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object), s, (s, world_find(object)),
        NULL, NULL)
FORWARD(C_GetObjectSize, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ULONG *size), s,
        (s, world_find(object), size), NULL, NULL)
FORWARD(C_GetAttributeValue,
        (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *list, CK_ULONG count), s,
        (s, world_find(object), list, count), NULL, NULL)
FORWARD(C_SetAttributeValue,
        (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *list, CK_ULONG count), s,
        (s, world_find(object), list, count), NULL, NULL)
SESSION_ONLY(C_FindObjectsFinal)
MECHANISM_KEY(C_EncryptInit)
INPUT_OUTPUT(C_Encrypt)
INPUT_OUTPUT(C_EncryptUpdate)
OUTPUT(C_EncryptFinal)
MECHANISM_KEY(C_DecryptInit)
INPUT_OUTPUT(C_Decrypt)
INPUT_OUTPUT(C_DecryptUpdate)
OUTPUT(C_DecryptFinal)
FORWARD(C_DigestInit, (CK_SESSION_HANDLE s, CK_MECHANISM *mechanism), s, (s, mechanism), NULL, NULL)
INPUT_OUTPUT(C_Digest)
INPUT(C_DigestUpdate)
FORWARD(C_DigestKey, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key), s, (s, world_find(key)), NULL,
        NULL)
OUTPUT(C_DigestFinal)
MECHANISM_KEY(C_SignInit)
INPUT_OUTPUT(C_Sign)
INPUT(C_SignUpdate)
OUTPUT(C_SignFinal)
MECHANISM_KEY(C_SignRecoverInit)
INPUT_OUTPUT(C_SignRecover)
MECHANISM_KEY(C_VerifyInit)
INPUTS(C_Verify)
INPUT(C_VerifyUpdate)
INPUT(C_VerifyFinal)
MECHANISM_KEY(C_VerifyRecoverInit)
INPUT_OUTPUT(C_VerifyRecover)
INPUT_OUTPUT(C_DigestEncryptUpdate)
INPUT_OUTPUT(C_DecryptDigestUpdate)
INPUT_OUTPUT(C_SignEncryptUpdate)
INPUT_OUTPUT(C_DecryptVerifyUpdate)
FORWARD(C_WrapKey,
        (CK_SESSION_HANDLE s, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE wrapping,
         CK_OBJECT_HANDLE key, CK_BYTE *out, CK_ULONG *out_len),
        s, (s, mechanism, world_find(wrapping), world_find(key), out, out_len), out, out_len)
INPUT(C_SeedRandom)
SESSION_ONLY(C_GetFunctionStatus)
SESSION_ONLY(C_CancelFunction)

static_assert(FUNCTION_COUNT + 1 ==
                  (sizeof(CK_FUNCTION_LIST) - offsetof(CK_FUNCTION_LIST, C_Initialize)) /
                      sizeof(void *),
              "every function but C_GetFunctionList has a row");

CK_FUNCTION_LIST *forward_to(CK_FUNCTION_LIST *target)
{
    static CK_FUNCTION_LIST list;
    behind = target;
    list.version = target->version;
    list.C_GetFunctionList = C_GetFunctionList;
#define LIST_ROW(name, subject, operation, part) list.name = chaos_##name;
    FUNCTIONS(LIST_ROW)
    return &list;
}
