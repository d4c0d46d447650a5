/* scheduler: what the files of the scheduler share; its face is in rotation.h. */
#ifndef HSMGATE_ROTATION_SCHEDULER_H
#define HSMGATE_ROTATION_SCHEDULER_H

#include <pthread.h>

#include "rotation/agenda.h"
#include "rotation/plan.h"

struct maker;

struct scheduler {
    struct scheduler_config config;
    struct maker *makers; /* one for each token, in their order */
    pthread_t thread;
    pthread_mutex_t mutex;             /* guards the rest */
    struct agenda agendas[PLAN_LANES]; /* PLAN_QUICK and PLAN_TOKEN */
    uint64_t done;
    uint64_t failures;
    bool stopping;
};

/* Puts the key on the agendas by what its plan says now. */
void scheduler_plan(struct scheduler *scheduler, struct uuid id);
/* A step of the key has ended: counts, tells the observer, plans the key anew. */
void scheduler_finish(struct scheduler *scheduler, const struct key *key,
                      const struct plan_step *step, const struct err *err);
/* There was nothing to be done in this lane after all. */
void scheduler_leave(struct scheduler *scheduler, struct uuid id, enum plan_lane lane);

#endif
