/* The thread that lives by the clock: requests expire on time although nobody asks, so that people
 * are told; those that wait are judged anew at start and when the people change; and each worker is
 * shown the newest roster as soon as it answers, so that it never believes an older one again. It
 * decides nothing; the mutex guards the flags alone. */
#include "gateway/quorum_watch.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"

#define EXPIRED_MAX 64
#define IDLE_MS     3600000
#define RETRY_MS    5000
#define SHOW_MS     10000

struct quorum_watch {
    struct gateway *gateway;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards the two flags */
    pthread_cond_t changed;
    bool stopping;
    bool nudged;
    uint64_t judged; /* number of the roster by which all that wait were judged; this thread's */
    uint64_t *shown; /* by token: number of the newest roster that it took; this thread's alone */
    atomic_bool *refused; /* likewise by token: it said no, which is said once */
};

/* --- expiry --- */

/* It cannot be judged any more, but its time is over all the same. */
static struct err end_unjudged(struct gateway *gateway, struct uuid id, const char *why,
                               int64_t now)
{
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    TRY(keystore_find_request(gateway->store, id, &request));
    const struct request_move move = {
        .from = request->state, .to = REQUEST_EXPIRED, .outcome = why};
    TRY(keystore_move_request(gateway->store, id, &move, now));
    quorum_watch_tell(gateway, "request.expired", request, NULL, why);
    return err_ok();
}

static void expire(struct gateway *gateway, struct uuid id, int64_t now)
{
    struct err err = quorum_watch_settle(gateway, id, now);
    if (err.code == ERR_APPROVAL_REQUIRED || err.code == ERR_INVALID_STATE) {
        const struct err why = err;
        err = end_unjudged(gateway, id, why.detail, now);
    }
    if (err.code != ERR_OK) {
        log_error("quorum", "a request that has expired stays as it is: %s", err.detail);
    }
}

/* Milliseconds until the next one expires. */
static int64_t expire_due(struct gateway *gateway)
{
    struct uuid ids[EXPIRED_MAX];
    size_t count = 0;
    int64_t next = 0;
    int64_t now = gateway_now(gateway);
    struct err err =
        keystore_expired_requests(gateway->store, now, ids, EXPIRED_MAX, &count, &next);
    if (err.code != ERR_OK) {
        log_error("quorum", "cannot look for requests that have expired: %s", err.detail);
        return RETRY_MS;
    }
    for (size_t i = 0; i < count; i++) {
        expire(gateway, ids[i], now);
    }
    if (count > 0) {
        return RETRY_MS;
    }
    int64_t wait = next == 0 ? IDLE_MS : next - now;
    return wait > IDLE_MS ? IDLE_MS : wait < 1 ? 1 : wait;
}

/* --- rosters --- */

static void record_refusal(const struct gateway *gateway, const char *token, const char *why)
{
    CLEANUP(buf_clear) struct buf detail = {0};
    struct json_writer writer = json_writer_on(&detail);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "token", token);
    json_put_text(&writer, "why", why);
    json_end_object(&writer);
    const struct audit_record record = {.time = clock_wall_ms(),
                                        .kind = "system",
                                        .operation = span_text("roster-refused"),
                                        .outcome = "failed",
                                        .detail = buf_span(&detail)};
    struct err err = json_finish(&writer);
    if (err.code == ERR_OK) {
        err = audit_write(gateway->audit, &record);
    }
    if (err.code != ERR_OK) {
        log_error("quorum", "cannot record that a worker refuses the rosters: %s", err.detail);
    }
}

/* Whether the worker needs no more showing: it took them, or it cannot. */
static bool show(struct quorum_watch *watch, size_t index, const struct roster_view *view)
{
    struct token *token = watch->gateway->tokens[index];
    CLEANUP(buf_clear) struct buf bundle = {.max = BUNDLE_MAX};
    struct err err = docket_bundle(view, NULL, &bundle);
    if (err.code == ERR_OK) {
        err = token_show_rosters(token, buf_span(&bundle), clock_deadline(SHOW_MS));
    }
    if (err.code == ERR_OK || err.code == ERR_INVALID_STATE) {
        watch->shown[index] = view->newest->number;
        watch->refused[index] = false;
        return true;
    }
    if (err.code == ERR_APPROVAL_REQUIRED && !watch->refused[index]) {
        watch->refused[index] = true;
        log_error("quorum",
                  "the worker of token %s refuses the rosters: %s; nothing opens on it "
                  "until that is settled",
                  token_name(token), err.detail);
        record_refusal(watch->gateway, token_name(token), err.detail);
    }
    return false;
}

