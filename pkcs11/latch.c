/* latch: the file that remembers PINs which a token refused.
 *
 * Three wrong PINs lock many tokens, and a supervisor that restarts a worker would spend them in a
 * second. So a try is written down before C_Login and its end after it. A crash between the two
 * leaves `tries`, which is not proof of a wrong PIN: after LATCH_TRIES_MAX of them comes a pause,
 * never an end. Hashes are salted scrypt, bound to the serial; a login that succeeds removes the
 * file. What cannot be read counts as latched. */
#include "pkcs11/latch.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#define FILE_MAX      8192
#define SCRYPT_N      16384
#define SCRYPT_R      8
#define SCRYPT_P      1
#define SCRYPT_MEMORY ((uint64_t)64 << 20)
#define FORMAT        1

static char *path_of(const char *folder, const char *serial)
{
    char *path = mem_format("%s/pin-%s.json", folder, serial);
    for (char *at = path + strlen(folder) + 1; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && *at != '.' && *at != '-') {
            *at = '_';
        }
    }
    return path;
}

static struct err copy_hash(const struct buf *from, uint8_t out[SHA256_LEN])
{
    ENSURE(from->len == SHA256_LEN, ERR_CORRUPT, "hash of %zu bytes", from->len);
    memcpy(out, from->data, SHA256_LEN);
    return err_ok();
}

static struct err read_refused(struct latch *latch, const struct json_value *list)
{
    for (const struct json_value *at = json_first(list); at != NULL; at = json_next(at)) {
        CLEANUP(buf_clear) struct buf hash = {0};
        struct span text = {0};
        ENSURE(latch->refused_count < LATCH_REFUSED_MAX, ERR_CORRUPT, "too many hashes");
        ENSURE(json_as_text(at, &text), ERR_CORRUPT, "a hash is not a text");
        TRY(base64_decode(text, &hash));
        TRY(copy_hash(&hash, latch->refused[latch->refused_count]));
        latch->refused_count++;
    }
    return err_ok();
}

static struct err read_json(struct latch *latch, struct span text)
{
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(buf_clear) struct buf salt = {0};
    CLEANUP(buf_clear) struct buf trying = {0};
    const struct json_value *refused = NULL;
    int64_t format = 0;
    int64_t tries = 0;
    TRY(json_parse(text, &json));
    const struct json_field fields[] = {
        {.name = "format", .kind = JSON_INTEGER, .need = JSON_REQUIRED, .out = &format},
        {.name = "salt", .kind = JSON_BYTES, .need = JSON_REQUIRED, .out = &salt},
        {.name = "refused", .kind = JSON_ARRAY, .need = JSON_REQUIRED, .out = &refused},
        {.name = "trying", .kind = JSON_BYTES, .need = JSON_REQUIRED, .out = &trying},
        {.name = "tries", .kind = JSON_INTEGER, .need = JSON_REQUIRED, .out = &tries},
        {.name = "tried_at_ms",
         .kind = JSON_INTEGER,
         .need = JSON_REQUIRED,
         .out = &latch->tried_at_ms},
    };
    TRY(json_read(json.root, fields, ARRAY_LEN(fields)));
    ENSURE(format == FORMAT && salt.len == LATCH_SALT_LEN && tries >= 0 && tries <= INT32_MAX,
           ERR_CORRUPT, "unknown format");
    memcpy(latch->salt, salt.data, LATCH_SALT_LEN);
    latch->tries = (uint32_t)tries;
    TRY(copy_hash(&trying, latch->trying));
    return read_refused(latch, refused);
}

static struct err write_json(const struct latch *latch)
{
    CLEANUP(buf_clear) struct buf text = {.max = FILE_MAX};
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_integer(&writer, "format", FORMAT);
    json_put_bytes(&writer, "salt", span_of(latch->salt, LATCH_SALT_LEN));
    json_begin_array(&writer, "refused");
    for (size_t i = 0; i < latch->refused_count; i++) {
        json_put_bytes(&writer, NULL, span_of(latch->refused[i], SHA256_LEN));
    }
    json_end_array(&writer);
    json_put_bytes(&writer, "trying", span_of(latch->trying, SHA256_LEN));
    json_put_integer(&writer, "tries", latch->tries);
    json_put_integer(&writer, "tried_at_ms", latch->tried_at_ms);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    struct err err = file_write(latch->path, buf_span(&text), 0600);
    ENSURE(err.code == ERR_OK, ERR_IO, "latch_dir: %s", err.detail);
    return err_ok();
}

