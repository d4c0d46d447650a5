/* turn: one at a time, for work on the token that takes seconds.
 *
 * A mutex would do but for two things: who waits must be able to give up in time to say so, and
 * the turn of a call whose caller has left is given back by whoever hears of its end. */
#include "pkcs11/turn.h"

#include <assert.h>

#include "base/clock.h"

#include "base/banned.h"

void turn_init(struct turn *turn)
{
    *turn = (struct turn){0};
    sync_init(&turn->mutex, &turn->given);
}

void turn_clear(struct turn *turn)
{
    sync_destroy(&turn->mutex, &turn->given);
}

bool turn_take(struct turn *turn, int64_t deadline_ns)
{
    sync_lock(&turn->mutex);
    bool late = false;
    while (turn->taken && !late) {
        late = !sync_wait(&turn->given, &turn->mutex, deadline_ns);
    }
    bool took = !turn->taken;
    turn->taken = true;
    sync_unlock(&turn->mutex);
    return took;
}

void turn_give(struct turn *turn)
{
    sync_lock(&turn->mutex);
    assert(turn->taken);
    turn->taken = false;
    sync_wake_one(&turn->given);
    sync_unlock(&turn->mutex);
}
