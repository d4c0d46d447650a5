/* draft: copies what a key has, so that a change which fails half-way leaves the key as it was. */
#include "keystore/draft.h"

#include <string.h>

#include "base/mem.h"
#include "keystore/key.h"

void draft_clear(struct draft *draft)
{
    mem_free(draft->versions);
    key_release(draft->old);
}

struct err draft_begin(struct keystore *store, struct span name, struct draft *out)
{
    const struct key *old = directory_find(&store->directory, name);
    ENSURE(old != NULL, ERR_NOT_FOUND, "there is no such key");
    out->old = old;
    out->key = *old;
    out->versions = mem_array(old->version_count + 1, sizeof(*out->versions));
    memcpy(out->versions, old->versions, old->version_count * sizeof(*out->versions));
    out->key.versions = out->versions;
    return err_ok();
}

struct err draft_version(struct draft *draft, uint32_t number, struct version **out)
{
    const struct version *version = key_version(&draft->key, number);
    ENSURE(version != NULL, ERR_NOT_FOUND, "the key has no version %u", number);
    *out = &draft->versions[version - draft->versions];
    return err_ok();
}

void draft_show(struct keystore *store, const struct key *key)
{
    directory_put(&store->directory, key_make(key));
    changes_note(&store->changes, key->id);
}
