/* Signature Version 4, read strictly: the header's three parts in their usual order, lower-case
 * header names in ascending order, and hex in lower case, as every SDK writes them. */
#include "gateway/aws/sigv4.h"

#include <strings.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/mem.h"
#include "base/secret.h"

#define ALGORITHM     "AWS4-HMAC-SHA256"
#define TERMINATOR    "aws4_request"
#define CANONICAL_MAX ((size_t)64 << 10)
#define DATE_LEN      8
#define TIME_LEN      16

static struct err refuse(const char *what)
{
    return err_new(ERR_UNAUTHENTICATED, __func__, "%s", what);
}

/* --- the Authorization header --- */

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

/* Cuts what stands before `end` off, with it; all of the rest for '\0'. */
static struct span take_until(struct span *rest, char end)
{
    size_t len = 0;
    while (len < rest->len && (end == '\0' || rest->data[len] != (uint8_t)end)) {
        len++;
    }
    struct span taken = span_of(rest->data, len);
    size_t skip = len < rest->len ? len + 1 : len;
    *rest = span_of(rest->data + skip, rest->len - skip);
    return taken;
}

static void skip_blanks(struct span *rest)
{
    while (rest->len > 0 && rest->data[0] == ' ') {
        *rest = span_of(rest->data + 1, rest->len - 1);
    }
}

static struct err read_credential(struct span text, struct sigv4 *out)
{
    out->access_key = take_until(&text, '/');
    out->scope = text;
    out->date = take_until(&text, '/');
    out->region = take_until(&text, '/');
    out->service = take_until(&text, '/');
    if (out->access_key.len == 0 || out->date.len != DATE_LEN || out->region.len == 0 ||
        out->service.len == 0 || !span_is(text, TERMINATOR)) {
        return refuse("Credential must be KEY/DATE/REGION/SERVICE/" TERMINATOR ".");
    }
    return err_ok();
}

static struct err read_signature(struct span text, struct sigv4 *out)
{
    CLEANUP(buf_clear) struct buf bytes = {.max = SHA256_LEN};
    struct err err = hex_decode(text, &bytes);
    if (err.code != ERR_OK || bytes.len != SHA256_LEN) {
        return refuse("Signature must be 64 hex digits.");
    }
    memcpy(out->signature, bytes.data, SHA256_LEN);
    return err_ok();
}

static struct err read_parts(struct span rest, struct sigv4 *out)
{
    struct span credential, signature;
    if (!take_word(&rest, ALGORITHM " ")) {
        return refuse("The Authorization header must begin with " ALGORITHM ".");
    }
    skip_blanks(&rest);
    if (!take_word(&rest, "Credential=")) {
        return refuse("The Authorization header has no Credential.");
    }
    credential = take_until(&rest, ',');
    skip_blanks(&rest);
    if (!take_word(&rest, "SignedHeaders=")) {
        return refuse("The Authorization header has no SignedHeaders.");
    }
    out->signed_headers = take_until(&rest, ',');
    skip_blanks(&rest);
    if (!take_word(&rest, "Signature=")) {
        return refuse("The Authorization header has no Signature.");
    }
    signature = take_until(&rest, '\0');
    TRY(read_credential(credential, out));
    return read_signature(signature, out);
}

/* --- headers --- */

static bool same_name(struct span name, struct span wanted)
{
    return name.len == wanted.len &&
           strncasecmp((const char *)name.data, (const char *)wanted.data, name.len) == 0;
}

static const struct http_header *find_header(const struct sigv4_request *request, struct span name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (same_name(request->headers[i].name, name)) {
            return &request->headers[i];
        }
    }
    return NULL;
}

static int compare(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
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
        struct span name = take_until(&list, ';');
        if (!is_small(name) || (last.len > 0 && compare(last, name) >= 0)) {
            return refuse("SignedHeaders must be in lower case and in ascending order.");
        }
        if (++count > SIGV4_SIGNED_MAX || find_header(request, name) == NULL) {
            return refuse("SignedHeaders names a header that is not there.");
        }
        last = name;
    }
    return count > 0 ? err_ok() : refuse("SignedHeaders is empty.");
}

static bool is_signed(struct span list, struct span name)
{
    while (list.len > 0) {
        if (same_name(take_until(&list, ';'), name)) {
            return true;
        }
    }
    return false;
}

