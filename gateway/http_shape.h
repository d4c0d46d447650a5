/* http_shape: which requests are sane enough to be served. Pure: it only reads what server.c
 * found in a request's header block, and refuses whatever two HTTP parsers could read in two ways
 * (RFC 9112 §11.2, request smuggling). */
#ifndef HSMGATE_GATEWAY_HTTP_SHAPE_H
#define HSMGATE_GATEWAY_HTTP_SHAPE_H

#include "gateway/exchange.h"

#define HTTP_HEADERS_MAX    64
#define HTTP_TARGET_MAX     2048
#define HTTP_PARAMETERS_MAX 64
#define HTTP_HEAD_MAX       8192 /* request line and headers, in bytes */

/* A header block as the library split it in place: every pointer points into one piece of memory
 * that begins with the method. */
struct http_head {
    const char *method;
    const char *target; /* where the raw request target stood; its text may be rewritten by now */
    size_t target_len;
    const char *version;
    size_t size; /* of the whole block with its empty line */
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count; /* may be over HTTP_HEADERS_MAX: then only the first ones stand here */
};

/* The headers that anybody here reads; each value is without blanks around it. */
enum http_field {
    HTTP_HOST,
    HTTP_CONTENT_LENGTH,
    HTTP_TRANSFER_ENCODING,
    HTTP_AUTHORIZATION,
    HTTP_VAULT_TOKEN,
    HTTP_VAULT_NAMESPACE,
    HTTP_VAULT_WRAP_TTL,
    HTTP_AMZ_TARGET,
    HTTP_CONTENT_TYPE,
    HTTP_EXPECT,
    HTTP_TRACEPARENT,
    HTTP_IF_NONE_MATCH,
    HTTP_REQUEST_ID,
    HTTP_FIELD_COUNT
};
struct http_fields {
    struct span value[HTTP_FIELD_COUNT]; /* empty when absent */
    unsigned count[HTTP_FIELD_COUNT];
};

/* Accounts for every byte of the block: one space, one colon, CR LF, nothing folded, no NUL and no
 * bare LF; names are tokens (RFC 9110 §5.1), values have no control byte but TAB.
 * ERR_INVALID_HTTP; ERR_TOO_LARGE over HTTP_HEAD_MAX. */
MUST_USE struct err http_shape_audit(const struct http_head *head);
/* Picks the fields out; of a repeated field that may not be repeated the first stands. */
void http_shape_fields(const struct http_head *head, struct http_fields *out);
/* Refuses what frames a message in two ways: none or two Host, both lengths, Transfer-Encoding
 * other than `chunked`, odd Content-Length, unknown Expect, repeated single fields:
 * ERR_INVALID_HTTP. ERR_TOO_LARGE when Content-Length is over `body_max`. */
MUST_USE struct err http_shape_framing(const struct http_fields *found, size_t body_max);
/* Exactly HTTP/1.1: ERR_INVALID_HTTP. */
MUST_USE struct err http_shape_version(const char *version);
/* HEAD is GET. ERR_METHOD_NOT_ALLOWED for one that no route has. */
MUST_USE struct err http_shape_method(const char *method, enum method *out);
/* Whether a query, or a target, has few enough parameters for the library's memory. */
bool http_shape_parameters(struct span query);
/* Origin form only; no `%`, `..`, and no `//` at the start of the path, no `#`, control, blank or
 * 8-bit bytes anywhere: ERR_INVALID_PATH; too many parameters: ERR_INVALID_FIELD. Query comes out
 * without its `?`. */
MUST_USE struct err http_shape_target(struct span target, struct span *out_path,
                                      struct span *out_query);
/* Whether a caller's X-Request-Id may be kept: 1 to REQUEST_ID_MAX of letters, digits, `-._:`. */
bool http_shape_request_id(struct span id);
/* Whether it is a W3C trace-context `traceparent` (version 00 form, ids not all zero). */
bool http_shape_traceparent(struct span value);

#endif
