/* bearer_facts: what a request says of a credential of ours, bearer token or access key. */
#ifndef HSMGATE_GATEWAY_OPS_BEARER_FACTS_H
#define HSMGATE_GATEWAY_OPS_BEARER_FACTS_H

#include "gateway/pipeline.h"

/* One segment of a key's name: ERR_INVALID_NAME. */
MUST_USE struct err bearer_check_name(struct span name);
/* The body's name and ttl, and the fields besides; sets name and times. ERR_INVALID_FIELD,
 * ERR_INVALID_NAME. */
MUST_USE struct err bearer_read(const struct call *call, const struct json_field *fields,
                                size_t count, struct bearer *out);
/* Who makes the credential of a name can be that principal: nobody becomes an administrator this
 * way. ERR_FORBIDDEN. */
MUST_USE struct err bearer_refuse_administrators(struct call *call, struct span name);

#endif
