/* How a reply leaves. The audit writer gets the record together with the reply and calls back when
 * the record is on disk: then the reply is sent, or wiped and replaced by 503 when it could not be
 * written. Only health routes leave directly, so there is no way around the log.
 *
 * After the submit the exchange may be gone: the audit writer's thread frees it. */
#include "gateway/departure.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/name.h"
#include "gateway/caller.h"
#include "gateway/dialect.h"
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

static bool is_bearer_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Copies what a caller put into the path, cut to fit, with `hg_*` for each bearer token that got in
 * there by mistake: the log is read by people who must not have it. */
static struct span mask_bearers(struct span from, char *text, size_t text_max)
{
    size_t len = 0;
    for (size_t i = 0; i < from.len && len + 1 < text_max; i++) {
        bool at_start = i == 0 || !is_bearer_char(from.data[i - 1]);
        bool bearer = at_start && span_starts(span_of(from.data + i, from.len - i), BEARER_PREFIX);
        if (!bearer) {
            text[len++] = (char)from.data[i];
            continue;
        }
        len += (size_t)snprintf(text + len, text_max - len, BEARER_PREFIX "*");
        while (i + 1 < from.len && is_bearer_char(from.data[i + 1])) {
            i++;
        }
    }
    len = len < text_max ? len : text_max - 1;
    text[len] = '\0';
    return span_of(text, len);
}

/* For a request that no route took: what was asked, cut. */
static struct span unrouted_text(const struct request *request, char text[UNROUTED_TEXT_MAX])
{
    size_t len = (size_t)snprintf(text, UNROUTED_TEXT_MAX, "%s ", method_name(request->method));
    struct span path = mask_bearers(request->path, text + len, UNROUTED_TEXT_MAX - len);
    return span_of(text, len + path.len);
}

/* The key that was asked for; what only looks like a name, because no key has it, is masked. */
static struct span key_text(const struct call *call, char text[NAME_MAX_LEN + 1])
{
    enum route_target target = call->route != NULL ? call->route->target : TARGET_NONE;
    if (target == TARGET_REST || target == TARGET_ITEM) {
        return call->key != NULL ? span_text(call->key->name) : span_of(NULL, 0);
    }
    bool refused = call->exchange->reply.status >= 400;
    bool unknown =
        call->key == NULL && (target == TARGET_KEY || (target == TARGET_NEW_KEY && refused));
    return unknown ? mask_bearers(call->target, text, NAME_MAX_LEN + 1) : call->target;
}

static struct span source_text(const struct request *request, char text[SOURCE_MAX])
{
    if (!request->local) {
        return span_text(request->source);
    }
    snprintf(text, SOURCE_MAX, "unix:%lu", (unsigned long)request->uid);
    return span_text(text);
}

/* What a record points to, where the call and its exchange do not have it as it should stand. */
struct texts {
    char source[SOURCE_MAX];
    char key[NAME_MAX_LEN + 1];
    char unrouted[UNROUTED_TEXT_MAX];
};

/* What intent and final record have in common; spans of the call, its exchange and `texts`. */
static struct audit_record record_of(const struct call *call, struct texts *texts)
{
    const struct request *request = &call->exchange->request;
    struct audit_record record = {
        .time = request->arrived_ms,
        .request_id = span_text(request->id),
        .traceparent = request->traceparent,
        .principal = span_text(call->principal),
        .source = source_text(request, texts->source),
        .operation = span_text(call->operation != NULL ? call->operation : ""),
        .key = key_text(call, texts->key),
        .grant = call->grant != NULL ? span_text(call->grant->id) : span_of(NULL, 0),
        .version = call->version != 0 ? call->version : call->version_asked,
        .has_digest = call->has_digest,
        .items = call->items,
        .items_failed = call->items_failed,
        .detail = buf_span(&call->detail),
    };
    if (call->exchange->dialect->name != NULL) {
        record.dialect = span_text(call->exchange->dialect->name);
    }
    memcpy(record.digest, call->digest, SHA256_LEN);
    return record;
}

struct err call_intent(const struct call *call)
{
    struct texts texts;
    struct audit_record record = record_of(call, &texts);
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
    const char *token; /* where the key lives, static; NULL: no key */
};

/* The key is released before the reply leaves, the token is not. Whether a key exists is nothing
 * that the figures may tell a caller without the grant. */
static const char *token_of(const struct call *call, const struct err *err)
{
    /* the dialect's own status may not be so plain */
    int status = err->code == ERR_OK ? call->exchange->reply.status : problem_status(err->code);
    bool let_in = call->key != NULL && status != 401 && status != 403;
    const struct token *token = let_in ? gateway_token(call->gateway, call->key->token) : NULL;
    return token == NULL ? NULL : token_name(token);
}

static void send_counted(const struct departure *departure)
{
    struct exchange *exchange = departure->exchange;
    int64_t microseconds = (clock_mono_ns() - exchange->request.arrived_ns) / 1000;
    metrics_count(departure->gateway->metrics, departure->operation, departure->token,
                  exchange->reply.status, microseconds);
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
        exchange->dialect->refuse(exchange, NULL, &refusal);
    }
    send_counted(departure);
    mem_free(departure);
}

/* Who opened and signed how much, for alerts about unusual volumes. */
static void count_principal(const struct call *call)
{
    static const char *const telling[] = {"sign", "jwt", "decrypt", "unwrap"};
    uint64_t items = call->items > 0 ? call->items - call->items_failed : 1;
    for (size_t i = 0; i < ARRAY_LEN(telling); i++) {
        if (items > 0 && strcmp(call->operation, telling[i]) == 0) {
            metrics_principal(call->gateway->metrics, call->principal, telling[i], items);
        }
    }
}

void departure_start(const struct call *call, const struct err *err)
{
    struct texts texts;
    struct exchange *exchange = call->exchange;
    struct departure departure = {.gateway = call->gateway,
                                  .exchange = exchange,
                                  .operation = call->operation != NULL ? call->operation
                                                                       : DEPARTURE_UNROUTED,
                                  .token = token_of(call, err)};
    if (call->route != NULL && call->route->access == ACCESS_HEALTH) {
        audit_withdraw(call->gateway->audit);
        send_counted(&departure);
        return;
    }
    if (call->operation != NULL && err->code == ERR_OK) {
        count_principal(call);
    }
    if (err->code == ERR_OVERLOADED) { /* in a request thread only the token says so */
        metrics_limited(call->gateway->metrics, "token");
    }
    struct audit_record record = record_of(call, &texts);
    if (call->route == NULL) {
        record.operation = unrouted_text(&exchange->request, texts.unrouted);
    }
    record.kind = "request";
    record.status = exchange->reply.status;
    /* dialects have statuses of their own for one and the same refusal, and for a batch even the
     * caller may choose one */
    record.outcome = err->code == ERR_OK ? "ok" : outcome_of(problem_status(err->code));
    record.code = err->code != ERR_OK ? span_text(err_word(err->code)) : span_of(NULL, 0);
    record.microseconds = (clock_mono_ns() - exchange->request.arrived_ns) / 1000;
    record.announced = true;
    audit_submit(call->gateway->audit, &record, released, mem_copy(&departure, sizeof(departure)));
}
