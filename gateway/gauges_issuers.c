/* Figures of the issuers whose JWTs name callers: whether their keys are there and fresh. The
 * issuers are the configuration's. */
#include "base/mem.h"
#include "gateway/gauges_inner.h"
#include "gateway/issuers.h"

struct issuer_family {
    const char *name;
    const char *type;
    const char *help;
    uint64_t (*value)(const struct issuer_status *status);
};

static uint64_t issuer_keys(const struct issuer_status *status)
{
    return status->keys;
}
static uint64_t issuer_failures(const struct issuer_status *status)
{
    return status->failures;
}
static uint64_t issuer_fetched(const struct issuer_status *status)
{
    return (uint64_t)(status->fetched_ms / 1000);
}

static const struct issuer_family families[] = {
    {"hsmgate_issuer_keys", "gauge", "Keys in the issuer's set.", issuer_keys},
    {"hsmgate_issuer_fetch_failures_total", "counter", "Sets that could not be had.",
     issuer_failures},
    {"hsmgate_issuer_fetched_timestamp_seconds", "gauge",
     "When the issuer's set was last had; 0: never.", issuer_fetched},
};

struct err gauges_issuers(struct issuers *issuers, struct buf *out)
{
    if (issuers == NULL) {
        return err_ok();
    }
    size_t count = 0;
    CLEANUP(mem_free_at) struct issuer_status *statuses = issuers_status(issuers, &count);
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        TRY(gauges_head(out, families[i].name, families[i].type, families[i].help));
        for (size_t k = 0; k < count; k++) {
            TRY(buf_printf(out, "%s{", families[i].name));
            TRY(gauges_label(out, "issuer", statuses[k].issuer));
            TRY(buf_printf(out, "} %llu\n", (unsigned long long)families[i].value(&statuses[k])));
        }
    }
    return err_ok();
}
