/* Figures that others keep: build, store, server, audit log, tokens. Each is read when somebody
 * asks; nothing here is on the path of a request. */
#include "gateway/gauges.h"

#include "base/mem.h"

struct err gauges_head(struct buf *out, const char *name, const char *type, const char *help)
{
    return buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static struct err write_one(struct buf *out, const char *name, const char *type, const char *help,
                            uint64_t value)
{
    TRY(gauges_head(out, name, type, help));
    return buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static struct err write_server(struct server *server, struct buf *out)
{
    struct server_status status;
    if (server == NULL) {
        return err_ok();
    }
    server_status(server, &status);
    TRY(write_one(out, "hsmgate_http_connections", "gauge", "Open connections.",
                  status.connections));
    TRY(write_one(out, "hsmgate_http_queued", "gauge", "Whole requests that wait for a thread.",
                  status.queued));
    TRY(write_one(out, "hsmgate_http_requests_total", "counter", "Whole requests received.",
                  status.requests));
    TRY(write_one(out, "hsmgate_http_timeouts_total", "counter",
                  "Requests that did not become whole, or had no answer, in time.",
                  status.timed_out));
    TRY(gauges_head(out, "hsmgate_http_refused_total", "counter",
                    "Requests refused before a handler, by reason."));
    return buf_printf(out,
                      "hsmgate_http_refused_total{reason=\"shape\"} %llu\n"
                      "hsmgate_http_refused_total{reason=\"size\"} %llu\n"
                      "hsmgate_http_refused_total{reason=\"overload\"} %llu\n",
                      (unsigned long long)status.refused_shape,
                      (unsigned long long)status.refused_size,
                      (unsigned long long)status.refused_overload);
}

static struct err write_audit(struct audit *audit, struct buf *out)
{
    struct audit_status status;
    audit_status(audit, &status);
    TRY(write_one(out, "hsmgate_audit_durable_seq", "counter", "Last audit record on disk.",
                  status.durable_seq));
    TRY(write_one(out, "hsmgate_audit_waiting", "gauge", "Audit records that wait to be written.",
                  status.waiting));
    TRY(write_one(out, "hsmgate_audit_syncs_total", "counter", "Batches made durable.",
                  status.syncs));
    TRY(write_one(out, "hsmgate_audit_failures_total", "counter",
                  "Batches that could not be written.", status.failures));
    return write_one(out, "hsmgate_audit_writable", "gauge",
                     "1 when the last write of the audit log succeeded.", status.writable ? 1 : 0);
}

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
    {"hsmgate_token_epoch", "counter", "Logins to the token.", token_epoch},
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

static struct err write_tokens(const struct gateway *gateway, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(token_families); i++) {
        TRY(write_family(gateway, &token_families[i], out));
    }
    return write_token_states(gateway, out);
}

struct err gauges_write(const struct gateway *gateway, struct buf *out)
{
    TRY(gauges_head(out, "hsmgate_build_info", "gauge", "The version, as a label."));
    TRY(buf_printf(out, "hsmgate_build_info{version=\"%s\"} 1\n", HSMGATE_VERSION));
    TRY(write_one(out, "hsmgate_start_time_seconds", "gauge", "When the gateway started.",
                  (uint64_t)(gateway->started_ms / 1000)));
    TRY(write_one(out, "hsmgate_keys", "gauge", "Keys in the store.",
                  keystore_count(gateway->store)));
    TRY(write_server(gateway->server, out));
    TRY(write_audit(gateway->audit, out));
    return write_tokens(gateway, out);
}
