/* convoy: while the token's work is done by this machine's own processors, more frames under way
 * than there are processors gain nothing, and each costs two wake-ups and four system calls. Then a
 * call that finds enough of them under way waits, and whoever comes back takes all that wait along,
 * in one frame (flat combining: Hendler, Incze, Shavit, Tzafrir, SPAA 2010). A token that works by
 * itself, as an HSM does, is kept busy by its sessions: there each call has a frame of its own.
 * Which of the two it is, the worker's share of processor time tells.
 *
 * Nobody waits for long: a frame takes no more than WORK_NS of work along, or when many wait a part
 * of them, up to WORK_MAX_NS; and who was not taken in PATIENCE_NS goes alone. Calls that are
 * large, or short of time, never wait: so a shared frame has all the time that a token may take,
 * and never is too large. The mutex is not held while a frame travels; a ride that travels or has
 * arrived belongs to its frame's leader until its gate opens.
 */
#include "pkcs11/convoy.h"

#include <assert.h>
#include <unistd.h>

#include "base/clock.h"

#include "base/banned.h"

#define WORK_NS     INT64_C(2000000)
#define WORK_MAX_NS INT64_C(16000000)
#define LINE_PARTS  4
#define PATIENCE_NS INT64_C(50000000)
#define QUICK_NS    INT64_C(200000)
#define QUEUE_NS    INT64_C(500000000) /* of work may wait */
#define FRAME_MAX   64                 /* items of a frame that several calls share */
#define ITEMS_MAX   16                 /* of a call that travels with others */
#define BYTES_MAX   ((size_t)16 << 10)
#define LOCAL_SHARE INT64_C(64)   /* 255ths: the machine's own processors do at least a quarter */
#define K           INT64_C(1024) /* shares are averaged in finer steps than they come */

void convoy_init(struct convoy *convoy, convoy_driver *drive, void *arg)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    *convoy = (struct convoy){.drive = drive,
                              .arg = arg,
                              .patience_ns = PATIENCE_NS,
                              .frames_max = processors > 0 ? (unsigned)processors : 1};
    sync_init(&convoy->mutex, NULL);
}

void convoy_clear(struct convoy *convoy)
{
    assert(convoy->waiting == 0 && convoy->frames == 0);
    sync_destroy(&convoy->mutex, NULL);
}

/* --- who travels with others --- */

static size_t bytes_of(const struct ride *ride)
{
    size_t bytes = 0;
    for (size_t i = 0; i < ride->count; i++) {
        bytes += ride->items[i].input.len + ride->items[i].aad.len + ride->items[i].bytes;
    }
    return bytes;
}

static bool is_light(const struct convoy *convoy, const struct ride *ride)
{
    return ride->op != TOKEN_RANDOM && ride->count <= ITEMS_MAX && bytes_of(ride) <= BYTES_MAX &&
           ride->deadline_ns - clock_mono_ns() >= convoy->operation_ns;
}

/* --- under the mutex --- */

static bool is_local(const struct convoy *convoy)
{
    return convoy->share_k >= LOCAL_SHARE * K;
}

/* Quick items cost the front about what they cost the token: then one processor is the front's. */
static unsigned frames_limit(const struct convoy *convoy)
{
    return convoy->item_ns < QUICK_NS && convoy->frames_max > 1 ? convoy->frames_max - 1
                                                                : convoy->frames_max;
}

/* How many items fit into so much time; at least one. */
static size_t items_in(const struct convoy *convoy, int64_t ns)
{
    return convoy->item_ns > 0 && convoy->item_ns < ns ? (size_t)(ns / convoy->item_ns) : 1;
}

static void learn(struct convoy *convoy, const struct convoy_pace *pace)
{
    if (pace->took_ns <= 0 || pace->items == 0) {
        return;
    }
    int64_t item_ns = pace->took_ns / (int64_t)pace->items;
    convoy->item_ns += (item_ns - convoy->item_ns) / 8;
    convoy->share_k += (pace->share * K - convoy->share_k) / 8;
}

static void join(struct convoy *convoy, struct ride *ride)
{
    if (convoy->first == NULL) {
        convoy->first = ride;
    } else {
        convoy->last->next = ride;
    }
    convoy->last = ride;
    ride->patience_ns = convoy->patience_ns + convoy->waiting * convoy->item_ns;
    convoy->waiting++;
    ride->place = RIDE_WAITS;
}

/* Takes the ride that stands at `at` out of the line; `before` stands before it, or NULL. */
static struct ride *take_out(struct convoy *convoy, struct ride **at, struct ride *before)
{
    struct ride *ride = *at;
    *at = ride->next;
    convoy->last = convoy->last == ride ? before : convoy->last;
    convoy->waiting--;
    ride->next = NULL;
    return ride;
}

static void take_impatient(struct convoy *convoy, struct ride *ride)
{
    struct ride *before = NULL;
    struct ride **at = &convoy->first;
    while (*at != ride) {
        before = *at;
        at = &before->next;
    }
    (void)take_out(convoy, at, before);
    ride->impatient = true;
    ride->place = RIDE_LEADS;
    convoy->frames++;
}

