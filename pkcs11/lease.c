/* lease: the desk where callers borrow channels.
 *
 * The supervisor opens the desk when a worker has said hello and shuts it when the worker is gone;
 * in between, channels come and go under the desk's mutex, which nothing holds while it waits for
 * the token. A channel that comes back from an older generation, or after its worker was found
 * broken, is never lent again. Sockets are closed only by lease_desk_drain, when no borrower is
 * left that could read from a descriptor that now means something else. */
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
    desk->channels = mem_array(channels, sizeof(struct channel));
    for (unsigned i = 0; i < channels; i++) {
        channel_init(&desk->channels[i]);
    }
    sync_init(&desk->mutex, &desk->changed);
}

void lease_desk_clear(struct lease_desk *desk)
{
    assert(desk->busy == 0);
    for (unsigned i = 0; i < desk->count; i++) {
        channel_clear(&desk->channels[i]);
    }
    mem_free(desk->channels);
    sync_destroy(&desk->mutex, &desk->changed);
}

void lease_desk_open(struct lease_desk *desk, int *fds, unsigned usable, uint64_t generation,
                     uint32_t epoch)
{
    sync_lock(&desk->mutex);
    assert(desk->busy == 0 && desk->gate != LEASE_SERVE);
    desk->free = NULL;
    for (unsigned i = desk->count; i-- > 0;) {
        struct channel *channel = &desk->channels[i];
        channel->fd = fds[i];
        fds[i] = -1;
        if (i < usable) {
            channel->next = desk->free;
            desk->free = channel;
        }
    }
    desk->generation = generation;
    desk->epoch = epoch;
    desk->gate = LEASE_SERVE;
    sync_wake_all(&desk->changed);
    sync_unlock(&desk->mutex);
}

static void shut_locked(struct lease_desk *desk, enum lease_gate gate)
{
    desk->free = NULL;
    desk->gate = gate;
    desk->patience_ns = clock_deadline(PATIENCE_MS);
    sync_wake_all(&desk->changed);
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
        (void)sync_wait(&desk->changed, &desk->mutex, clock_deadline(DRAIN_MS));
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

static struct err wait_for_channel(struct lease_desk *desk, int64_t deadline_ns)
{
    while (desk->free == NULL) {
        ENSURE(desk->gate != LEASE_REFUSE, ERR_TOKEN_UNAVAILABLE, "the token is down");
        int64_t until = wait_until(desk, deadline_ns);
        bool late = clock_mono_ns() >= until;
        ENSURE(!late || desk->gate != LEASE_WAIT, ERR_TOKEN_UNAVAILABLE, "the token is starting");
        ENSURE(!late, ERR_OVERLOADED, "every session of the token is busy");
        desk->waiting++;
        (void)sync_wait(&desk->changed, &desk->mutex, until);
        desk->waiting--;
    }
    return err_ok();
}

struct err lease_begin(struct lease_desk *desk, int64_t deadline_ns, struct lease *out)
{
    sync_lock(&desk->mutex);
    struct err err = wait_for_channel(desk, deadline_ns);
    if (err.code == ERR_OK) {
        struct channel *channel = desk->free;
        desk->free = channel->next;
        desk->busy++;
        *out = (struct lease){.desk = desk, .channel = channel, .generation = desk->generation};
    }
    sync_unlock(&desk->mutex);
    return err;
}

/* Ends the lease with the desk's mutex held. */
static void give_back(struct lease *lease)
{
    struct lease_desk *desk = lease->desk;
    desk->busy--;
    if (desk->gate != LEASE_SERVE) {
        sync_wake_all(&desk->changed); /* the supervisor may be draining */
    } else if (desk->waiting > 0) {
        sync_wake_one(&desk->changed);
    }
    *lease = (struct lease){0};
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
        assert(lease->generation == desk->generation);
        lease->channel->next = desk->free;
        desk->free = lease->channel;
        desk->epoch = epoch > desk->epoch ? epoch : desk->epoch;
    }
    give_back(lease);
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
    give_back(lease);
    sync_unlock(&desk->mutex);
}

void lease_desk_look(struct lease_desk *desk, unsigned *out_busy, uint32_t *out_epoch)
{
    sync_lock(&desk->mutex);
    *out_busy = desk->busy;
    *out_epoch = desk->epoch;
    sync_unlock(&desk->mutex);
}
