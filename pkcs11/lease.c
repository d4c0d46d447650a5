/* lease: the desk where callers borrow channels.
 *
 * The supervisor opens the desk when a worker has said hello and shuts it when the worker is gone;
 * in between, channels come and go under the desk's mutex, which nothing holds while it waits for
 * the token. A channel that comes back from an older generation, or after its worker was found
 * broken, is never lent again. Sockets are closed only by lease_desk_drain, when no borrower is
 * left that could read from a descriptor that now means something else.
 *
 * The worker makes, destroys and lists objects one call at a time. Those calls wait for their turn
 * here, before they hold a channel, so that they never keep the channels from the quick ones. The
 * turn stays with the channel until the worker is done, even when its caller has left. */
#include "pkcs11/lease.h"

#include <assert.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

/* A restart takes less; callers that wait longer only fill the gateway. */
#define PATIENCE_MS 2000
#define DRAIN_MS    1000

void lease_desk_init(struct lease_desk *desk, unsigned channels)
{
    *desk = (struct lease_desk){.count = channels, .gate = LEASE_WAIT};
    bell_init(&desk->bell);
    desk->channels = mem_array(channels, sizeof(struct channel));
    for (unsigned i = 0; i < channels; i++) {
        channel_init(&desk->channels[i]);
    }
    turn_init(&desk->changes);
    sync_init(&desk->mutex, &desk->returned);
}

void lease_desk_clear(struct lease_desk *desk)
{
    assert(desk->busy == 0 && desk->callers == 0);
    for (unsigned i = 0; i < desk->count; i++) {
        channel_clear(&desk->channels[i]);
    }
    mem_free(desk->channels);
    bell_clear(&desk->bell);
    turn_clear(&desk->changes);
    sync_destroy(&desk->mutex, &desk->returned);
}

/* The one place where a channel's place changes. The mutex is held. */
static void move(struct lease_desk *desk, struct channel *channel, enum channel_place place)
{
    desk->busy -= channel->place == CHANNEL_LENT ? 1 : 0;
    desk->owed -= channel->place == CHANNEL_OWED ? 1 : 0;
    desk->busy += place == CHANNEL_LENT ? 1 : 0;
    desk->owed += place == CHANNEL_OWED ? 1 : 0;
    desk->free_count -= channel->place == CHANNEL_FREE ? 1 : 0;
    desk->free_count += place == CHANNEL_FREE ? 1 : 0;
    if (channel->place == CHANNEL_FREE && place == CHANNEL_LENT) {
        desk->free = channel->next;
    } else if (place == CHANNEL_FREE) {
        channel->next = desk->free;
        desk->free = channel;
    }
    bool at_work = place == CHANNEL_LENT || place == CHANNEL_OWED;
    if (channel->has_turn && !at_work) {
        channel->has_turn = false;
        turn_give(&desk->changes);
    }
    channel->place = place;
}

void lease_desk_open(struct lease_desk *desk, int *fds, unsigned usable, uint64_t generation,
                     uint32_t epoch)
{
    sync_lock(&desk->mutex);
    assert(desk->busy == 0 && desk->owed == 0 && desk->gate != LEASE_SERVE);
    for (unsigned i = desk->count; i-- > 0;) {
        struct channel *channel = &desk->channels[i];
        channel->fd = fds[i];
        fds[i] = -1;
        if (i < usable) {
            move(desk, channel, CHANNEL_FREE);
        }
    }
    desk->generation = generation;
    desk->epoch = epoch;
    desk->gate = LEASE_SERVE;
    line_call_all(&desk->line); /* they have more patience now */
    sync_unlock(&desk->mutex);
}

/* Only the channels that are lent stay as they are, until they come back. */
static void shut_locked(struct lease_desk *desk, enum lease_gate gate)
{
    desk->gate = gate;
    desk->free = NULL;
    for (unsigned i = 0; i < desk->count; i++) {
        if (desk->channels[i].place != CHANNEL_LENT) {
            move(desk, &desk->channels[i], CHANNEL_IDLE);
        }
    }
    desk->patience_ns = clock_deadline(PATIENCE_MS);
    line_call_all(&desk->line);
}

void lease_desk_shut(struct lease_desk *desk, enum lease_gate gate)
{
    assert(gate != LEASE_SERVE);
    sync_lock(&desk->mutex);
    shut_locked(desk, gate);
    sync_unlock(&desk->mutex);
}

