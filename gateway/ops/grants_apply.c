/* Grants of a namespace from one file, which is the whole truth: what it does not have is deleted.
 *
 * The difference is worked out against one snapshot, shown or committed as one transaction, and
 * written into the log whole before anything is changed: as many intent records as it takes. What
 * reaches outside the namespace is refused, so a file can neither give nor take anything there. */
#include "base/mem.h"
#include "base/name.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/grant_change.h"
#include "gateway/ops/grant_plan.h"

#define APPLY_MAX      1000
#define DETAIL_FILL    ((size_t)8000) /* of the 8 KiB that a record's detail may have */
#define NAMESPACE_WILD "/**"

struct apply {
    struct span namespace;
    bool dry_run;
    struct span if_match; /* empty: any */
    struct grant_draft *drafts;
    const struct grant **wanted; /* those of the drafts, by id */
    size_t count;
};

static void apply_clear(struct apply *apply)
{
    mem_free(apply->drafts);
    mem_free(apply->wanted);
}

/* --- reading --- */

/* Nothing of the file is looked at before the caller is known to manage the whole namespace. */
static struct err check_caller(struct call *call, struct span namespace)
{
    struct policy policy = pipeline_policy(call);
    struct policy_question asker =
        pipeline_question(call, operation_name(OPERATION_MANAGE_GRANTS), span_of(NULL, 0));
    char pattern[NAME_MAX_LEN + sizeof(NAMESPACE_WILD)];
    snprintf(pattern, sizeof(pattern), "%.*s" NAMESPACE_WILD, (int)namespace.len,
             (const char *)namespace.data);
    ENSURE(policy_manages(&policy, &asker, pattern), ERR_FORBIDDEN,
           "The caller does not manage the grants of this namespace.");
    return err_ok();
}

static struct err read_wanted(const struct json_value *object, struct span namespace,
                              struct grant_draft *out)
{
    TRY(grant_read(object, span_of(NULL, 0), out));
    ENSURE(grant_plan_inside(out->grant.keys, namespace), ERR_INVALID_FIELD,
           "keys `%.60s` reach outside the namespace.", out->grant.keys);
    return err_ok();
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp((*(const struct grant *const *)a)->id, (*(const struct grant *const *)b)->id);
}

static struct err read_list(const struct json_value *list, struct apply *apply)
{
    size_t count = json_count(list), i = 0;
    apply->drafts = mem_array(count, sizeof(*apply->drafts));
    apply->wanted = mem_array(count, sizeof(*apply->wanted));
    apply->count = count;
    for (const struct json_value *at = json_first(list); at != NULL; at = json_next(at), i++) {
        struct err err = read_wanted(at, apply->namespace, &apply->drafts[i]);
        ENSURE(err.code == ERR_OK, err.code, "grants[%zu]: %s", i, err.detail);
        apply->wanted[i] = &apply->drafts[i].grant;
    }
    if (count > 0) {
        qsort(apply->wanted, count, sizeof(*apply->wanted), compare_ids);
    }
    for (i = 1; i < count; i++) {
        ENSURE(strcmp(apply->wanted[i - 1]->id, apply->wanted[i]->id) != 0, ERR_INVALID_FIELD,
               "grants has the id %s twice.", apply->wanted[i]->id);
    }
    return err_ok();
}

static struct err read_apply(struct call *call, struct apply *apply)
{
    const struct json_value *list = NULL;
    const struct json_field fields[] = {
        {"namespace", JSON_TEXT, JSON_REQUIRED, 0, &apply->namespace, NULL},
        {"grants", JSON_ARRAY, JSON_REQUIRED, APPLY_MAX, &list, NULL},
        {"dry_run", JSON_FLAG, JSON_OPTIONAL, 0, &apply->dry_run, NULL},
        {"if_match", JSON_TEXT, JSON_OPTIONAL, 0, &apply->if_match, NULL},
    };
    TRY(json_read(call->json.root, fields, ARRAY_LEN(fields)));
    TRY(name_check_namespace(apply->namespace));
    TRY(check_caller(call, apply->namespace));
    return read_list(list, apply);
}

/* --- judging --- */

static struct err check_steps(const struct grant_try *try, const struct grant_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct grant_step *step = &plan->steps[i];
        if (!step->changes) {
            continue;
        }
        if (step->before != NULL) {
            TRY(policy_may_write(&try->policy, &try->asker, step->before));
        }
        if (step->after != NULL) {
            TRY(policy_may_write(&try->policy, &try->asker, step->after));
            TRY(grant_check_end(step->after, try->asker.now));
        }
    }
    return err_ok();
}

/* --- the record --- */

static struct json_writer start_detail(struct call *call, const struct apply *apply)
{
    buf_reset(&call->detail);
    struct json_writer writer = json_writer_on(&call->detail);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "namespace", apply->namespace);
    json_put_flag(&writer, "dry_run", apply->dry_run);
    return writer;
}

static size_t length_of(const struct grant_step *step)
{
    CLEANUP(buf_clear) struct buf text = {0};
    struct json_writer writer = json_writer_on(&text);
    grant_change_put(&writer, NULL, step->before, step->after);
    return text.len + 1;
}

