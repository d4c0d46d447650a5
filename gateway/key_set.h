/* key_set: the usable public keys of a JWK set (RFC 7517 §5) in memory, and reading one from a file
 * or URL. */
#ifndef HSMGATE_GATEWAY_KEY_SET_H
#define HSMGATE_GATEWAY_KEY_SET_H

#include "gateway/jws.h"

#define KEY_SET_BYTES_MAX ((size_t)256 << 10)
#define KEY_SET_KEYS_MAX  100

struct key_set;

/* Keeps what can verify a signature and has a `kid`; the rest is left out, with a warning in the
 * log under `name` where somebody should mend it: symmetric and private keys, RSA under 2048 bits,
 * a `kid` that stands twice. A set without any usable key is a set. ERR_INVALID_JSON when it is not
 * a JWK set. */
MUST_USE struct err key_set_parse(const char *name, struct span text, struct key_set **out);
/* From the file, or from the URL by `deadline_ns`; one of them is NULL. Errors of file_read,
 * fetch_get and key_set_parse. */
MUST_USE struct err key_set_read(const char *name, const char *file, const char *url,
                                 const char *ca, int64_t deadline_ns, struct key_set **out);
/* Takes NULL. */
void key_set_free(struct key_set *set);
size_t key_set_count(const struct key_set *set);
/* Appends the JWK with this `kid` that may verify this algorithm, with its mathematical members
 * alone. ERR_NOT_FOUND. `set` may be NULL: an empty one. */
MUST_USE struct err key_set_find(const struct key_set *set, struct span kid,
                                 const struct jws_algorithm *algorithm, struct buf *out);

#endif
