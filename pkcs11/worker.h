/* worker: everything that one hsmgate-token process holds, made in its main. */
#ifndef HSMGATE_PKCS11_WORKER_H
#define HSMGATE_PKCS11_WORKER_H

#include "pkcs11/judge.h"
#include "pkcs11/newborns.h"
#include "pkcs11/object.h"

/* Nothing but the parts that lock themselves changes after worker_start. */
struct worker {
    const struct worker_config *config;
    struct module module;
    struct login login;
    struct session_pool pool;
    struct object_map objects;
    struct probe probe;
    struct judge judge;
    struct newborns newborns;
};

/* Logs in, opens up to `channels` sessions and learns what the token can do. The module is open
 * already. ERR_PIN, ERR_CONFIG, ERR_TOKEN_UNAVAILABLE; the detail is for operators and may name a
 * CKR. */
MUST_USE struct err worker_start(struct worker *worker, const struct worker_config *config,
                                 unsigned channels);
/* The class that tells the front why the worker does not start. */
enum frame_class worker_class_of(struct err err);
/* What HELLO says; `err` ok: ready. */
void worker_describe(const struct worker *worker, struct err err, struct frame_hello *out);
/* For tests: frees what worker_start made; the process itself ends with _exit. */
void worker_clear(struct worker *worker);

#endif