/* Items that one frame takes: little work, or a part of what stands in line, which waits anyway. */
static size_t frame_room(const struct convoy *convoy)
{
    size_t little = items_in(convoy, WORK_NS);
    size_t most = items_in(convoy, WORK_MAX_NS);
    size_t part = convoy->waiting / LINE_PARTS;
    size_t room = part < little ? little : part < most ? part : most;
    return room < FRAME_MAX ? room : FRAME_MAX;
}

/* Takes along, behind the leader, those that wait for the same operation. */
static void take_along(struct convoy *convoy, struct ride *leader)
{
    size_t room = frame_room(convoy);
    size_t taken = leader->count;
    struct ride *last = leader;
    struct ride *before = NULL;
    struct ride **at = &convoy->first;
    while (*at != NULL) {
        struct ride *ride = *at;
        if (ride->op == leader->op && taken + ride->count <= room) {
            taken += ride->count;
            last->next = take_out(convoy, at, before);
            last = ride;
            ride->place = RIDE_TRAVELS;
        } else {
            before = ride;
            at = &ride->next;
        }
    }
}

/* Who leads the next frame, or NULL. */
static struct ride *next_leader(struct convoy *convoy)
{
    if (convoy->first == NULL || convoy->frames > frames_limit(convoy)) {
        convoy->frames--;
        return NULL;
    }
    struct ride *next = take_out(convoy, &convoy->first, NULL);
    next->place = RIDE_LEADS;
    return next;
}

/* --- a ride --- */

/* Some may wait whatever an item took lately: a mended login makes a few of them slow. */
static bool is_full(const struct convoy *convoy)
{
    unsigned calls = convoy->waiting + convoy->frames;
    bool stands = convoy->waiting >= convoy->waiting_min &&
                  convoy->waiting >= items_in(convoy, QUEUE_NS) * convoy->frames_max;
    return stands || (convoy->calls_max > 0 && calls >= convoy->calls_max);
}

/* Leads, waits, or may not even wait. */
static struct err board(struct convoy *convoy, struct ride *ride, bool *out_waits)
{
    sync_lock(&convoy->mutex);
    bool free = convoy->frames < frames_limit(convoy) && convoy->first == NULL;
    bool full = !free && is_full(convoy);
    if (free) {
        ride->place = RIDE_LEADS;
        convoy->frames++;
    } else if (!full) {
        join(convoy, ride);
    }
    sync_unlock(&convoy->mutex);
    ENSURE(!full, ERR_OVERLOADED, "too many requests wait for the token");
    *out_waits = !free;
    return err_ok();
}

/* Until it was taken to the token, or has to lead. */
static void wait_for_others(struct convoy *convoy, struct ride *ride)
{
    if (sync_gate_wait(&ride->called, clock_mono_ns() + ride->patience_ns)) {
        return;
    }
    sync_lock(&convoy->mutex);
    bool waits = ride->place == RIDE_WAITS;
    if (waits) {
        take_impatient(convoy, ride);
    }
    sync_unlock(&convoy->mutex);
    while (!waits && !sync_gate_wait(&ride->called, clock_deadline(60000))) {
        /* it is under way, and arrives */
    }
}

/* Calls those that came along; each is gone as soon as it was called. */
static void arrive(struct ride *ride)
{
    while (ride != NULL) {
        struct ride *next = ride->next;
        sync_gate_open(&ride->called);
        ride = next;
    }
}

static void lead(struct convoy *convoy, struct ride *ride)
{
    struct convoy_pace pace = {0};
    if (!ride->impatient) {
        sync_lock(&convoy->mutex);
        take_along(convoy, ride);
        sync_unlock(&convoy->mutex);
    }
    convoy->drive(convoy->arg, ride, &pace);
    sync_lock(&convoy->mutex);
    learn(convoy, &pace);
    struct ride *next = next_leader(convoy);
    sync_unlock(&convoy->mutex);
    if (next != NULL) {
        sync_gate_open(&next->called);
    }
    arrive(ride->next);
}

/* Alone, whatever the others do. True: the ride is over. */
static bool goes_alone(struct convoy *convoy, struct ride *ride)
{
    sync_lock(&convoy->mutex);
    bool joins = is_local(convoy);
    sync_unlock(&convoy->mutex);
    if (joins && is_light(convoy, ride)) {
        return false;
    }
    struct convoy_pace pace = {0};
    convoy->drive(convoy->arg, ride, &pace);
    sync_lock(&convoy->mutex);
    learn(convoy, &pace);
    sync_unlock(&convoy->mutex);
    return true;
}

struct err convoy_run(struct convoy *convoy, struct ride *ride)
{
    if (goes_alone(convoy, ride)) {
        return ride->err;
    }
    bool waits = false;
    TRY(board(convoy, ride, &waits));
    if (waits) {
        wait_for_others(convoy, ride);
    }
    if (ride->place == RIDE_LEADS) {
        lead(convoy, ride);
    }
    return ride->err;
}
