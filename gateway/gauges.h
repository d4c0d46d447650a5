/* gauges: figures that others keep, as Prometheus text. */
#ifndef HSMGATE_GATEWAY_GAUGES_H
#define HSMGATE_GATEWAY_GAUGES_H

#include "gateway/gateway.h"

/* The HELP and TYPE lines of a family. */
MUST_USE struct err gauges_head(struct buf *out, const char *name, const char *type,
                                const char *help);
/* `NAME="VALUE"` with the value escaped (text format 0.0.4); control and 8-bit bytes, which are not
 * always UTF-8, as `\\xHH`. */
MUST_USE struct err gauges_label(struct buf *out, const char *name, const char *value);
/* Everything, read now. */
MUST_USE struct err gauges_write(const struct gateway *gateway, struct buf *out);

#endif
