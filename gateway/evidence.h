/* evidence: the file that proves, to people who trust no server, who agreed to what and what became
 * of it. */
#ifndef HSMGATE_GATEWAY_EVIDENCE_H
#define HSMGATE_GATEWAY_EVIDENCE_H

#include "gateway/gateway.h"

/* Appends {"format":"hsmgate/v1/evidence","bundle":…,"records":[…]}: statement, votes and all
 * rosters (quorum.h), and C2SP tlog-proofs of the audit records of what was carried out. Waits for
 * a checkpoint that covers them until the deadline: ERR_DEADLINE. ERR_NOT_FOUND: the log does not
 * have the record. */
MUST_USE struct err evidence_write(struct gateway *gateway, const struct quorum_request *request,
                                   int64_t deadline_ns, struct buf *out);

#endif
