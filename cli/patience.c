/* Growing pauses with a limit. Time runs on the monotonic clock, and a signal ends a pause. */
#include "cli/patience.h"

#include "base/clock.h"
#include "base/mem.h"

#define PAUSE_MS     250
#define PAUSE_MAX_MS 10000
#define MS_PER_S     1000

bool patience_helps(const struct err *err, const struct response *response)
{
    if (err->code != ERR_OK) {
        return err->code == ERR_IO;
    }
    return response->status == 429 || (response->status >= 502 && response->status <= 504);
}

bool patience_helps_item(enum err_code code)
{
    static const enum err_code passing[] = {ERR_RATE_LIMITED,      ERR_TOKEN_UNAVAILABLE,
                                            ERR_AUDIT_UNAVAILABLE, ERR_STORE_UNAVAILABLE,
                                            ERR_OVERLOADED,        ERR_DEADLINE};
    for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
        if (passing[i] == code) {
            return true;
        }
    }
    return false;
}

static int64_t pause_ms(unsigned tries)
{
    int64_t pause = PAUSE_MS;
    for (unsigned i = 1; i < tries && pause < PAUSE_MAX_MS; i++) {
        pause *= 2;
    }
    return pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
}

enum patience_next patience_pause(struct patience *patience, int64_t retry_after_s)
{
    if (patience->end_ns == 0) {
        patience->end_ns = clock_deadline(patience->limit_ms);
    }
    const int64_t asked_ms =
        retry_after_s < INT64_MAX / MS_PER_S ? retry_after_s * MS_PER_S : INT64_MAX;
    const int64_t left_ms = clock_left_ms(patience->end_ns);
    if (left_ms == 0 || asked_ms > left_ms) {
        return PATIENCE_OVER;
    }
    patience->tries++;
    int64_t wait_ms = pause_ms(patience->tries);
    wait_ms = wait_ms > asked_ms ? wait_ms : asked_ms;
    wait_ms = wait_ms < left_ms ? wait_ms : left_ms;
    return stop_wait(patience->stop, -1, clock_deadline(wait_ms)) == STOP_ASKED ? PATIENCE_STOP
                                                                                : PATIENCE_AGAIN;
}

void patience_served(struct patience *patience)
{
    patience->end_ns = 0;
    patience->tries = 0;
}
