/* moves: one version moved as a person asks, and those told who want to know. */
#ifndef HSMGATE_GATEWAY_OPS_MOVES_H
#define HSMGATE_GATEWAY_OPS_MOVES_H

#include "gateway/pipeline.h"

/* Moves a version of the call's key; the caller has asked the grants and written the intent. Errors
 * as rotation_move. */
MUST_USE struct err move_version(const struct call *call, uint32_t number,
                                 const struct move_request *request);

#endif
