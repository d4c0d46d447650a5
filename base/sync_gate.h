/* sync_gate: a gate for one thread or fiber to wait at, opened once by another. */
#ifndef HSMGATE_BASE_SYNC_GATE_H
#define HSMGATE_BASE_SYNC_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fiber.h"

/* Who opens it touches nothing of it afterwards: who waits may free it as soon as it is through.
 * Zeroed: closed. */
struct sync_gate {
    _Atomic uint32_t state;
    struct fiber *fiber; /* that waits */
};

void sync_gate_open(struct sync_gate *gate);
/* For its next use, when nobody is at it. */
void sync_gate_shut(struct sync_gate *gate);
/* False when the monotonic deadline (ns) passed first. */
bool sync_gate_wait(struct sync_gate *gate, int64_t deadline_ns);

#endif
