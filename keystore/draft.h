/* draft: the next form of a key, on its way into the database and then into the snapshot. */
#ifndef HSMGATE_KEYSTORE_DRAFT_H
#define HSMGATE_KEYSTORE_DRAFT_H

#include "keystore/store.h"

/* It borrows from the old one; the versions may be changed, and there is room for one more. */
struct draft {
    const struct key *old;
    struct key key;
    struct version *versions;
};

/* The caller holds the writer mutex until the draft is shown or cleared. ERR_NOT_FOUND. */
MUST_USE struct err draft_begin(struct keystore *store, struct span name, struct draft *out);
/* For CLEANUP. */
void draft_clear(struct draft *draft);
/* ERR_NOT_FOUND. */
MUST_USE struct err draft_version(struct draft *draft, uint32_t number, struct version **out);
/* After the commit: readers see it from here on, and it is among the changes. */
void draft_show(struct keystore *store, const struct key *key);

#endif
