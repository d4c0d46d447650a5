/* Hashes by OpenSSL, random bytes by the kernel, UUIDs from them.
 *
 * The digests are fetched from the provider once, each thread hashes in one context of its own, and
 * HMAC is keyed on a copy of a context that has its digest: a fetch by name, or a new context,
 * costs more than hashing a short message. A hash that fails means a broken provider, for which no
 * caller has an answer: abort. */
#include "base/digest.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/mem.h"

#define FILE_CHUNK 65536

static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD *fetched[DIGEST_COUNT]; /* written once under fetch_once */
static EVP_MAC_CTX *hmac_blank;       /* likewise: of SHA-256, with a key that nobody uses */
static pthread_key_t ctx_key;         /* likewise: each thread's own context */

static const struct {
    const char *name;
    size_t len;
} digests[DIGEST_COUNT] = {
    [DIGEST_SHA256] = {"SHA2-256", 32},
    [DIGEST_SHA384] = {"SHA2-384", 48},
    [DIGEST_SHA512] = {"SHA2-512", 64},
    [DIGEST_SHA1] = {"SHA1", 20},
};

static void make_hmac_blank(void)
{
    static const uint8_t no_key[SHA256_LEN];
    char name[] = "SHA2-256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), OSSL_PARAM_END};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    hmac_blank = EVP_MAC_CTX_new(hmac);
    if (hmac_blank == NULL || EVP_MAC_init(hmac_blank, no_key, sizeof(no_key), parameters) != 1) {
        mem_exhausted();
    }
    EVP_MAC_free(hmac);
}

static void thread_ctx_free(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static void fetch_all(void)
{
    if (pthread_key_create(&ctx_key, thread_ctx_free) != 0) {
        abort();
    }
    make_hmac_blank();
    for (unsigned i = 0; i < DIGEST_COUNT; i++) {
        fetched[i] = EVP_MD_fetch(NULL, digests[i].name, NULL);
        if (fetched[i] == NULL) {
            mem_exhausted();
        }
    }
}

static void fetch_before(void)
{
    if (pthread_once(&fetch_once, fetch_all) != 0) {
        abort();
    }
}

static const EVP_MD *provider_digest(enum digest digest)
{
    assert((unsigned)digest < DIGEST_COUNT);
    fetch_before();
    return fetched[digest];
}

size_t digest_len(enum digest digest)
{
    assert((unsigned)digest < DIGEST_COUNT);
    return digests[digest].len;
}

static EVP_MD_CTX *thread_ctx(void)
{
    fetch_before();
    EVP_MD_CTX *ctx = pthread_getspecific(ctx_key);
    if (ctx == NULL) {
        ctx = EVP_MD_CTX_new();
        if (ctx == NULL || pthread_setspecific(ctx_key, ctx) != 0) {
            abort();
        }
    }
    return ctx;
}

static void digest_parts(enum digest digest, const struct span *parts, size_t count, uint8_t *out)
{
    EVP_MD_CTX *ctx = thread_ctx();
    const EVP_MD *md = provider_digest(digest);
    /* without a name OpenSSL begins again with what the context has, and looks nothing up */
    bool same = EVP_MD_CTX_get0_md(ctx) == md;
    bool ok = EVP_DigestInit_ex2(ctx, same ? NULL : md, NULL) == 1;
    for (size_t i = 0; ok && i < count; i++) {
        ok = parts[i].len == 0 || EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1;
    }
    if (!ok || EVP_DigestFinal_ex(ctx, out, NULL) != 1) {
        mem_exhausted();
    }
    /* OpenSSL wipes the last block of SHA-1 and SHA-256 by itself (md32_common.h) */
    if (digest == DIGEST_SHA384 || digest == DIGEST_SHA512) {
        (void)EVP_MD_CTX_reset(ctx);
    }
}

void digest_of(enum digest digest, struct span bytes, uint8_t out[DIGEST_MAX])
{
    digest_parts(digest, &bytes, 1, out);
}

void digest_sha256_parts(const struct span *parts, size_t count, uint8_t out[SHA256_LEN])
{
    digest_parts(DIGEST_SHA256, parts, count, out);
}

static void ctx_free(EVP_MD_CTX **ctx)
{
    EVP_MD_CTX_free(*ctx);
}

/* False at the end of the file. */
static struct err update_from(int fd, EVP_MD_CTX *ctx, uint64_t *len, bool *out_more)
{
    uint8_t chunk[FILE_CHUNK];
    ssize_t got = read(fd, chunk, sizeof(chunk));
    if (got < 0 && errno == EINTR) {
        *out_more = true;
        return err_ok();
    }
    ENSURE(got >= 0, ERR_IO, "the file cannot be read: %s", strerrordesc_np(errno));
    if (EVP_DigestUpdate(ctx, chunk, (size_t)got) != 1) {
        mem_exhausted();
    }
    *len += (uint64_t)got;
    *out_more = got > 0;
    return err_ok();
}

void hmac_sha256(struct span key, struct span message, uint8_t out[SHA256_LEN])
{
    static const uint8_t nothing;
    size_t len = 0;
    fetch_before();
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(hmac_blank);
    bool ok = ctx != NULL &&
              EVP_MAC_init(ctx, key.len > 0 ? key.data : &nothing, key.len, NULL) == 1 &&
              (message.len == 0 || EVP_MAC_update(ctx, message.data, message.len) == 1);
    if (!ok || EVP_MAC_final(ctx, out, &len, SHA256_LEN) != 1 || len != SHA256_LEN) {
        mem_exhausted();
    }
    EVP_MAC_CTX_free(ctx);
}

struct err digest_sha256_file(const char *path, uint8_t out[SHA256_LEN], uint64_t *out_len)
{
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    CLEANUP(ctx_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ENSURE(fd >= 0, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "the file cannot be opened: %s",
           strerrordesc_np(errno));
    if (ctx == NULL || EVP_DigestInit_ex2(ctx, provider_digest(DIGEST_SHA256), NULL) != 1) {
        mem_exhausted();
    }
    uint64_t len = 0;
    bool more = true;
    while (more) {
        TRY(update_from(fd, ctx, &len, &more));
    }
    if (EVP_DigestFinal_ex(ctx, out, NULL) != 1) {
        mem_exhausted();
    }
    *out_len = len;
    return err_ok();
}

void random_bytes(void *out, size_t len)
{
    uint8_t *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            abort();
        }
        at += got;
        len -= (size_t)got;
    }
}

