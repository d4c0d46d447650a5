/* step: the scheduler is a caller like others, so what it does is recorded like a request of
 * theirs: an intent, durable before anything is touched, and what became of it. */
#include "rotation/step.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "rotation/moving.h"
#include "rotation/rotating.h"

#define PRINCIPAL "system:scheduler"

static struct err write_detail(const struct plan_step *step, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "why", plan_why_text(step->why));
    json_end_object(&writer);
    return json_finish(&writer);
}

static struct err record(const struct stepping *stepping, const struct plan_step *step,
                         const char *kind, const struct err *outcome)
{
    CLEANUP(buf_clear) struct buf detail = {0};
    TRY(write_detail(step, &detail));
    bool ok = outcome->code == ERR_OK;
    struct audit_record record = {
        .time = clock_wall_ms(),
        .kind = kind,
        .principal = span_text(PRINCIPAL),
        .operation = span_text(plan_action_name(step->action)),
        .key = span_text(stepping->key->name),
        .version = step->version,
        .outcome = ok ? "ok" : "failed",
        .code = ok ? span_of(NULL, 0) : span_text(err_word(outcome->code)),
        .detail = buf_span(&detail),
    };
    return audit_write(stepping->audit, &record);
}

static struct err make(const struct stepping *stepping, const struct plan_step *step)
{
    bool scheduled = step->why == PLAN_WHY_EVERY;
    struct rotating rotating = {.name = span_text(stepping->key->name),
                                .end = MAKING_PENDING,
                                .haste = scheduled ? PLAN_SCHEDULED : PLAN_SOON};
    uint32_t number = 0;
    return rotating_make(stepping->rotation, &rotating, stepping->moment, stepping->deadline_ns,
                         &number);
}

static struct err act(const struct stepping *stepping, const struct plan_step *step)
{
    const struct version *version = key_version(stepping->key, step->version);
    if (step->action == PLAN_MAKE) {
        return make(stepping, step);
    }
    ENSURE(version != NULL, ERR_NOT_FOUND, "there is no version %u any more", step->version);
    if (step->action == PLAN_PROMOTE) {
        return moving_promote(stepping->rotation, stepping->key, version, NULL, stepping->moment);
    }
    if (step->action == PLAN_RETIRE) {
        return moving_retire(stepping->rotation, stepping->key, version, stepping->moment);
    }
    return moving_destroy(stepping->rotation, stepping->key, version, NULL, stepping->moment,
                          stepping->deadline_ns);
}

struct err step_run(const struct stepping *stepping, const struct plan_step *step)
{
    struct err none = err_ok();
    struct err intent = record(stepping, step, "intent", &none);
    ENSURE(intent.code == ERR_OK, ERR_AUDIT_UNAVAILABLE, "the intent could not be recorded");
    struct err err = act(stepping, step);
    struct err recorded = record(stepping, step, "system", &err);
    if (recorded.code != ERR_OK) { /* the intent stands, and the row tells the rest */
        log_error("rotation", "%s@%u: %s is not recorded: %s", stepping->key->name, step->version,
                  plan_action_name(step->action), recorded.detail);
    }
    return err;
}