/* What decides where the request goes and what it means must not be changed on the way. */
static struct err check_all_signed(const struct sigv4_request *request, struct span list)
{
    if (!is_signed(list, span_text("host"))) {
        return refuse("The header host must be signed.");
    }
    for (size_t i = 0; i < request->header_count; i++) {
        struct span name = request->headers[i].name;
        bool amazon = name.len > 6 && strncasecmp((const char *)name.data, "x-amz-", 6) == 0;
        if (amazon && !is_signed(list, name)) {
            return refuse("Each header that begins with x-amz- must be signed.");
        }
    }
    return err_ok();
}

/* YYYYMMDDTHHMMSSZ to RFC 3339, which clock reads. */
static struct err read_time(const struct sigv4_request *request, struct sigv4 *out)
{
    const struct http_header *header = find_header(request, span_text("x-amz-date"));
    if (header == NULL || header->value.len != TIME_LEN || header->value.data[8] != 'T') {
        return refuse("X-Amz-Date must be like 20151231T235959Z.");
    }
    char text[TIME_LEN + 5];
    const char *at = (const char *)header->value.data;
    (void)snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", at, at + 4, at + 6, at + 9,
                   at + 11, at + 13);
    if (at[15] != 'Z' || clock_parse(span_text(text), &out->signed_ms).code != ERR_OK) {
        return refuse("X-Amz-Date must be like 20151231T235959Z.");
    }
    out->signed_at = header->value;
    if (memcmp(at, out->date.data, DATE_LEN) != 0) {
        return refuse("The date of the Credential is not that of X-Amz-Date.");
    }
    return err_ok();
}

struct err sigv4_parse(const struct sigv4_request *request, struct span authorization,
                       struct sigv4 *out)
{
    *out = (struct sigv4){0};
    TRY(read_parts(authorization, out));
    TRY(check_signed(request, out->signed_headers));
    TRY(check_all_signed(request, out->signed_headers));
    return read_time(request, out);
}

/* --- the canonical request --- */

static bool is_unreserved(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

static struct err put_path(struct span path, struct buf *out)
{
    for (size_t i = 0; i < path.len; i++) {
        uint8_t c = path.data[i];
        if (is_unreserved(c) || c == '/') {
            TRY(buf_append(out, span_of(&c, 1)));
        } else {
            TRY(buf_printf(out, "%%%02X", c));
        }
    }
    return err_ok();
}

struct parameter {
    struct span name, value;
};

static int compare_parameters(const void *a, const void *b)
{
    const struct parameter *left = a;
    const struct parameter *right = b;
    int order = compare(left->name, right->name);
    return order != 0 ? order : compare(left->value, right->value);
}

static struct err put_query(struct span query, struct buf *out)
{
    struct parameter parameters[HTTP_PARAMETERS_MAX] = {0};
    size_t count = 0;
    while (query.len > 0) {
        ENSURE(count < HTTP_PARAMETERS_MAX, ERR_UNAUTHENTICATED, "The query is too long.");
        struct span pair = take_until(&query, '&');
        parameters[count].name = take_until(&pair, '=');
        parameters[count].value = pair;
        count++;
    }
    qsort(parameters, count, sizeof(parameters[0]), compare_parameters);
    for (size_t i = 0; i < count; i++) {
        TRY(buf_append_text(out, i > 0 ? "&" : ""));
        TRY(buf_append(out, parameters[i].name));
        TRY(buf_append_text(out, "="));
        TRY(buf_append(out, parameters[i].value));
    }
    return err_ok();
}

/* Without blanks around it, and one for several inside. */
static struct err put_value(struct span value, struct buf *out)
{
    bool blank = false;
    size_t start = out->len;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        if (c == ' ' || c == '\t') {
            blank = true;
            continue;
        }
        if (blank && out->len > start) {
            TRY(buf_append_text(out, " "));
        }
        blank = false;
        TRY(buf_append(out, span_of(&c, 1)));
    }
    return err_ok();
}

static struct err put_header(const struct sigv4_request *request, struct span name, struct buf *out)
{
    const char *comma = "";
    TRY(buf_append(out, name));
    TRY(buf_append_text(out, ":"));
    for (size_t i = 0; i < request->header_count; i++) {
        if (same_name(request->headers[i].name, name)) {
            TRY(buf_append_text(out, comma));
            TRY(put_value(request->headers[i].value, out));
            comma = ",";
        }
    }
    return buf_append_text(out, "\n");
}

