/* parking: connections that wait for bytes in the middle of a TLS handshake. The HTTP library
 * would ask for them again and again; parked, they cost nothing until something happens. */
#ifndef HSMGATE_GATEWAY_PARKING_H
#define HSMGATE_GATEWAY_PARKING_H

#include <stdbool.h>

struct parking;

/* Lives in the connection's own struct; `who` and `fd` are set by its owner, the rest zeroed. */
struct parking_place {
    struct parking_place *previous;
    struct parking_place *next;
    void *who;
    int fd;
    bool parked;
};

/* suspend runs in the thread that parks, resume in ours. */
struct parking *parking_open(void (*suspend)(void *who), void (*resume)(void *who));
/* Resumes everyone; nobody can park any more, and every place is free to go. */
void parking_stop(struct parking *parking);
/* After parking_stop and when nobody calls any more: frees. Takes NULL. */
void parking_close(struct parking *parking);
/* Suspends until the descriptor can be read (or written) or was shut down, and resumes exactly
 * once. The caller goes back to the library at once and touches nothing until then. */
void parking_wait_readable(struct parking *parking, struct parking_place *place);
void parking_wait_writable(struct parking *parking, struct parking_place *place);

#endif
