/* One thread per place. The newest note stands once, with a number that grows; each place knows the
 * number that it has, and works until it has the newest. Between failures it waits on the same
 * condition that stops it, never asleep. The mutex guards what struct copies says; deliveries and
 * log lines happen outside of it. */
#include "gateway/copies.h"

#include <limits.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "audit/checkpoint.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "gateway/copy_place.h"

#define IDLE_MS ((int64_t)60000)

struct place {
    struct copies *copies;
    struct copy_place where;
    char *name;
    pthread_t thread;
    /* guarded by the mutex of copies */
    uint64_t has;      /* number of the note that it has, 0: none */
    unsigned failed;   /* deliveries in a row */
    int64_t paused_ns; /* no try before */
};

struct copies {
    struct copies_pace pace;
    struct place *places;
    size_t count;
    int stop; /* readable when everything must end */
    /* `mutex` guards what follows, and the end of each place */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct buf note;
    uint64_t newest; /* its number, 0: none yet */
    bool stopping;
    uint64_t delivered;
    uint64_t failures;
};

struct copies_pace copies_pace_default(void)
{
    return (struct copies_pace){.attempt_ms = 15000, .retry_ms = 1000, .retry_max_ms = 60000};
}

/* Waits until there is something to bring and the pause is over; the note is copied. False when all
 * stops. */
static bool next_note(struct place *place, struct buf *out, uint64_t *out_number)
{
    struct copies *copies = place->copies;
    sync_lock(&copies->mutex);
    for (;;) {
        bool due = place->has < copies->newest;
        bool paused = place->failed > 0 && clock_mono_ns() < place->paused_ns;
        if (copies->stopping || (due && !paused)) {
            break;
        }
        int64_t until = due ? place->paused_ns : clock_deadline(IDLE_MS);
        (void)sync_wait(&copies->changed, &copies->mutex, until);
    }
    bool found = !copies->stopping;
    if (found) {
        buf_reset(out);
        struct err err = buf_append(out, buf_span(&copies->note));
        found = err.code == ERR_OK; /* always: both have the same maximum */
        *out_number = copies->newest;
    }
    sync_unlock(&copies->mutex);
    return found;
}

static int64_t pause_ms(const struct copies_pace *pace, unsigned failed)
{
    int64_t pause = pace->retry_ms;
    for (unsigned i = 1; i < failed && pause < pace->retry_max_ms; i++) {
        pause *= 2;
    }
    return pause < pace->retry_max_ms ? pause : pace->retry_max_ms;
}

/* Returns how many had failed in a row before. */
static unsigned settle(struct place *place, uint64_t number, const struct err *err)
{
    struct copies *copies = place->copies;
    sync_lock(&copies->mutex);
    unsigned before = place->failed;
    if (err->code == ERR_OK) {
        place->has = number;
        place->failed = 0;
        copies->delivered++;
    } else {
        place->failed++;
        place->paused_ns = clock_deadline(pause_ms(&copies->pace, place->failed));
        copies->failures++;
    }
    sync_wake_all(&copies->changed);
    sync_unlock(&copies->mutex);
    return before;
}

/* One line when an outage begins, one when it ends. */
static void tell(const struct place *place, unsigned failed_before, const struct err *err)
{
    if (err->code != ERR_OK && failed_before == 0) {
        log_error("witness", "checkpoint not copied to %s: %s; tried again until it is there",
                  place->name, err->detail);
    }
    if (err->code == ERR_OK && failed_before > 0) {
        log_info("witness", "checkpoint copied to %s again, after %u failures", place->name,
                 failed_before);
    }
}

static void *run_place(void *arg)
{
    struct place *place = arg;
    CLEANUP(buf_clear) struct buf note = {0};
    buf_init(&note, CHECKPOINT_MAX);
    uint64_t number = 0;
    while (next_note(place, &note, &number)) {
        int64_t deadline = clock_deadline(place->copies->pace.attempt_ms);
        struct err err =
            copy_place_deliver(&place->where, buf_span(&note), deadline, place->copies->stop);
        tell(place, settle(place, number, &err), &err);
    }
    return NULL;
}

