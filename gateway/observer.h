/* observer: what the scheduler does becomes figures and events. */
#ifndef HSMGATE_GATEWAY_OBSERVER_H
#define HSMGATE_GATEWAY_OBSERVER_H

#include "gateway/gateway.h"

/* scheduler_observer: `gateway` is the gateway. */
void observer_step(void *gateway, const struct key *key, const struct plan_step *step,
                   const struct err *err);
#endif
