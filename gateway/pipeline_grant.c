/* What a caller may do, and how often: asks policy, notes which grant was used, counts who was
 * denied.
 *
 * Every question of one request is decided by one snapshot of the grants. A grant that demands a
 * context is settled once the body is read and before the handler sees it, for each item of a batch
 * on its own. Whoever may not do a thing gets one answer, whatever the reason. */
#include "gateway/pipeline_inner.h"

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/dialect.h"
#include "gateway/limits.h"

struct err pipeline_refusal(void)
{
    return err_new(ERR_FORBIDDEN, __func__, "The caller has no grant for this operation.");
}

struct policy pipeline_policy(struct call *call)
{
    const struct config *config = call->gateway->config;
    if (call->grants == NULL) {
        call->grants = keystore_grants(call->gateway->store);
    }
    return (struct policy){.administrators = config->administrators,
                           .administrator_count = config->administrator_count,
                           .grants = call->grants};
}

struct policy_question pipeline_question(const struct call *call, const char *operation,
                                         struct span key_name)
{
    const struct request *request = &call->exchange->request;
    return (struct policy_question){
        .principal = span_text(call->principal),
        .operation = operation,
        .key = key_name,
        .source = span_text(request->local ? "unix" : request->source),
        .now = call->now_ms,
    };
}

static struct policy_decision decide(struct call *call, const char *operation, struct span key_name)
{
    struct policy policy = pipeline_policy(call);
    struct policy_question question = pipeline_question(call, operation, key_name);
    return policy_decide(&policy, &question);
}

static struct err deny(struct call *call)
{
    metrics_denied(call->gateway->metrics, call->route->operation);
    return pipeline_refusal();
}

static void note_grant(struct call *call, const struct grant *grant)
{
    if (grant != NULL) {
        grant_note_use(grant, call->now_ms);
        call->grant = grant;
    }
}

bool pipeline_may(struct call *call, const char *operation, struct span key_name)
{
    return decide(call, operation, key_name).answer == POLICY_YES;
}

struct err pipeline_grant(struct call *call, const char *operation, struct span key_name)
{
    struct policy_decision decision = decide(call, operation, key_name);
    if (decision.answer != POLICY_YES) {
        return deny(call);
    }
    note_grant(call, decision.grant);
    return err_ok();
}

/* By the operation or, where the route has two, the one that allows more. */
static struct policy_decision decide_route(struct call *call, struct span key_name)
{
    struct policy_decision decision = decide(call, call->route->operation, key_name);
    if (call->also == NULL || decision.answer == POLICY_YES) {
        return decision;
    }
    struct policy_decision other = decide(call, call->also, key_name);
    return other.answer == POLICY_NO ? decision : other;
}

struct err pipeline_grant_or_context(struct call *call, struct span key_name)
{
    struct policy_decision decision = decide_route(call, key_name);
    call->context_bound = decision.answer == POLICY_WITH_CONTEXT;
    if (decision.answer != POLICY_YES && !call->context_bound) {
        return deny(call);
    }
    note_grant(call, call->context_bound ? NULL : decision.grant);
    return err_ok();
}

/* --- rates --- */

/* The key whose rate is asked for: a key's rate is one of use, so that whoever must disable a key
 * that is overrun gets through. Names that no key has get no bucket, so that nobody can fill the
 * table with them; nor does a key that the caller may perhaps not use. */
static struct span limited_key(const struct call *call)
{
    enum operation operation = OPERATION_COUNT;
    bool used = operation_by_name(span_text(call->route->operation), &operation) &&
                (policy_use_operations() >> operation & 1) != 0;
    bool known = call->key != NULL && !call->context_bound;
    return used && known ? span_text(call->key->name) : span_of(NULL, 0);
}

static struct err take_rate(struct call *call, struct span principal, uint32_t items)
{
    struct gateway *gateway = call->gateway;
    const char *limit = NULL;
    if (gateway->limits == NULL || call->route->access == ACCESS_HEALTH) {
        return err_ok();
    }
    struct err err = limits_take(gateway->limits, principal, limited_key(call), items,
                                 clock_mono_ns(), &call->retry_after_s, &limit);
    if (err.code == ERR_RATE_LIMITED) {
        metrics_limited(gateway->metrics, limit);
    }
    return err;
}

struct err pipeline_take_rate(struct call *call, uint32_t items)
{
    return take_rate(call, span_text(call->principal), items);
}

void pipeline_owe_rate(struct call *call, uint32_t items)
{
    if (call->gateway->limits != NULL) {
        limits_owe(call->gateway->limits, span_text(call->principal), limited_key(call), items,
                   clock_mono_ns());
    }
}

/* --- contexts --- */

static bool context_allows(struct call *call, const char *operation,
                           const struct json_value *object)
{
    CLEANUP(json_clear) struct json made = {0};
    const struct json_value *context = NULL;
    if (call->exchange->dialect->context(call, object, &made, &context).code != ERR_OK) {
        return false;
    }
    struct policy policy = pipeline_policy(call);
    struct policy_question question = pipeline_question(call, operation, call->target);
    const struct grant *grant = policy_context_fits(&policy, &question, context);
    note_grant(call, grant);
    return grant != NULL;
}

static bool context_fits(struct call *call, const struct json_value *object)
{
    const struct route *route = call->route;
    return context_allows(call, route->operation, object) ||
           (call->also != NULL && context_allows(call, call->also, object));
}

struct err pipeline_grant_item(struct call *call, const char *operation,
                               const struct json_value *item)
{
    struct policy_decision decision = decide(call, operation, call->target);
    if (decision.answer == POLICY_YES) {
        note_grant(call, decision.grant);
        return err_ok();
    }
    bool fits = decision.answer == POLICY_WITH_CONTEXT && context_allows(call, operation, item);
    return fits ? err_ok() : deny(call);
}

static void forbid_item(struct call *call, size_t item)
{
    call->forbidden_items[item / 64] |= (uint64_t)1 << item % 64;
}

bool pipeline_item_forbidden(const struct call *call, size_t item)
{
    return (call->forbidden_items[item / 64] >> item % 64 & 1) != 0;
}

/* How many items there are whose context fits; a single one is an item. */
static size_t settle_items(struct call *call)
{
    const char *list = call->exchange->dialect->items;
    const struct json_value *items = list != NULL ? json_member(call->json.root, list) : NULL;
    size_t item = 0, fitting = 0;
    if (items == NULL) {
        return context_fits(call, call->json.root) ? 1 : 0;
    }
    if (!json_is(items, JSON_ARRAY) || json_count(items) > TOKEN_ITEMS_MAX) {
        return 0;
    }
    for (const struct json_value *at = json_first(items); at != NULL; at = json_next(at)) {
        bool fits = context_fits(call, at);
        if (!fits) {
            forbid_item(call, item);
        }
        fitting += fits ? 1 : 0;
        item++;
    }
    return fitting;
}

struct err pipeline_settle_contexts(struct call *call)
{
    if (settle_items(call) == 0 || call->key == NULL) {
        call->grant = NULL;
        return deny(call);
    }
    call->context_bound = false;
    return take_rate(call, span_of(NULL, 0), 1);
}
