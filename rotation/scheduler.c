/* scheduler: does what is due, and waits for the next thing that will be.
 *
 * One thread watches the agenda and the store's changes; it alone promotes and retires, which takes
 * one transaction each. Making and destroying wait for a token, so each token has a maker of its
 * own: a slow or hung one delays no promotion and no other token. A key is with one of them at a
 * time, and is planned anew afterwards. What fails is tried again with a growing pause, for ever.
 *
 * The mutex guards the agenda, the makers' queues and the counters; token, SQL, log and audit are
 * touched outside of it. */
#include "rotation/scheduler.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "rotation/maker.h"
#include "rotation/step.h"

#define SAVE_MS      ((int64_t)60 * 1000)
#define RETRY_MS     ((int64_t)1000)
#define RETRY_MAX_MS ((int64_t)5 * 60 * 1000)
#define LEAP_SEEN_MS ((int64_t)1000) /* the calendar moved by more than time passed */
#define AT_ONCE      256             /* steps between two looks at what changed */
#define PAGE         1024
#define NS_PER_MS    1000000

/* --- planning --- */

static int64_t pause_ms(unsigned failed)
{
    int64_t pause = RETRY_MS;
    for (unsigned i = 1; i < failed && pause < RETRY_MAX_MS; i++) {
        pause *= 2;
    }
    return pause < RETRY_MAX_MS ? pause : RETRY_MAX_MS;
}

/* Under the mutex. */
static void put(struct agenda *agenda, struct uuid id, const struct plan_step *step)
{
    struct agenda_entry *known = agenda_find(agenda, id);
    if (known != NULL && known->working) {
        return; /* planned when that is over */
    }
    if (step->action == PLAN_NONE) {
        agenda_drop(agenda, id);
        return;
    }
    int64_t due = clock_deadline(step->wait_ms);
    if (known != NULL && known->retry_ns > due) {
        due = known->retry_ns;
    }
    (void)agenda_put(agenda, id, due);
}

static void plan_key(struct scheduler *scheduler, const struct key *key,
                     const struct moment *moment)
{
    const struct rotation_rules *rules = &scheduler->config.rotation->rules;
    struct plan_step quick, slow;
    const struct version *primary = key_primary(key);
    plan_next(key, rules, moment, PLAN_QUICK, &quick);
    plan_next(key, rules, moment, PLAN_TOKEN, &slow);
    if (primary != NULL) {
        uses_set_alarm(primary, plan_alarm(key));
    }
    sync_lock(&scheduler->mutex);
    put(&scheduler->agendas[PLAN_QUICK], key->id, &quick);
    put(&scheduler->agendas[PLAN_TOKEN], key->id, &slow);
    sync_unlock(&scheduler->mutex);
}

void scheduler_plan(struct scheduler *scheduler, struct uuid id)
{
    struct moment moment;
    rotation_moment(scheduler->config.rotation, &moment);
    CLEANUP(key_release_at)
    const struct key *key = keystore_find_id(scheduler->config.rotation->store, id);
    if (key != NULL) {
        plan_key(scheduler, key, &moment);
        return;
    }
    sync_lock(&scheduler->mutex);
    agenda_drop(&scheduler->agendas[PLAN_QUICK], id);
    agenda_drop(&scheduler->agendas[PLAN_TOKEN], id);
    sync_unlock(&scheduler->mutex);
}

static void plan_all(struct scheduler *scheduler, const struct moment *moment)
{
    CLEANUP(mem_free_at) char *after = mem_text("");
    size_t count = PAGE;
    while (count == PAGE) {
        const struct key **keys = keystore_list(scheduler->config.rotation->store, span_of(NULL, 0),
                                                span_text(after), PAGE, LIST_USABLE, &count);
        for (size_t i = 0; i < count; i++) {
            plan_key(scheduler, keys[i], moment);
        }
        if (count > 0) {
            mem_free(after);
            after = mem_text(keys[count - 1]->name);
        }
        keystore_list_free(keys, count);
    }
}

/* --- doing --- */

static enum plan_lane lane_of(const struct plan_step *step)
{
    bool quick = step->action == PLAN_PROMOTE || step->action == PLAN_RETIRE;
    return quick ? PLAN_QUICK : PLAN_TOKEN;
}

