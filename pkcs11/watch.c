/* watch: the worker's end, and the replies that nobody waits for any more.
 *
 * A caller whose own deadline is short leaves before the token has had its time. Killing the worker
 * then would let anybody with a short deadline kill a healthy one; so the channel is set aside, and
 * here its reply is read and thrown away, or its time runs out. Only the supervisor's thread reads
 * from a channel that owes a reply, and only it closes channels. */
#include "pkcs11/watch.h"

#include <poll.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pkcs11/reply.h"

#include "base/banned.h"

#define FOR_EVER_MS 3600000
#define FIXED       3 /* control, process, bell; then the owed channels */

struct watch {
    struct lease_desk *desk;
    struct channel *owed[SPAWN_CHANNELS_MAX];
    unsigned owed_count;
    struct pollfd entries[FIXED + SPAWN_CHANNELS_MAX];
};

static void prepare(struct watch *watch, const struct spawn *spawn)
{
    watch->owed_count = lease_desk_owed(watch->desk, watch->owed, SPAWN_CHANNELS_MAX);
    watch->entries[0] = (struct pollfd){.fd = spawn->control, .events = POLLIN};
    watch->entries[1] = (struct pollfd){.fd = spawn->pidfd, .events = POLLIN};
    watch->entries[2] = (struct pollfd){.fd = watch->desk->bell.fd, .events = POLLIN};
    for (unsigned i = 0; i < watch->owed_count; i++) {
        watch->entries[FIXED + i] = (struct pollfd){.fd = watch->owed[i]->fd, .events = POLLIN};
    }
}

static int64_t first_limit(const struct watch *watch)
{
    int64_t first = clock_deadline(FOR_EVER_MS);
    for (unsigned i = 0; i < watch->owed_count; i++) {
        int64_t limit = watch->owed[i]->owed_until_ns;
        first = limit < first ? limit : first;
    }
    return first;
}

/* False: *out says how the worker ends. */
static bool settle(struct watch *watch, struct channel *channel, enum watch_end *out)
{
    struct frame_head head = {0};
    struct err err = frame_receive(channel->fd, channel->owed_until_ns, &head, &channel->in);
    if (err.code != ERR_OK || head.class == FRAME_PIN || reply_is_lost(head.class)) {
        enum watch_end lost = head.class == FRAME_PIN ? WATCH_PIN : WATCH_LOST;
        *out = err.code == ERR_DEADLINE ? WATCH_LATE : lost;
        return false;
    }
    lease_desk_settle(watch->desk, channel, head.epoch);
    return true;
}

static bool settle_all(struct watch *watch, enum watch_end *out)
{
    for (unsigned i = 0; i < watch->owed_count; i++) {
        if (watch->entries[FIXED + i].revents != 0 && !settle(watch, watch->owed[i], out)) {
            return false;
        }
    }
    return true;
}

/* One wait. False: *out says how the worker ends. */
static bool watch_once(struct watch *watch, enum watch_end *out)
{
    int64_t limit = first_limit(watch);
    int64_t left_ms = clock_left_ms(limit);
    int ready = poll(watch->entries, FIXED + watch->owed_count,
                     left_ms < FOR_EVER_MS ? (int)left_ms : FOR_EVER_MS);
    if (ready > 0 && (watch->entries[0].revents != 0 || watch->entries[1].revents != 0)) {
        *out = WATCH_GONE;
        return false;
    }
    if (ready > 0 && watch->entries[2].revents != 0) {
        bell_hear(&watch->desk->bell);
    }
    if (ready > 0 && !settle_all(watch, out)) {
        return false;
    }
    *out = WATCH_LATE;
    return ready != 0 || watch->owed_count == 0 || clock_mono_ns() < limit;
}

enum watch_end watch_worker(const struct spawn *spawn, struct lease_desk *desk)
{
    CLEANUP(mem_free_at) struct watch *watch = mem_alloc(sizeof(*watch));
    watch->desk = desk;
    enum watch_end end = WATCH_GONE;
    do {
        prepare(watch, spawn);
    } while (watch_once(watch, &end));
    return end;
}
