/* own_key: keys that the gateway makes for itself, under the namespace that the policy gives to no
 * caller. They are keys like others in the store and on the token: made, checked, rotated and
 * backed up by what does that for all. */
#ifndef HSMGATE_GATEWAY_OWN_KEY_H
#define HSMGATE_GATEWAY_OWN_KEY_H

#include "gateway/gateway.h"

struct own_key {
    const char *name;
    const char *description;
    enum algorithm algorithm;
    enum algorithm otherwise; /* where the default token cannot do that one */
    enum purpose purpose;
};

/* The key with an active version; made on the default token when there is none, which is recorded.
 * Let go with key_release. Errors of rotation_create_key; ERR_INVALID_STATE when no version is
 * active. */
MUST_USE struct err own_key_get(const struct gateway *gateway, const struct own_key *wanted,
                                int64_t deadline_ns, const struct key **out);
/* For CLEANUP on a token item whose bufs are this thread's. */
void own_key_item_clear(struct token_item *item);

#endif
