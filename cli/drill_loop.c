/* One thread, one client. Nothing is measured under the lock, and nothing is called under it. */
#include "cli/drill_loop.h"

#include "base/clock.h"

bool drill_has_good(const struct drill_counts *counts, int64_t value)
{
    return (int64_t)counts->good >= value;
}

bool drill_has_refused(const struct drill_counts *counts, int64_t value)
{
    return (int64_t)counts->refused >= value;
}

bool drill_has_version(const struct drill_counts *counts, int64_t value)
{
    return counts->version >= value;
}

static void count(struct drill_counts *counts, enum drill_use result, int64_t version,
                  const struct err *err)
{
    const int64_t now_ns = clock_mono_ns();
    counts->good += result == DRILL_GOOD ? 1 : 0;
    counts->good_after_refusal += result == DRILL_GOOD && counts->refused > 0 ? 1 : 0;
    counts->refused += result == DRILL_REFUSED ? 1 : 0;
    counts->failed += result == DRILL_FAILED ? 1 : 0;
    if (result == DRILL_REFUSED && counts->first_refusal_ns == 0) {
        counts->first_refusal_ns = now_ns;
    }
    if (result == DRILL_FAILED && counts->failed == 1) {
        counts->first_failure = *err;
    }
    if (result == DRILL_GOOD && version != counts->version) {
        counts->version = version;
        counts->version_ns = now_ns;
    }
}

static void *run(void *arg)
{
    struct drill_loop *loop = arg;
    for (bool stopping = false; !stopping;) {
        int64_t version = 0;
        struct err err = err_ok();
        const enum drill_use result = loop->use(loop->client, loop->arg, &version, &err);
        sync_lock(&loop->mutex);
        count(&loop->counts, result, version, &err);
        stopping = loop->stopping;
        sync_wake_all(&loop->changed);
        sync_unlock(&loop->mutex);
    }
    return NULL;
}

struct err drill_loop_start(struct drill_loop *loop, drill_user *use, void *arg)
{
    *loop = (struct drill_loop){.use = use, .arg = arg};
    TRY(client_open(&loop->client));
    sync_init(&loop->mutex, &loop->changed);
    loop->thread = sync_thread("drill", run, loop);
    loop->running = true;
    return err_ok();
}

bool drill_loop_wait(struct drill_loop *loop, drill_wanted *wanted, int64_t value, int64_t wait_ms,
                     struct drill_counts *out)
{
    const int64_t deadline_ns = clock_deadline(wait_ms);
    sync_lock(&loop->mutex);
    bool late = false;
    while (!wanted(&loop->counts, value) && !late) {
        late = !sync_wait(&loop->changed, &loop->mutex, deadline_ns);
    }
    const bool there = wanted(&loop->counts, value);
    *out = loop->counts;
    sync_unlock(&loop->mutex);
    return there;
}

void drill_loop_stop(struct drill_loop *loop)
{
    if (!loop->running) {
        return;
    }
    sync_lock(&loop->mutex);
    loop->stopping = true;
    sync_unlock(&loop->mutex);
    (void)pthread_join(loop->thread, NULL);
    sync_destroy(&loop->mutex, &loop->changed);
    client_close(loop->client);
    loop->running = false;
}
