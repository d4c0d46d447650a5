/* leaf_reader: `audit-N.leaves`, which stands beside the log file of the same number. It begins
 * with the edge of the tree before record N and goes on with the leaf hash of each record of the
 * file. */
#ifndef HSMGATE_AUDIT_LEAF_READER_H
#define HSMGATE_AUDIT_LEAF_READER_H

#include "audit/tree.h"

#define LEAF_WINDOW 2048 /* leaves that are read at once */

struct leaf_reader {
    int fd; /* -1: there is no such file */
    uint64_t first;
    uint64_t size;   /* leaves that the file's length has room for */
    bool has_edge;   /* the file begins with a whole edge */
    uint64_t next;   /* the leaf to give next, from 0 */
    uint64_t loaded; /* the window holds [loaded, loaded + count) */
    size_t count;
    struct tree_edge edge; /* before record `first` */
    uint8_t window[LEAF_WINDOW * TREE_HASH_LEN];
};

/* Bytes before the first leaf. */
uint64_t leaf_edge_len(uint64_t first);
/* Opens the file of that number; one that is missing has no leaves. ERR_IO. */
MUST_USE struct err leaf_reader_open(struct leaf_reader *reader, int folder, uint64_t first);
void leaf_reader_close(struct leaf_reader *reader);
/* The next leaf; *out_more is false at the end, and at a leaf of zeros: after a crash such were
 * never written. ERR_IO. */
MUST_USE struct err leaf_reader_next(struct leaf_reader *reader, struct tree_hash *out,
                                     bool *out_more);
/* The edge of the tree of `size` records, from the leaf file that has it; *out_known is false when
 * there is none. ERR_IO. */
MUST_USE struct err leaf_edge_at(int folder, uint64_t size, struct tree_edge *out, bool *out_known);

#endif
