/* Which requests are sane enough to be served.
 *
 * libmicrohttpd 0.9.75 is lenient: it folds lines into header names, takes bare LF and blanks
 * before colons, and prefers Transfer-Encoding silently. The audit here does not parse again; it
 * checks that the pieces which the library found are spaced exactly as RFC 9112 demands, so that
 * no byte of the block was skipped or moved. It relies on the layout of that version, which is why
 * server_open refuses any other. Nothing here may read outside of the block. */
#include "gateway/http_shape.h"

#include <strings.h>

#include "base/mem.h"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* RFC 9110 §5.6.2 */
static bool is_token(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (!is_alnum(c) && c != '-' && (c == 0 || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return text.len > 0;
}

/* Controls but the tab (RFC 9110 §5.5). */
static const uint8_t never_in_value[256] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1,
                                            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, [0x7f] = 1};

static bool is_field_value(struct span text)
{
    unsigned bad = 0;
    for (size_t i = 0; i < text.len; i++) {
        bad |= never_in_value[text.data[i]];
    }
    return bad == 0;
}

/* Where the value must begin: behind the name, its colon and blanks. */
static bool header_is_tight(const struct http_header *header)
{
    uintptr_t colon = (uintptr_t)header->name.data + header->name.len;
    uintptr_t value = (uintptr_t)header->value.data;
    if (value <= colon || value - colon > HTTP_HEAD_MAX) {
        return false;
    }
    for (const uint8_t *at = header->name.data + header->name.len + 1; at < header->value.data;
         at++) {
        if (!is_blank(*at)) {
            return false;
        }
    }
    return is_token(header->name) && is_field_value(header->value);
}

/* The library leaves CR LF as two NULs. Of NUL and another byte before LF it would leave that byte:
 * the value ends at the NUL, and the line two bytes later may be the next. */
static bool behind_line_end(const uint8_t *next)
{
    return next[-2] == '\0' && next[-1] == '\0';
}

struct err http_shape_audit(const struct http_head *head)
{
    ENSURE(head->size <= HTTP_HEAD_MAX, ERR_TOO_LARGE, "request line and headers are over %d bytes",
           HTTP_HEAD_MAX);
    ENSURE(head->header_count <= HTTP_HEADERS_MAX, ERR_INVALID_HTTP, "more than %d headers",
           HTTP_HEADERS_MAX);
    ENSURE(head->target == head->method + strlen(head->method) + 1, ERR_INVALID_HTTP,
           "the request line is malformed");
    ENSURE(head->version == head->target + head->target_len + 1 && head->version[-1] == '\0',
           ERR_INVALID_HTTP, "the request line is malformed");
    const uint8_t *next = (const uint8_t *)head->version + strlen(head->version) + 2;
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];
        ENSURE(header->name.data == next && behind_line_end(next) && header_is_tight(header),
               ERR_INVALID_HTTP, "a header line is malformed");
        next = header->value.data + header->value.len + 2;
    }
    ENSURE((uintptr_t)next + 2 == (uintptr_t)head->method + head->size && behind_line_end(next) &&
               behind_line_end(next + 2),
           ERR_INVALID_HTTP, "the header block is malformed");
    return err_ok();
}

/* `single`: a second one is refused; else several count as none. */
static const struct {
    const char *name;
    bool single;
} fields[HTTP_FIELD_COUNT] = {
    [HTTP_HOST] = {"host", true},
    [HTTP_CONTENT_LENGTH] = {"content-length", true},
    [HTTP_TRANSFER_ENCODING] = {"transfer-encoding", true},
    [HTTP_AUTHORIZATION] = {"authorization", true},
    [HTTP_VAULT_TOKEN] = {"x-vault-token", true},
    [HTTP_VAULT_NAMESPACE] = {"x-vault-namespace", true},
    [HTTP_VAULT_WRAP_TTL] = {"x-vault-wrap-ttl", true},
    [HTTP_AMZ_TARGET] = {"x-amz-target", true},
    [HTTP_CONTENT_TYPE] = {"content-type", true},
    [HTTP_EXPECT] = {"expect", true},
    [HTTP_TRACEPARENT] = {"traceparent", false},
    [HTTP_IF_NONE_MATCH] = {"if-none-match", false},
    [HTTP_REQUEST_ID] = {"x-request-id", false},
};

static bool same_name(struct span name, const char *wanted)
{
    return name.len == strlen(wanted) &&
           strncasecmp((const char *)name.data, wanted, name.len) == 0;
}

