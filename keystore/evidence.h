/* evidence: who used a version last, how, and how long what it made may matter. */
#ifndef HSMGATE_KEYSTORE_EVIDENCE_H
#define HSMGATE_KEYSTORE_EVIDENCE_H

#include "keystore/uses.h"

/* What a row borrows from. */
struct use_texts {
    char principals[USE_KIND_COUNT][USE_PRINCIPAL_MAX];
};
/* Fills what of the row is evidence; the caller sets `reserved` and `jwt_expires_at`. */
void evidence_row(struct uses *uses, struct use_texts *texts, struct uses_row *row);
/* The row is on disk. */
void evidence_stored(struct uses *uses, const struct uses_row *row);

#endif
