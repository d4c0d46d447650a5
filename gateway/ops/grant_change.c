/* A change of grants is judged by what is there, recorded with what is there, and committed only
 * while that is still there: the store compares snapshots. When somebody else was faster, the whole
 * judgement is made again, so no rule can be passed by two changes at one time. Somebody always
 * gets through. */
#include "gateway/ops/grant_change.h"

#include <assert.h>

#include "base/clock.h"

void grant_try_start(struct grant_try *try, struct call *call)
{
    try->now = keystore_grants(call->gateway->store);
    try->policy = pipeline_policy(call);
    try->policy.grants = try->now;
    try->asker = pipeline_question(call, operation_name(OPERATION_MANAGE_GRANTS), span_of(NULL, 0));
}

void grant_try_end(struct grant_try *try)
{
    grants_release(try->now);
}

struct err grant_change_run(struct call *call, grant_try_run *run, void *arg)
{
    for (;;) {
        bool again = false;
        struct err err = run(call, arg, &again);
        if (!again || clock_mono_ns() >= call->deadline_ns) {
            return err;
        }
    }
}

struct err grant_change_commit(struct call *call, const struct grant_try *try,
                               struct grant_change *change, bool *out_again)
{
    change->expected = try->now;
    struct err err = keystore_change_grants(call->gateway->store, change);
    *out_again = err.code == ERR_CONFLICT;
    return err;
}

const char *grant_change_word(const struct grant *before, const struct grant *after)
{
    if (before == NULL) {
        return "create";
    }
    if (after == NULL) {
        return "delete";
    }
    return grant_is_same(before, after) ? "none" : "update";
}

void grant_change_put(struct json_writer *writer, const char *name, const struct grant *before,
                      const struct grant *after)
{
    const struct grant *either = before != NULL ? before : after;
    assert(either != NULL);
    json_begin_object(writer, name);
    json_put_text(writer, "id", either->id);
    json_put_text(writer, "change", grant_change_word(before, after));
    if (before != NULL) {
        grant_put_content(writer, "before", before);
    }
    if (after != NULL) {
        grant_put_content(writer, "after", after);
    }
    json_end_object(writer);
}

struct err grant_change_dual(const struct grant *grant, const struct grant *other)
{
    if (strcmp(grant->id, other->id) == 0) {
        return err_new(ERR_DUAL_ROLE, __func__,
                       "The grant %s gives both use and management of the same keys; if that is "
                       "meant, say \"allow_dual_role\": true.",
                       grant->id);
    }
    return err_new(ERR_DUAL_ROLE, __func__,
                   "%s with %s gives both use and management of a key; if meant, say "
                   "\"allow_dual_role\": true.",
                   grant->id, other->id);
}