void lease_desk_drain(struct lease_desk *desk)
{
    for (unsigned i = 0; i < desk->count; i++) {
        if (desk->channels[i].fd >= 0) {
            (void)shutdown(desk->channels[i].fd, SHUT_RDWR);
        }
    }
    sync_lock(&desk->mutex);
    assert(desk->gate != LEASE_SERVE);
    while (desk->busy > 0) {
        (void)sync_wait(&desk->returned, &desk->mutex, clock_deadline(DRAIN_MS));
    }
    for (unsigned i = 0; i < desk->count; i++) {
        fd_close(&desk->channels[i].fd);
    }
    sync_unlock(&desk->mutex);
}

/* How long a caller may wait in the desk's present state. */
static int64_t wait_until(const struct lease_desk *desk, int64_t deadline_ns)
{
    bool starting = desk->gate == LEASE_WAIT;
    return starting && desk->patience_ns < deadline_ns ? desk->patience_ns : deadline_ns;
}

/* Those for whom there is a channel, or will be when the worker has started, do not count. */
static bool is_full(const struct lease_desk *desk)
{
    unsigned called = desk->gate == LEASE_WAIT ? desk->count : desk->free_count;
    return desk->queue_max > 0 && desk->line.count >= desk->queue_max + called;
}

static struct err wait_in_line(struct lease_desk *desk, struct line_place *place,
                               int64_t deadline_ns)
{
    while (desk->free == NULL || desk->line.first != place) {
        ENSURE(desk->gate != LEASE_REFUSE, ERR_TOKEN_UNAVAILABLE, "the token is down");
        int64_t until = wait_until(desk, deadline_ns);
        bool late = clock_mono_ns() >= until;
        ENSURE(!late || desk->gate != LEASE_WAIT, ERR_TOKEN_UNAVAILABLE, "the token is starting");
        ENSURE(!late, ERR_OVERLOADED, "every session of the token is busy");
        line_wait(place, &desk->mutex, until);
    }
    return err_ok();
}

static struct err wait_for_channel(struct lease_desk *desk, int64_t deadline_ns)
{
    struct line_place place;
    if (desk->free != NULL && desk->line.count == 0) {
        return err_ok();
    }
    ENSURE(desk->gate != LEASE_REFUSE, ERR_TOKEN_UNAVAILABLE, "the token is down");
    ENSURE(!is_full(desk), ERR_OVERLOADED, "too many requests wait for the token");
    line_join(&desk->line, &place);
    struct err err = wait_in_line(desk, &place, deadline_ns);
    line_leave(&desk->line, &place);
    return err;
}

/* One more caller, unless there are too many. */
static struct err enter(struct lease_desk *desk)
{
    sync_lock(&desk->mutex);
    bool full = desk->calls_max > 0 && desk->callers >= desk->calls_max;
    desk->callers += full ? 0 : 1;
    sync_unlock(&desk->mutex);
    ENSURE(!full, ERR_OVERLOADED, "too many requests wait for the token");
    return err_ok();
}

static void leave(struct lease_desk *desk)
{
    sync_lock(&desk->mutex);
    desk->callers--;
    sync_unlock(&desk->mutex);
}

static struct err borrow(struct lease_desk *desk, enum lease_use use, int64_t deadline_ns,
                         struct lease *out)
{
    sync_lock(&desk->mutex);
    struct err err = wait_for_channel(desk, deadline_ns);
    if (err.code == ERR_OK) {
        struct channel *channel = desk->free;
        move(desk, channel, CHANNEL_LENT);
        channel->has_turn = use == LEASE_CHANGE;
        *out = (struct lease){.desk = desk, .channel = channel, .generation = desk->generation};
    }
    if (desk->free != NULL) {
        line_call_first(&desk->line); /* who may have been called for a channel that we left */
    }
    sync_unlock(&desk->mutex);
    return err;
}

/* One more that waits for its turn, unless there are too many. */
static bool enter_turns(struct lease_desk *desk)
{
    sync_lock(&desk->mutex);
    bool full = desk->queue_max > 0 && desk->turn_waits >= desk->queue_max;
    desk->turn_waits += full ? 0 : 1;
    sync_unlock(&desk->mutex);
    return !full;
}

