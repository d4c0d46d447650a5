/* fetch: one small HTTPS exchange, the one owner of libcurl in the gateway. No redirects, no
 * proxies, no cookies, no environment; TLS is verified; plain HTTP goes to loopback addresses only.
 * It blocks: for background threads, never for a request. Safe from any thread. */
#ifndef HSMGATE_GATEWAY_FETCH_H
#define HSMGATE_GATEWAY_FETCH_H

#include "base/buf.h"

/* Whether the URL is one that fetch takes: https://HOST…, or http:// on 127.0.0.1, [::1] or
 * localhost; no user, no fragment, no control character or blank. ERR_CONFIG with the reason. */
MUST_USE struct err fetch_check_url(const char *url);

/* GETs the whole body, at most `max` bytes, into `out` (untouched on failure), of a reply with
 * status 200. `ca` is a PEM file, NULL: the system's authorities. `deadline_ns` is monotonic.
 * ERR_CONFIG on a URL that it does not take, ERR_DEADLINE, ERR_TOO_LARGE, ERR_IO. */
MUST_USE struct err fetch_get(const char *url, const char *ca, size_t max, int64_t deadline_ns,
                              struct buf *out);
struct fetch_message {
    const char *content_type;
    const char *header; /* one more line, `Name: value`; or NULL */
    struct span body;
};
/* POSTs it and drops the reply's body, of which it reads 64 KiB at most; any status is an answer.
 * Errors as above. */
MUST_USE struct err fetch_post(const char *url, const char *ca, const struct fetch_message *message,
                               int64_t deadline_ns, int *out_status);

#endif
