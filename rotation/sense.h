/* sense: a sense of time that a wall clock cannot fool. Pure: it is told what both clocks say. */
#ifndef HSMGATE_ROTATION_SENSE_H
#define HSMGATE_ROTATION_SENSE_H

#include "rotation/rotation.h"

/* A larger leap of the wall clock than this is not believed before it has lasted as long. */
#define SENSE_LEAP_MS ((int64_t)24 * 3600 * 1000)

struct sense {
    int64_t lived; /* at the anchor, ms */
    int64_t calm;  /* at the anchor, unix ms */
    int64_t anchor_ns;
    int64_t leapt; /* lived clock when the leap that lasts was first seen; -1: there is none */
};
struct sense_clocks {
    int64_t wall;    /* unix ms */
    int64_t mono_ns; /* monotonic */
};

void sense_start(const struct lived_clock *stored, const struct sense_clocks *clocks,
                 struct sense *out);
/* What time it is; believes what may be believed of the wall clock by now. */
void sense_read(struct sense *sense, const struct sense_clocks *clocks, struct moment *out);
/* Believes the wall clock as it is, forwards or backwards: a person has looked at it. */
void sense_accept(struct sense *sense, const struct sense_clocks *clocks);
/* What to store. */
struct lived_clock sense_stored(const struct sense *sense, const struct sense_clocks *clocks);

#endif
