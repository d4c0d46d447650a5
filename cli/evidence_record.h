/* evidence_record: the audit record that says that a request was carried out, with its proof. */
#ifndef HSMGATE_CLI_EVIDENCE_RECORD_H
#define HSMGATE_CLI_EVIDENCE_RECORD_H

#include "audit/proof.h"
#include "quorum/quorum.h"

struct evidence_record {
    uint64_t seq;
    uint64_t among; /* records under the checkpoint */
    int64_t time_ms;
};
/* What the record must be of; digests in hex. */
struct evidence_subject {
    const struct statement *says;
    const char *statement; /* digest of its bytes */
    const char *roster;    /* digest of the last one in the file: the newest at that time */
};
/* Checks the proof under the log's key, then that the record is of this request, statement and
 * roster. ERR_CORRUPT, ERR_FORBIDDEN, ERR_INVALID_FIELD. */
MUST_USE struct err evidence_record_check(struct span proof,
                                          const struct checkpoint_verifier *verifier,
                                          const struct evidence_subject *subject,
                                          struct evidence_record *out);

#endif