/* Tries in a row that failed, this one included. */
static unsigned settle(struct scheduler *scheduler, struct uuid id, enum plan_lane lane, bool ok)
{
    unsigned failed = 0;
    sync_lock(&scheduler->mutex);
    struct agenda_entry *entry = agenda_find(&scheduler->agendas[lane], id);
    if (entry != NULL) {
        entry->working = false;
        entry->failed = ok ? 0 : entry->failed + 1;
        entry->retry_ns = ok ? 0 : clock_deadline(pause_ms(entry->failed));
        failed = entry->failed;
    }
    scheduler->done += ok ? 1 : 0;
    scheduler->failures += ok ? 0 : 1;
    sync_unlock(&scheduler->mutex);
    return failed;
}

void scheduler_finish(struct scheduler *scheduler, const struct key *key,
                      const struct plan_step *step, const struct err *err)
{
    const struct scheduler_config *config = &scheduler->config;
    unsigned failed = settle(scheduler, key->id, lane_of(step), err->code == ERR_OK);
    if (failed == 1) { /* once for each outage */
        log_error("rotation", "%s@%u: %s failed: %s: %s; tried again until it works", key->name,
                  step->version, plan_action_name(step->action), err_word(err->code), err->detail);
    }
    if (config->observe != NULL) {
        config->observe(config->observer, key, step, err);
    }
    scheduler_plan(scheduler, key->id);
}

void scheduler_leave(struct scheduler *scheduler, struct uuid id, enum plan_lane lane)
{
    sync_lock(&scheduler->mutex);
    struct agenda_entry *entry = agenda_find(&scheduler->agendas[lane], id);
    if (entry != NULL) {
        entry->working = false;
    }
    sync_unlock(&scheduler->mutex);
    scheduler_plan(scheduler, id);
}

static void run_here(struct scheduler *scheduler, const struct key *key,
                     const struct plan_step *step, const struct moment *moment)
{
    struct stepping stepping = {.rotation = scheduler->config.rotation,
                                .audit = scheduler->config.audit,
                                .key = key,
                                .moment = moment};
    struct err err = step_run(&stepping, step);
    scheduler_finish(scheduler, key, step, &err);
}

/* The key is planned once more: what was due when it was put on the agenda may not be so now. */
static void run_key(struct scheduler *scheduler, struct uuid id, enum plan_lane lane,
                    const struct moment *moment)
{
    const struct rotation *rotation = scheduler->config.rotation;
    struct plan_step step = {.action = PLAN_NONE};
    CLEANUP(key_release_at) const struct key *key = keystore_find_id(rotation->store, id);
    if (key != NULL) {
        plan_next(key, &rotation->rules, moment, lane, &step);
    }
    bool due = step.action != PLAN_NONE && step.wait_ms == 0 && !step.held;
    if (!due) {
        scheduler_leave(scheduler, id, lane);
    } else if (lane == PLAN_QUICK) {
        run_here(scheduler, key, &step, moment);
    } else if (!maker_take(scheduler->makers, rotation->token_count, key)) {
        struct err err = err_new(ERR_CONFIG, __func__, "the key's token is not configured");
        scheduler_finish(scheduler, key, &step, &err);
    }
}

/* Takes the first entry off the agenda when it is due. */
static bool take_due(struct scheduler *scheduler, enum plan_lane lane, struct uuid *out)
{
    struct agenda *agenda = &scheduler->agendas[lane];
    sync_lock(&scheduler->mutex);
    struct agenda_entry *first = agenda_first(agenda);
    bool due = first != NULL && !scheduler->stopping && first->due_ns <= clock_mono_ns();
    if (due) {
        *out = first->id;
        first->working = true;
        agenda_take(agenda, first);
    }
    sync_unlock(&scheduler->mutex);
    return due;
}

static void run_due(struct scheduler *scheduler, const struct moment *moment)
{
    for (enum plan_lane lane = PLAN_QUICK; lane < PLAN_LANES; lane++) {
        struct uuid id;
        for (size_t i = 0; i < AT_ONCE && take_due(scheduler, lane, &id); i++) {
            run_key(scheduler, id, lane, moment);
        }
    }
}

/* --- the loop --- */

/* When the first entry of both agendas is due. Under the mutex. */
static int64_t first_due_ns(const struct scheduler *scheduler)
{
    int64_t due = INT64_MAX;
    for (enum plan_lane lane = PLAN_QUICK; lane < PLAN_LANES; lane++) {
        const struct agenda_entry *first = agenda_first(&scheduler->agendas[lane]);
        due = first != NULL && first->due_ns < due ? first->due_ns : due;
    }
    return due;
}

