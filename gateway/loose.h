/* loose: bodies as clients of other services send them: weakly typed, with fields that are not ours
 * to know. The native API is read by json_read. */
#ifndef HSMGATE_GATEWAY_LOOSE_H
#define HSMGATE_GATEWAY_LOOSE_H

#include "base/json.h"

enum loose_kind {
    LOOSE_TEXT,    /* struct span * */
    LOOSE_BYTES,   /* struct buf *: decoded standard base64 */
    LOOSE_INTEGER, /* int64_t *: a number, or a text of digits */
    LOOSE_FLAG,    /* bool *: also 0 and 1, and texts of these words */
    LOOSE_SECONDS  /* int64_t *: seconds as a number or digits, or `24h` */
};
/* One field that is known; others are ignored, as the services themselves do, and `null` counts as
 * absent. */
struct loose_field {
    const char *name;
    enum loose_kind kind;
    size_t max; /* longest text or decoded bytes; 0: no limit of its own */
    void *out;
    bool *present; /* or NULL */
};
/* `object` may be NULL: nothing is present. ERR_INVALID_FIELD and ERR_INVALID_BASE64 by name,
 * ERR_TOO_LARGE. */
MUST_USE struct err loose_read(const struct json_value *object, const struct loose_field *fields,
                               size_t count);

#endif
