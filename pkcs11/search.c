/* search: C_FindObjects, begun and ended in one place.
 *
 * SoftHSM reads every object for each search, and other tokens are no faster: nothing here is for
 * the hot path. */
#include "pkcs11/search.h"

#include "base/banned.h"
#include "base/mem.h"

struct ckr_verdict search_run(struct session *session, CK_ATTRIBUTE *list, CK_ULONG count,
                              struct search *out)
{
    CK_RV ckr = session->list->C_FindObjectsInit(session->handle, list, count);
    if (ckr == CKR_OK) {
        ckr = session->list->C_FindObjects(session->handle, out->handles, SEARCH_MAX, &out->count);
        CK_RV ended = session->list->C_FindObjectsFinal(session->handle);
        ckr = ckr == CKR_OK ? ended : ckr;
    }
    if (ckr == CKR_OK) {
        return session_sees_all(session);
    }
    if (!ckr_rule(ckr)->ends) {
        session->unfit = ckr;
    }
    return ckr_verdict(ckr);
}

struct ckr_verdict search_by_id(struct session *session, struct span cka_id, struct search *out)
{
    CK_ATTRIBUTE by_id = {
        .type = CKA_ID, .pValue = cryptoki_bytes(cka_id), .ulValueLen = cka_id.len};
    return search_run(session, &by_id, 1, out);
}

struct ckr_verdict search_keys(struct session *session, CK_ATTRIBUTE_TYPE type, struct span name,
                               struct search_keys *out)
{
    static const struct {
        CK_OBJECT_CLASS cka_class;
        enum token_object_class class;
    } classes[] = {{CKO_SECRET_KEY, TOKEN_OBJECT_SECRET}, {CKO_PRIVATE_KEY, TOKEN_OBJECT_PRIVATE}};
    struct ckr_verdict verdict = ckr_done();
    for (size_t i = 0; verdict.class == FRAME_OK && i < ARRAY_LEN(classes); i++) {
        CK_OBJECT_CLASS cka_class = classes[i].cka_class;
        CK_ATTRIBUTE list[] = {
            {.type = CKA_CLASS, .pValue = &cka_class, .ulValueLen = sizeof(cka_class)},
            {.type = type, .pValue = cryptoki_bytes(name), .ulValueLen = name.len},
        };
        struct search found = {0};
        verdict = search_run(session, list, ARRAY_LEN(list), &found);
        out->count += found.count;
        if (found.count > 0) {
            out->handle = found.handles[found.count - 1];
            out->class = classes[i].class;
        }
    }
    return verdict;
}

static struct ckr_verdict class_of(const struct session *session, CK_OBJECT_HANDLE object,
                                   CK_OBJECT_CLASS *out)
{
    CK_ATTRIBUTE class = {.type = CKA_CLASS, .ulValueLen = sizeof(*out)};
    class.pValue = out;
    return ckr_verdict(session->list->C_GetAttributeValue(session->handle, object, &class, 1));
}

struct ckr_verdict search_bearers(struct session *session, struct span cka_id, struct bearers *out)
{
    struct search found = {0};
    struct ckr_verdict verdict = search_by_id(session, cka_id, &found);
    for (CK_ULONG i = 0; verdict.class == FRAME_OK && i < found.count; i++) {
        CK_OBJECT_CLASS class = CKO_DATA;
        verdict = class_of(session, found.handles[i], &class);
        if (class == CKO_PRIVATE_KEY || class == CKO_SECRET_KEY) {
            out->material.key = found.handles[i];
            out->keys++;
        } else if (class == CKO_PUBLIC_KEY) {
            out->material.public = found.handles[i];
            out->publics++;
        }
    }
    return verdict;
}
