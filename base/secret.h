/* PINs and bearer tokens: locked, kept out of core files, wiped; no print, no JSON.
 * One owner, the shortest scope: read, use, clear in the same function. */
#ifndef HSMGATE_BASE_SECRET_H
#define HSMGATE_BASE_SECRET_H

#include "base/buf.h"

struct secret {
    uint8_t *data;
    size_t len;
    size_t cap;
};

/* Copies the bytes into locked memory. */
void secret_set(struct secret *secret, struct span bytes);
/* Reads up to `max` bytes from a descriptor (pread from 0 when it can seek, so that it can be read
 * again), without one trailing newline. ERR_IO; ERR_TOO_LARGE. */
MUST_USE struct err secret_read_fd(struct secret *secret, int fd, size_t max);
/* Likewise from a file; refuses one that group or others may read (ERR_CONFIG). */
MUST_USE struct err secret_read_file(struct secret *secret, const char *path, size_t max);
struct span secret_span(const struct secret *secret);
/* Wipes and frees; for CLEANUP too. */
void secret_clear(struct secret *secret);
/* Constant time in the content; for anything that a client sent. */
bool secret_equal(struct span a, struct span b);
/* No core files, no ptrace, all pages locked when the limit allows it (else a warning is logged).
 * For main. */
void secret_harden_process(void);

#endif
