/* What a signature says about itself, read strictly: the header's three parts in their usual order,
 * lower-case header names in ascending order, and hex in lower case, as every SDK writes them. */
#include "gateway/aws/sigv4.h"

#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/aws/sigv4_inner.h"

#define DATE_LEN 8
#define TIME_LEN 16

struct err sigv4_refuse(const char *what)
{
    return err_new(ERR_UNAUTHENTICATED, __func__, "%s", what);
}

/* --- pieces of text --- */

/* Cuts `word` off the front of `rest`; false when it is not there. */
static bool take_word(struct span *rest, const char *word)
{
    if (!span_starts(*rest, word)) {
        return false;
    }
    size_t len = strlen(word);
    *rest = span_of(rest->data + len, rest->len - len);
    return true;
}

struct span sigv4_take_until(struct span *rest, char end)
{
    const uint8_t *found =
        end != '\0' && rest->len > 0 ? memchr(rest->data, (uint8_t)end, rest->len) : NULL;
    size_t len = found != NULL ? (size_t)(found - rest->data) : rest->len;
    size_t skip = found != NULL ? len + 1 : len;
    struct span taken = span_of(rest->data, len);
    *rest = skip > 0 ? span_of(rest->data + skip, rest->len - skip) : *rest;
    return taken;
}

static void skip_blanks(struct span *rest)
{
    while (rest->len > 0 && rest->data[0] == ' ') {
        *rest = span_of(rest->data + 1, rest->len - 1);
    }
}

int sigv4_compare(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* --- what both forms have --- */

struct err sigv4_read_credential(struct span text, struct sigv4 *out)
{
    out->access_key = sigv4_take_until(&text, '/');
    out->scope = text;
    out->date = sigv4_take_until(&text, '/');
    out->region = sigv4_take_until(&text, '/');
    out->service = sigv4_take_until(&text, '/');
    if (out->access_key.len == 0 || out->date.len != DATE_LEN || out->region.len == 0 ||
        out->service.len == 0 || !span_is(text, SIGV4_TERMINATOR)) {
        return sigv4_refuse("Credential must be KEY/DATE/REGION/SERVICE/" SIGV4_TERMINATOR ".");
    }
    return err_ok();
}

/* 0 to 15, or 16 for what is no hex digit in lower case. */
static unsigned small_hex(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - (unsigned)'0';
    }
    return c >= 'a' && c <= 'f' ? c - (unsigned)'a' + 10 : 16;
}

struct err sigv4_read_signature(struct span text, struct sigv4 *out)
{
    bool good = text.len == (size_t)2 * SHA256_LEN;
    for (size_t i = 0; good && i < SHA256_LEN; i++) {
        unsigned high = small_hex(text.data[2 * i]), low = small_hex(text.data[2 * i + 1]);
        good = high < 16 && low < 16;
        out->signature[i] = (uint8_t)(high << 4 | (low & 0x0f));
    }
    return good ? err_ok() : sigv4_refuse("Signature must be 64 hex digits in lower case.");
}

/* YYYYMMDDTHHMMSSZ to RFC 3339, which clock reads. */
struct err sigv4_read_time(struct span text, struct sigv4 *out)
{
    char rfc3339[] = "yyyy-mm-ddThh:mm:ssZ";
    if (text.len != TIME_LEN || text.data[8] != 'T' || text.data[15] != 'Z') {
        return sigv4_refuse("X-Amz-Date must be like 20151231T235959Z.");
    }
    const char *at = (const char *)text.data;
    memcpy(rfc3339, at, 4);
    memcpy(rfc3339 + 5, at + 4, 2);
    memcpy(rfc3339 + 8, at + 6, 2);
    memcpy(rfc3339 + 11, at + 9, 2);
    memcpy(rfc3339 + 14, at + 11, 2);
    memcpy(rfc3339 + 17, at + 13, 2);
    if (clock_parse(span_text(rfc3339), &out->signed_ms).code != ERR_OK) {
        return sigv4_refuse("X-Amz-Date must be like 20151231T235959Z.");
    }
    out->signed_at = text;
    if (memcmp(at, out->date.data, DATE_LEN) != 0) {
        return sigv4_refuse(SIGV4_SCOPE_DATE " does not match that of X-Amz-Date.");
    }
    return err_ok();
}

