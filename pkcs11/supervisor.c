/* supervisor: one thread per token that starts its worker, hears its hello, waits for its end and
 * starts the next.
 *
 * The only real time-out of PKCS#11 is the death of the process, so everything here is built on
 * SIGKILL: whoever finds the worker broken calls supervisor_kill, and the thread sees the process
 * end. A pid is killed only under the mutex and only before it is reaped, so never a stranger's.
 * The state moves in move() alone, which also moves the gate of the lease desk (whose mutex nests
 * within ours, never the other way round). A worker that says that the PIN was refused latches the
 * token: no further attempt, because attempts lock the real PIN. PR_SET_PDEATHSIG in the worker
 * follows this thread, which lives as long as the token. */
#include "pkcs11/supervisor.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "pkcs11/backoff.h"
#include "pkcs11/watch.h"

#include "base/banned.h"

#define START_MS    30000 /* load, log in and probe, which makes an RSA key */
#define HELLO_MS    1000  /* from the first byte, or the process's end, to the last byte */
#define HEALTHY_MS  10000 /* a run as long as this forgets the deaths before it */
#define FOR_EVER_MS 3600000

/* The one place where the state changes. The mutex is held. */
static void move(struct supervisor *supervisor, enum token_state state)
{
    supervisor->status.state = state;
    if (state != TOKEN_READY) { /* lease_desk_open lets the callers in */
        lease_desk_shut(&supervisor->desk, state == TOKEN_STARTING ? LEASE_WAIT : LEASE_REFUSE);
    }
    sync_wake_all(&supervisor->changed);
}

/* Remembers why, for operators. The mutex is held. */
static void note(struct supervisor *supervisor, const char *why)
{
    (void)snprintf(supervisor->status.last_error, sizeof(supervisor->status.last_error), "%s", why);
}

/* The mutex is held. */
static void kill_worker(struct supervisor *supervisor)
{
    if (supervisor->killable > 0) {
        (void)kill(supervisor->killable, SIGKILL);
        supervisor->condemned = true;
    }
}

void supervisor_kill(struct supervisor *supervisor, uint64_t generation,
                     enum supervisor_fault fault, const char *why)
{
    sync_lock(&supervisor->mutex);
    bool first =
        generation == supervisor->generation && supervisor->killable > 0 && !supervisor->condemned;
    if (first) {
        kill_worker(supervisor);
        note(supervisor, why);
        supervisor->status.timeouts += fault == SUPERVISOR_LATE ? 1 : 0;
        supervisor->latched = fault == SUPERVISOR_PIN;
        move(supervisor, supervisor->latched ? TOKEN_LATCHED : TOKEN_STARTING);
    }
    sync_unlock(&supervisor->mutex);
    if (first) {
        log_error("token", "%s: worker killed: %s", supervisor->config.name, why);
    }
}

/* Starts a worker and makes it killable. */
static struct err start(struct supervisor *supervisor)
{
    TRY(spawn_start(&supervisor->config, &supervisor->spawn));
    sync_lock(&supervisor->mutex);
    supervisor->killable = supervisor->spawn.pid;
    supervisor->status.worker_pid = supervisor->spawn.pid;
    supervisor->status.restarts += supervisor->generation > 0 ? 1 : 0;
    supervisor->generation++;
    supervisor->condemned = false;
    if (supervisor->stopping) {
        kill_worker(supervisor);
    }
    sync_unlock(&supervisor->mutex);
    return err_ok();
}

/* Until the control socket has something to read or the process has ended; ERR_DEADLINE. */
static struct err wait_for_news(const struct spawn *spawn, int64_t deadline_ns)
{
    for (;;) {
        struct pollfd entries[2] = {{.fd = spawn->control, .events = POLLIN},
                                    {.fd = spawn->pidfd, .events = POLLIN}};
        int64_t left = clock_left_ms(deadline_ns);
        int ready = poll(entries, 2, left > FOR_EVER_MS ? FOR_EVER_MS : (int)left);
        if (ready > 0) {
            return err_ok();
        }
        ENSURE(ready == 0 || errno == EINTR, ERR_IO, "poll: %s", strerrordesc_np(errno));
        ENSURE(clock_mono_ns() < deadline_ns, ERR_DEADLINE, "the worker did not get ready in time");
    }
}

