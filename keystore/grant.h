/* grant: one grant in memory, immutable and shared by the snapshots that have it. */
#ifndef HSMGATE_KEYSTORE_GRANT_H
#define HSMGATE_KEYSTORE_GRANT_H

#include "keystore/keystore.h"

/* A deep copy with one reference. It shares `uses`, or has new ones with this last use when that is
 * NULL. */
const struct grant *grant_make(const struct grant *from, struct grant_uses *uses,
                               int64_t last_used_at);
/* The same grant, one more reference. */
const struct grant *grant_hold(const struct grant *grant);
/* Takes NULL. */
void grant_release(const struct grant *grant);

/* Whether the last use is another than the database has, as far as grant_settled was told. */
bool grant_uses_moved(const struct grant *grant);
void grant_settled(const struct grant *grant, int64_t last_used_at);

#endif
