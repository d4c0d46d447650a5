/* newborns: why material that demands approvals may still be undone by the one who makes it.
 *
 * Making a version can fail after its object is on the token: the row cannot be written, the first
 * use goes wrong. Then the object must go, and no quorum can be asked about a key that nobody has
 * heard of. Nothing is lost with it either: it is minutes old, the CKA_ID was free before, and what
 * it protects in that time nobody depends on yet. Kept in memory alone: after a crash such an
 * object stays until a quorum destroys it, and the inventory lists it as one that no key knows. */
#include "pkcs11/newborns.h"

#include <assert.h>
#include <string.h>

#include "base/banned.h"
#include "base/sync.h"

#define NS_PER_S ((int64_t)1000000000)

void newborns_init(struct newborns *newborns)
{
    *newborns = (struct newborns){0};
    sync_init(&newborns->mutex, NULL);
}

void newborns_clear(struct newborns *newborns)
{
    sync_destroy(&newborns->mutex, NULL);
}

void newborns_note(struct newborns *newborns, struct span cka_id, int64_t now_ns)
{
    assert(cka_id.len > 0 && cka_id.len <= TOKEN_CKA_ID_MAX);
    sync_lock(&newborns->mutex);
    struct newborn *newborn = &newborns->all[newborns->next];
    memcpy(newborn->cka_id, cka_id.data, cka_id.len);
    newborn->cka_id_len = cka_id.len;
    newborn->until_ns = now_ns + NEWBORNS_TIME_S * NS_PER_S;
    newborns->next = (newborns->next + 1) % NEWBORNS_MAX;
    sync_unlock(&newborns->mutex);
}

bool newborns_has(struct newborns *newborns, struct span cka_id, int64_t now_ns)
{
    bool has = false;
    sync_lock(&newborns->mutex);
    for (size_t i = 0; i < NEWBORNS_MAX && !has; i++) {
        const struct newborn *newborn = &newborns->all[i];
        has = newborn->cka_id_len > 0 && now_ns < newborn->until_ns &&
              span_equal(span_of(newborn->cka_id, newborn->cka_id_len), cka_id);
    }
    sync_unlock(&newborns->mutex);
    return has;
}
