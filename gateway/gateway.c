/* The one struct that every request sees; main fills it and owns what it points to. */
#include "gateway/gateway.h"

#include "base/clock.h"

struct token *gateway_token(const struct gateway *gateway, const char *name)
{
    for (size_t i = 0; i < gateway->token_count; i++) {
        if (strcmp(token_name(gateway->tokens[i]), name) == 0) {
            return gateway->tokens[i];
        }
    }
    return NULL;
}

int64_t gateway_now(const struct gateway *gateway)
{
    struct timekeeper *keeper = gateway->rotation.timekeeper;
    return keeper != NULL ? timekeeper_latest(keeper) : clock_wall_ms();
}
