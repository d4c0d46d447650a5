/* The canonical request, and whether a key signed it. */
#include "base/encoding.h"
#include "base/mem.h"
#include "base/secret.h"
#include "gateway/aws/sigv4_inner.h"

#define CANONICAL_MAX  ((size_t)64 << 10)
#define CANONICAL_ROOM ((size_t)1 << 10) /* of most requests: grown at once */

/* --- the canonical request --- */

/* The server took no byte in a path that would have to be encoded, but these. */
static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~' || c == '/';
}

static struct err put_path(struct span path, struct buf *out)
{
    size_t from = 0;
    for (size_t i = 0; i < path.len; i++) {
        if (!is_plain(path.data[i])) {
            TRY(buf_append(out, span_of(path.data + from, i - from)));
            TRY(buf_printf(out, "%%%02X", path.data[i]));
            from = i + 1;
        }
    }
    return from < path.len ? buf_append(out, span_of(path.data + from, path.len - from)) : err_ok();
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Word by word: without blanks around it, and one for several inside. */
static struct err put_value(struct span value, struct buf *out)
{
    const char *blank = "";
    size_t at = 0;
    while (at < value.len) {
        size_t from = at;
        while (at < value.len && !is_blank(value.data[at])) {
            at++;
        }
        if (at > from) {
            TRY(buf_append_text(out, blank));
            TRY(buf_append(out, span_of(value.data + from, at - from)));
            blank = " ";
        }
        at++;
    }
    return err_ok();
}

static struct err put_header(const struct sigv4_request *request, struct span name, struct buf *out)
{
    const char *comma = "";
    TRY(buf_append(out, name));
    TRY(buf_append_text(out, ":"));
    for (size_t i = 0; i < request->header_count; i++) {
        if (sigv4_same_name(request->headers[i].name, name)) {
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
        TRY(put_header(request, sigv4_take_until(&list, ';'), out));
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
    uint8_t *place = NULL;
    TRY(buf_extend(out, CANONICAL_ROOM, &place));
    buf_truncate(out, 0);
    TRY(buf_append_text(out, request->method));
    TRY(buf_append_text(out, "\n"));
    TRY(put_path(request->path, out));
    TRY(buf_append_text(out, "\n"));
    TRY(sigv4_put_query(request->query, signature->in_query, out));
    TRY(buf_append_text(out, "\n"));
    TRY(put_headers(request, signature->signed_headers, out));
    TRY(buf_append_text(out, "\n"));
    TRY(buf_append(out, signature->signed_headers));
    TRY(buf_append_text(out, "\n"));
    return put_sha256(request->body, out);
}

static struct err check_body(const struct sigv4_request *request)
{
    const struct http_header *said = sigv4_header(request, span_text("x-amz-content-sha256"));
    CLEANUP(buf_clear) struct buf digest = {.max = 2 * (size_t)SHA256_LEN};
    if (said == NULL) {
        return err_ok();
    }
    TRY(put_sha256(request->body, &digest));
    return span_equal(buf_span(&digest), said->value)
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
    CLEANUP(buf_clear) struct buf canonical = {.max = CANONICAL_MAX};
    CLEANUP(buf_clear) struct buf text = {.max = CANONICAL_MAX};
    TRY(put_request(request, signature, &canonical));
    TRY(buf_append_text(&text, SIGV4_ALGORITHM "\n"));
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
    ENSURE(err.code != ERR_TOO_LARGE, ERR_UNAUTHENTICATED,
           "The request is too large to be signed.");
    TRY(err);
    ENSURE(secret_equal(span_of(made, SHA256_LEN), span_of(signature->signature, SHA256_LEN)),
           ERR_UNAUTHENTICATED,
           "The request signature we calculated does not match the signature you provided. Check "
           "your secret access key and signing method.");
    return check_body(request);
}
