/* evidence_file: the shape of an evidence file, {"format","bundle","records"}. */
#ifndef HSMGATE_CLI_EVIDENCE_FILE_H
#define HSMGATE_CLI_EVIDENCE_FILE_H

#include "quorum/quorum.h"

struct evidence_file {
    struct bundle_read bundle;
    const struct json_value *records; /* proofs, as texts */
    struct json json;
    struct buf bundle_text;
};
/* Reads exactly what a gateway writes: any other spelling is ERR_INVALID_FIELD or so. Clear it even
 * on failure. */
MUST_USE struct err evidence_file_read(struct span text, struct evidence_file *out);
void evidence_file_clear(struct evidence_file *file);

#endif
