/* Grants one by one: write, show, delete. A change stands in the log twice, as intent before it and
 * as the request's own record after it, both with the whole grant as it was and as it is. */
#include "base/mem.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/grant_change.h"

/* What the record says: `{"grant":{"id","change","before"?,"after"?}}`. */
static struct err note_change(struct call *call, const struct grant *before,
                              const struct grant *after)
{
    buf_reset(&call->detail);
    struct json_writer writer = json_writer_on(&call->detail);
    json_begin_object(&writer, NULL);
    grant_change_put(&writer, "grant", before, after);
    json_end_object(&writer);
    return json_finish(&writer);
}

static struct err reply_grant(struct call *call, int status, const struct grant *grant)
{
    struct json_writer writer = call_reply_json(call, status);
    grant_put_facts(&writer, NULL, grant, call->now_ms);
    return json_finish(&writer);
}

/* Whoever manages only some grants is not told which others there are. */
static struct err missing(const struct grant_try *try)
{
    return policy_manages(&try->policy, &try->asker, "**")
               ? err_new(ERR_NOT_FOUND, __func__, "There is no grant with this id.")
               : pipeline_refusal();
}

/* --- write --- */

static struct err check_put(const struct grant_try *try, const struct grant *old,
                            const struct grant *put)
{
    TRY(policy_may_write(&try->policy, &try->asker, put));
    if (old != NULL) {
        TRY(policy_may_write(&try->policy, &try->asker, old));
    }
    return grant_check_end(put, try->asker.now);
}

static struct err check_roles(const struct grants *after, const struct grant *put, int64_t now)
{
    const struct grant *other = put->allow_dual_role ? NULL : policy_dual_role(after, put, now);
    return other == NULL ? err_ok() : grant_change_dual(put, other);
}

static struct err try_put(struct call *call, void *arg, bool *out_again)
{
    struct grant put = *(const struct grant *)arg;
    CLEANUP(grant_try_end) struct grant_try try = {0};
    CLEANUP(grants_release_at) const struct grants *after = NULL;
    grant_try_start(&try, call);
    const struct grant *old = grants_find(try.now, span_text(put.id));
    put.created_at = old != NULL ? old->created_at : call->now_ms;
    put.updated_at = call->now_ms;
    put.updated_by = call->principal;
    struct grant_change change = {.put = &put, .put_count = 1};
    TRY(check_put(&try, old, &put));
    TRY(grants_after(try.now, &change, &after));
    const struct grant *result = grants_find(after, span_text(put.id));
    TRY(check_roles(after, result, call->now_ms));
    TRY(note_change(call, old, result));
    TRY(call_intent(call));
    TRY(grant_change_commit(call, &try, &change, out_again));
    return reply_grant(call, old != NULL ? 200 : 201, result);
}

struct err op_grant_put(struct call *call)
{
    struct grant_draft draft;
    TRY(grant_check_id(call->target));
    TRY(grant_read(call->json.root, call->target, &draft));
    return grant_change_run(call, try_put, &draft.grant);
}

/* --- show --- */

struct err op_grant_get(struct call *call)
{
    CLEANUP(grant_try_end) struct grant_try try = {0};
    TRY(grant_check_id(call->target));
    grant_try_start(&try, call);
    const struct grant *grant = grants_find(try.now, call->target);
    if (grant == NULL || !policy_manages(&try.policy, &try.asker, grant->keys)) {
        return missing(&try);
    }
    return reply_grant(call, 200, grant);
}

/* --- delete --- */

static struct err try_delete(struct call *call, void *arg, bool *out_again)
{
    (void)arg;
    CLEANUP(grant_try_end) struct grant_try try = {0};
    grant_try_start(&try, call);
    const struct grant *old = grants_find(try.now, call->target);
    if (old == NULL) {
        return missing(&try);
    }
    struct grant_change change = {.drop = &call->target, .drop_count = 1};
    TRY(policy_may_write(&try.policy, &try.asker, old));
    TRY(note_change(call, old, NULL));
    TRY(call_intent(call));
    TRY(grant_change_commit(call, &try, &change, out_again));
    call->exchange->reply.status = 204;
    return err_ok();
}

struct err op_grant_delete(struct call *call)
{
    TRY(grant_check_id(call->target));
    return grant_change_run(call, try_delete, NULL);
}
