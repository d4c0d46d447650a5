/* limits: how often a principal may call and a key may be used, as token buckets. */
#ifndef HSMGATE_GATEWAY_LIMITS_H
#define HSMGATE_GATEWAY_LIMITS_H

#include "gateway/config.h"

struct limits;

/* The configuration is borrowed until limits_close. */
struct limits *limits_open(const struct config_limits *config);
/* Takes NULL. */
void limits_close(struct limits *limits);
/* Takes `items` (0 counts as 1) from the buckets of both (an empty span has no bucket), or from
 * none: ERR_RATE_LIMITED with the whole seconds until it would pass, and the static word of the
 * limit that refused, `principal` or `key`. More items than the burst pass a full bucket. */
MUST_USE struct err limits_take(struct limits *limits, struct span principal, struct span key,
                                uint32_t items, int64_t now_ns, unsigned *out_retry_after_s,
                                const char **out_limit);
/* Takes `items` more for a request that has passed, what is not there as debt: what a body asks for
 * is known only when it has been read, and a refusal then would have cost its caller already. */
void limits_owe(struct limits *limits, struct span principal, struct span key, uint32_t items,
                int64_t now_ns);

#endif
