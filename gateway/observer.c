/* observer: one place says what a step is called for those who watch. */
#include "gateway/observer.h"

#include "base/mem.h"
#include "gateway/events.h"

void observer_step(void *arg, const struct key *key, const struct plan_step *step,
                   const struct err *err)
{
    static const char *const names[] = {
        [PLAN_NONE] = "version.left",         [PLAN_MAKE] = "version.published",
        [PLAN_PROMOTE] = "version.promoted",  [PLAN_RETIRE] = "version.retired",
        [PLAN_DESTROY] = "version.destroyed",
    };
    struct gateway *gateway = arg;
    bool ok = err->code == ERR_OK;
    metrics_rotation(gateway->metrics, plan_action_name(step->action), ok ? "ok" : "failed");
    const struct event event = {.name = ok ? names[step->action] : "version.step-failed",
                                .key = key->name,
                                .version = step->version,
                                .principal = "system:scheduler",
                                .why =
                                    ok ? plan_why_text(step->why) : plan_action_name(step->action),
                                .error = ok ? NULL : err_word(err->code)};
    events_put(gateway->events, &event);
}
