/* Figures of the tokens: state, workers, channels, and what the worker could not do, by the class
 * of the token's return code. A family's lines stand together, as the text format wants it, so the
 * tokens are the inner loop. */
#include "base/mem.h"
#include "gateway/gauges_inner.h"

/* One figure of a token; a family's lines stand together, so tokens are the inner loop. */
struct token_family {
    const char *name;
    const char *type;
    const char *help;
    uint64_t (*value)(const struct token_status *status);
};

static uint64_t token_up(const struct token_status *status)
{
    return status->state == TOKEN_READY ? 1 : 0;
}
static uint64_t token_epoch(const struct token_status *status)
{
    return status->epoch;
}
static uint64_t token_restarts(const struct token_status *status)
{
    return status->restarts;
}
static uint64_t token_timeouts(const struct token_status *status)
{
    return status->timeouts;
}
static uint64_t token_calls(const struct token_status *status)
{
    return status->calls;
}
static uint64_t token_failures(const struct token_status *status)
{
    return status->failures;
}
static uint64_t token_channels(const struct token_status *status)
{
    return status->channels;
}
static uint64_t token_busy(const struct token_status *status)
{
    return status->channels_busy;
}

static const struct token_family token_families[] = {
    {"hsmgate_token_up", "gauge", "1 when the token is ready.", token_up},
    {"hsmgate_token_epoch", "gauge", "Logins to the token.", token_epoch},
    {"hsmgate_token_restarts_total", "counter", "Workers started again.", token_restarts},
    {"hsmgate_token_timeouts_total", "counter", "Workers killed for a missed deadline.",
     token_timeouts},
    {"hsmgate_token_calls_total", "counter", "Calls to the token.", token_calls},
    {"hsmgate_token_failures_total", "counter", "Calls that failed.", token_failures},
    {"hsmgate_token_channels", "gauge", "Channels to the token's worker.", token_channels},
    {"hsmgate_token_channels_busy", "gauge", "Channels in use.", token_busy},
};

static struct err write_family(const struct gateway *gateway, const struct token_family *family,
                               struct buf *out)
{
    TRY(gauges_head(out, family->name, family->type, family->help));
    for (size_t i = 0; i < gateway->token_count; i++) {
        struct token_status status;
        token_status(gateway->tokens[i], &status);
        TRY(buf_printf(out, "%s{token=\"%s\"} %llu\n", family->name, token_name(gateway->tokens[i]),
                       (unsigned long long)family->value(&status)));
    }
    return err_ok();
}

/* The state as one series per state, so that alerts can name it. */
static struct err write_token_states(const struct gateway *gateway, struct buf *out)
{
    TRY(gauges_head(out, "hsmgate_token_state", "gauge", "1 for the state that the token is in."));
    for (size_t i = 0; i < gateway->token_count; i++) {
        struct token_status status;
        token_status(gateway->tokens[i], &status);
        for (int state = TOKEN_STARTING; state <= TOKEN_LATCHED; state++) {
            TRY(buf_printf(out, "hsmgate_token_state{token=\"%s\",state=\"%s\"} %d\n",
                           token_name(gateway->tokens[i]),
                           token_state_name((enum token_state)state),
                           status.state == (enum token_state)state ? 1 : 0));
        }
    }
    return err_ok();
}

/* By class, each there from the start. */
static struct err write_token_errors(const struct gateway *gateway, struct buf *out)
{
    static const char name[] = "hsmgate_token_errors_total";
    TRY(gauges_head(out, name, "counter",
                    "Items and calls that the worker could not do, by class of return code."));
    for (size_t i = 0; i < gateway->token_count; i++) {
        struct token_status status;
        token_status(gateway->tokens[i], &status);
        for (size_t k = 1; k < TOKEN_ERROR_COUNT; k++) {
            TRY(buf_printf(out, "%s{token=\"%s\",class=\"%s\"} %llu\n", name,
                           token_name(gateway->tokens[i]), token_error_name(k),
                           (unsigned long long)status.errors[k]));
        }
    }
    return err_ok();
}

struct err gauges_tokens(const struct gateway *gateway, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(token_families); i++) {
        TRY(write_family(gateway, &token_families[i], out));
    }
    TRY(write_token_states(gateway, out));
    return write_token_errors(gateway, out);
}