static void leave_turns(struct lease_desk *desk)
{
    sync_lock(&desk->mutex);
    desk->turn_waits--;
    sync_unlock(&desk->mutex);
}

static struct err borrow_in_turn(struct lease_desk *desk, int64_t deadline_ns, struct lease *out)
{
    ENSURE(enter_turns(desk), ERR_OVERLOADED, "too many new keys wait for the token");
    bool took = turn_take(&desk->changes, deadline_ns);
    leave_turns(desk);
    ENSURE(took, ERR_OVERLOADED, "the token is busy with other new keys");
    struct err err = borrow(desk, LEASE_CHANGE, deadline_ns, out);
    if (err.code != ERR_OK) {
        turn_give(&desk->changes);
    }
    return err;
}

struct err lease_begin(struct lease_desk *desk, enum lease_use use, int64_t deadline_ns,
                       struct lease *out)
{
    TRY(enter(desk));
    struct err err = use == LEASE_CHANGE ? borrow_in_turn(desk, deadline_ns, out)
                                         : borrow(desk, use, deadline_ns, out);
    if (err.code != ERR_OK) {
        leave(desk);
    }
    return err;
}

/* Ends the lease with the desk's mutex held. A channel of a worker that must die is of no use. */
static void give_back(struct lease *lease, enum channel_place place)
{
    struct lease_desk *desk = lease->desk;
    bool serves = desk->gate == LEASE_SERVE;
    assert(!serves || lease->generation == desk->generation);
    move(desk, lease->channel, serves ? place : CHANNEL_IDLE);
    desk->callers--;
    if (!serves) {
        sync_wake_all(&desk->returned); /* the supervisor may be draining */
    } else if (place == CHANNEL_FREE) {
        line_call_first(&desk->line);
    }
    *lease = (struct lease){0};
}

static void note_epoch(struct lease_desk *desk, uint32_t epoch)
{
    desk->epoch = epoch > desk->epoch ? epoch : desk->epoch;
}

void lease_end(struct lease *lease, uint32_t epoch)
{
    struct lease_desk *desk = lease->desk;
    if (desk == NULL) {
        return;
    }
    channel_reset(lease->channel);
    sync_lock(&desk->mutex);
    if (desk->gate == LEASE_SERVE) {
        note_epoch(desk, epoch);
    }
    give_back(lease, CHANNEL_FREE);
    sync_unlock(&desk->mutex);
}

void lease_break(struct lease *lease)
{
    struct lease_desk *desk = lease->desk;
    channel_reset(lease->channel);
    sync_lock(&desk->mutex);
    if (desk->gate == LEASE_SERVE) {
        shut_locked(desk, LEASE_WAIT);
    }
    give_back(lease, CHANNEL_IDLE);
    sync_unlock(&desk->mutex);
}

void lease_owe(struct lease *lease, int64_t until_ns)
{
    struct lease_desk *desk = lease->desk;
    channel_reset(lease->channel);
    sync_lock(&desk->mutex);
    lease->channel->owed_until_ns = until_ns;
    give_back(lease, CHANNEL_OWED);
    bell_reach(&desk->bell); /* afterwards the desk may be about to go */
    sync_unlock(&desk->mutex);
    bell_ring(&desk->bell);
}

unsigned lease_desk_owed(struct lease_desk *desk, struct channel **out, unsigned max)
{
    unsigned count = 0;
    sync_lock(&desk->mutex);
    for (unsigned i = 0; i < desk->count && count < desk->owed && count < max; i++) {
        if (desk->channels[i].place == CHANNEL_OWED) {
            out[count] = &desk->channels[i];
            count++;
        }
    }
    sync_unlock(&desk->mutex);
    return count;
}

void lease_desk_settle(struct lease_desk *desk, struct channel *channel, uint32_t epoch)
{
    channel_reset(channel);
    sync_lock(&desk->mutex);
    if (channel->place == CHANNEL_OWED) { /* else the desk has been shut meanwhile */
        note_epoch(desk, epoch);
        move(desk, channel, CHANNEL_FREE);
        line_call_first(&desk->line);
    }
    sync_unlock(&desk->mutex);
}

void lease_desk_look(struct lease_desk *desk, unsigned *out_busy, uint32_t *out_epoch)
{
    sync_lock(&desk->mutex);
    *out_busy = desk->busy + desk->owed;
    *out_epoch = desk->epoch;
    sync_unlock(&desk->mutex);
}
