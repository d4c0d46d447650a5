/* events: one queue, one thread, one webhook. An event is written when it happens and stays as it
 * is through all retries, so that its signature and its id do, too. The queue is bounded: a
 * receiver that is away for long costs events, never memory or a rotation; the audit log has them
 * all.
 *
 * The mutex guards the queue and the counters; deliveries and log lines happen outside of it. */
#include "gateway/events.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "gateway/fetch.h"

#define QUEUE_MAX  10000
#define SECRET_MAX 4096
#define IDLE_MS    INT64_C(3600000)

struct message {
    struct buf body;
    int64_t since_ns;
    struct message *next;
};

struct events {
    struct config_events config;
    struct events_pace pace;
    struct buf secret;
    pthread_t thread;
    unsigned failed; /* in a row; the thread's own */
    /* `mutex` guards the rest */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct message *first;
    struct message **last;
    bool stopping;
    bool hurrying; /* no more pauses: what does not go now is left */
    struct events_status status;
};

struct events_pace events_pace_default(void)
{
    return (struct events_pace){.attempt_ms = 15000,
                                .retry_ms = 1000,
                                .retry_max_ms = 60000,
                                .give_up_ms = INT64_C(24) * 3600 * 1000};
}

/* --- what is said --- */

static void put_if(struct json_writer *writer, const char *name, const char *text)
{
    if (text != NULL) {
        json_put_text(writer, name, text);
    }
}

static struct err write_body(const struct event *event, struct buf *out)
{
    char id[UUID_TEXT_LEN + 1];
    uuid_format(uuid_make(), id);
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "id", id);
    json_put_time(&writer, "time", clock_wall_ms());
    json_put_text(&writer, "event", event->name);
    put_if(&writer, "request", event->request);
    json_put_text(&writer, "key", event->key);
    json_put_integer(&writer, "version", event->version);
    put_if(&writer, "principal", event->principal);
    put_if(&writer, "why", event->why);
    put_if(&writer, "error", event->error);
    json_end_object(&writer);
    return json_finish(&writer);
}

/* `X-Hsmgate-Signature: sha256=…`, HMAC-SHA256 (RFC 2104) of the body in hex. */
static char *signature_of(const struct events *events, struct span body)
{
    uint8_t mac[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1] = "";
    if (events->secret.len == 0) {
        return NULL;
    }
    hmac_sha256(buf_span(&events->secret), body, mac);
    for (size_t i = 0; i < SHA256_LEN; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", mac[i]);
    }
    return mem_format("X-Hsmgate-Signature: sha256=%s", hex);
}

static struct err deliver(const struct events *events, struct span body)
{
    CLEANUP(mem_free_at) char *header = signature_of(events, body);
    struct fetch_message message = {
        .content_type = "application/json", .header = header, .body = body};
    int status = 0;
    TRY(fetch_post(events->config.webhook, events->config.webhook_ca, &message,
                   clock_deadline(events->pace.attempt_ms), &status));
    ENSURE(status >= 200 && status <= 299, ERR_IO, "it answered with status %d", status);
    return err_ok();
}

/* --- the queue --- */

static void message_free(struct message *message)
{
    if (message != NULL) {
        buf_clear(&message->body);
        mem_free(message);
    }
}

static void message_free_at(struct message **message)
{
    message_free(*message);
}

/* The first one stays in the queue until it is settled; NULL when all stops. */
static const struct message *await_first(struct events *events)
{
    sync_lock(&events->mutex);
    while (events->first == NULL && !events->stopping) {
        (void)sync_wait(&events->changed, &events->mutex, clock_deadline(IDLE_MS));
    }
    const struct message *first = events->first;
    sync_unlock(&events->mutex);
    return first;
}

static struct message *take_first(struct events *events)
{
    struct message *first = events->first;
    events->first = first->next;
    events->last = events->first == NULL ? &events->first : events->last;
    events->status.waiting--;
    sync_wake_all(&events->changed);
    return first;
}

static int64_t pause_ms(const struct events *events)
{
    int64_t pause = events->pace.retry_ms;
    for (unsigned i = 1; i < events->failed && pause < events->pace.retry_max_ms; i++) {
        pause *= 2;
    }
    return pause < events->pace.retry_max_ms ? pause : events->pace.retry_max_ms;
}

