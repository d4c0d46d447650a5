/* reason: why somebody does what cannot be taken back, in their words. */
#ifndef HSMGATE_GATEWAY_OPS_REASON_H
#define HSMGATE_GATEWAY_OPS_REASON_H

#include "base/buf.h"

#define REASON_MAX 500

enum reason_need { REASON_OPTIONAL, REASON_REQUIRED };
/* At most REASON_MAX bytes without control characters; not blank when it is required.
 * ERR_INVALID_FIELD. */
MUST_USE struct err reason_check(struct span reason, enum reason_need need);

#endif
