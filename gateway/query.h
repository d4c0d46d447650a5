/* query: the part of a URI after `?` (RFC 3986 §3.4), as `name=value` pairs joined by `&`. */
#ifndef HSMGATE_GATEWAY_QUERY_H
#define HSMGATE_GATEWAY_QUERY_H

#include "base/buf.h"

/* One expected parameter. The value is decoded and written with a final NUL; it stays as the caller
 * left it when the parameter is absent. */
struct query_field {
    const char *name;
    char *out;
    size_t size; /* of out, with the NUL */
};

/* Cuts off what stands before the mark, and the mark; all of it when there is none. */
struct span query_cut(struct span *rest, char mark);
/* ERR_UNKNOWN_FIELD, ERR_DUPLICATE_FIELD, ERR_INVALID_FIELD for a value that is too long, badly
 * escaped, or not printable ASCII. At most 8 fields. */
MUST_USE struct err query_read(struct span query, const struct query_field *fields, size_t count);
/* Decimal text to an integer between least and most; empty text leaves *out as it is.
 * ERR_INVALID_FIELD. */
MUST_USE struct err query_integer(const char *name, const char *text, int64_t least, int64_t most,
                                  int64_t *out);

#endif
