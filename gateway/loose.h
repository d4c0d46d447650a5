/* loose: bodies as clients of other services send them: weakly typed, with fields that are not ours
 * to know. The native API is read by json_read. */
#ifndef HSMGATE_GATEWAY_LOOSE_H
#define HSMGATE_GATEWAY_LOOSE_H

#include "base/json.h"

enum loose_kind {
    LOOSE_TEXT,    /* struct span * */
    LOOSE_BYTES,   /* struct buf *: decoded standard base64, as loose_base64 */
    LOOSE_INTEGER, /* int64_t *: a number, or a text of digits */
    LOOSE_FLAG,    /* bool *: also 0 and 1, texts of these words, and empty: false */
    LOOSE_SECONDS  /* int64_t *: seconds as a number or digits, or `24h`, `1h30m0s`; empty: 0 */
};
/* Standard base64 with or without line breaks, which Go's decoder and others skip, and the base64
 * command makes. Errors of base64_decode. */
MUST_USE struct err loose_base64(struct span text, struct buf *out);
/* The words that Go's strconv.ParseBool takes for true. */
bool loose_is_true(struct span word);
/* Decimal digits alone, at most 18 or so: false for anything else. */
bool loose_digits(struct span text, int64_t *out);
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
