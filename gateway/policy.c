/* The decision in one place: rules are tried one after the other, each can only say yes, and what
 * no rule allows is refused. The one rule that says no stands before them: the gateway's own keys
 * are nobody's. No I/O, no clock, no locks. */
#include "gateway/policy.h"

#include "base/mem.h"

#define BIT(word) OPERATION_BIT(OPERATION_##word)

/* Operations whose callers send a context. */
#define WITH_CONTEXT (BIT(ENCRYPT) | BIT(DECRYPT) | BIT(DATA_KEY) | BIT(UNWRAP) | BIT(REWRAP))
/* What turns a key into signatures, ciphertexts and plaintexts. */
#define USE (WITH_CONTEXT | BIT(SIGN) | BIT(MAC) | BIT(JWT) | BIT(OPEN_BREAK_GLASS))
/* What decides which material a key has, what state it is in, and who may use it. */
#define MANAGEMENT                                                                            \
    (BIT(CREATE) | BIT(UPDATE) | BIT(ROTATE) | BIT(RETIRE) | BIT(DISABLE) | BIT(COMPROMISE) | \
     BIT(DESTROY) | BIT(MANAGE_GRANTS))
/* What administrators alone may hand out: with either, a caller could make itself another one. */
#define ADMINISTRATORS_GIVE (BIT(MANAGE_GRANTS) | BIT(MANAGE_TOKENS))

bool policy_is_administrator(const struct policy *policy, struct span principal)
{
    if (principal.len == 0) {
        return false;
    }
    for (size_t i = 0; i < policy->administrator_count; i++) {
        if (span_is(principal, policy->administrators[i])) {
            return true;
        }
    }
    return false;
}

