/* The parts of gauges.c, one file each. */
#ifndef HSMGATE_GATEWAY_GAUGES_INNER_H
#define HSMGATE_GATEWAY_GAUGES_INNER_H

#include "gateway/gauges.h"

/* A family without labels. */
MUST_USE struct err gauges_one(struct buf *out, const char *name, const char *type,
                               const char *help, uint64_t value);

/* Nothing for a server that is NULL, likewise below. */
MUST_USE struct err gauges_server(struct server *server, struct buf *out);
MUST_USE struct err gauges_tls(const struct server_status *status, struct buf *out);
/* The log, and the checkpoints over it. */
MUST_USE struct err gauges_audit(const struct gateway *gateway, struct buf *out);
MUST_USE struct err gauges_issuers(struct issuers *issuers, struct buf *out);
/* The scheduler, its clock, and who is told. */
MUST_USE struct err gauges_rotation(const struct gateway *gateway, struct buf *out);
/* What a quorum decides. */
MUST_USE struct err gauges_quorum(const struct gateway *gateway, struct buf *out);
MUST_USE struct err gauges_tokens(const struct gateway *gateway, struct buf *out);

#endif
