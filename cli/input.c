/* Reads files and standard input. Large inputs are hashed as they stream by, so that a release
 * archive needs no memory. */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/mem.h"

#define CIPHERTEXT_TEXT_MAX ((size_t)256 << 10)
#define CHUNK               65536

static struct err open_input(const struct options *options, int *out)
{
    const char *path = options->values[OPTION_IN];
    if (path == NULL || strcmp(path, "-") == 0) {
        *out = dup(STDIN_FILENO);
        ENSURE(*out >= 0, ERR_IO, "standard input is closed: name a file with --in FILE");
        return err_ok();
    }
    *out = open(path, O_RDONLY | O_CLOEXEC);
    ENSURE(*out >= 0, ERR_IO, "%s: %s", path, strerror(errno));
    return err_ok();
}

/* Fills `out` as far as `max` bytes; *out_more when there are more. */
static struct err read_up_to(int fd, size_t max, struct buf *out, bool *out_more)
{
    uint8_t chunk[4096];
    for (;;) {
        const ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(got >= 0, ERR_IO, "the input cannot be read: %s", strerror(errno));
        if (got == 0) {
            *out_more = false;
            return err_ok();
        }
        TRY(buf_append(out, span_of(chunk, (size_t)got)));
        if (out->len > max) {
            *out_more = true;
            return err_ok();
        }
    }
}

struct err input_read(const struct options *options, size_t max, struct buf *out)
{
    CLEANUP(fd_close) int fd = -1;
    bool more = false;
    TRY(open_input(options, &fd));
    TRY(read_up_to(fd, max, out, &more));
    ENSURE(!more, ERR_TOO_LARGE, "the input is larger than %zu bytes", max);
    return err_ok();
}

struct err input_read_named(const char *path, size_t max, struct buf *out)
{
    buf_init(out, max);
    const struct err err = file_read(path, out);
    ENSURE(err.code == ERR_OK, err.code, "%s: %s", path, err.detail);
    return err_ok();
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static struct span trimmed(struct span text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text = span_of(text.data + 1, text.len - 1);
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

struct err input_read_base64(const struct options *options, struct buf *out)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    TRY(input_read(options, CIPHERTEXT_TEXT_MAX, &bytes));
    if (options_has(options, OPTION_RAW)) {
        return base64_encode(buf_span(&bytes), out);
    }
    return buf_append(out, trimmed(buf_span(&bytes)));
}

struct err input_read_file_base64(const char *path, enum input_form form, struct buf *out)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    buf_init(&bytes, CHUNK);
    const struct err err = file_read(path, &bytes);
    ENSURE(err.code == ERR_OK, ERR_IO, "%s: cannot be read", path);
    return form == INPUT_RAW ? base64_encode(buf_span(&bytes), out)
                             : buf_append(out, trimmed(buf_span(&bytes)));
}

static const EVP_MD *hash_of(enum digest digest)
{
    switch (digest) {
    case DIGEST_SHA384:
        return EVP_sha384();
    case DIGEST_SHA512:
        return EVP_sha512();
    case DIGEST_SHA256:
    case DIGEST_SHA1:
    case DIGEST_COUNT:
        break;
    }
    return EVP_sha256();
}

static void free_hash(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static struct err hash_rest(int fd, enum digest digest, struct buf *inout)
{
    CLEANUP(free_hash) EVP_MD_CTX *context = EVP_MD_CTX_new();
    ENSURE(context != NULL && EVP_DigestInit_ex(context, hash_of(digest), NULL) == 1, ERR_INTERNAL,
           "hashing failed");
    uint8_t chunk[CHUNK];
    struct span part = buf_span(inout);
    while (part.len > 0) {
        ENSURE(EVP_DigestUpdate(context, part.data, part.len) == 1, ERR_INTERNAL, "hashing failed");
        ssize_t got;
        do {
            got = read(fd, chunk, sizeof chunk);
        } while (got < 0 && errno == EINTR);
        ENSURE(got >= 0, ERR_IO, "the input cannot be read: %s", strerror(errno));
        part = span_of(chunk, (size_t)got);
    }
    uint8_t value[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    ENSURE(EVP_DigestFinal_ex(context, value, &len) == 1, ERR_INTERNAL, "hashing failed");
    buf_reset(inout);
    return buf_append(inout, span_of(value, len));
}

struct err input_read_or_hash(const struct options *options, size_t message_max,
                              input_choose_digest *choose, void *arg, struct buf *out,
                              bool *out_hashed)
{
    CLEANUP(fd_close) int fd = -1;
    bool more = false;
    TRY(open_input(options, &fd));
    TRY(read_up_to(fd, message_max, out, &more));
    if (more) {
        enum digest digest = DIGEST_SHA256;
        /* cppcheck-suppress returnDanglingLifetime ; an error holds text, no pointer to digest */
        TRY(choose(arg, &digest));
        TRY(hash_rest(fd, digest, out));
    }
    *out_hashed = more;
    return err_ok();
}