bool policy_needs_approval(const char *operation)
{
    static const char *const revealing[] = {"decrypt", "unwrap", "rewrap"};
    for (size_t i = 0; i < ARRAY_LEN(revealing); i++) {
        if (strcmp(operation, revealing[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* --- one grant --- */

static bool source_fits(const struct grant *grant, struct span source)
{
    struct network caller;
    if (grant->source_count == 0) {
        return true;
    }
    if (source.len == 0 || network_parse(source, &caller).code != ERR_OK) {
        return false;
    }
    for (size_t i = 0; i < grant->source_count; i++) {
        if (network_contains(&grant->sources[i], caller.address)) {
            return true;
        }
    }
    return false;
}

static bool keys_fit(const struct grant *grant, const struct policy_question *question)
{
    if (question->key.len > 0) {
        return policy_matches(grant->keys, question->key);
    }
    return strcmp(grant->keys, "**") == 0 ||
           strcmp(question->operation, operation_name(OPERATION_MANAGE_GRANTS)) == 0;
}

static bool has_expired(const struct grant *grant, int64_t now)
{
    return grant->expires_at != 0 && grant->expires_at <= now;
}

enum policy_miss policy_miss(const struct grant *grant, const struct policy_question *question)
{
    enum operation operation;
    if (!operation_by_name(span_text(question->operation), &operation) ||
        (grant->operations & OPERATION_BIT(operation)) == 0) {
        return MISS_OPERATION;
    }
    if (!keys_fit(grant, question)) {
        return MISS_KEYS;
    }
    if (grant->context_count > 0 && (OPERATION_BIT(operation) & WITH_CONTEXT) == 0) {
        return MISS_NO_CONTEXT;
    }
    if (has_expired(grant, question->now)) {
        return MISS_EXPIRED;
    }
    return source_fits(grant, question->source) ? MISS_NONE : MISS_SOURCE;
}

static bool is_reserved(const struct policy_question *question)
{
    return span_starts(question->key, POLICY_RESERVED) &&
           strcmp(question->operation, operation_name(OPERATION_READ)) != 0;
}

static const struct grant *const *
grants_asked(const struct policy *policy, const struct policy_question *question, size_t *out_count)
{
    *out_count = 0;
    return policy->grants == NULL || question->principal.len == 0 || is_reserved(question)
               ? NULL
               : grants_of(policy->grants, question->principal, out_count);
}

struct policy_decision policy_decide(const struct policy *policy,
                                     const struct policy_question *question)
{
    struct policy_decision decision = {.answer = POLICY_NO};
    if (is_reserved(question)) {
        return decision;
    }
    if (policy_is_administrator(policy, question->principal)) {
        return (struct policy_decision){.answer = POLICY_YES};
    }
    size_t count = 0;
    const struct grant *const *grants = grants_asked(policy, question, &count);
    for (size_t i = 0; i < count; i++) {
        if (policy_miss(grants[i], question) != MISS_NONE) {
            continue;
        }
        if (grants[i]->context_count == 0) {
            return (struct policy_decision){.answer = POLICY_YES, .grant = grants[i]};
        }
        if (decision.grant == NULL) {
            decision = (struct policy_decision){.answer = POLICY_WITH_CONTEXT, .grant = grants[i]};
        }
    }
    return decision;
}

static bool context_has(const struct json_value *context, const struct label *pair)
{
    struct span value;
    const struct json_value *member = json_member(context, pair->name);
    return member != NULL && json_as_text(member, &value) && span_is(value, pair->value);
}

const struct grant *policy_context_fits(const struct policy *policy,
                                        const struct policy_question *question,
                                        const struct json_value *context)
{
    size_t count = 0;
    const struct grant *const *grants = grants_asked(policy, question, &count);
    for (size_t i = 0; i < count && json_is(context, JSON_OBJECT); i++) {
        const struct grant *grant = grants[i];
        size_t found = 0;
        while (found < grant->context_count && context_has(context, &grant->context[found])) {
            found++;
        }
        if (found == grant->context_count && found > 0 &&
            policy_miss(grant, question) == MISS_NONE) {
            return grant;
        }
    }
    return NULL;
}

/* --- who may write grants --- */

bool policy_manages(const struct policy *policy, const struct policy_question *asker,
                    const char *pattern)
{
    if (policy_is_administrator(policy, asker->principal)) {
        return true;
    }
    struct policy_question question = *asker;
    question.operation = operation_name(OPERATION_MANAGE_GRANTS);
    question.key = span_of(NULL, 0);
    size_t count = 0;
    const struct grant *const *grants = grants_asked(policy, &question, &count);
    for (size_t i = 0; i < count; i++) {
        if (policy_miss(grants[i], &question) == MISS_NONE &&
            policy_pattern_holds(grants[i]->keys, pattern)) {
            return true;
        }
    }
    return false;
}

struct err policy_may_write(const struct policy *policy, const struct policy_question *asker,
                            const struct grant *grant)
{
    if (policy_is_administrator(policy, asker->principal)) {
        return err_ok();
    }
    ENSURE(policy_manages(policy, asker, grant->keys), ERR_FORBIDDEN,
           "The caller does not manage grants for these keys.");
    ENSURE(!span_is(asker->principal, grant->principal), ERR_FORBIDDEN,
           "Nobody but an administrator changes their own grants.");
    ENSURE((grant->operations & ADMINISTRATORS_GIVE) == 0, ERR_FORBIDDEN,
           "Administrators alone give manage-grants and manage-tokens.");
    return err_ok();
}

/* --- use and management of one key --- */

uint32_t policy_use_operations(void)
{
    return USE;
}

uint32_t policy_management_operations(void)
{
    return MANAGEMENT;
}

bool policy_is_dual(const struct grant *a, const struct grant *b)
{
    bool crossed = ((a->operations & USE) != 0 && (b->operations & MANAGEMENT) != 0) ||
                   ((a->operations & MANAGEMENT) != 0 && (b->operations & USE) != 0);
    return crossed && policy_patterns_meet(a->keys, b->keys);
}

const struct grant *policy_dual_role(const struct grants *grants, const struct grant *grant,
                                     int64_t now)
{
    size_t count = 0;
    const struct grant *const *others = grants_of(grants, span_text(grant->principal), &count);
    if (has_expired(grant, now)) {
        return NULL;
    }
    if (policy_is_dual(grant, grant)) {
        return grant;
    }
    for (size_t i = 0; i < count; i++) {
        bool other = strcmp(others[i]->id, grant->id) != 0 && !has_expired(others[i], now);
        if (other && policy_is_dual(grant, others[i])) {
            return others[i];
        }
    }
    return NULL;
}
