/* Two lists in the order of ids, walked side by side. What a grant's content is, and so what counts
 * as a change, grant_facts alone says: neither dates nor last use. */
#include "gateway/ops/grant_plan.h"

#include "base/mem.h"
#include "gateway/ops/grant_change.h"

bool grant_plan_inside(const char *keys, struct span namespace)
{
    struct span pattern = span_text(keys);
    return pattern.len > namespace.len + 1 && pattern.data[namespace.len] == '/' &&
           memcmp(pattern.data, namespace.data, namespace.len) == 0;
}

static void add_step(struct grant_plan *plan, const struct grant *before, const struct grant *after)
{
    struct grant_step *step = &plan->steps[plan->count++];
    bool same = before != NULL && after != NULL && grant_is_same(before, after);
    *step = (struct grant_step){.before = before, .after = after, .changes = !same};
    plan->changes += same ? 0 : 1;
}

struct err grant_plan_make(const struct grants *now, const struct grant *const *wanted,
                           size_t count, struct span namespace, struct grant_plan *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct grant *taken = grants_find(now, span_text(wanted[i]->id));
        ENSURE(taken == NULL || grant_plan_inside(taken->keys, namespace), ERR_CONFLICT,
               "The grant %s is there already, for keys outside the namespace.", wanted[i]->id);
    }
    *out = (struct grant_plan){.steps = mem_array(now->count + count, sizeof(*out->steps))};
    size_t old = 0, fresh = 0;
    while (old < now->count || fresh < count) {
        const struct grant *before = old < now->count ? now->all[old] : NULL;
        const struct grant *after = fresh < count ? wanted[fresh] : NULL;
        int order = before == NULL ? 1 : after == NULL ? -1 : strcmp(before->id, after->id);
        if (order >= 0) {
            add_step(out, order == 0 ? before : NULL, after);
            fresh++;
        } else if (grant_plan_inside(before->keys, namespace)) {
            add_step(out, before, NULL);
        }
        old += order <= 0 ? 1 : 0;
    }
    return err_ok();
}

void grant_plan_clear(struct grant_plan *plan)
{
    mem_free(plan->steps);
    *plan = (struct grant_plan){0};
}

static int compare_step(const void *id, const void *step)
{
    const struct grant_step *with = step;
    return strcmp(id, with->before != NULL ? with->before->id : with->after->id);
}

/* Whether the file has this grant and says there that dual roles are meant. */
static bool is_allowed_by_file(const struct grant_plan *plan, const struct grant *grant)
{
    const struct grant_step *step =
        bsearch(grant->id, plan->steps, plan->count, sizeof(*plan->steps), compare_step);
    return step != NULL && step->after != NULL && step->after->allow_dual_role;
}

static struct err check_roles(const struct grants *result, const struct grant_plan *plan,
                              const struct grant *grant, int64_t now)
{
    size_t count = 0;
    const struct grant *const *others = grants_of(result, span_text(grant->principal), &count);
    for (size_t i = 0; i < count; i++) {
        bool live = others[i]->expires_at == 0 || others[i]->expires_at > now;
        if (live && policy_is_dual(grant, others[i]) && !is_allowed_by_file(plan, others[i])) {
            return grant_change_dual(grant, others[i]);
        }
    }
    return err_ok();
}

struct err grant_plan_check_roles(const struct grant_plan *plan, const struct grants *result,
                                  int64_t now)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct grant *after = plan->steps[i].after;
        if (after != NULL && plan->steps[i].changes && !after->allow_dual_role) {
            TRY(check_roles(result, plan, after, now));
        }
    }
    return err_ok();
}

void grant_plan_change(const struct grant_plan *plan, struct grant *put, struct span *drop,
                       size_t *out_put, size_t *out_drop)
{
    size_t puts = 0, drops = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct grant_step *step = &plan->steps[i];
        if (step->after == NULL) {
            drop[drops++] = span_text(step->before->id);
        } else if (step->changes) {
            put[puts] = *step->after;
            put[puts++].created_at = step->before != NULL ? step->before->created_at : 0;
        }
    }
    *out_put = puts;
    *out_drop = drops;
}

struct err grant_plan_state(const struct grants *grants, struct span namespace,
                            char out[GRANT_STATE_TEXT_MAX])
{
    uint8_t digest[SHA256_LEN];
    CLEANUP(buf_clear) struct buf text = {0};
    buf_init(&text, SIZE_MAX);
    for (size_t i = 0; i < grants->count; i++) {
        if (grant_plan_inside(grants->all[i]->keys, namespace)) {
            struct json_writer writer = json_writer_on(&text);
            grant_put_content(&writer, NULL, grants->all[i]);
            TRY(json_finish(&writer));
        }
    }
    struct span all = buf_span(&text);
    digest_sha256_parts(&all, 1, digest);
    for (size_t i = 0; i < SHA256_LEN; i++) {
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
    return err_ok();
}
