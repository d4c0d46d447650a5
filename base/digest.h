/* Hashes and random bytes, from OpenSSL and the kernel (FIPS 180-4, RFC 9562 for UUIDs). */
#ifndef HSMGATE_BASE_DIGEST_H
#define HSMGATE_BASE_DIGEST_H

#include "base/buf.h"

enum digest { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGEST_SHA1, DIGEST_COUNT };
#define DIGEST_MAX 64
#define SHA256_LEN 32

size_t digest_len(enum digest digest);
/* Writes digest_len bytes. */
void digest_of(enum digest digest, struct span bytes, uint8_t out[DIGEST_MAX]);
/* SHA-256 of a whole file, whatever its size; its length comes out, too. ERR_IO,
 * ERR_NOT_FOUND. */
MUST_USE struct err digest_sha256_file(const char *path, uint8_t out[SHA256_LEN],
                                       uint64_t *out_len);
/* SHA-256 over several parts, one after the other. */
void digest_sha256_parts(const struct span *parts, size_t count, uint8_t out[SHA256_LEN]);

/* RFC 2104 with SHA-256. */
void hmac_sha256(struct span key, struct span message, uint8_t out[SHA256_LEN]);

/* Bytes from getrandom(2); aborts if the kernel has none. Keys and IVs come from the token instead.
 */
void random_bytes(void *out, size_t len);

#define UUID_LEN      16
#define UUID_TEXT_LEN 36
struct uuid {
    uint8_t bytes[UUID_LEN];
};
struct uuid uuid_make(void); /* version 4 */
bool uuid_equal(struct uuid a, struct uuid b);
void uuid_format(struct uuid uuid, char out[UUID_TEXT_LEN + 1]);
MUST_USE struct err uuid_parse(struct span text, struct uuid *out); /* ERR_INVALID_FIELD */

#endif
