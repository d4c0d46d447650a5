/* use_note: records who used which version, and how, before the answer leaves. */
#ifndef HSMGATE_GATEWAY_OPS_USE_NOTE_H
#define HSMGATE_GATEWAY_OPS_USE_NOTE_H

#include "gateway/ops/batch.h"

/* Notes the good items of a finished batch. ERR_STORE_UNAVAILABLE only where a missing note could
 * later cost a JWT its key: then nothing may leave. */
MUST_USE struct err use_note_batch(const struct batch *batch);

#endif
