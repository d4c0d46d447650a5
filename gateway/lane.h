/* lane: which threads run a request, guessed from its method, path and target. A wrong guess costs
 * time and nothing else. */
#ifndef HSMGATE_GATEWAY_LANE_H
#define HSMGATE_GATEWAY_LANE_H

#include "gateway/exchange.h"

enum lane {
    LANE_GENERAL, /* may take long, or wait for the disk */
    LANE_DATA,    /* use of a key: short, and waits for nothing but a token and the audit log */
    LANE_URGENT,  /* asks for the gateway's state */
    LANE_COUNT
};

enum lane lane_of(const struct request *request);

#endif