/* Steps from `first` on, as many as fit one record; where the next record begins comes out. */
static struct err note_steps(struct call *call, const struct apply *apply,
                             const struct grant_plan *plan, size_t first, size_t *out_next)
{
    struct json_writer writer = start_detail(call, apply);
    json_begin_array(&writer, "changes");
    size_t at = first;
    bool fits = true;
    while (at < plan->count && fits) {
        const struct grant_step *step = &plan->steps[at];
        fits = !step->changes || at == first || call->detail.len + length_of(step) < DETAIL_FILL;
        if (step->changes && fits) {
            grant_change_put(&writer, NULL, step->before, step->after);
        }
        at += fits ? 1 : 0;
    }
    json_end_array(&writer);
    json_end_object(&writer);
    *out_next = at;
    return json_finish(&writer);
}

/* What the last record says when one cannot hold everything: the intents before it do. */
static struct err note_summary(struct call *call, const struct apply *apply,
                               const struct grant_plan *plan)
{
    struct json_writer writer = start_detail(call, apply);
    json_put_integer(&writer, "changed", (int64_t)plan->changes);
    json_end_object(&writer);
    return json_finish(&writer);
}

static struct err write_intents(struct call *call, const struct apply *apply,
                                const struct grant_plan *plan)
{
    size_t next = 0, records = 0;
    while (next < plan->count) {
        TRY(note_steps(call, apply, plan, next, &next));
        if (!apply->dry_run) {
            TRY(call_intent(call));
        }
        records++;
    }
    return records == 1 ? err_ok() : note_summary(call, apply, plan);
}

/* --- the answer --- */

static void put_step(struct json_writer *writer, const struct grant_step *step)
{
    json_begin_object(writer, NULL);
    json_put_text(writer, "id", step->before != NULL ? step->before->id : step->after->id);
    json_put_text(writer, "change", grant_change_word(step->before, step->after));
    if (step->before != NULL) {
        grant_put_content(writer, "before", step->before);
    }
    if (step->after != NULL) {
        grant_put_content(writer, "after", step->after);
    }
    if (step->before != NULL && step->after != NULL) {
        (void)grant_put_difference(writer, "fields", step->before, step->after);
    }
    json_end_object(writer);
}

static struct err reply_plan(struct call *call, const struct apply *apply,
                             const struct grant_plan *plan, const char *state)
{
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "namespace", apply->namespace);
    json_put_text(&writer, "state", state);
    json_begin_array(&writer, "changes");
    for (size_t i = 0; i < plan->count; i++) {
        put_step(&writer, &plan->steps[i]);
    }
    json_end_array(&writer);
    json_put_flag(&writer, "applied", !apply->dry_run);
    json_end_object(&writer);
    return json_finish(&writer);
}

/* --- the run --- */

static void stamp(struct grant *put, size_t count, const struct call *call)
{
    for (size_t i = 0; i < count; i++) {
        put[i].created_at = put[i].created_at != 0 ? put[i].created_at : call->now_ms;
        put[i].updated_at = call->now_ms;
        put[i].updated_by = call->principal;
    }
}

static struct err check_match(const struct apply *apply, const char *state)
{
    ENSURE(apply->if_match.len == 0 || span_is(apply->if_match, state), ERR_CONFLICT,
           "The grants of the namespace are no longer those of if_match: look at the difference "
           "again.");
    return err_ok();
}

static struct err try_apply(struct call *call, void *arg, bool *out_again)
{
    const struct apply *apply = arg;
    char state[GRANT_STATE_TEXT_MAX];
    CLEANUP(grant_try_end) struct grant_try try = {0};
    CLEANUP(grant_plan_clear) struct grant_plan plan = {0};
    CLEANUP(grants_release_at) const struct grants *result = NULL;
    grant_try_start(&try, call);
    TRY(grant_plan_make(try.now, apply->wanted, apply->count, apply->namespace, &plan));
    CLEANUP(mem_free_at) struct grant *put = mem_array(plan.count, sizeof(*put));
    CLEANUP(mem_free_at) struct span *drop = mem_array(plan.count, sizeof(*drop));
    struct grant_change change = {.put = put, .drop = drop};
    grant_plan_change(&plan, put, drop, &change.put_count, &change.drop_count);
    stamp(put, change.put_count, call);
    TRY(grant_plan_state(try.now, apply->namespace, state));
    TRY(check_match(apply, state));
    TRY(check_steps(&try, &plan));
    TRY(grants_after(try.now, &change, &result));
    TRY(grant_plan_check_roles(&plan, result, call->now_ms));
    TRY(write_intents(call, apply, &plan));
    if (!apply->dry_run && plan.changes > 0) {
        TRY(grant_change_commit(call, &try, &change, out_again));
    }
    TRY(grant_plan_state(apply->dry_run ? try.now : result, apply->namespace, state));
    return reply_plan(call, apply, &plan, state);
}

struct err op_grants_apply(struct call *call)
{
    CLEANUP(apply_clear) struct apply apply = {0};
    TRY(read_apply(call, &apply));
    return grant_change_run(call, try_apply, &apply);
}
