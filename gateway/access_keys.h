/* access_keys: credentials whose secret the gateway must know again, because signatures are checked
 * with it. In the store the secret is sealed under a key in the default token, bound to its id and
 * to whose it is; opened ones stay in locked memory for as long as the store knows them. */
#ifndef HSMGATE_GATEWAY_ACCESS_KEYS_H
#define HSMGATE_GATEWAY_ACCESS_KEYS_H

#include "base/secret.h"
#include "gateway/aws/sigv4.h"
#include "gateway/gateway.h"
#include "gateway/policy.h"

#define ACCESS_KEYS_KEY   POLICY_RESERVED "auth/access-keys"
#define ACCESS_SECRET_MAX 128

struct access_keys;
struct access_keys *access_keys_open(void);
void access_keys_close(struct access_keys *keys); /* takes NULL */

/* Seals the secret of `wanted` (name, access_key, subject and times are set) and stores it. Errors
 * of token_run and own_key_get; ERR_CONFLICT for a name that is taken. */
MUST_USE struct err access_keys_put(const struct gateway *gateway, struct bearer *wanted,
                                    struct span secret, int64_t now, int64_t deadline_ns);
/* The access key that a signature names, and the key that its secret signs with in the signature's
 * scope, which the caller wipes. ERR_UNAUTHENTICATED when there is none or it has expired;
 * ERR_TOKEN_UNAVAILABLE when it must be opened and cannot be now. */
MUST_USE struct err access_keys_find(const struct gateway *gateway, const struct sigv4 *signature,
                                     int64_t now, int64_t deadline_ns, struct bearer *out,
                                     uint8_t out_key[SHA256_LEN]);

#endif
