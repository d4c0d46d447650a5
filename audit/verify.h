/* verify: an auditor's look at a log folder, offline and read-only. */
#ifndef HSMGATE_AUDIT_VERIFY_H
#define HSMGATE_AUDIT_VERIFY_H

#include "audit/checkpoint.h"

enum audit_verdict {
    AUDIT_INTACT,
    AUDIT_CHANGED, /* record `seq` is not what was written (changed, moved, put in or taken out) */
    AUDIT_MISSING_END, /* the log ends before the checkpoint's size */
    AUDIT_CONTRADICTS, /* whole in itself, as long as the checkpoint or longer, but another log */
    AUDIT_TORN,        /* only the last line is not whole */
    AUDIT_VERDICT_COUNT
};
/* One line for people without figures, such as `intact`. */
const char *audit_verdict_name(enum audit_verdict verdict);

struct audit_verify {
    const char *folder;
    struct span checkpoint; /* the note's text; empty: the folder's own, if there */
    const struct checkpoint_verifier *verifier; /* or NULL: signatures are not judged */
    /* Called about ten times a second; or NULL. `total` is bytes, as known at start. */
    void (*progress)(void *arg, uint64_t done, uint64_t total, uint64_t records);
    void *arg;
};

struct audit_finding {
    enum audit_verdict verdict;
    uint64_t seq;          /* AUDIT_CHANGED: the first record that is wrong; AUDIT_MISSING_END: the
                              first that is missing; AUDIT_TORN: the last whole one */
    uint64_t records;      /* whole records that were read */
    struct tree_head head; /* over them */
    bool has_checkpoint;
    bool checkpoint_signed; /* its signature was checked and is good */
    struct tree_head checkpoint;
    char detail[ERR_DETAIL_MAX]; /* where and why, for people */
};
/* ERR_IO when the log cannot be read, ERR_CORRUPT when the checkpoint cannot, ERR_FORBIDDEN when
 * its signature is not good. Everything else is a finding. */
MUST_USE struct err audit_verify(const struct audit_verify *what, struct audit_finding *out);

#endif
