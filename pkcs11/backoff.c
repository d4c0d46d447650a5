/* backoff: doubles the pause between starts, up to a limit.
 *
 * A worker that cannot start will probably not start a moment later either, and each try may cost
 * the token a login. One that had been serving is another matter: its clients wait. */
#include "pkcs11/backoff.h"

#include "base/banned.h"

#define PAUSE_MS       50
#define PAUSE_MS_MAX   10000
#define PAUSE_MS_READY 500
#define DOUBLINGS_MAX  8

int64_t backoff_ms(unsigned deaths, bool was_ready)
{
    if (was_ready && deaths <= 1) {
        return 0;
    }
    unsigned doublings = deaths > 1 ? deaths - 1 - (was_ready ? 1 : 0) : 0;
    int64_t pause = (int64_t)PAUSE_MS << (doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX);
    int64_t most = was_ready ? PAUSE_MS_READY : PAUSE_MS_MAX;
    return pause < most ? pause : most;
}
