/* worker_process: the built hsmgate-token, started as the front would, spoken to in frames. */
#ifndef HSMGATE_TESTS_LIB_WORKER_PROCESS_H
#define HSMGATE_TESTS_LIB_WORKER_PROCESS_H

#include <sys/types.h>

#include "pkcs11/frame.h"

#define WORKER_CHANNELS_MAX 8

struct worker_process {
    pid_t pid;
    int control;
    int channels[WORKER_CHANNELS_MAX];
    unsigned count;
    struct frame_head head; /* of HELLO */
    struct frame_hello hello;
};

/* One request, and its reply after worker_process_call; the replies' spans live until the next
 * call with the same struct. Zero it first, clear it after use. */
struct worker_call {
    enum frame_kind kind;
    enum token_op op;
    const struct frame_item *items;
    size_t count;
    struct frame_head head;
    struct frame_item *replies;
    struct buf body;
};

/* Starts the program and waits for HELLO, whatever it says. */
void worker_process_start(struct worker_process *process, const char *config, unsigned channels);
/* Closes the control channel and waits: the exit status. */
int worker_process_stop(struct worker_process *process);
/* Waits for a process that ends by itself. */
int worker_process_wait(struct worker_process *process);
void worker_process_call(const struct worker_process *process, unsigned channel,
                         struct worker_call *call);
void worker_call_clear(struct worker_call *call);

#endif
