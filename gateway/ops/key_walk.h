/* key_walk: the keys that a caller may read, in order of their names, for lists. */
#ifndef HSMGATE_GATEWAY_OPS_KEY_WALK_H
#define HSMGATE_GATEWAY_OPS_KEY_WALK_H

#include "gateway/pipeline.h"

struct key_walk {
    struct span prefix;           /* of names */
    char after[NAME_MAX_LEN + 1]; /* goes on behind this name; out: the last one that was passed */
    size_t most;                  /* visits no more */
    /* Keys that are none of this list's, whoever asks; NULL: all are. */
    bool (*listed)(const struct key *key, void *context);
    /* Whether there is no room for another one; NULL: there is. */
    bool (*full)(void *context);
    struct err (*visit)(const struct key *key, void *context);
    void *context;
    bool more; /* out: something may follow */
};
/* The first error of a visit. */
MUST_USE struct err key_walk(struct call *call, struct key_walk *walk);

#endif
