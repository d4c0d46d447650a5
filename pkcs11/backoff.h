/* backoff: how long a token waits before it starts a worker again. Pure. */
#ifndef HSMGATE_PKCS11_BACKOFF_H
#define HSMGATE_PKCS11_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds before the next start. `deaths`: workers that died in a row, from 1. A worker that
 * got ready is started again at once the first time and within half a second always. */
int64_t backoff_ms(unsigned deaths, bool was_ready);

#endif
