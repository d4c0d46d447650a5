/* inventory: lists keys by class and reads what people know them by.
 *
 * Made for reconcile and for operators, not for the hot path: it looks at every object. */
#include "pkcs11/inventory.h"

#include <string.h>

#include "base/banned.h"
#include "base/mem.h"

#define AT_ONCE 64

struct listing {
    struct token_object *objects;
    size_t count;
    size_t room;
};

static void describe(const struct session *session, CK_OBJECT_HANDLE handle,
                     struct token_object *out)
{
    CK_ATTRIBUTE list[] = {
        {.type = CKA_ID, .pValue = out->cka_id, .ulValueLen = TOKEN_CKA_ID_MAX},
        {.type = CKA_LABEL, .pValue = out->label, .ulValueLen = TOKEN_TEXT_MAX},
    };
    (void)session->list->C_GetAttributeValue(session->handle, handle, list, ARRAY_LEN(list));
    /* What is too long for us is shown without: it is none of ours. */
    out->cka_id_len = list[0].ulValueLen <= TOKEN_CKA_ID_MAX ? list[0].ulValueLen : 0;
    size_t len = list[1].ulValueLen <= TOKEN_TEXT_MAX ? list[1].ulValueLen : 0;
    len = strnlen(out->label, len);
    memset(out->label + len, 0, sizeof(out->label) - len);
}

static void add(struct listing *listing, const struct session *session, CK_OBJECT_HANDLE handle,
                enum token_object_class class)
{
    if (listing->count == listing->room) {
        listing->room = 2 * listing->room + 64;
        listing->objects = mem_resize(listing->objects, listing->room, sizeof(struct token_object));
    }
    struct token_object *object = &listing->objects[listing->count++];
    *object = (struct token_object){.class = class};
    describe(session, handle, object);
}

static CK_RV list_class(struct session *session, CK_OBJECT_CLASS cka_class,
                        enum token_object_class class, struct listing *listing)
{
    CK_ATTRIBUTE by_class = {
        .type = CKA_CLASS, .pValue = &cka_class, .ulValueLen = sizeof(cka_class)};
    CK_RV ckr = session->list->C_FindObjectsInit(session->handle, &by_class, 1);
    CK_ULONG count = ckr == CKR_OK ? 1 : 0;
    while (ckr == CKR_OK && count > 0) {
        CK_OBJECT_HANDLE handles[AT_ONCE];
        ckr = session->list->C_FindObjects(session->handle, handles, AT_ONCE, &count);
        for (CK_ULONG i = 0; ckr == CKR_OK && i < count; i++) {
            add(listing, session, handles[i], class);
        }
    }
    (void)session->list->C_FindObjectsFinal(session->handle);
    return ckr;
}

struct ckr_verdict inventory_list(struct session *session, struct token_object **out,
                                  size_t *out_count)
{
    static const struct {
        CK_OBJECT_CLASS cka_class;
        enum token_object_class class;
    } classes[] = {
        {CKO_PRIVATE_KEY, TOKEN_OBJECT_PRIVATE},
        {CKO_PUBLIC_KEY, TOKEN_OBJECT_PUBLIC},
        {CKO_SECRET_KEY, TOKEN_OBJECT_SECRET},
    };
    struct listing listing = {0};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        CK_RV ckr = list_class(session, classes[i].cka_class, classes[i].class, &listing);
        if (ckr != CKR_OK) {
            session->unfit = ckr_rule(ckr)->ends ? CKR_OK : ckr;
            mem_free(listing.objects);
            return ckr_verdict(ckr);
        }
    }
    *out = listing.objects;
    *out_count = listing.count;
    return ckr_done();
}