static struct err read_hello(const struct spawn *spawn, struct frame_head *out_head,
                             struct frame_hello *out)
{
    int64_t deadline = clock_deadline(START_MS);
    CLEANUP(buf_clear) struct buf body = {0};
    struct frame_head head = {0};
    TRY(wait_for_news(spawn, deadline));
    TRY(frame_receive(spawn->control, clock_deadline(HELLO_MS), &head, &body));
    TRY(frame_decode_hello(&head, buf_span(&body), out));
    *out_head = head;
    return err_ok();
}

/* ERR_PIN when the worker says so. */
static struct err await_hello(struct supervisor *supervisor, struct frame_head *out_head,
                              struct frame_hello *out)
{
    const struct spawn *spawn = &supervisor->spawn;
    TRY(read_hello(spawn, out_head, out));
    supervisor_count(supervisor, out_head->class);
    ENSURE(out_head->class != FRAME_PIN, ERR_PIN, "%s", out->error);
    ENSURE(out_head->class == FRAME_OK, ERR_TOKEN_UNAVAILABLE, "%s", out->error);
    return err_ok();
}

/* The worker is ready: its channels may be lent. */
static void serve(struct supervisor *supervisor, const struct frame_head *head,
                  const struct frame_hello *hello)
{
    unsigned channels = supervisor->config.channels;
    unsigned sessions = hello->probe.sessions;
    unsigned usable = sessions > 0 && sessions < channels ? sessions : channels;
    sync_lock(&supervisor->mutex);
    supervisor->hello = *hello;
    supervisor->probed = true;
    supervisor->failed_starts = 0;
    supervisor->status.channels = usable;
    supervisor->status.last_error[0] = '\0';
    bool condemned = supervisor->condemned;
    if (!condemned) {
        move(supervisor, TOKEN_READY);
    }
    lease_desk_open(&supervisor->desk, supervisor->spawn.channels, usable, supervisor->generation,
                    head->epoch);
    if (condemned) {
        lease_desk_shut(&supervisor->desk, LEASE_REFUSE);
    }
    sync_unlock(&supervisor->mutex);
}

/* Waits until the worker that serves is gone; kills it when it must be. */
static void watch(struct supervisor *supervisor)
{
    static const struct {
        enum supervisor_fault fault;
        const char *why;
    } ends[] = {
        [WATCH_LATE] = {SUPERVISOR_LATE, "an operation missed its deadline"},
        [WATCH_LOST] = {SUPERVISOR_GONE, "a late answer was none, or the device is lost"},
        [WATCH_PIN] = {SUPERVISOR_PIN, PIN_REFUSED},
    };
    for (;;) {
        enum watch_end end = watch_worker(&supervisor->spawn, &supervisor->desk);
        if (end == WATCH_GONE) {
            return;
        }
        /* shuts the desk, which owes nothing then */
        supervisor_kill(supervisor, supervisor->generation, ends[end].fault, ends[end].why);
    }
}

/* What one worker's life was. */
struct life {
    struct err err; /* why it did not get ready */
    bool was_ready;
    int64_t ready_ms;
};

static struct life live(struct supervisor *supervisor)
{
    struct life life = {0};
    struct frame_head head = {0};
    struct frame_hello hello = {0};
    life.err = start(supervisor);
    if (life.err.code == ERR_OK) {
        life.err = await_hello(supervisor, &head, &hello);
    }
    if (life.err.code == ERR_OK) {
        int64_t since = clock_mono_ns();
        serve(supervisor, &head, &hello);
        log_info("token", "%s: ready, token %s, serial %s", supervisor->config.name, hello.label,
                 hello.serial);
        watch(supervisor);
        life.was_ready = true;
        life.ready_ms = (clock_mono_ns() - since) / 1000000;
    }
    return life;
}

/* Takes the worker out of service and says in which state the token is then. */
static void retire(struct supervisor *supervisor, const struct life *life, int64_t pause_ms)
{
    unsigned busy = 0;
    uint32_t epoch = 0;
    sync_lock(&supervisor->mutex);
    bool expected = supervisor->condemned || supervisor->stopping;
    kill_worker(supervisor);
    supervisor->killable = 0;
    supervisor->status.worker_pid = 0;
    if (!life->was_ready) {
        supervisor->failed_starts++;
        supervisor->latched = supervisor->latched || life->err.code == ERR_PIN;
        note(supervisor, life->err.detail);
    } else if (!expected) {
        note(supervisor, "the worker died");
    }
    enum token_state next = pause_ms == 0 ? TOKEN_STARTING : TOKEN_DOWN;
    move(supervisor, supervisor->latched ? TOKEN_LATCHED : next);
    lease_desk_look(&supervisor->desk, &busy, &epoch);
    supervisor->epoch_base += life->was_ready ? epoch : 0;
    sync_unlock(&supervisor->mutex);
    lease_desk_drain(&supervisor->desk);
}

