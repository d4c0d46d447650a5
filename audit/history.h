/* history: the checkpoints that a log folder keeps: the newest as `checkpoint`, and one a minute in
 * `audit-N.checkpoints` beside the log file that holds the last record under it. */
#ifndef HSMGATE_AUDIT_HISTORY_H
#define HSMGATE_AUDIT_HISTORY_H

#include "audit/checkpoint.h"

#define HISTORY_NEWEST     "checkpoint"
#define HISTORY_KEY        "checkpoint.pub"
#define HISTORY_MINUTES_MS 60000

/* Tree heads, ascending by size. */
struct heads {
    struct tree_head *all;
    size_t count;
    size_t next; /* the first that heads_meet has not passed */
};
void heads_clear(struct heads *heads);
/* Keeps the order. */
void heads_add(struct heads *heads, const struct tree_head *head);
/* For each size that the growing tree reaches: whether the heads of that size have its root. True
 * when there is none. Costs nothing between them. */
bool heads_meet(struct heads *heads, const struct tree_edge *edge);

/* The newest checkpoint's note; ERR_NOT_FOUND, ERR_IO. */
MUST_USE struct err history_newest(int folder, struct buf *out);
/* Adds the heads of `audit-<first>.checkpoints`; with a verifier only those that it signed. What is
 * not a checkpoint ends the file. ERR_IO. */
MUST_USE struct err history_read(int folder, uint64_t first,
                                 const struct checkpoint_verifier *verifier, struct heads *out);
/* Appends a note and syncs it; nothing when the file is full (64 MiB). ERR_IO. */
MUST_USE struct err history_append(int folder, uint64_t first, struct span note);

#endif
