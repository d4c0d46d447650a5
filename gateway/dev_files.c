/* Small secret files of a development instance. Each is made whole (file_write renames), once; an
 * existing one is only read, so that a second start goes on with the same token and keys. */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/mem.h"
#include "gateway/dev_inner.h"

#define RANDOM_MAX 64
#define SECRET_MAX 256

static struct err make_secret(const char *path, const char *prefix, size_t random_len)
{
    uint8_t bytes[RANDOM_MAX];
    ENSURE(random_len <= sizeof(bytes), ERR_INTERNAL, "at most %zu random bytes", sizeof(bytes));
    CLEANUP(buf_clear) struct buf text = {.max = SECRET_MAX};
    random_bytes(bytes, random_len);
    TRY(buf_append_text(&text, prefix));
    struct err err = base64url_encode(span_of(bytes, random_len), &text);
    mem_wipe(bytes, sizeof(bytes));
    TRY(err);
    TRY(buf_append_text(&text, "\n"));
    return file_write(path, buf_span(&text), 0600);
}

struct err dev_secret_file(const char *path, const char *prefix, size_t random_len, struct buf *out)
{
    if (access(path, F_OK) != 0) {
        TRY(make_secret(path, prefix, random_len));
    }
    CLEANUP(buf_clear) struct buf text = {.max = SECRET_MAX};
    TRY(file_read(path, &text));
    if (text.len > 0 && text.data[text.len - 1] == '\n') {
        buf_truncate(&text, text.len - 1);
    }
    buf_move(out, &text);
    return err_ok();
}

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void free_bio(BIO **bio)
{
    (void)BIO_free(*bio);
}

struct err dev_voter_file(const char *path)
{
    if (access(path, F_OK) == 0) {
        return err_ok();
    }
    CLEANUP(free_key) EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    CLEANUP(free_bio) BIO *bio = BIO_new(BIO_s_secmem());
    ENSURE(key != NULL && bio != NULL &&
               PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1,
           ERR_INTERNAL, "cannot make a voter's key");
    char *pem = NULL;
    long len = BIO_get_mem_data(bio, &pem);
    ENSURE(len > 0, ERR_INTERNAL, "cannot write a voter's key");
    return file_write(path, span_of(pem, (size_t)len), 0600);
}
