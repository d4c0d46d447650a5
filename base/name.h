/* Key names: 2 to 6 segments joined by `/`, each `[a-z0-9][a-z0-9._-]{0,62}`, 200 characters at
 * most. */
#ifndef HSMGATE_BASE_NAME_H
#define HSMGATE_BASE_NAME_H

#include "base/buf.h"

#define NAME_MAX_LEN      200
#define NAME_SEGMENTS_MAX 6

/* Checks a key's name; ERR_INVALID_NAME says which rule it breaks. */
MUST_USE struct err name_check(struct span name);
/* A name and an optional version (`NAME@N`, N from 1 to 2^31-1 without leading zero; 0 when
 * absent). */
MUST_USE struct err name_split_version(struct span text, struct span *out_name,
                                       uint32_t *out_version);
/* Every segment but the last. `name` is a checked name. */
struct span name_namespace(struct span name);
/* Namespaces have 1 to 5 segments under the same rules; ERR_INVALID_NAME. */
MUST_USE struct err name_check_namespace(struct span name);

#endif
