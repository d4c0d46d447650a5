/* spawn: starts the worker program with its sockets in place. */
#ifndef HSMGATE_PKCS11_SPAWN_H
#define HSMGATE_PKCS11_SPAWN_H

#include <sys/types.h>

#include "pkcs11/token.h"

#define SPAWN_CHANNELS_MAX 256

/* A running worker, seen from the front. All descriptors are ours and close on exec. */
struct spawn {
    pid_t pid;   /* 0: none */
    int pidfd;   /* readable when the process ends; -1 where the kernel has none */
    int control; /* the front's end of FRAME_CONTROL_FD */
    unsigned channel_count;
    int channels[SPAWN_CHANNELS_MAX]; /* -1: taken by somebody */
};

/* Starts config->worker_path with --config and --channels; see frame.h for its descriptors.
 * Standard input is /dev/null, output and error are ours, the environment is ours without what
 * belongs to the front alone. ERR_IO; nothing is left open then. */
MUST_USE struct err spawn_start(const struct token_config *config, struct spawn *out);
/* Waits for the process, which has been killed, and closes what has not been taken. Returns the
 * status of waitpid(2). */
int spawn_reap(struct spawn *spawn);

#endif
