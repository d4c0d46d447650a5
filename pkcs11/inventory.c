/* inventory: lists keys by class and reads what people know them by.
 *
 * Made for reconcile and for operators, not for the hot path: it looks at every object. What is not
 * listed counts as gone, so a list has every object or there is none. */
#include "pkcs11/inventory.h"

#include "base/banned.h"
#include "base/mem.h"
#include "pkcs11/description.h"

#define AT_ONCE 64

struct listing {
    struct token_object *objects;
    size_t count;
    size_t room;
};

/* One object that the token cannot describe must not hide all others. That the device itself is
 * lost shows in other codes, or at the next step of the search. */
static CK_RV add(struct listing *listing, const struct session *session, CK_OBJECT_HANDLE handle,
                 enum token_object_class class)
{
    if (listing->count == listing->room) {
        listing->room = 2 * listing->room + 64;
        listing->objects = mem_resize(listing->objects, listing->room, sizeof(struct token_object));
    }
    struct token_object *object = &listing->objects[listing->count];
    *object = description_none(class);
    CK_RV ckr = description_read(session, handle, class, object).ckr;
    if (ckr != CKR_OK && !ckr_is_vague(ckr)) {
        return ckr;
    }
    listing->count++;
    return CKR_OK;
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
            ckr = add(listing, session, handles[i], class);
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
    struct ckr_verdict verdict = session_sees_all(session);
    if (verdict.class != FRAME_OK) {
        mem_free(listing.objects);
        return verdict;
    }
    *out = listing.objects;
    *out_count = listing.count;
    return verdict;
}
