/* claims: a short list under a mutex, as long as the number of key generations under way. It lives
 * in memory only: a crash ends every claim, and what it left pending is for reconcile. */
#include "keystore/claims.h"

#include <assert.h>

#include "base/mem.h"
#include "base/sync.h"

void claims_init(struct claims *claims)
{
    *claims = (struct claims){0};
    sync_init(&claims->mutex, NULL);
}

void claims_clear(struct claims *claims)
{
    for (size_t i = 0; i < claims->count; i++) {
        mem_free(claims->names[i]);
    }
    mem_free(claims->names);
    sync_destroy(&claims->mutex, NULL);
}

/* Its index, or count. */
static size_t position(const struct claims *claims, struct span name)
{
    size_t i = 0;
    while (i < claims->count && !span_is(name, claims->names[i])) {
        i++;
    }
    return i;
}

bool claims_take(struct claims *claims, struct span name)
{
    sync_lock(&claims->mutex);
    bool free_now = position(claims, name) == claims->count;
    if (free_now) {
        claims->names = mem_resize(claims->names, claims->count + 1, sizeof(*claims->names));
        claims->names[claims->count] = span_to_text(name);
        claims->count++;
    }
    sync_unlock(&claims->mutex);
    return free_now;
}

void claims_drop(struct claims *claims, struct span name)
{
    sync_lock(&claims->mutex);
    size_t at = position(claims, name);
    assert(at < claims->count);
    mem_free(claims->names[at]);
    claims->count--;
    claims->names[at] = claims->names[claims->count];
    sync_unlock(&claims->mutex);
}