static void add_place(struct copies *copies, const struct copy_place *where)
{
    CLEANUP(buf_clear) struct buf name = {0};
    copy_place_name(where, &name);
    struct place *place = &copies->places[copies->count++];
    place->copies = copies;
    place->where = *where;
    place->name = span_to_text(buf_span(&name));
}

static void add_places(struct copies *copies, const struct config_audit *config)
{
    for (size_t i = 0; i < config->copy_file_count; i++) {
        add_place(copies, &(struct copy_place){.kind = COPY_FILE, .target = config->copy_files[i]});
    }
    if (config->copy_command_count > 0) {
        add_place(copies, &(struct copy_place){.kind = COPY_COMMAND,
                                               .target = config->copy_command[0],
                                               .argv = config->copy_command,
                                               .argc = config->copy_command_count});
    }
    if (config->copy_webhook != NULL) {
        add_place(copies, &(struct copy_place){.kind = COPY_WEBHOOK,
                                               .target = config->copy_webhook,
                                               .ca = config->copy_webhook_ca});
    }
}

struct copies *copies_open(const struct config_audit *config, struct copies_pace pace)
{
    struct copies *copies = mem_alloc(sizeof(*copies));
    sync_init(&copies->mutex, &copies->changed);
    buf_init(&copies->note, CHECKPOINT_MAX);
    copies->pace = pace;
    copies->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* without one, -1: the deadline ends */
    copies->places = mem_array(config->copy_file_count + 2, sizeof(*copies->places));
    add_places(copies, config);
    for (size_t i = 0; i < copies->count; i++) {
        copies->places[i].thread = sync_thread("copy", run_place, &copies->places[i]);
    }
    return copies;
}

void copies_put(struct copies *copies, struct span note)
{
    sync_lock(&copies->mutex);
    buf_reset(&copies->note);
    struct err err = buf_append(&copies->note, note);
    if (err.code == ERR_OK) {
        copies->newest++;
        sync_wake_all(&copies->changed);
    }
    sync_unlock(&copies->mutex);
    if (err.code != ERR_OK) { /* our own bug: notes are shorter */
        log_error("witness", "a checkpoint is too long to be copied");
    }
}

/* Places without the newest note whose failures in a row do not exceed `failed_max`. Under the
 * mutex. */
static size_t count_waiting(const struct copies *copies, unsigned failed_max)
{
    size_t waiting = 0;
    for (size_t i = 0; i < copies->count; i++) {
        const struct place *place = &copies->places[i];
        waiting += place->has < copies->newest && place->failed <= failed_max;
    }
    return waiting;
}

void copies_status(struct copies *copies, struct copies_status *out)
{
    sync_lock(&copies->mutex);
    *out = (struct copies_status){.delivered = copies->delivered,
                                  .failures = copies->failures,
                                  .waiting = count_waiting(copies, UINT_MAX)};
    sync_unlock(&copies->mutex);
}

static void stop(struct copies *copies, int64_t deadline_ns)
{
    sync_lock(&copies->mutex);
    bool in_time = true;
    while (count_waiting(copies, 0) > 0 && in_time) {
        in_time = sync_wait(&copies->changed, &copies->mutex, deadline_ns);
    }
    copies->stopping = true;
    sync_wake_all(&copies->changed);
    sync_unlock(&copies->mutex);
    const uint64_t one = 1;
    if (copies->stop >= 0) {
        (void)!write(copies->stop, &one, sizeof(one));
    }
}

void copies_close(struct copies *copies, int64_t wait_ms)
{
    if (copies == NULL) {
        return;
    }
    stop(copies, clock_deadline(wait_ms));
    for (size_t i = 0; i < copies->count; i++) {
        (void)pthread_join(copies->places[i].thread, NULL);
    }
    for (size_t i = 0; i < copies->count; i++) {
        if (copies->places[i].has < copies->newest) {
            log_warning("witness", "%s does not have the newest checkpoint yet",
                        copies->places[i].name);
        }
        mem_free(copies->places[i].name);
    }
    sync_destroy(&copies->mutex, &copies->changed);
    fd_close(&copies->stop);
    buf_clear(&copies->note);
    mem_free(copies->places);
    mem_free(copies);
}
