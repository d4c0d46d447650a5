/* context: the caller's encryption context in its one canonical form, for the AAD. */
#ifndef HSMGATE_GATEWAY_OPS_CONTEXT_H
#define HSMGATE_GATEWAY_OPS_CONTEXT_H

#include "base/json.h"

#define CONTEXT_PAIRS_MAX      16
#define CONTEXT_PAIRS_MAX_WIDE 128               /* of clients that know no limit */
#define CONTEXT_BYTES_MAX      ((size_t)8 << 10) /* names and values together */

/* Appends the canonical form of an object of texts, or nothing for an empty one or NULL: no context
 * and `{}` are the same. Count u8, then by name each name and value with its length u16 before it.
 * ERR_INVALID_FIELD for an empty name or a value that is no text; ERR_TOO_LARGE. */
MUST_USE struct err context_canonical(const struct json_value *object, struct buf *out);
/* The same with up to CONTEXT_PAIRS_MAX_WIDE pairs. */
MUST_USE struct err context_canonical_wide(const struct json_value *object, struct buf *out);

#endif