static void settle(struct events *events, const struct err *err)
{
    bool ok = err->code == ERR_OK;
    sync_lock(&events->mutex);
    int64_t age_ms = (clock_mono_ns() - events->first->since_ns) / 1000000;
    bool drop = !ok && (age_ms >= events->pace.give_up_ms || events->hurrying);
    events->status.delivered += ok ? 1 : 0;
    events->status.failures += ok ? 0 : 1;
    events->status.dropped += drop ? 1 : 0;
    CLEANUP(message_free_at) struct message *done = ok || drop ? take_first(events) : NULL;
    sync_unlock(&events->mutex);
    if (!ok && events->failed == 0) {
        log_error("events", "the webhook does not take events: %s; tried again", err->detail);
    }
    if (ok && events->failed > 0) {
        log_info("events", "the webhook takes events again, after %u failures", events->failed);
    }
    events->failed = ok ? 0 : events->failed + 1;
}

static void wait_a_while(struct events *events)
{
    int64_t until = clock_deadline(pause_ms(events));
    sync_lock(&events->mutex);
    bool in_time = true;
    while (!events->hurrying && in_time) {
        in_time = sync_wait(&events->changed, &events->mutex, until);
    }
    sync_unlock(&events->mutex);
}

static void *run(void *arg)
{
    struct events *events = arg;
    for (;;) {
        const struct message *message = await_first(events);
        if (message == NULL) {
            return NULL;
        }
        struct err err = deliver(events, buf_span(&message->body));
        settle(events, &err);
        if (err.code != ERR_OK) {
            wait_a_while(events);
        }
    }
}

/* --- the face --- */

static struct err read_secret(struct events *events)
{
    buf_init(&events->secret, SECRET_MAX);
    if (events->config.secret_file == NULL) {
        return err_ok();
    }
    struct err err = file_read(events->config.secret_file, &events->secret);
    ENSURE(err.code == ERR_OK, ERR_CONFIG, "events.secret_file cannot be read");
    while (events->secret.len > 0 && events->secret.data[events->secret.len - 1] == '\n') {
        buf_truncate(&events->secret, events->secret.len - 1);
    }
    ENSURE(events->secret.len > 0, ERR_CONFIG, "events.secret_file is empty");
    return err_ok();
}

struct err events_open(const struct config_events *config, struct events_pace pace,
                       struct events **out)
{
    *out = NULL;
    if (config->webhook == NULL) {
        return err_ok();
    }
    struct events *events = mem_alloc(sizeof(*events));
    events->config = *config;
    events->pace = pace;
    events->last = &events->first;
    struct err err = read_secret(events);
    if (err.code != ERR_OK) {
        buf_clear(&events->secret);
        mem_free(events);
        return err;
    }
    sync_init(&events->mutex, &events->changed);
    events->thread = sync_thread("events", run, events);
    *out = events;
    return err_ok();
}

void events_close(struct events *events, int64_t wait_ms)
{
    if (events == NULL) {
        return;
    }
    int64_t deadline = clock_deadline(wait_ms);
    sync_lock(&events->mutex);
    bool in_time = true;
    events->stopping = true;
    sync_wake_all(&events->changed);
    while (events->first != NULL && in_time) {
        in_time = sync_wait(&events->changed, &events->mutex, deadline);
    }
    events->hurrying = true;
    sync_wake_all(&events->changed);
    sync_unlock(&events->mutex);
    (void)pthread_join(events->thread, NULL);
    sync_destroy(&events->mutex, &events->changed);
    buf_clear(&events->secret);
    mem_free(events);
}

void events_put(struct events *events, const struct event *event)
{
    if (events == NULL) {
        return;
    }
    CLEANUP(message_free_at) struct message *message = mem_alloc(sizeof(*message));
    message->since_ns = clock_mono_ns();
    struct err err = write_body(event, &message->body);
    sync_lock(&events->mutex);
    bool room = err.code == ERR_OK && events->status.waiting < QUEUE_MAX && !events->stopping;
    if (room) {
        *events->last = message;
        events->last = &message->next;
        events->status.waiting++;
        message = NULL;
        sync_wake_all(&events->changed);
    } else {
        events->status.dropped++;
    }
    sync_unlock(&events->mutex);
}

void events_status(struct events *events, struct events_status *out)
{
    *out = (struct events_status){0};
    if (events != NULL) {
        sync_lock(&events->mutex);
        *out = events->status;
        sync_unlock(&events->mutex);
    }
}