/* A file that is there but does not tell its state is a closed latch. */
static struct err read_file(struct latch *latch)
{
    CLEANUP(buf_clear) struct buf text = {.max = FILE_MAX};
    struct err err = file_read(latch->path, &text);
    if (err.code == ERR_NOT_FOUND) {
        random_bytes(latch->salt, LATCH_SALT_LEN);
        return err_ok();
    }
    if (err.code == ERR_OK) {
        err = read_json(latch, buf_span(&text));
    }
    ENSURE(err.code == ERR_OK, ERR_PIN, "the PIN latch %.80s is damaged: check the PIN, remove it",
           latch->path);
    return err_ok();
}

static struct err hash_pin(struct latch *latch, const char *serial, struct span pin)
{
    uint8_t salt[SHA256_LEN];
    const struct span parts[] = {span_of(latch->salt, LATCH_SALT_LEN), span_text(serial)};
    digest_sha256_parts(parts, ARRAY_LEN(parts), salt);
    int done = EVP_PBE_scrypt((const char *)pin.data, pin.len, salt, sizeof(salt), SCRYPT_N,
                              SCRYPT_R, SCRYPT_P, SCRYPT_MEMORY, latch->pin, SHA256_LEN);
    ENSURE(done == 1, ERR_INTERNAL, "the PIN cannot be hashed");
    return err_ok();
}

struct err latch_open(struct latch *latch, const char *folder, const char *serial, struct span pin)
{
    CLEANUP(latch_clear) struct latch opened = {.path = path_of(folder, serial)};
    struct err err = file_make_folder(folder, 0700);
    ENSURE(err.code == ERR_OK, ERR_IO, "latch_dir: %s", err.detail);
    TRY(read_file(&opened));
    TRY(hash_pin(&opened, serial, pin));
    *latch = opened;
    opened = (struct latch){0};
    return err_ok();
}

static bool is_pin(const struct latch *latch, const uint8_t hash[SHA256_LEN])
{
    return span_equal(span_of(latch->pin, SHA256_LEN), span_of(hash, SHA256_LEN));
}

struct err latch_begin(struct latch *latch, int64_t now_ms)
{
    for (size_t i = 0; i < latch->refused_count; i++) {
        ENSURE(!is_pin(latch, latch->refused[i]), ERR_PIN,
               "the token refused this PIN before: mend the PIN, then restart hsmgated (%.60s)",
               latch->path);
    }
    bool again = latch->tries > 0 && is_pin(latch, latch->trying);
    bool pause = now_ms >= latch->tried_at_ms && now_ms - latch->tried_at_ms < LATCH_PAUSE_MS;
    ENSURE(!again || latch->tries < LATCH_TRIES_MAX || !pause, ERR_TOKEN_UNAVAILABLE,
           "the last %u logins were cut off: the next is tried after %d minutes (or remove %.60s)",
           latch->tries, (int)(LATCH_PAUSE_MS / 60000), latch->path);
    latch->tries = again ? latch->tries + 1 : 1;
    latch->tried_at_ms = now_ms;
    memcpy(latch->trying, latch->pin, SHA256_LEN);
    return write_json(latch);
}

struct err latch_refuse(struct latch *latch)
{
    if (latch->refused_count == LATCH_REFUSED_MAX) {
        memmove(latch->refused[0], latch->refused[1], sizeof(latch->refused) - SHA256_LEN);
        latch->refused_count--;
    }
    memcpy(latch->refused[latch->refused_count], latch->pin, SHA256_LEN);
    latch->refused_count++;
    latch->tries = 0;
    return write_json(latch);
}

struct err latch_accept(struct latch *latch)
{
    latch->refused_count = 0;
    latch->tries = 0;
    ENSURE(unlink(latch->path) == 0 || errno == ENOENT, ERR_IO, "latch_dir: %s",
           strerrordesc_np(errno));
    return err_ok();
}

struct err latch_abandon(struct latch *latch)
{
    latch->tries = 0;
    return latch->refused_count > 0 ? write_json(latch) : latch_accept(latch);
}

void latch_clear(struct latch *latch)
{
    mem_free(latch->path);
    mem_wipe(latch, sizeof(*latch));
}
