/* key_policy: when a key's versions change, as a request says it, and whether verifiers can follow.
 */
#ifndef HSMGATE_GATEWAY_OPS_KEY_POLICY_H
#define HSMGATE_GATEWAY_OPS_KEY_POLICY_H

#include "base/json.h"
#include "gateway/config.h"

/* What a new key of the classification begins with. */
struct rotation_policy key_policy_default(const struct config_rotation *config,
                                          enum classification classification, enum purpose purpose);
/* Puts the members of a `rotation` object over the policy. ERR_INVALID_FIELD by member. */
MUST_USE struct err key_policy_read(const struct json_value *node, enum purpose purpose,
                                    struct rotation_policy *policy);
/* Fills in what an automatic policy needs and nobody gave, and refuses one under which a verifier
 * would meet a version that it cannot know, or would lose one while a JWT is valid: with the
 * arithmetic in the message. */
MUST_USE struct err key_policy_settle(const struct rotation_rules *rules, enum purpose purpose,
                                      struct key_facts *facts);
/* The largest JWT lifetime of the key, seconds: its own limit, or the default one as far as the
 * overlap allows; 0: no JWT would be safe. */
int64_t key_policy_jwt_ttl(const struct key_facts *facts, const struct rotation_rules *rules);

#endif
