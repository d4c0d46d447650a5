/* Figures of the HTTP server and of its TLS. Reasons of refusals are fixed words. */
#include "base/mem.h"
#include "gateway/gauges_inner.h"

struct err gauges_tls(const struct server_status *status, struct buf *out)
{
    static const char refused[] = "hsmgate_tls_refused_total";
    TRY(gauges_one(out, "hsmgate_tls_handshakes_total", "counter", "TLS handshakes finished.",
                   status->tls_handshakes));
    TRY(gauges_head(out, refused, "counter",
                    "TLS handshakes and certificates refused, by reason."));
    for (size_t i = 0; i < TLS_REFUSAL_COUNT; i++) {
        TRY(buf_printf(out, "%s{reason=\"%s\"} %llu\n", refused,
                       tls_refusal_name((enum tls_refusal)i),
                       (unsigned long long)status->tls_refused[i]));
    }
    TRY(gauges_one(out, "hsmgate_tls_reloads_total", "counter",
                   "Certificates, CAs and CRLs read again.", status->tls_reloads));
    TRY(gauges_one(out, "hsmgate_tls_reload_failures_total", "counter",
                   "Certificates, CAs and CRLs that could not be used; the old ones stay.",
                   status->tls_reload_failures));
    if (status->certificate_ends_ms != 0) {
        TRY(gauges_one(out, "hsmgate_tls_certificate_end_timestamp_seconds", "gauge",
                       "When the first of the server's certificates ends.",
                       (uint64_t)(status->certificate_ends_ms / 1000)));
    }
    if (status->crl_ends_ms != 0) {
        TRY(gauges_one(out, "hsmgate_tls_crl_next_update_timestamp_seconds", "gauge",
                       "When the first of the revocation lists is out of date.",
                       (uint64_t)(status->crl_ends_ms / 1000)));
    }
    return err_ok();
}

static struct err write_refused(const struct server_status *status, struct buf *out)
{
    const struct {
        const char *reason;
        uint64_t count;
    } refused[] = {
        {"shape", status->refused_shape},
        {"size", status->refused_size},
        {"overload", status->refused_overload},
        {"address", status->refused_address},
        {"descriptors", status->refused_descriptors},
    };
    static const char name[] = "hsmgate_http_refused_total";
    TRY(gauges_head(out, name, "counter",
                    "Requests and connections refused before a handler, by reason."));
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        TRY(buf_printf(out, "%s{reason=\"%s\"} %llu\n", name, refused[i].reason,
                       (unsigned long long)refused[i].count));
    }
    return err_ok();
}

struct err gauges_server(struct server *server, struct buf *out)
{
    struct server_status status = {0};
    if (server == NULL) {
        return err_ok();
    }
    server_status(server, &status);
    TRY(gauges_one(out, "hsmgate_http_connections", "gauge", "Open connections.",
                   status.connections));
    TRY(gauges_one(out, "hsmgate_http_queued", "gauge", "Whole requests that wait for a thread.",
                   status.queued));
    TRY(gauges_one(out, "hsmgate_http_requests_total", "counter", "Whole requests received.",
                   status.requests));
    TRY(gauges_one(out, "hsmgate_http_timeouts_total", "counter",
                   "Requests that did not become whole, or had no answer, in time.",
                   status.timed_out));
    TRY(write_refused(&status, out));
    return gauges_tls(&status, out);
}
