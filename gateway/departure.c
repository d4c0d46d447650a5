/* How a reply leaves. The audit writer gets the record together with the reply and calls back when
 * the record is on disk: then the reply is sent, or wiped and replaced by 503 when it could not be
 * written. Only health routes leave directly, so there is no way around the log.
 *
 * After the submit the exchange may be gone: the audit writer's thread frees it. */
#include "gateway/departure.h"

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/problem.h"

#define UNROUTED_TEXT_MAX 96

static const char *outcome_of(int status)
{
    if (status < 400) {
        return "ok";
    }
    if (status == 401 || status == 403) {
        return "denied";
    }
    return status < 500 ? "refused" : "failed";
}

/* For a request that no route took: what was asked, cut. */
static struct span unrouted_text(const struct request *request, char text[UNROUTED_TEXT_MAX])
{
    int path_len =
        request->path.len < UNROUTED_TEXT_MAX ? (int)request->path.len : UNROUTED_TEXT_MAX;
    snprintf(text, UNROUTED_TEXT_MAX, "%s %.*s", method_name(request->method), path_len,
             (const char *)request->path.data);
    return span_text(text);
}

static struct span source_text(const struct request *request, char text[SOURCE_MAX])
{
    if (!request->local) {
        return span_text(request->source);
    }
    snprintf(text, SOURCE_MAX, "unix:%lu", (unsigned long)request->uid);
    return span_text(text);
}

/* What intent and final record have in common; spans of the call and its exchange. */
static struct audit_record record_of(const struct call *call, char source[SOURCE_MAX])
{
    const struct request *request = &call->exchange->request;
    enum route_target target = call->route != NULL ? call->route->target : TARGET_NONE;
    struct audit_record record = {
        .time = request->arrived_ms,
        .request_id = span_text(request->id),
        .traceparent = request->traceparent,
        .principal = span_text(call->principal),
        .source = source_text(request, source),
        .operation = call->route != NULL ? span_text(call->route->operation) : span_of(NULL, 0),
        .key = target == TARGET_REST ? span_of(NULL, 0) : call->target,
        .version = call->version != 0 ? call->version : call->version_asked,
        .has_digest = call->has_digest,
        .items = call->items,
        .items_failed = call->items_failed,
        .detail = buf_span(&call->detail),
    };
    memcpy(record.digest, call->digest, SHA256_LEN);
    return record;
}

struct err call_intent(const struct call *call)
{
    char source[SOURCE_MAX];
    struct audit_record record = record_of(call, source);
    record.kind = "intent";
    record.outcome = "ok";
    struct err err = audit_write(call->gateway->audit, &record);
    ENSURE(err.code == ERR_OK, ERR_AUDIT_UNAVAILABLE, "The intent could not be recorded.");
    return err_ok();
}

/* What the audit writer needs to let a reply go. */
struct departure {
    struct gateway *gateway;
    struct exchange *exchange;
    const char *operation;
};

static void send_counted(const struct departure *departure)
{
    struct exchange *exchange = departure->exchange;
    int64_t microseconds = (clock_mono_ns() - exchange->request.arrived_ns) / 1000;
    metrics_count(departure->gateway->metrics, departure->operation, exchange->reply.status,
                  microseconds);
    exchange_send(exchange);
}

/* audit_release: the record is durable, or the reply must not leave. */
static void released(void *arg, const struct err *err, uint64_t seq)
{
    struct departure *departure = arg;
    struct exchange *exchange = departure->exchange;
    (void)seq;
    if (err->code != ERR_OK) {
        struct err refusal = {.code = ERR_AUDIT_UNAVAILABLE};
        problem_reply(&exchange->reply, &refusal, exchange->request.id);
    }
    send_counted(departure);
    mem_free(departure);
}

void departure_start(const struct call *call, const struct err *err)
{
    char source[SOURCE_MAX];
    char unrouted[UNROUTED_TEXT_MAX];
    struct exchange *exchange = call->exchange;
    struct departure departure = {.gateway = call->gateway,
                                  .exchange = exchange,
                                  .operation = call->route != NULL ? call->route->operation
                                                                   : DEPARTURE_UNROUTED};
    if (call->route != NULL && call->route->access == ACCESS_HEALTH) {
        send_counted(&departure);
        return;
    }
    struct audit_record record = record_of(call, source);
    if (call->route == NULL) {
        record.operation = unrouted_text(&exchange->request, unrouted);
    }
    record.kind = "request";
    record.status = exchange->reply.status;
    record.outcome = outcome_of(record.status);
    record.code = err->code != ERR_OK ? span_text(err_word(err->code)) : span_of(NULL, 0);
    record.microseconds = (clock_mono_ns() - exchange->request.arrived_ns) / 1000;
    audit_submit(call->gateway->audit, &record, released, mem_copy(&departure, sizeof(departure)));
}
