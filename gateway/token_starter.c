/* Tokens at start: one small thread each, which ends when its token is settled. It never gives up
 * by itself, because the supervisor behind token.h keeps starting the worker: between two looks it
 * waits on the condition that also stops it. */
#include "gateway/token_starter.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"

#define LOOK_MS      500
#define RECONCILE_MS 60000

enum progress { PROGRESS_WAITING, PROGRESS_FAILED, PROGRESS_SETTLED };

struct start {
    struct token_starter *starter;
    struct token *token;
    enum progress progress;
    pthread_t thread;
};

struct token_starter {
    pthread_mutex_t mutex; /* guards every progress, and stopping */
    pthread_cond_t changed;
    const struct rotation *rotation;
    struct start *starts;
    size_t count;
    bool stopping;
};

static void set_progress(struct start *start, enum progress progress)
{
    sync_lock(&start->starter->mutex);
    start->progress = progress;
    sync_wake_all(&start->starter->changed);
    sync_unlock(&start->starter->mutex);
}

static bool is_stopping(struct token_starter *starter)
{
    sync_lock(&starter->mutex);
    bool stopping = starter->stopping;
    sync_unlock(&starter->mutex);
    return stopping;
}

/* True when the starter stops. */
static bool pause_or_stop(struct token_starter *starter)
{
    int64_t until = clock_deadline(LOOK_MS);
    sync_lock(&starter->mutex);
    bool in_time = true;
    while (!starter->stopping && in_time) {
        in_time = sync_wait(&starter->changed, &starter->mutex, until);
    }
    bool stopping = starter->stopping;
    sync_unlock(&starter->mutex);
    return stopping;
}

static struct err settle(const struct start *start)
{
    struct token_starter *starter = start->starter;
    struct err err = token_wait_ready(start->token, clock_deadline(LOOK_MS));
    if (err.code != ERR_OK) {
        return err;
    }
    struct reconcile_report report = {0};
    struct moment moment;
    rotation_moment(starter->rotation, &moment);
    TRY(rotation_reconcile(starter->rotation, start->token, &moment, clock_deadline(RECONCILE_MS),
                           &report));
    log_info("token",
             "%s is ready: %zu unfinished versions undone, %zu destructions finished, %zu unknown "
             "objects, %zu missing",
             token_name(start->token), report.undone, report.destroyed, report.orphans,
             report.missing);
    return err_ok();
}

static void note_failure(struct start *start, const struct err *err)
{
    if (start->progress == PROGRESS_FAILED) {
        return; /* said once; the supervisor logs each of its tries */
    }
    log_error("token", "%s does not start: %s: %s; the others serve, it follows when it comes",
              token_name(start->token), err_word(err->code), err->detail);
    set_progress(start, PROGRESS_FAILED);
}

static void *run_thread(void *arg)
{
    struct start *start = arg;
    while (!is_stopping(start->starter)) {
        struct err err = settle(start);
        if (err.code == ERR_OK) {
            set_progress(start, PROGRESS_SETTLED);
            return NULL;
        }
        /* ERR_DEADLINE is only our own short look. */
        if (err.code != ERR_DEADLINE) {
            note_failure(start, &err);
            if (pause_or_stop(start->starter)) {
                return NULL;
            }
        }
    }
    return NULL;
}

struct token_starter *token_starter_open(const struct rotation *rotation)
{
    struct token_starter *starter = mem_alloc(sizeof(*starter));
    sync_init(&starter->mutex, &starter->changed);
    starter->rotation = rotation;
    starter->count = rotation->token_count;
    starter->starts = mem_array(starter->count, sizeof(*starter->starts));
    for (size_t i = 0; i < starter->count; i++) {
        struct start *start = &starter->starts[i];
        start->starter = starter;
        start->token = rotation->tokens[i];
        start->thread = sync_thread("token-start", run_thread, start);
    }
    return starter;
}

/* How many tokens stand there; under the mutex. */
static size_t count_progress(const struct token_starter *starter, enum progress progress)
{
    size_t count = 0;
    for (size_t i = 0; i < starter->count; i++) {
        count += starter->starts[i].progress == progress;
    }
    return count;
}

bool token_starter_wait(struct token_starter *starter, int64_t deadline_ns)
{
    sync_lock(&starter->mutex);
    bool in_time = true;
    while (count_progress(starter, PROGRESS_WAITING) > 0 && in_time) {
        in_time = sync_wait(&starter->changed, &starter->mutex, deadline_ns);
    }
    bool all = count_progress(starter, PROGRESS_SETTLED) == starter->count;
    sync_unlock(&starter->mutex);
    return all;
}

void token_starter_close(struct token_starter *starter)
{
    if (starter == NULL) {
        return;
    }
    sync_lock(&starter->mutex);
    starter->stopping = true;
    sync_wake_all(&starter->changed);
    sync_unlock(&starter->mutex);
    for (size_t i = 0; i < starter->count; i++) {
        (void)pthread_join(starter->starts[i].thread, NULL);
    }
    sync_destroy(&starter->mutex, &starter->changed);
    mem_free(starter->starts);
    mem_free(starter);
}