/* Milliseconds until workers that have not seen the newest should be tried again. */
static int64_t show_rosters(struct quorum_watch *watch)
{
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    struct gateway *gateway = watch->gateway;
    bool all = true;
    if (roster_book_view(gateway->rotation.rosters, &view).code != ERR_OK) {
        return IDLE_MS;
    }
    for (size_t i = 0; i < gateway->token_count; i++) {
        if (watch->shown[i] != view->newest->number) {
            all = show(watch, i, view) && all;
        }
    }
    return all ? IDLE_MS : RETRY_MS;
}

/* --- requests --- */

/* At start and whenever the people change: a process may have ended between a vote and what follows
 * from it, and an approval goes with the person who gave it. */
static void judge_all(struct quorum_watch *watch)
{
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    struct gateway *gateway = watch->gateway;
    if (roster_book_view(gateway->rotation.rosters, &view).code != ERR_OK ||
        view->newest->number == watch->judged) {
        return;
    }
    struct err err = quorum_watch_settle_all(gateway, gateway_now(gateway));
    if (err.code != ERR_OK) {
        log_error("quorum", "requests that wait cannot be listed: %s", err.detail);
        return;
    }
    watch->judged = view->newest->number;
}

/* --- the thread --- */

/* False when all stops. */
static bool wait_a_while(struct quorum_watch *watch, int64_t wait_ms)
{
    int64_t until = clock_deadline(wait_ms);
    sync_lock(&watch->mutex);
    bool in_time = true;
    while (!watch->stopping && !watch->nudged && in_time) {
        in_time = sync_wait(&watch->changed, &watch->mutex, until);
    }
    watch->nudged = false;
    bool goes_on = !watch->stopping;
    sync_unlock(&watch->mutex);
    return goes_on;
}

static void *run(void *arg)
{
    struct quorum_watch *watch = arg;
    int64_t wait_ms = 0;
    do {
        judge_all(watch);
        int64_t expiry_ms = expire_due(watch->gateway);
        int64_t show_ms = show_rosters(watch);
        wait_ms = expiry_ms < show_ms ? expiry_ms : show_ms;
    } while (wait_a_while(watch, wait_ms));
    return NULL;
}

void quorum_watch_open(struct gateway *gateway)
{
    if (gateway->rotation.rosters == NULL) {
        return;
    }
    struct quorum_watch *watch = mem_alloc(sizeof(*watch));
    watch->gateway = gateway;
    watch->shown = mem_array(gateway->token_count, sizeof(uint64_t));
    watch->refused = mem_array(gateway->token_count, sizeof(atomic_bool));
    sync_init(&watch->mutex, &watch->changed);
    gateway->quorum_watch = watch; /* the thread reads it, too */
    watch->thread = sync_thread("quorum", run, watch);
}

static void set_flag(struct quorum_watch *watch, bool *flag)
{
    sync_lock(&watch->mutex);
    *flag = true;
    sync_wake_all(&watch->changed);
    sync_unlock(&watch->mutex);
}

void quorum_watch_close(struct quorum_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    set_flag(watch, &watch->stopping);
    (void)pthread_join(watch->thread, NULL);
    sync_destroy(&watch->mutex, &watch->changed);
    mem_free(watch->shown);
    mem_free(watch->refused);
    mem_free(watch);
}

bool quorum_watch_is_refused(struct quorum_watch *watch, size_t token)
{
    return watch != NULL && atomic_load(&watch->refused[token]);
}

void quorum_watch_nudge(struct quorum_watch *watch)
{
    if (watch != NULL) {
        set_flag(watch, &watch->nudged);
    }
}
