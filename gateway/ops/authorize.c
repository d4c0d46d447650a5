/* Whether a principal may do something, and by which grant: the same policy that decides requests,
 * asked ahead. Everybody may ask about themself; about others only who may see that anyway. Whether
 * a key exists is not told to those who have no grant for it. */
#include "base/mem.h"
#include "gateway/ops/context.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/grant_principal.h"

#define REASON_MAX 200

struct question {
    struct policy_question about;
    enum operation operation;
    const struct json_value *context;
};

static struct err read_question(struct call *call, struct question *out)
{
    struct span operation;
    bool has_key = false, has_source = false;
    struct policy_question about = {.now = call->now_ms};
    const struct json_field fields[] = {
        {"principal", JSON_TEXT, JSON_REQUIRED, 0, &about.principal, NULL},
        {"operation", JSON_TEXT, JSON_REQUIRED, 0, &operation, NULL},
        {"key", JSON_TEXT, JSON_OPTIONAL, 0, &about.key, &has_key},
        {"context", JSON_OBJECT, JSON_OPTIONAL, 0, &out->context, NULL},
        {"source", JSON_TEXT, JSON_OPTIONAL, 0, &about.source, &has_source},
    };
    struct network network;
    CLEANUP(buf_clear) struct buf canonical = {0};
    TRY(json_read(call->json.root, fields, ARRAY_LEN(fields)));
    TRY(grant_check_principal(about.principal));
    TRY(has_key ? name_check(about.key) : err_ok());
    ENSURE(operation_by_name(operation, &out->operation), ERR_INVALID_FIELD,
           "operation is not one that a grant can give.");
    ENSURE(!has_source || span_is(about.source, "unix") ||
               (network_parse(about.source, &network).code == ERR_OK && network.prefix == 128),
           ERR_INVALID_FIELD, "source must be an address, or `unix` for the local socket.");
    TRY(context_canonical(out->context, &canonical)); /* as the verbs would take it */
    about.operation = operation_name(out->operation);
    bool about_self = span_is(about.principal, call->principal);
    if (!has_source && about_self) {
        about.source = pipeline_question(call, about.operation, about.key).source;
    }
    out->about = about;
    return err_ok();
}

/* For others: administrators, auditors, and who manages the grants for this key. */
static struct err check_asker(struct call *call, const struct policy *policy,
                              const struct question *question)
{
    struct span name = question->about.key;
    if (span_is(question->about.principal, call->principal) ||
        pipeline_may(call, operation_name(OPERATION_READ_AUDIT), span_of(NULL, 0))) {
        return err_ok();
    }
    struct policy_question asker =
        pipeline_question(call, operation_name(OPERATION_MANAGE_GRANTS), span_of(NULL, 0));
    CLEANUP(mem_free_at) char *pattern = name.len > 0 ? span_to_text(name) : mem_text("**");
    if (policy_manages(policy, &asker, pattern)) {
        return err_ok();
    }
    metrics_denied(call->gateway->metrics, call->route->operation);
    return err_new(ERR_FORBIDDEN, __func__, "The caller may only ask about itself.");
}

/* Whether the key, for somebody who may do this, opens with other people's approval only. */
static bool needs_approval(const struct call *call, const struct policy_question *about)
{
    CLEANUP(key_release_at)
    const struct key *key =
        about->key.len > 0 ? keystore_find(call->gateway->store, about->key) : NULL;
    return key != NULL && key->facts.approval.m > 0 && policy_needs_approval(about->operation);
}

/* The grant that comes nearest says why not. */
static void say_why_not(const struct policy *policy, const struct policy_question *about,
                        char out[REASON_MAX])
{
    static const char *const reasons[] = {
        [MISS_NO_CONTEXT] = "asks for a context, which this operation does not have",
        [MISS_EXPIRED] = "has expired",
        [MISS_SOURCE] = "is for other source networks",
        [MISS_NONE] = "asks for another context",
    };
    size_t count = 0;
    const struct grant *const *grants = grants_of(policy->grants, about->principal, &count);
    const struct grant *nearest = NULL;
    enum policy_miss least = MISS_KEYS;
    for (size_t i = 0; i < count; i++) {
        enum policy_miss miss = policy_miss(grants[i], about);
        if (miss > least) {
            least = miss;
            nearest = grants[i];
        }
    }
    if (nearest != NULL) {
        snprintf(out, REASON_MAX, "The grant %s %s.", nearest->id, reasons[least]);
    } else {
        snprintf(out, REASON_MAX, "No grant of the principal gives this.");
    }
}

struct verdict {
    bool allowed;
    bool administrator;
    const struct grant *grant;
    char reason[REASON_MAX];
};

static struct verdict decide(const struct call *call, const struct policy *policy,
                             const struct question *question)
{
    const struct policy_question *about = &question->about;
    struct verdict verdict = {0};
    struct policy_decision decision = policy_decide(policy, about);
    verdict.grant = decision.answer == POLICY_WITH_CONTEXT
                        ? policy_context_fits(policy, about, question->context)
                        : decision.grant;
    verdict.allowed = decision.answer == POLICY_YES || verdict.grant != NULL;
    verdict.administrator = policy_is_administrator(policy, about->principal);
    if (verdict.allowed && needs_approval(call, about)) {
        verdict.allowed = false;
        snprintf(verdict.reason, REASON_MAX, "The key opens only through break-glass.");
    } else if (verdict.allowed) {
        snprintf(verdict.reason, REASON_MAX, "%s",
                 verdict.grant != NULL ? "A grant allows it."
                                       : "The principal is an administrator.");
    } else if (span_starts(about->key, POLICY_RESERVED) && decision.answer == POLICY_NO) {
        snprintf(verdict.reason, REASON_MAX,
                 "Keys under " POLICY_RESERVED " are the gateway's own.");
    } else {
        say_why_not(policy, about, verdict.reason);
    }
    return verdict;
}

struct err op_authorize(struct call *call)
{
    struct question question = {0};
    struct policy policy = pipeline_policy(call);
    TRY(read_question(call, &question));
    TRY(check_asker(call, &policy, &question));
    struct verdict verdict = decide(call, &policy, &question);
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_flag(&writer, "allowed", verdict.allowed);
    if (verdict.grant != NULL) {
        json_put_text(&writer, "grant", verdict.grant->id);
    }
    if (verdict.administrator) {
        json_put_flag(&writer, "administrator", true);
    }
    json_put_text(&writer, "reason", verdict.reason);
    json_end_object(&writer);
    return json_finish(&writer);
}
