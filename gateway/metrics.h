/* metrics: counters and latency histograms, in Prometheus text format 0.0.4. Lock-free on the hot
 * path. */
#ifndef HSMGATE_GATEWAY_METRICS_H
#define HSMGATE_GATEWAY_METRICS_H

#include "base/buf.h"

struct metrics;
struct gateway;

struct metrics *metrics_open(void);
void metrics_close(struct metrics *metrics);
/* One finished request: `operation` is a route's static operation name. */
void metrics_count(struct metrics *metrics, const char *operation, int status,
                   int64_t microseconds);
/* Everything, with gauges of server, tokens, audit and store read now. */
MUST_USE struct err metrics_write(struct gateway *gateway, struct buf *out);

#endif
