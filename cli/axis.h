/* axis: where the ticks of a time axis stand and what they say. Pure; UTC. */
#ifndef HSMGATE_CLI_AXIS_H
#define HSMGATE_CLI_AXIS_H

#include "base/buf.h"

#define AXIS_TICKS_MAX 64
#define AXIS_LABEL_MAX 48

struct axis_tick {
    int64_t at_ms;
    char label[AXIS_LABEL_MAX]; /* `14:00`, `5 Jan`, `Feb 2026` */
};

struct axis {
    struct axis_tick ticks[AXIS_TICKS_MAX];
    size_t count;
};
/* Ticks on whole minutes, hours, days, weeks (Mondays) or months from `from_ms` to `to_ms`, about
 * `wanted` of them (2 to 30) and never many more. */
void axis_fill(struct axis *axis, int64_t from_ms, int64_t to_ms, size_t wanted);

#endif
