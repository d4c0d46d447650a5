/* watch: hears, on the supervisor's thread, what becomes of a worker that serves. */
#ifndef HSMGATE_PKCS11_WATCH_H
#define HSMGATE_PKCS11_WATCH_H

#include "pkcs11/lease.h"
#include "pkcs11/spawn.h"

enum watch_end {
    WATCH_GONE, /* the process has ended */
    WATCH_LATE, /* a reply is still owed after its time */
    WATCH_LOST, /* an owed reply was none, or said that the device is lost */
    WATCH_PIN   /* an owed reply said that the PIN was refused */
};

/* Waits until the worker is gone or must be killed, and gives channels whose owed replies come back
 * to the desk. */
enum watch_end watch_worker(const struct spawn *spawn, struct lease_desk *desk);

#endif
