/* turn: one at a time, for work on the token that takes seconds.
 *
 * A mutex would do but for two things: who waits must be able to give up in time to say so, and
 * the turn of a call whose caller has left is given back by whoever hears of its end. */
#include "pkcs11/turn.h"

#include <assert.h>

#include "base/clock.h"
#include "base/sync.h"

#include "base/banned.h"

void turn_init(struct turn *turn)
{
    *turn = (struct turn){0};
    sync_init(&turn->mutex, NULL);
}

void turn_clear(struct turn *turn)
{
    assert(turn->line.count == 0);
    sync_destroy(&turn->mutex, NULL);
}

bool turn_take(struct turn *turn, int64_t deadline_ns)
{
    struct line_place place;
    sync_lock(&turn->mutex);
    line_join(&turn->line, &place);
    bool late = false;
    while ((turn->taken || turn->line.first != &place) && !late) {
        line_wait(&place, &turn->mutex, deadline_ns);
        late = clock_mono_ns() >= deadline_ns;
    }
    bool took = !turn->taken && turn->line.first == &place;
    turn->taken = turn->taken || took;
    line_leave(&turn->line, &place);
    if (!turn->taken) {
        line_call_first(&turn->line); /* who was called in our place */
    }
    sync_unlock(&turn->mutex);
    return took;
}

void turn_give(struct turn *turn)
{
    sync_lock(&turn->mutex);
    assert(turn->taken);
    turn->taken = false;
    line_call_first(&turn->line);
    sync_unlock(&turn->mutex);
}
