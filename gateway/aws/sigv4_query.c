/* A signature in the query, and the query as it is signed.
 *
 * Signers and proxies may write the same parameter in several ways, so every name and value is
 * decoded and encoded anew (RFC 3986 §2.3: all but letters, digits and -_.~). A `+` is a plus. */
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/aws/sigv4_inner.h"

#define ENCODED_MAX (3 * (size_t)HTTP_TARGET_MAX)

static const char *const parameters[] = {"X-Amz-Algorithm",     "X-Amz-Credential",
                                         "X-Amz-Date",          "X-Amz-Expires",
                                         "X-Amz-SignedHeaders", "X-Amz-Signature"};

static bool is_unreserved(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

/* Cuts one byte off, plain or as %XX. */
static struct err take_byte(struct span *rest, uint8_t *out)
{
    size_t skip = rest->data[0] == '%' ? 3 : 1;
    *out = rest->data[0];
    if (skip == 3) {
        unsigned high = rest->len >= skip ? hex_value(rest->data[1]) : 16;
        unsigned low = rest->len >= skip ? hex_value(rest->data[2]) : 16;
        if (high > 15 || low > 15) {
            return sigv4_refuse("The query is not percent-encoded.");
        }
        *out = (uint8_t)(high * 16 + low);
    }
    *rest = span_of(rest->data + skip, rest->len - skip);
    return err_ok();
}

/* --- what the query says --- */

static bool is_parameter(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        if (span_is(name, parameters[i])) {
            return true;
        }
    }
    return false;
}

bool sigv4_is_in_query(struct span query)
{
    while (query.len > 0) {
        struct span pair = sigv4_take_until(&query, '&');
        if (is_parameter(sigv4_take_until(&pair, '='))) {
            return true;
        }
    }
    return false;
}

static struct err decode(struct span raw, struct sigv4 *out, struct span *out_value)
{
    size_t start = out->text_len;
    while (raw.len > 0) {
        ENSURE(out->text_len < SIGV4_TEXT_MAX, ERR_UNAUTHENTICATED, "The query is too long.");
        TRY(take_byte(&raw, &out->text[out->text_len]));
        out->text_len++;
    }
    *out_value = span_of(out->text + start, out->text_len - start);
    return err_ok();
}

struct err sigv4_parameter(struct span query, const char *name, struct sigv4 *out,
                           struct span *out_value)
{
    bool found = false;
    while (query.len > 0) {
        struct span pair = sigv4_take_until(&query, '&');
        if (!span_is(sigv4_take_until(&pair, '='), name)) {
            continue;
        }
        ENSURE(!found, ERR_UNAUTHENTICATED, "%s is there twice.", name);
        TRY(decode(pair, out, out_value));
        found = true;
    }
    return err_ok();
}

/* Seconds, in digits. */
static struct err read_expires(struct span text, struct sigv4 *out)
{
    int64_t seconds = 0;
    for (size_t i = 0; i < text.len && i < 6; i++) {
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        seconds = digit && seconds >= 0 ? seconds * 10 + (text.data[i] - '0') : -1;
    }
    ENSURE(text.len <= 6 && seconds >= 1 && seconds <= SIGV4_EXPIRES_MAX, ERR_UNAUTHENTICATED,
           "X-Amz-Expires must be from 1 to %d seconds.", SIGV4_EXPIRES_MAX);
    out->lasts_ms = seconds * 1000;
    return err_ok();
}

struct err sigv4_read_query(struct span query, struct sigv4 *out)
{
    struct span values[ARRAY_LEN(parameters)] = {0};
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        TRY(sigv4_parameter(query, parameters[i], out, &values[i]));
        ENSURE(values[i].len > 0, ERR_UNAUTHENTICATED, "The query has no %s.", parameters[i]);
    }
    if (!span_is(values[0], SIGV4_ALGORITHM)) {
        return sigv4_refuse("X-Amz-Algorithm must be " SIGV4_ALGORITHM ".");
    }
    TRY(sigv4_read_credential(values[1], out));
    TRY(sigv4_read_time(values[2], out));
    TRY(read_expires(values[3], out));
    out->signed_headers = values[4];
    return sigv4_read_signature(values[5], out);
}

/* --- the canonical query --- */

struct parameter {
    struct span name, value; /* encoded */
};

static int compare_parameters(const void *a, const void *b)
{
    const struct parameter *left = a;
    const struct parameter *right = b;
    int order = sigv4_compare(left->name, right->name);
    return order != 0 ? order : sigv4_compare(left->value, right->value);
}

/* Behind what is there; the target's limit bounds it. */
static struct err encode(struct span raw, struct buf *out, struct span *out_encoded)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t start = out->len;
    while (raw.len > 0) {
        uint8_t byte = 0;
        TRY(take_byte(&raw, &byte));
        const uint8_t escape[] = {'%', (uint8_t)digits[byte >> 4], (uint8_t)digits[byte & 15]};
        TRY(buf_append(out, is_unreserved(byte) ? span_of(&byte, 1) : span_of(escape, 3)));
    }
    *out_encoded = span_of(out->data + start, out->len - start);
    return err_ok();
}

/* Each from `query`; their encoded text stands in `text`, which must not move meanwhile. */
static struct err read_parameters(struct span query, bool signed_in_it, struct buf *text,
                                  struct parameter *out, size_t *out_count)
{
    size_t count = 0;
    while (query.len > 0) {
        ENSURE(count < HTTP_PARAMETERS_MAX, ERR_UNAUTHENTICATED, "The query is too long.");
        struct span pair = sigv4_take_until(&query, '&');
        struct span name = sigv4_take_until(&pair, '=');
        if (signed_in_it && span_is(name, "X-Amz-Signature")) {
            continue;
        }
        TRY(encode(name, text, &out[count].name));
        TRY(encode(pair, text, &out[count].value));
        count++;
    }
    *out_count = count;
    return err_ok();
}

struct err sigv4_put_query(struct span query, bool signed_in_it, struct buf *out)
{
    CLEANUP(buf_clear) struct buf text = {.max = ENCODED_MAX};
    struct parameter list[HTTP_PARAMETERS_MAX];
    size_t count = 0;
    uint8_t *place = NULL;
    if (query.len == 0) {
        return err_ok();
    }
    ENSURE(query.len <= HTTP_TARGET_MAX, ERR_UNAUTHENTICATED, "The query is too long.");
    TRY(buf_extend(&text, 3 * query.len, &place));
    buf_truncate(&text, 0);
    TRY(read_parameters(query, signed_in_it, &text, list, &count));
    qsort(list, count, sizeof(list[0]), compare_parameters);
    for (size_t i = 0; i < count; i++) {
        TRY(buf_append_text(out, i > 0 ? "&" : ""));
        TRY(buf_append(out, list[i].name));
        TRY(buf_append_text(out, "="));
        TRY(buf_append(out, list[i].value));
    }
    return err_ok();
}
