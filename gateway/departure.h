/* departure: a finished call becomes a record, and its reply leaves with it. */
#ifndef HSMGATE_GATEWAY_DEPARTURE_H
#define HSMGATE_GATEWAY_DEPARTURE_H

#include "gateway/pipeline.h"

/* The operation of a request that no route took, in metrics. */
#define DEPARTURE_UNROUTED "none"

/* Records the call and lets its reply go; `err` is what ended the call, or ok. The exchange must
 * not be touched afterwards; the call's own memory is the caller's again. */
void departure_start(const struct call *call, const struct err *err);

#endif