/* --- the Authorization header --- */

static struct err read_parts(struct span rest, struct sigv4 *out)
{
    struct span credential, signature;
    if (!take_word(&rest, SIGV4_ALGORITHM " ")) {
        return sigv4_refuse("The Authorization header must begin with " SIGV4_ALGORITHM ".");
    }
    skip_blanks(&rest);
    if (!take_word(&rest, "Credential=")) {
        return sigv4_refuse("The Authorization header has no Credential.");
    }
    credential = sigv4_take_until(&rest, ',');
    skip_blanks(&rest);
    if (!take_word(&rest, "SignedHeaders=")) {
        return sigv4_refuse("The Authorization header has no SignedHeaders.");
    }
    out->signed_headers = sigv4_take_until(&rest, ',');
    skip_blanks(&rest);
    if (!take_word(&rest, "Signature=")) {
        return sigv4_refuse("The Authorization header has no Signature.");
    }
    signature = sigv4_take_until(&rest, '\0');
    TRY(sigv4_read_credential(credential, out));
    return sigv4_read_signature(signature, out);
}

static struct err read_header(const struct sigv4_request *request, struct sigv4 *out)
{
    const struct http_header *date = sigv4_header(request, span_text("x-amz-date"));
    out->lasts_ms = SIGV4_SKEW_MS;
    TRY(read_parts(request->authorization, out));
    return sigv4_read_time(date != NULL ? date->value : span_of(NULL, 0), out);
}

/* --- signed headers --- */

bool sigv4_same_name(struct span name, struct span wanted)
{
    return name.len == wanted.len &&
           (name.len == 0 || ((name.data[0] ^ wanted.data[0]) & 0x1f) == 0) &&
           strncasecmp((const char *)name.data, (const char *)wanted.data, name.len) == 0;
}

const struct http_header *sigv4_header(const struct sigv4_request *request, struct span name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (sigv4_same_name(request->headers[i].name, name)) {
            return &request->headers[i];
        }
    }
    return NULL;
}

static bool is_small(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] >= 'A' && name.data[i] <= 'Z') {
            return false;
        }
    }
    return name.len > 0;
}

/* Ascending, each once, each there. */
static struct err check_signed(const struct sigv4_request *request, struct span list)
{
    struct span last = {0};
    size_t count = 0;
    while (list.len > 0) {
        struct span name = sigv4_take_until(&list, ';');
        if (!is_small(name) || (last.len > 0 && sigv4_compare(last, name) >= 0)) {
            return sigv4_refuse("SignedHeaders must be in lower case and in ascending order.");
        }
        if (++count > SIGV4_SIGNED_MAX || sigv4_header(request, name) == NULL) {
            return sigv4_refuse("SignedHeaders names a header that is not there.");
        }
        last = name;
    }
    return count > 0 ? err_ok() : sigv4_refuse("SignedHeaders is empty.");
}

static bool is_signed(struct span list, struct span name)
{
    while (list.len > 0) {
        if (sigv4_same_name(sigv4_take_until(&list, ';'), name)) {
            return true;
        }
    }
    return false;
}

/* What decides where the request goes and what it means must not be changed on the way. */
static struct err check_all_signed(const struct sigv4_request *request, struct span list)
{
    if (!is_signed(list, span_text("host"))) {
        return sigv4_refuse("The header host must be signed.");
    }
    for (size_t i = 0; i < request->header_count; i++) {
        struct span name = request->headers[i].name;
        bool amazon = name.len > 6 && strncasecmp((const char *)name.data, "x-amz-", 6) == 0;
        if (amazon && !is_signed(list, name)) {
            return sigv4_refuse("Each header that begins with x-amz- must be signed.");
        }
    }
    return err_ok();
}

struct err sigv4_parse(const struct sigv4_request *request, struct sigv4 *out)
{
    memset(out, 0, offsetof(struct sigv4, text));
    out->text_len = 0;
    out->in_query = sigv4_is_in_query(request->query);
    if (out->in_query && request->authorization.len > 0) {
        return sigv4_refuse("The request must be signed in a header or in the query, not in both.");
    }
    TRY(out->in_query ? sigv4_read_query(request->query, out) : read_header(request, out));
    TRY(check_signed(request, out->signed_headers));
    return check_all_signed(request, out->signed_headers);
}
