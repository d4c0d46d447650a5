/* Figures of the audit log, of its second folder, and of the checkpoints over it. What is not
 * configured has no series, so that an alert on it cannot fire. */
#include "base/clock.h"
#include "gateway/gauges_inner.h"
#include "gateway/witness.h"

static struct err write_log(const struct audit_status *status, struct buf *out)
{
    TRY(gauges_one(out, "hsmgate_audit_durable_seq", "gauge", "Last audit record on disk.",
                   status->durable_seq));
    TRY(gauges_one(out, "hsmgate_audit_waiting", "gauge", "Audit records that wait to be written.",
                   status->waiting));
    TRY(gauges_head(out, "hsmgate_audit_oldest_waiting_seconds", "gauge",
                    "Age of the oldest record that is not on disk yet."));
    TRY(buf_printf(out, "hsmgate_audit_oldest_waiting_seconds %.3f\n",
                   (double)status->oldest_waiting_ms / 1e3));
    TRY(gauges_one(out, "hsmgate_audit_syncs_total", "counter", "Batches made durable.",
                   status->syncs));
    TRY(gauges_one(out, "hsmgate_audit_failures_total", "counter",
                   "Batches that could not be written.", status->failures));
    return gauges_one(out, "hsmgate_audit_writable", "gauge",
                      "1 when the last write of the audit log succeeded.",
                      status->writable ? 1 : 0);
}

static struct err write_second(const struct audit_status *status, struct buf *out)
{
    if (!status->has_second) {
        return err_ok();
    }
    TRY(gauges_one(out, "hsmgate_audit_second_writable", "gauge",
                   "1 when the last write of the second folder succeeded.",
                   status->second_writable ? 1 : 0));
    TRY(gauges_one(out, "hsmgate_audit_second_durable_seq", "gauge",
                   "Last audit record in the second folder.", status->second_durable_seq));
    return gauges_one(out, "hsmgate_audit_second_failures_total", "counter",
                      "Batches that the second folder did not take.", status->second_failures);
}

/* Before the first one it is the time that the log has been without, since the start. */
static uint64_t checkpoint_age_s(const struct witness_status *status, int64_t started_ms)
{
    int64_t since = status->signed_ms != 0 ? status->signed_ms : started_ms;
    int64_t age = clock_wall_ms() - since;
    return age > 0 ? (uint64_t)(age / 1000) : 0;
}

static struct err write_checkpoints(const struct witness_status *status, int64_t started_ms,
                                    struct buf *out)
{
    TRY(gauges_one(out, "hsmgate_audit_checkpoint_size", "gauge",
                   "Records under the newest signed checkpoint.", status->signed_size));
    TRY(gauges_one(out, "hsmgate_audit_checkpoint_age_seconds", "gauge",
                   "Since the newest signed checkpoint, or since the start.",
                   checkpoint_age_s(status, started_ms)));
    TRY(gauges_one(out, "hsmgate_audit_checkpoint_failures_total", "counter",
                   "Checkpoints that could not be signed.", status->sign_failures));
    TRY(gauges_one(out, "hsmgate_audit_checkpoint_copies_total", "counter",
                   "Checkpoints copied to a configured place.", status->copies));
    TRY(gauges_one(out, "hsmgate_audit_checkpoint_copy_failures_total", "counter",
                   "Copies of checkpoints that failed; each is tried again.",
                   status->copy_failures));
    return gauges_one(out, "hsmgate_audit_checkpoint_copies_waiting", "gauge",
                      "Places that do not have the newest checkpoint yet.", status->copies_waiting);
}

struct err gauges_audit(const struct gateway *gateway, struct buf *out)
{
    struct audit_status status = {0};
    audit_status(gateway->audit, &status);
    TRY(write_log(&status, out));
    TRY(write_second(&status, out));
    if (gateway->witness == NULL) {
        return err_ok();
    }
    struct witness_status witness = {0};
    witness_status(gateway->witness, &witness);
    return write_checkpoints(&witness, gateway->started_ms, out);
}
