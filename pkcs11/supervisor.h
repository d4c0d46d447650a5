/* supervisor: keeps one worker running for a token, or says why there is none. */
#ifndef HSMGATE_PKCS11_SUPERVISOR_H
#define HSMGATE_PKCS11_SUPERVISOR_H

#include <stdatomic.h>

#include "pkcs11/lease.h"
#include "pkcs11/spawn.h"

/* Why a worker must die. */
enum supervisor_fault {
    SUPERVISOR_GONE, /* its socket closed, or it said that the device is lost */
    SUPERVISOR_LATE, /* it missed a deadline */
    SUPERVISOR_LYING,
    SUPERVISOR_PIN /* the PIN was refused: latched */
};

/* For operators, who alone can mend it. */
#define PIN_REFUSED "the token refused the PIN: mend the PIN, then restart hsmgated"

struct supervisor {
    struct token_config config; /* its strings are the next three */
    char *name;
    char *worker_path;
    char *worker_config;
    struct lease_desk desk;
    atomic_uint_fast64_t errors[FRAME_CLASS_END]; /* answers of the workers that were none */
    pthread_t thread;
    struct spawn spawn;     /* the thread's own, but for the pid below */
    pthread_mutex_t mutex;  /* guards everything below */
    pthread_cond_t changed; /* the state, or `stopping` */
    pid_t killable;         /* the worker's pid until it is reaped, else 0 */
    uint64_t generation;    /* of that worker */
    bool condemned;         /* that worker has been killed by us */
    bool stopping;
    bool latched;
    bool probed;              /* `hello` holds what a worker once said */
    unsigned failed_starts;   /* since the last worker that got ready */
    struct frame_hello hello; /* of the newest worker that got ready */
    uint64_t epoch_base;      /* epochs of earlier workers */
    struct token_status status;
};

void supervisor_open(struct supervisor *supervisor, const struct token_config *config);
/* Kills the worker and ends the thread. */
void supervisor_close(struct supervisor *supervisor);
MUST_USE struct err supervisor_wait_ready(struct supervisor *supervisor, int64_t deadline_ns);
/* Kills the worker unless that generation is gone already; another one starts unless it is the PIN.
 * `why` is for operators. */
void supervisor_kill(struct supervisor *supervisor, uint64_t generation,
                     enum supervisor_fault fault, const char *why);
/* Counts what a worker could not do. */
void supervisor_count(struct supervisor *supervisor, enum frame_class class);
/* Everything but calls and failures. */
void supervisor_status(struct supervisor *supervisor, struct token_status *out);
/* What the newest probe found; false before the first. */
bool supervisor_probe(struct supervisor *supervisor, struct token_probe *out);

#endif
