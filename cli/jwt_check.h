/* jwt_check: verifies JWTs of a P-256 key as a consumer does: by the published key set, of which a
 * copy is kept exactly as long as the gateway allows. */
#ifndef HSMGATE_CLI_JWT_CHECK_H
#define HSMGATE_CLI_JWT_CHECK_H

#include "cli/client.h"

struct jwt_keys {
    struct json set;   /* root NULL: none yet */
    int64_t until_ns;  /* a copy may be used until then */
    int64_t max_age_s; /* as the gateway said last */
    unsigned fetched;  /* how often */
};
void jwt_keys_clear(struct jwt_keys *keys);
/* Fetches the set of a key when there is no copy that may be used. */
MUST_USE struct err jwt_keys_refresh(struct jwt_keys *keys, struct client *client,
                                     const char *name);
/* Whether the set lists the version of this kid. */
bool jwt_keys_list(const struct jwt_keys *keys, struct span kid);
/* Checks the signature of a compact JWT (ES256) with the key that its kid names; `out_kid` is
 * cleared and filled. ERR_NOT_FOUND when the set does not list it, ERR_CORRUPT when the JWT has
 * another shape, ERR_FORBIDDEN when the signature is not good. */
MUST_USE struct err jwt_check(const struct jwt_keys *keys, struct span token, struct buf *out_kid);

#endif
