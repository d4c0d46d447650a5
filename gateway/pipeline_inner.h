/* pipeline_inner: stages that stand in pipeline_grant.c. */
#ifndef HSMGATE_GATEWAY_PIPELINE_INNER_H
#define HSMGATE_GATEWAY_PIPELINE_INNER_H

#include "gateway/pipeline.h"

/* Grant stage of the route's operation. Sets call->context_bound when only grants with a context
 * could allow it, whether the key exists or not. */
MUST_USE struct err pipeline_grant_or_context(struct call *call, struct span key_name);
/* For a call that is bound, after the body is parsed: ERR_FORBIDDEN when no item's context fits a
 * grant, or there is no such key; when some fit, the others are marked. It is bound no more. */
MUST_USE struct err pipeline_settle_contexts(struct call *call);

#endif
