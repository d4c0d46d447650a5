/* rotating: the next version of a key, for the scheduler and for people. */
#ifndef HSMGATE_ROTATION_ROTATING_H
#define HSMGATE_ROTATION_ROTATING_H

#include "rotation/making.h"

struct rotating {
    struct span name;
    enum making_end end;
    enum plan_haste haste;
    const struct rotation_adoption *adoption; /* NULL: the token makes new material */
};
/* As rotation_rotate; the caller says how it ends. */
MUST_USE struct err rotating_make(const struct rotation *rotation, const struct rotating *rotating,
                                  const struct moment *moment, int64_t deadline_ns,
                                  uint32_t *out_version);

#endif
