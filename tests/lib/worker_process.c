/* worker_process: socketpairs, fork, exec. The program's path is HSMGATE_TOKEN_PATH, from CMake. */
#include "tests/lib/worker_process.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#define ANSWER_MS 90000

/* Moves the worker's ends to 3, 4, … by way of high numbers, so that none is overwritten. */
static void __attribute__((noreturn))
become(const int *ends, unsigned count, const char *config, unsigned channels)
{
    int high[WORKER_CHANNELS_MAX + 1];
    char number[16];
    for (unsigned i = 0; i < count; i++) {
        high[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 100);
    }
    for (unsigned i = 0; i < count; i++) {
        assert(dup2(high[i], FRAME_CONTROL_FD + (int)i) >= 0);
    }
    (void)snprintf(number, sizeof(number), "%u", channels);
    execl(HSMGATE_TOKEN_PATH, "hsmgate-token", "--config", config, "--channels", number,
          (char *)NULL);
    _exit(127);
}

static void read_hello(struct worker_process *process)
{
    struct buf body = {0};
    struct err err =
        frame_receive(process->control, clock_deadline(ANSWER_MS), &process->head, &body);
    assert(err.code == ERR_OK);
    err = frame_decode_hello(&process->head, buf_span(&body), &process->hello);
    assert(err.code == ERR_OK);
    buf_clear(&body);
}

void worker_process_start(struct worker_process *process, const char *config, unsigned channels)
{
    int theirs[WORKER_CHANNELS_MAX + 1];
    assert(channels <= WORKER_CHANNELS_MAX);
    *process = (struct worker_process){.count = channels};
    for (unsigned i = 0; i <= channels; i++) {
        int pair[2];
        assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
        theirs[i] = pair[1];
        if (i == 0) {
            process->control = pair[0];
        } else {
            process->channels[i - 1] = pair[0];
        }
    }
    process->pid = fork();
    assert(process->pid >= 0);
    if (process->pid == 0) {
        become(theirs, channels + 1, config, channels);
    }
    for (unsigned i = 0; i <= channels; i++) {
        fd_close(&theirs[i]);
    }
    read_hello(process);
}

int worker_process_wait(struct worker_process *process)
{
    int status = 0;
    assert(waitpid(process->pid, &status, 0) == process->pid);
    fd_close(&process->control);
    for (unsigned i = 0; i < process->count; i++) {
        fd_close(&process->channels[i]);
    }
    return status;
}

int worker_process_stop(struct worker_process *process)
{
    fd_close(&process->control);
    return worker_process_wait(process);
}

void worker_process_call(const struct worker_process *process, unsigned channel,
                         struct worker_call *call)
{
    struct buf frame = {.max = FRAME_HEAD_LEN + FRAME_BODY_MAX};
    const struct frame_head head = {.kind = call->kind, .op = call->op, .deadline_ms = 30000};
    int fd = process->channels[channel];
    if (call->replies == NULL) {
        call->replies = mem_array(FRAME_ITEMS_MAX, sizeof(struct frame_item));
    }
    struct err err = frame_encode(&head, call->items, call->count, &frame);
    assert(err.code == ERR_OK);
    err = frame_send(fd, buf_span(&frame), clock_deadline(ANSWER_MS));
    assert(err.code == ERR_OK);
    err = frame_receive(fd, clock_deadline(ANSWER_MS), &call->head, &call->body);
    assert(err.code == ERR_OK);
    err = frame_decode_items(&call->head, buf_span(&call->body), call->replies);
    assert(err.code == ERR_OK && call->head.kind == call->kind && call->head.op == call->op);
    buf_clear(&frame);
}

void worker_call_clear(struct worker_call *call)
{
    mem_free(call->replies);
    buf_clear(&call->body);
    call->replies = NULL;
}