static struct err put_headers(const struct sigv4_request *request, struct span list,
                              struct buf *out)
{
    while (list.len > 0) {
        TRY(put_header(request, take_until(&list, ';'), out));
    }
    return err_ok();
}

static struct err put_sha256(struct span bytes, struct buf *out)
{
    uint8_t digest[DIGEST_MAX];
    digest_of(DIGEST_SHA256, bytes, digest);
    return hex_encode(span_of(digest, SHA256_LEN), out);
}

static struct err put_request(const struct sigv4_request *request, const struct sigv4 *signature,
                              struct buf *out)
{
    TRY(buf_append_text(out, request->method));
    TRY(buf_append_text(out, "\n"));
    TRY(put_path(request->path, out));
    TRY(buf_append_text(out, "\n"));
    TRY(put_query(request->query, out));
    TRY(buf_append_text(out, "\n"));
    TRY(put_headers(request, signature->signed_headers, out));
    TRY(buf_append_text(out, "\n"));
    TRY(buf_append(out, signature->signed_headers));
    TRY(buf_append_text(out, "\n"));
    return put_sha256(request->body, out);
}

static struct err check_body(const struct sigv4_request *request)
{
    const struct http_header *said = find_header(request, span_text("x-amz-content-sha256"));
    CLEANUP(buf_clear) struct buf digest = {.max = 2 * (size_t)SHA256_LEN};
    if (said == NULL) {
        return err_ok();
    }
    TRY(put_sha256(request->body, &digest));
    return span_equal(buf_span(&digest), said->value)
               ? err_ok()
               : refuse("X-Amz-Content-Sha256 is not the hash of the body.");
}

/* --- the signature --- */

void sigv4_signing_key(const struct sigv4 *signature, struct span secret, uint8_t out[SHA256_LEN])
{
    struct secret key = {0};
    CLEANUP(buf_clear) struct buf text = {.max = CANONICAL_MAX};
    const struct span parts[] = {signature->date, signature->region, signature->service,
                                 span_text(TERMINATOR)};
    struct err err = buf_append_text(&text, "AWS4");
    if (err.code == ERR_OK) {
        err = buf_append(&text, secret);
    }
    secret_set(&key, buf_span(&text));
    struct span with = secret_span(&key);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        uint8_t mac[SHA256_LEN];
        hmac_sha256(with, parts[i], mac);
        memcpy(out, mac, SHA256_LEN);
        mem_wipe(mac, sizeof(mac));
        with = span_of(out, SHA256_LEN);
    }
    secret_clear(&key);
    if (err.code != ERR_OK) { /* a secret that is too long signs nothing */
        random_bytes(out, SHA256_LEN);
    }
}

static struct err sign(const struct sigv4_request *request, const struct sigv4 *signature,
                       const uint8_t signing_key[SHA256_LEN], uint8_t out[SHA256_LEN])
{
    CLEANUP(buf_clear) struct buf canonical = {.max = CANONICAL_MAX};
    CLEANUP(buf_clear) struct buf text = {.max = CANONICAL_MAX};
    TRY(put_request(request, signature, &canonical));
    TRY(buf_append_text(&text, ALGORITHM "\n"));
    TRY(buf_append(&text, signature->signed_at));
    TRY(buf_append_text(&text, "\n"));
    TRY(buf_append(&text, signature->scope));
    TRY(buf_append_text(&text, "\n"));
    TRY(put_sha256(buf_span(&canonical), &text));
    hmac_sha256(span_of(signing_key, SHA256_LEN), buf_span(&text), out);
    return err_ok();
}

struct err sigv4_verify(const struct sigv4_request *request, const struct sigv4 *signature,
                        const uint8_t signing_key[SHA256_LEN])
{
    uint8_t made[SHA256_LEN];
    struct err err = sign(request, signature, signing_key, made);
    ENSURE(err.code == ERR_OK, ERR_UNAUTHENTICATED, "The request is too large to be signed.");
    ENSURE(secret_equal(span_of(made, SHA256_LEN), span_of(signature->signature, SHA256_LEN)),
           ERR_UNAUTHENTICATED,
           "The request signature we calculated does not match the signature you provided. Check "
           "your secret access key and signing method.");
    return check_body(request);
}
