/* copy_place: one place that checkpoints are copied to, and the one try to bring it one. */
#ifndef HSMGATE_GATEWAY_COPY_PLACE_H
#define HSMGATE_GATEWAY_COPY_PLACE_H

#include "base/buf.h"

enum copy_kind { COPY_FILE, COPY_COMMAND, COPY_WEBHOOK };

/* Strings are borrowed. */
struct copy_place {
    enum copy_kind kind;
    const char *target;      /* path, program or URL */
    const char *const *argv; /* COPY_COMMAND: the program first */
    size_t argc;
    const char *ca; /* COPY_WEBHOOK: PEM file, or NULL */
};

/* `file /path`, `command /path` or `webhook`: a URL may carry a secret and is never shown. */
void copy_place_name(const struct copy_place *place, struct buf *out);
/* Brings the note; it is there when this returns ok. `stop` is a descriptor that becomes readable
 * when a command must be ended early. A file that holds anything but an older checkpoint of the
 * same log is left alone: ERR_CONFLICT. ERR_IO, ERR_DEADLINE. */
MUST_USE struct err copy_place_deliver(const struct copy_place *place, struct span note,
                                       int64_t deadline_ns, int stop);

#endif
