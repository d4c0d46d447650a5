/* verify_walk: reads a whole log once, and notes what audit_verify judges by. */
#ifndef HSMGATE_AUDIT_VERIFY_WALK_H
#define HSMGATE_AUDIT_VERIFY_WALK_H

#include "audit/history.h"
#include "audit/log_names.h"
#include "audit/verify.h"

/* What was first found wrong; `seq` is the record. */
enum fault_kind {
    FAULT_NONE,
    FAULT_LEAF,  /* line and leaf differ */
    FAULT_EDGE,  /* a leaf file begins with another tree */
    FAULT_SHORT, /* a leaf is missing that must be there */
    FAULT_LONG,  /* a leaf file goes on behind the lines */
    FAULT_LINE,  /* a line is not the record it must be */
    FAULT_FILE,  /* a file is missing, or does not follow the one before */
    FAULT_START, /* the oldest files are not there */
};

/* How a root compared with the checkpoint's at its size. */
enum fit { FIT_UNKNOWN, FIT_SAME, FIT_OTHER };

struct walk {
    const struct audit_verify *what;
    int folder;
    struct log_names names;
    struct heads history;         /* up to the checkpoint's size */
    const struct tree_head *head; /* of the checkpoint, or NULL */
    uint64_t total;               /* bytes */
    uint64_t done;
    int64_t report_ns; /* the next progress */

    struct tree_edge edge;      /* over the lines */
    struct tree_edge leaf_edge; /* over the leaves, since they first differed */
    bool split;                 /* they differ */
    enum fault_kind fault;
    uint64_t fault_seq;
    uint64_t fault_file; /* the file's number */
    enum fit lines_fit;
    enum fit leaves_fit; /* while split */
    uint64_t fit_size;   /* the last stored checkpoint that fits the lines */
    uint64_t other_size; /* the first that does not; 0: none */
    bool stopped;        /* nothing behind it can be judged */
    bool torn;           /* the last line is not whole */
    bool surplus;        /* the newest leaf file goes on behind the lines */
    bool no_leaves;      /* a leaf file is not there */
    uint64_t unleaved;   /* records at the end without a leaf */
};

/* Reads the files; `folder`, `names`, `history`, `head` and `what` are given. ERR_IO. */
MUST_USE struct err walk_run(struct walk *walk);

#endif
