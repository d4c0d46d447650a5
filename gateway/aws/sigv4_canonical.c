/* The canonical request, and whether a key signed it. */
#include <assert.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "base/secret.h"
#include "gateway/aws/sigv4_inner.h"

#define CANONICAL_MAX ((size_t)64 << 10)
#define HEX_LEN       ((size_t)2 * SHA256_LEN)

/* --- a page --- */

/* Where texts are laid down one after another: all room is made at once, because there are many
 * small ones. */
struct page {
    struct buf bytes;
    size_t len;
};

static void page_clear(struct page *page)
{
    buf_clear(&page->bytes);
}

static struct err page_open(size_t room, struct page *out)
{
    uint8_t *place = NULL;
    *out = (struct page){.bytes = {.max = CANONICAL_MAX}};
    return buf_extend(&out->bytes, room, &place);
}

static void lay(struct page *page, struct span text)
{
    assert(text.len <= page->bytes.len - page->len);
    if (text.len > 0) {
        memcpy(page->bytes.data + page->len, text.data, text.len);
        page->len += text.len;
    }
}

static void lay_character(struct page *page, char c)
{
    lay(page, span_of((const uint8_t *)&c, 1));
}

static void lay_sha256(struct page *page, struct span bytes)
{
    uint8_t digest[DIGEST_MAX];
    uint8_t hex[HEX_LEN];
    digest_of(DIGEST_SHA256, bytes, digest);
    hex_write(span_of(digest, SHA256_LEN), hex);
    lay(page, span_of(hex, sizeof(hex)));
}

static struct span page_from(const struct page *page, size_t from)
{
    return span_of(page->bytes.data + from, page->len - from);
}

/* --- the canonical request --- */

/* The server took no byte in a path that would have to be encoded, but these. */
static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~' || c == '/';
}

static void lay_path(struct page *page, struct span path)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < path.len; i++) {
        uint8_t c = path.data[i];
        if (is_plain(c)) {
            lay(page, span_of(&path.data[i], 1));
        } else {
            const char code[] = {'%', digits[c >> 4], digits[c & 0x0f]};
            lay(page, span_of((const uint8_t *)code, sizeof(code)));
        }
    }
}

static size_t word_len(struct span rest)
{
    const uint8_t *blank = memchr(rest.data, ' ', rest.len);
    size_t len = blank != NULL ? (size_t)(blank - rest.data) : rest.len;
    const uint8_t *tab = len > 0 ? memchr(rest.data, '\t', len) : NULL;
    return tab != NULL ? (size_t)(tab - rest.data) : len;
}

/* Word by word: without blanks around it, and one for several inside. */
static void lay_value(struct page *page, struct span rest)
{
    bool first = true;
    while (rest.len > 0) {
        size_t len = word_len(rest);
        if (len > 0 && !first) {
            lay_character(page, ' ');
        }
        lay(page, span_of(rest.data, len));
        first = first && len == 0;
        size_t used = len < rest.len ? len + 1 : len;
        rest = span_of(rest.data + used, rest.len - used);
    }
}

static void lay_header(struct page *page, const struct sigv4_request *request, struct span name)
{
    bool first = true;
    lay(page, name);
    lay_character(page, ':');
    for (size_t i = 0; i < request->header_count; i++) {
        if (sigv4_same_name(request->headers[i].name, name)) {
            if (!first) {
                lay_character(page, ',');
            }
            lay_value(page, request->headers[i].value);
            first = false;
        }
    }
    lay_character(page, '\n');
}

static void lay_line(struct page *page, struct span text)
{
    lay(page, text);
    lay_character(page, '\n');
}

static void lay_request(struct page *page, const struct sigv4_request *request,
                        const struct sigv4 *signature, struct span query)
{
    struct span list = signature->signed_headers;
    lay_line(page, span_text(request->method));
    lay_path(page, request->path);
    lay_character(page, '\n');
    lay_line(page, query);
    while (list.len > 0) {
        lay_header(page, request, sigv4_take_until(&list, ';'));
    }
    lay_character(page, '\n');
    lay_line(page, signature->signed_headers);
    lay_sha256(page, request->body);
}

/* What both texts take at most; a header is signed under one name, as the parser saw to. */
static size_t room_of(const struct sigv4_request *request, const struct sigv4 *signature,
                      size_t query_len)
{
    size_t room = strlen(request->method) + 3 * request->path.len + query_len +
                  4 * signature->signed_headers.len + sizeof(SIGV4_ALGORITHM) +
                  signature->signed_at.len + signature->scope.len + 2 * HEX_LEN + 16;
    for (size_t i = 0; i < request->header_count; i++) {
        room += request->headers[i].value.len + 2;
    }
    return room;
}

static struct err check_body(const struct sigv4_request *request)
{
    const struct http_header *said = sigv4_header(request, span_text("x-amz-content-sha256"));
    CLEANUP(page_clear) struct page digest = {0};
    if (said == NULL) {
        return err_ok();
    }
    TRY(page_open(HEX_LEN, &digest));
    lay_sha256(&digest, request->body);
    return span_equal(page_from(&digest, 0), said->value)
               ? err_ok()
               : sigv4_refuse("X-Amz-Content-Sha256 is not the hash of the body.");
}

/* --- the signature --- */

void sigv4_signing_key(const struct sigv4 *signature, struct span secret, uint8_t out[SHA256_LEN])
{
    struct secret key = {0};
    CLEANUP(buf_clear) struct buf text = {.max = CANONICAL_MAX};
    const struct span parts[] = {signature->date, signature->region, signature->service,
                                 span_text(SIGV4_TERMINATOR)};
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
    CLEANUP(buf_clear) struct buf query = {.max = CANONICAL_MAX};
    CLEANUP(page_clear) struct page page = {0};
    TRY(sigv4_put_query(request->query, signature->in_query, &query));
    TRY(page_open(room_of(request, signature, query.len), &page));
    lay_request(&page, request, signature, buf_span(&query));
    size_t end = page.len;
    lay_line(&page, span_text(SIGV4_ALGORITHM));
    lay_line(&page, signature->signed_at);
    lay_line(&page, signature->scope);
    lay_sha256(&page, span_of(page.bytes.data, end));
    hmac_sha256(span_of(signing_key, SHA256_LEN), page_from(&page, end), out);
    return err_ok();
}

struct err sigv4_verify(const struct sigv4_request *request, const struct sigv4 *signature,
                        const uint8_t signing_key[SHA256_LEN])
{
    uint8_t made[SHA256_LEN];
    struct err err = sign(request, signature, signing_key, made);
    ENSURE(err.code != ERR_TOO_LARGE, ERR_UNAUTHENTICATED,
           "The request is too large to be signed.");
    TRY(err);
    ENSURE(secret_equal(span_of(made, SHA256_LEN), span_of(signature->signature, SHA256_LEN)),
           ERR_UNAUTHENTICATED,
           "The request signature we calculated does not match the signature you provided. Check "
           "your secret access key and signing method.");
    return check_body(request);
}
