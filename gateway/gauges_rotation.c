/* Figures of the scheduler, of its clock and of who is told. */
#include "base/mem.h"
#include "gateway/events.h"
#include "gateway/gauges_inner.h"

static struct err write_scheduler(struct scheduler *scheduler, struct buf *out)
{
    struct scheduler_status status;
    if (scheduler == NULL) {
        return err_ok();
    }
    scheduler_status(scheduler, &status);
    TRY(gauges_one(out, "hsmgate_rotation_planned", "gauge", "Steps of keys that have a time.",
                   status.planned));
    TRY(gauges_head(out, "hsmgate_rotation_overdue_seconds", "gauge",
                    "How long the step that should be done first has been due."));
    return buf_printf(out, "hsmgate_rotation_overdue_seconds %.3f\n",
                      (double)status.overdue_ms / 1000);
}

static struct err write_clock(struct timekeeper *keeper, struct buf *out)
{
    struct moment moment;
    if (keeper == NULL) {
        return err_ok();
    }
    timekeeper_read(keeper, &moment);
    TRY(gauges_head(out, "hsmgate_clock_behind_seconds", "gauge",
                    "By how much schedules are behind the wall clock; below 0: before it."));
    TRY(buf_printf(out, "hsmgate_clock_behind_seconds %.3f\n", (double)moment.behind / 1000));
    return gauges_one(out, "hsmgate_clock_leapt", "gauge",
                      "1 while the wall clock is more than a day away from what was lived.",
                      moment.leapt ? 1 : 0);
}

static struct err write_events(struct events *events, struct buf *out)
{
    struct events_status status;
    if (events == NULL) {
        return err_ok();
    }
    events_status(events, &status);
    TRY(gauges_one(out, "hsmgate_events_delivered_total", "counter",
                   "Events that the webhook took.", status.delivered));
    TRY(gauges_one(out, "hsmgate_events_failures_total", "counter",
                   "Deliveries to the webhook that failed.", status.failures));
    TRY(gauges_one(out, "hsmgate_events_dropped_total", "counter",
                   "Events that the webhook never got.", status.dropped));
    return gauges_one(out, "hsmgate_events_waiting", "gauge", "Events that wait for the webhook.",
                      status.waiting);
}

struct err gauges_rotation(const struct gateway *gateway, struct buf *out)
{
    TRY(write_scheduler(gateway->scheduler, out));
    TRY(write_clock(gateway->rotation.timekeeper, out));
    return write_events(gateway->events, out);
}
