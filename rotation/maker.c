/* maker: one thread and one queue for each token. A key that waits here is planned again when its
 * turn comes, for it may have waited long. */
#include "rotation/maker.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sync.h"
#include "rotation/step.h"

/* The longest that one step may take: larger RSA keys need a minute on a slow token. */
#define STEP_MS ((int64_t)180 * 1000)
#define IDLE_MS ((int64_t)3600 * 1000)

struct waiting {
    struct uuid id;
    struct waiting *next;
};

struct maker {
    struct scheduler *scheduler;
    const char *token;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    struct waiting *first;
    struct waiting **last;
    bool stopping;
};

/* False when all stops. */
static bool next_key(struct maker *maker, struct uuid *out)
{
    sync_lock(&maker->mutex);
    while (maker->first == NULL && !maker->stopping) {
        (void)sync_wait(&maker->changed, &maker->mutex, clock_deadline(IDLE_MS));
    }
    bool found = !maker->stopping;
    struct waiting *waiting = found ? maker->first : NULL;
    if (waiting != NULL) {
        *out = waiting->id;
        maker->first = waiting->next;
        maker->last = maker->first == NULL ? &maker->first : maker->last;
    }
    sync_unlock(&maker->mutex);
    mem_free(waiting);
    return found;
}

static void run_key(struct maker *maker, struct uuid id)
{
    const struct scheduler_config *config = &maker->scheduler->config;
    struct plan_step step = {.action = PLAN_NONE};
    struct moment moment;
    CLEANUP(key_release_at) const struct key *key = keystore_find_id(config->rotation->store, id);
    if (key == NULL) {
        scheduler_leave(maker->scheduler, id, PLAN_TOKEN);
        return;
    }
    rotation_moment(config->rotation, &moment);
    plan_next(key, &config->rotation->rules, &moment, PLAN_TOKEN, &step);
    bool due = step.action != PLAN_NONE && step.wait_ms == 0 && !step.held;
    struct stepping stepping = {.rotation = config->rotation,
                                .audit = config->audit,
                                .key = key,
                                .moment = &moment,
                                .deadline_ns = clock_deadline(STEP_MS)};
    if (due) {
        struct err err = step_run(&stepping, &step);
        scheduler_finish(maker->scheduler, key, &step, &err);
    } else {
        scheduler_leave(maker->scheduler, id, PLAN_TOKEN);
    }
}

static void *run(void *arg)
{
    struct maker *maker = arg;
    struct uuid id;
    while (next_key(maker, &id)) {
        run_key(maker, id);
        scheduler_nudge(maker->scheduler);
    }
    return NULL;
}

struct maker *makers_open(struct scheduler *scheduler)
{
    const struct rotation *rotation = scheduler->config.rotation;
    struct maker *makers = mem_array(rotation->token_count, sizeof(*makers));
    for (size_t i = 0; i < rotation->token_count; i++) {
        makers[i].scheduler = scheduler;
        makers[i].token = token_name(rotation->tokens[i]);
        makers[i].last = &makers[i].first;
        sync_init(&makers[i].mutex, &makers[i].changed);
        makers[i].thread = sync_thread("maker", run, &makers[i]);
    }
    return makers;
}

static void stop(struct maker *maker)
{
    sync_lock(&maker->mutex);
    maker->stopping = true;
    sync_wake_all(&maker->changed);
    sync_unlock(&maker->mutex);
}

void makers_close(struct maker *makers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        stop(&makers[i]);
    }
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(makers[i].thread, NULL);
        while (makers[i].first != NULL) {
            struct waiting *waiting = makers[i].first;
            makers[i].first = waiting->next;
            mem_free(waiting);
        }
        sync_destroy(&makers[i].mutex, &makers[i].changed);
    }
    mem_free(makers);
}

static void append(struct maker *maker, struct uuid id)
{
    struct waiting *waiting = mem_alloc(sizeof(*waiting));
    waiting->id = id;
    sync_lock(&maker->mutex);
    *maker->last = waiting;
    maker->last = &waiting->next;
    sync_wake_all(&maker->changed);
    sync_unlock(&maker->mutex);
}

bool maker_take(struct maker *makers, size_t count, const struct key *key)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(makers[i].token, key->token) == 0) {
            append(&makers[i], key->id);
            return true;
        }
    }
    return false;
}
