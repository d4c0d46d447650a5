/* maker: does the steps that need one token, one after the other. */
#ifndef HSMGATE_ROTATION_MAKER_H
#define HSMGATE_ROTATION_MAKER_H

#include "rotation/scheduler.h"

/* One for each token of the rotation; free with makers_close. */
struct maker *makers_open(struct scheduler *scheduler);
/* Lets the steps under way end, and leaves the rest undone. */
void makers_close(struct maker *makers, size_t count);
/* Hands the key to the maker of its token; false when there is none. */
bool maker_take(struct maker *makers, size_t count, const struct key *key);

#endif