static struct span trim(struct span text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static void note_field(const struct http_header *header, struct http_fields *found)
{
    for (size_t i = 0; i < HTTP_FIELD_COUNT; i++) {
        if (same_name(header->name, fields[i].name)) {
            found->count[i]++;
            if (found->count[i] == 1) {
                found->value[i] = trim(header->value);
            } else if (!fields[i].single) {
                found->value[i] = (struct span){0};
            }
            return;
        }
    }
}

void http_shape_fields(const struct http_head *head, struct http_fields *out)
{
    *out = (struct http_fields){0};
    for (size_t i = 0; i < head->header_count && i < HTTP_HEADERS_MAX; i++) {
        note_field(&head->headers[i], out);
    }
}

/* RFC 9110 §8.6: digits only; more than 18 of them are over any limit of ours. */
static struct err check_length(struct span text, size_t body_max)
{
    uint64_t length = 0;
    ENSURE(text.len > 0, ERR_INVALID_HTTP, "Content-Length is not a number");
    for (size_t i = 0; i < text.len; i++) {
        ENSURE(is_digit(text.data[i]), ERR_INVALID_HTTP, "Content-Length is not a number");
        ENSURE(length < UINT64_MAX / 100, ERR_INVALID_HTTP, "Content-Length is out of range");
        length = length * 10 + (uint64_t)(text.data[i] - '0');
    }
    ENSURE(length <= body_max, ERR_TOO_LARGE, "the body is over %zu bytes", body_max);
    return err_ok();
}

static struct err check_body(const struct http_fields *found, size_t body_max)
{
    bool length = found->count[HTTP_CONTENT_LENGTH] > 0;
    bool coded = found->count[HTTP_TRANSFER_ENCODING] > 0;
    ENSURE(!(length && coded), ERR_INVALID_HTTP,
           "both Content-Length and Transfer-Encoding are given");
    /* Exactly, though RFC 9112 §7 ignores case: any other spelling is a probe. */
    ENSURE(!coded || span_is(found->value[HTTP_TRANSFER_ENCODING], "chunked"), ERR_INVALID_HTTP,
           "Transfer-Encoding is not chunked");
    if (length) {
        TRY(check_length(found->value[HTTP_CONTENT_LENGTH], body_max));
    }
    return err_ok();
}

struct err http_shape_framing(const struct http_fields *found, size_t body_max)
{
    for (size_t i = 0; i < HTTP_FIELD_COUNT; i++) {
        ENSURE(!fields[i].single || found->count[i] <= 1, ERR_INVALID_HTTP,
               "header %s is given more than once", fields[i].name);
    }
    ENSURE(found->count[HTTP_HOST] == 1 && found->value[HTTP_HOST].len > 0, ERR_INVALID_HTTP,
           "header host is missing");
    ENSURE(found->count[HTTP_EXPECT] == 0 || same_name(found->value[HTTP_EXPECT], "100-continue"),
           ERR_INVALID_HTTP, "header expect is not 100-continue");
    return check_body(found, body_max);
}

struct err http_shape_version(const char *version)
{
    ENSURE(strcmp(version, "HTTP/1.1") == 0, ERR_INVALID_HTTP, "only HTTP/1.1 is spoken here");
    return err_ok();
}

struct err http_shape_method(const char *method, enum method *out)
{
    for (enum method i = METHOD_GET; i < METHOD_COUNT; i++) {
        if (strcmp(method, method_name(i)) == 0) {
            *out = i;
            return err_ok();
        }
    }
    if (strcmp(method, "HEAD") == 0) {
        *out = METHOD_GET; /* the library leaves the body out (RFC 9110 §9.3.2) */
        return err_ok();
    }
    return err_new(ERR_METHOD_NOT_ALLOWED, __func__, "nothing here has this method");
}

bool http_shape_parameters(struct span query)
{
    size_t parameters = 1;
    for (size_t i = 0; i < query.len; i++) {
        parameters += query.data[i] == '&' ? 1 : 0;
    }
    return parameters <= HTTP_PARAMETERS_MAX;
}

struct err http_shape_target(struct span target, struct span *out_path, struct span *out_query)
{
    ENSURE(target.len <= HTTP_TARGET_MAX, ERR_INVALID_PATH, "the path is over %d characters",
           HTTP_TARGET_MAX);
    ENSURE(target.len > 0 && target.data[0] == '/', ERR_INVALID_PATH, "the path is not absolute");
    size_t path_len = target.len;
    for (size_t i = 0; i < target.len; i++) {
        uint8_t c = target.data[i];
        ENSURE(c > 0x20 && c < 0x7f && c != '#', ERR_INVALID_PATH,
               "the path has a character that is not allowed");
        if (c == '?' && path_len == target.len) {
            path_len = i;
        }
        bool in_path = path_len == target.len;
        ENSURE(!in_path || (c != '%' && c != '\\'), ERR_INVALID_PATH,
               "the path has an escape, which no path here needs");
        ENSURE(!in_path || i == 0 || c != '.' || target.data[i - 1] != '.', ERR_INVALID_PATH,
               "the path has ..");
        /* further on it is for the route to say: Vault's clients double slashes */
        ENSURE(i != 1 || c != '/', ERR_INVALID_PATH, "the path begins with //");
    }
    struct span query = {0};
    if (path_len < target.len) {
        query = span_of(target.data + path_len + 1, target.len - path_len - 1);
    }
    ENSURE(http_shape_parameters(query), ERR_INVALID_FIELD, "the query has more than %d parameters",
           HTTP_PARAMETERS_MAX);
    *out_path = span_of(target.data, path_len);
    *out_query = query;
    return err_ok();
}

bool http_shape_request_id(struct span id)
{
    for (size_t i = 0; i < id.len; i++) {
        uint8_t c = id.data[i];
        if (!is_alnum(c) && c != '-' && c != '.' && c != '_' && c != ':') {
            return false;
        }
    }
    return id.len > 0 && id.len <= REQUEST_ID_MAX;
}

/* Lower-case hex (W3C Trace Context §3.2), not only zeros. */
static bool is_trace_part(struct span text)
{
    bool zero = true;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (!is_digit(c) && !(c >= 'a' && c <= 'f')) {
            return false;
        }
        zero = zero && c == '0';
    }
    return !zero;
}

bool http_shape_traceparent(struct span value)
{
    if (value.len != 55 || !span_starts(value, "00-") || value.data[35] != '-' ||
        value.data[52] != '-') {
        return false;
    }
    uint8_t flags[3] = {'1', value.data[53], value.data[54]}; /* 00 is a good value here */
    return is_trace_part(span_of(value.data + 3, 32)) &&
           is_trace_part(span_of(value.data + 36, 16)) &&
           is_trace_part(span_of(flags, sizeof(flags)));
}