/* Waits for the process's end; logs an end that nobody asked for. */
static void bury(struct supervisor *supervisor, const struct life *life, bool expected)
{
    int status = supervisor->spawn.pid > 0 ? spawn_reap(&supervisor->spawn) : 0;
    const char *name = supervisor->config.name;
    if (expected) {
        return;
    }
    if (!life->was_ready) {
        log_error("token", "%s: worker did not get ready: %s", name, life->err.detail);
    } else if (WIFSIGNALED(status)) {
        log_error("token", "%s: worker died of signal %d", name, WTERMSIG(status));
    } else {
        log_error("token", "%s: worker ended with status %d", name, WEXITSTATUS(status));
    }
}

/* False when the supervisor is to stop. */
static bool pause_before_next(struct supervisor *supervisor, int64_t pause_ms)
{
    int64_t until = clock_deadline(pause_ms);
    sync_lock(&supervisor->mutex);
    while (!supervisor->stopping && (supervisor->latched || clock_mono_ns() < until)) {
        int64_t wake = supervisor->latched ? clock_deadline(FOR_EVER_MS) : until;
        (void)sync_wait(&supervisor->changed, &supervisor->mutex, wake);
    }
    bool go_on = !supervisor->stopping;
    if (go_on && supervisor->status.state != TOKEN_STARTING) {
        move(supervisor, TOKEN_STARTING);
    }
    sync_unlock(&supervisor->mutex);
    return go_on;
}

static bool is_expected(struct supervisor *supervisor)
{
    sync_lock(&supervisor->mutex);
    bool expected = supervisor->condemned || supervisor->stopping;
    sync_unlock(&supervisor->mutex);
    return expected;
}

static void *run(void *arg)
{
    struct supervisor *supervisor = arg;
    unsigned deaths = 0;
    int64_t pause_ms = 0;
    do {
        struct life life = live(supervisor);
        deaths = life.was_ready && life.ready_ms >= HEALTHY_MS ? 1 : deaths + 1;
        pause_ms = backoff_ms(deaths, life.was_ready);
        bool expected = is_expected(supervisor);
        retire(supervisor, &life, pause_ms);
        bury(supervisor, &life, expected);
    } while (pause_before_next(supervisor, pause_ms));
    return NULL;
}

void supervisor_open(struct supervisor *supervisor, const struct token_config *config)
{
    *supervisor = (struct supervisor){.config = *config,
                                      .spawn = {.pidfd = -1, .control = -1},
                                      .status = {.channels = config->channels}};
    supervisor->config.name = supervisor->name = mem_text(config->name);
    supervisor->config.worker_path = supervisor->worker_path = mem_text(config->worker_path);
    supervisor->config.worker_config = supervisor->worker_config = mem_text(config->worker_config);
    lease_desk_init(&supervisor->desk, config->channels);
    supervisor->desk.calls_max = config->calls_max;
    supervisor->desk.queue_max = config->queue_max;
    sync_init(&supervisor->mutex, &supervisor->changed);
    sync_lock(&supervisor->mutex);
    move(supervisor, TOKEN_STARTING);
    sync_unlock(&supervisor->mutex);
    supervisor->thread = sync_thread("token", run, supervisor);
}

void supervisor_close(struct supervisor *supervisor)
{
    sync_lock(&supervisor->mutex);
    supervisor->stopping = true;
    kill_worker(supervisor);
    sync_wake_all(&supervisor->changed);
    sync_unlock(&supervisor->mutex);
    (void)pthread_join(supervisor->thread, NULL);
    lease_desk_clear(&supervisor->desk);
    sync_destroy(&supervisor->mutex, &supervisor->changed);
    mem_free(supervisor->name);
    mem_free(supervisor->worker_path);
    mem_free(supervisor->worker_config);
}
