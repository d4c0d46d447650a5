/* call: lease, send, wait, judge; and decide whether the worker dies and whether to try again.
 *
 * A socket that closes, a device that is lost, a session that stays stale and an operation that
 * took all of its time end the same way: the worker is killed, and an idempotent call is sent once
 * more to the next one while time is left. A caller whose own deadline is shorter leaves its
 * channel behind (lease_owe), and one that comes too late for the token to answer is turned away
 * before anything is sent, so that short deadlines of clients cannot kill a healthy worker. Replies
 * are hostile input: one that breaks the protocol costs the worker its life and is not retried. */
#include "pkcs11/call.h"

#include "base/clock.h"
#include "base/log.h"
#include "pkcs11/reply.h"

#include "base/banned.h"

/* The least time that is worth a try: a healthy worker on a busy machine answers within this. */
#define FLOOR_MS 100
/* Likewise for a new key. */
#define GENERATE_FLOOR_MS 1000
/* A token may take so long to make an RSA key, whatever its other operations take. */
#define GENERATE_MS 60000
/* The worker stops waiting, and begins no other item, this part of the time before ours is over, so
 * that its answer still finds us waiting. */
#define HEAD_START 8

/* What one attempt came to. */
struct attempt {
    struct err err;
    bool again; /* worth a retry on a fresh worker */
};

/* The times of one attempt, in milliseconds. */
struct times {
    int64_t floor; /* less is not worth a try */
    int64_t full;  /* the token's own; a worker that takes longer hangs */
    int64_t left;  /* until the caller's deadline */
};

static struct times times_of(const struct call *call)
{
    int64_t operation_ms = call->supervisor->config.operation_ms;
    bool generate = call->kind == FRAME_GENERATE;
    return (struct times){
        .floor = generate ? GENERATE_FLOOR_MS : FLOOR_MS,
        .full = generate && operation_ms < GENERATE_MS ? GENERATE_MS : operation_ms,
        .left = clock_left_ms(call->deadline_ns),
    };
}

static void break_lease(struct call *call, enum supervisor_fault fault, const char *why)
{
    uint64_t generation = call->lease.generation;
    lease_break(&call->lease);
    supervisor_kill(call->supervisor, generation, fault, why);
}

struct err call_reject(struct call *call, const struct err *lie)
{
    break_lease(call, SUPERVISOR_LYING, lie->detail);
    return err_new(ERR_INTERNAL, __func__, "the token gave an answer that cannot be true");
}

static struct attempt unavailable(const char *detail)
{
    return (struct attempt){err_new(ERR_TOKEN_UNAVAILABLE, __func__, "%s", detail), true};
}

/* The exchange itself failed. */
static struct attempt judge_failure(struct call *call, const struct times *times,
                                    const struct err *err)
{
    switch ((int)err->code) {
    case ERR_IO:
        break_lease(call, SUPERVISOR_GONE, "its socket is closed");
        return unavailable("the token's worker died");
    case ERR_DEADLINE:
        if (times->left < times->full) {
            lease_owe(&call->lease, clock_deadline(times->full - times->left));
            return (struct attempt){*err, false};
        }
        break_lease(call, SUPERVISOR_LATE, "an operation missed its deadline");
        if (clock_left_ms(call->deadline_ns) == 0) {
            return (struct attempt){*err, false};
        }
        return unavailable("the token did not answer in time");
    case ERR_CORRUPT:
        return (struct attempt){call_reject(call, err), false};
    default: /* ERR_TOO_LARGE: nothing was sent */
        lease_end(&call->lease, 0);
        return (struct attempt){*err, false};
    }
}

/* The worst class of the reply: the whole call's, else an item's that concerns the worker. */
static enum frame_class worst_class(const struct call *call)
{
    if (call->reply.class != FRAME_OK) {
        return call->reply.class;
    }
    for (uint32_t i = 0; i < call->reply.count; i++) {
        enum frame_class class = call->replies[i].class;
        if (class == FRAME_PIN || reply_is_lost(class)) {
            return class;
        }
    }
    return FRAME_OK;
}

static void log_alarm(const struct call *call, enum frame_class class, uint64_t ckr)
{
    log_error("token", "%s: request of kind %d, operation %d: %s, CKR 0x%llx",
              call->supervisor->config.name, (int)call->kind, (int)call->op,
              reply_class_name(class), (unsigned long long)ckr);
}

