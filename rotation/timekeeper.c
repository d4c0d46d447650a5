/* timekeeper: the process's one sense of time, and its row in the store.
 *
 * Requests only compare two clocks with an offset, without a lock. The scheduler reads it in full,
 * which is when a changed wall clock is noticed, and saves it once a minute: after a crash the
 * lived clock is behind by that much at most, which makes every wait longer and none shorter. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "rotation/sense.h"

#define NS_PER_MS 1000000

struct timekeeper {
    struct keystore *store;
    _Atomic int64_t calm_offset; /* calm, unix ms, less the monotonic clock in ms */
    pthread_mutex_t mutex;       /* guards the rest */
    struct sense sense;
    bool leapt; /* as was said in the log */
};

static struct sense_clocks clocks_now(void)
{
    return (struct sense_clocks){.wall = clock_wall_ms(), .mono_ns = clock_mono_ns()};
}

static void keep_offset(struct timekeeper *keeper, const struct moment *moment, int64_t mono_ns)
{
    atomic_store_explicit(&keeper->calm_offset, moment->calm - mono_ns / NS_PER_MS,
                          memory_order_relaxed);
}

struct err timekeeper_open(struct keystore *store, struct timekeeper **out)
{
    struct lived_clock stored = {0};
    TRY(keystore_load_clock(store, &stored));
    struct timekeeper *keeper = mem_alloc(sizeof(*keeper));
    struct sense_clocks clocks = clocks_now();
    struct moment moment;
    keeper->store = store;
    sync_init(&keeper->mutex, NULL);
    sense_start(&stored, &clocks, &keeper->sense);
    sense_read(&keeper->sense, &clocks, &moment);
    keep_offset(keeper, &moment, clocks.mono_ns);
    *out = keeper;
    return err_ok();
}

void timekeeper_close(struct timekeeper *keeper)
{
    if (keeper == NULL) {
        return;
    }
    struct err err = timekeeper_save(keeper);
    if (err.code != ERR_OK) {
        log_warning("rotation", "the clock was not saved at the end: %s", err.detail);
    }
    sync_destroy(&keeper->mutex, NULL);
    mem_free(keeper);
}

/* One line when the clocks part, one when they meet again. */
static void tell(const struct moment *moment, bool before)
{
    if (moment->leapt && !before) {
        log_error("rotation",
                  "the wall clock has leapt by %lld s: schedules go on without it, nothing that is "
                  "due by the leap alone is destroyed; correct the clock, or accept it with "
                  "`hsmgate clock accept`",
                  (long long)(moment->behind / 1000));
    }
    if (!moment->leapt && before) {
        log_info("rotation", "schedules follow the wall clock again");
    }
}

void timekeeper_read(struct timekeeper *keeper, struct moment *out)
{
    sync_lock(&keeper->mutex);
    struct sense_clocks clocks = clocks_now();
    sense_read(&keeper->sense, &clocks, out);
    keep_offset(keeper, out, clocks.mono_ns);
    bool before = keeper->leapt;
    keeper->leapt = out->leapt;
    sync_unlock(&keeper->mutex);
    tell(out, before);
}

int64_t timekeeper_latest(struct timekeeper *keeper)
{
    int64_t calm = clock_mono_ns() / NS_PER_MS +
                   atomic_load_explicit(&keeper->calm_offset, memory_order_relaxed);
    int64_t wall = clock_wall_ms();
    return wall > calm ? wall : calm;
}

struct err timekeeper_save(struct timekeeper *keeper)
{
    sync_lock(&keeper->mutex);
    struct sense_clocks clocks = clocks_now();
    struct lived_clock clock = sense_stored(&keeper->sense, &clocks);
    sync_unlock(&keeper->mutex);
    return keystore_save_clock(keeper->store, &clock);
}

struct err timekeeper_accept(struct timekeeper *keeper, struct moment *out)
{
    sync_lock(&keeper->mutex);
    struct sense_clocks clocks = clocks_now();
    sense_accept(&keeper->sense, &clocks);
    sync_unlock(&keeper->mutex);
    timekeeper_read(keeper, out);
    return timekeeper_save(keeper);
}