/* Each request has one, so a thread draws for several at a time; none is there twice. */
struct uuid uuid_make(void)
{
    static _Thread_local struct uuid drawn[16]; /* 256 bytes: as many as getrandom gives at once */
    static _Thread_local size_t left;
    if (left == 0) {
        random_bytes(drawn, sizeof(drawn));
        left = ARRAY_LEN(drawn);
    }
    left--;
    struct uuid uuid = drawn[left];
    mem_wipe(&drawn[left], sizeof(drawn[left]));
    uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0F) | 0x40); /* RFC 9562 §5.4 */
    uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3F) | 0x80);
    return uuid;
}

bool uuid_equal(struct uuid a, struct uuid b)
{
    return memcmp(a.bytes, b.bytes, UUID_LEN) == 0;
}

static bool dash_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void uuid_format(struct uuid uuid, char out[UUID_TEXT_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < UUID_LEN; i++) {
        if (dash_before(i)) {
            *out++ = '-';
        }
        *out++ = hex[uuid.bytes[i] >> 4];
        *out++ = hex[uuid.bytes[i] & 0x0F];
    }
    *out = '\0';
}

struct err uuid_parse(struct span text, struct uuid *out)
{
    ENSURE(text.len == UUID_TEXT_LEN, ERR_INVALID_FIELD, "not a UUID");
    uint8_t digits[2 * UUID_LEN];
    const uint8_t *at = text.data;
    for (size_t i = 0; i < UUID_LEN; i++) {
        if (dash_before(i)) {
            ENSURE(*at++ == '-', ERR_INVALID_FIELD, "not a UUID");
        }
        digits[2 * i] = *at++;
        digits[2 * i + 1] = *at++;
    }
    CLEANUP(buf_clear) struct buf bytes = {0};
    TRY(hex_decode(span_of(digits, sizeof(digits)), &bytes));
    memcpy(out->bytes, bytes.data, UUID_LEN);
    return err_ok();
}