static void log_alarms(const struct call *call)
{
    if (call->kind == FRAME_DESTROY) {
        return; /* that there was no key is an answer, not an alarm */
    }
    if (reply_is_alarm(call->reply.class)) {
        log_alarm(call, call->reply.class, call->reply.count > 0 ? call->replies[0].ckr : 0);
        return;
    }
    for (uint32_t i = 0; i < call->reply.count; i++) {
        if (reply_is_alarm(call->replies[i].class)) {
            log_alarm(call, call->replies[i].class, call->replies[i].ckr);
            return; /* a batch of 256 is not worth 256 lines */
        }
    }
}

static void count_errors(const struct call *call)
{
    if (call->kind == FRAME_DESTROY && call->reply.class == FRAME_KEY_MISSING) {
        return; /* an answer, too */
    }
    supervisor_count(call->supervisor, call->reply.class);
    for (uint32_t i = 0; call->reply.class == FRAME_OK && i < call->reply.count; i++) {
        supervisor_count(call->supervisor, call->replies[i].class);
    }
}

/* A well-formed reply: it stands, or the worker is replaced. */
static struct attempt judge_reply(struct call *call)
{
    enum frame_class worst = worst_class(call);
    log_alarms(call);
    count_errors(call);
    bool lost = reply_is_lost(worst);
    bool whole = call->reply.class != FRAME_OK;
    bool last = call->retry == CALL_NEVER_RETRY || call->attempts > 1;
    if (worst == FRAME_OK || (!lost && worst != FRAME_PIN)) {
        return (struct attempt){reply_error(call->reply.class, call->op), false};
    }
    if (whole || !last) {
        struct attempt attempt = {reply_error(worst, call->op), lost};
        break_lease(call, lost ? SUPERVISOR_GONE : SUPERVISOR_PIN,
                    lost ? reply_class_name(worst) : PIN_REFUSED);
        return attempt;
    }
    return (struct attempt){err_ok(), false};
}

static struct attempt try_once(struct call *call)
{
    struct times times = times_of(call);
    if (times.left < times.floor && times.left < call->supervisor->config.operation_ms) {
        lease_end(&call->lease, 0);
        return (struct attempt){
            err_new(ERR_OVERLOADED, __func__, "too little time is left for the token"), false};
    }
    int64_t time_ms = times.left < times.full ? times.left : times.full;
    int64_t worker_ms = time_ms - time_ms / HEAD_START;
    struct frame_head head = {
        .kind = call->kind, .op = call->op, .deadline_ms = (uint32_t)worker_ms};
    struct channel *channel = call->lease.channel;
    int64_t sent_ns = clock_mono_ns();
    struct err err = channel_exchange(channel, &head, call->items, call->count,
                                      clock_deadline(time_ms), &call->reply);
    if (err.code != ERR_OK) {
        return judge_failure(call, &times, &err);
    }
    call->took_ns = clock_mono_ns() - sent_ns;
    call->replies = channel->items;
    call->body = buf_span(&channel->in);
    return judge_reply(call);
}

static bool changes_objects(enum frame_kind kind)
{
    return kind != FRAME_RUN && kind != FRAME_OPEN && kind != FRAME_ROSTERS;
}

struct err call_run(struct call *call)
{
    enum lease_use use = changes_objects(call->kind) ? LEASE_CHANGE : LEASE_USE;
    for (;;) {
        TRY(lease_begin(&call->supervisor->desk, use, call->deadline_ns, &call->lease));
        call->attempts++;
        struct attempt attempt = try_once(call);
        if (!attempt.again || call->retry == CALL_NEVER_RETRY || call->attempts > 1) {
            return attempt.err;
        }
    }
}

/* A batch whose items stand although some of them found the device lost or the PIN refused. */
static bool leaves_broken(const struct call *call, enum frame_class *out)
{
    *out = worst_class(call);
    return *out == FRAME_PIN || reply_is_lost(*out);
}

void call_end(struct call *call)
{
    enum frame_class worst = FRAME_OK;
    if (call->lease.desk == NULL) {
        return;
    }
    if (call->replies != NULL && leaves_broken(call, &worst)) {
        bool pin = worst == FRAME_PIN;
        break_lease(call, pin ? SUPERVISOR_PIN : SUPERVISOR_GONE,
                    pin ? PIN_REFUSED : reply_class_name(worst));
        return;
    }
    lease_end(&call->lease, call->reply.epoch);
}