static int64_t next_look_ns(struct scheduler *scheduler, int64_t save_ns)
{
    sync_lock(&scheduler->mutex);
    int64_t due = first_due_ns(scheduler);
    sync_unlock(&scheduler->mutex);
    return due < save_ns ? due : save_ns;
}

static bool is_stopping(struct scheduler *scheduler)
{
    sync_lock(&scheduler->mutex);
    bool stopping = scheduler->stopping;
    sync_unlock(&scheduler->mutex);
    return stopping;
}

static void take_changes(struct scheduler *scheduler, int64_t until_ns)
{
    struct key_changes changes = {0};
    keystore_await_changes(scheduler->config.rotation->store, until_ns, &changes);
    for (size_t i = 0; i < changes.count && !changes.all; i++) {
        scheduler_plan(scheduler, changes.ids[i]);
    }
    if (changes.all) {
        struct moment moment;
        rotation_moment(scheduler->config.rotation, &moment);
        plan_all(scheduler, &moment);
    }
    mem_free(changes.ids);
}

static void save(struct scheduler *scheduler, int64_t *save_ns)
{
    if (clock_mono_ns() < *save_ns) {
        return;
    }
    struct err err = timekeeper_save(scheduler->config.rotation->timekeeper);
    if (err.code != ERR_OK) {
        log_warning("rotation", "the clock was not saved: %s", err.detail);
    }
    *save_ns = clock_deadline(SAVE_MS);
}

/* Whether the calendar has moved otherwise than time passed: then everything is planned anew. */
static bool has_leapt(const struct moment *before, const struct moment *moment)
{
    int64_t passed = moment->lived - before->lived;
    int64_t moved = moment->calm - before->calm;
    return moved - passed > LEAP_SEEN_MS || passed - moved > LEAP_SEEN_MS;
}

static void *run(void *arg)
{
    struct scheduler *scheduler = arg;
    struct moment before;
    int64_t save_ns = clock_deadline(SAVE_MS);
    rotation_moment(scheduler->config.rotation, &before);
    take_changes(scheduler, 0); /* from here on none is missed */
    plan_all(scheduler, &before);
    while (!is_stopping(scheduler)) {
        struct moment moment;
        rotation_moment(scheduler->config.rotation, &moment);
        if (has_leapt(&before, &moment)) {
            plan_all(scheduler, &moment);
        }
        before = moment;
        run_due(scheduler, &moment);
        save(scheduler, &save_ns);
        take_changes(scheduler, next_look_ns(scheduler, save_ns));
    }
    return NULL;
}

struct scheduler *scheduler_open(const struct scheduler_config *config)
{
    struct scheduler *scheduler = mem_alloc(sizeof(*scheduler));
    scheduler->config = *config;
    sync_init(&scheduler->mutex, NULL);
    scheduler->makers = makers_open(scheduler);
    scheduler->thread = sync_thread("scheduler", run, scheduler);
    return scheduler;
}

void scheduler_close(struct scheduler *scheduler)
{
    if (scheduler == NULL) {
        return;
    }
    sync_lock(&scheduler->mutex);
    scheduler->stopping = true;
    sync_unlock(&scheduler->mutex);
    keystore_wake_changes(scheduler->config.rotation->store);
    (void)pthread_join(scheduler->thread, NULL);
    makers_close(scheduler->makers, scheduler->config.rotation->token_count);
    agenda_clear(&scheduler->agendas[PLAN_QUICK]);
    agenda_clear(&scheduler->agendas[PLAN_TOKEN]);
    sync_destroy(&scheduler->mutex, NULL);
    mem_free(scheduler);
}

void scheduler_nudge(struct scheduler *scheduler)
{
    keystore_wake_changes(scheduler->config.rotation->store);
}

void scheduler_status(struct scheduler *scheduler, struct scheduler_status *out)
{
    sync_lock(&scheduler->mutex);
    int64_t due = first_due_ns(scheduler);
    int64_t now = clock_mono_ns();
    *out = (struct scheduler_status){.planned = scheduler->agendas[PLAN_QUICK].count +
                                                scheduler->agendas[PLAN_TOKEN].count,
                                     .done = scheduler->done,
                                     .failures = scheduler->failures,
                                     .overdue_ms = due < now ? (now - due) / NS_PER_MS : 0};
    sync_unlock(&scheduler->mutex);
}
