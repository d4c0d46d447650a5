/* tree: the Merkle tree over the log's lines (RFC 6962 §2.1). Record `seq` is leaf seq - 1; a
 * leaf's entry is the line without its newline. Pure: no files, no locks. */
#ifndef HSMGATE_AUDIT_TREE_H
#define HSMGATE_AUDIT_TREE_H

#include "base/buf.h"
#include "base/digest.h"

#define TREE_HASH_LEN   SHA256_LEN
#define TREE_HEIGHT_MAX 64

struct tree_hash {
    uint8_t bytes[TREE_HASH_LEN];
};

/* What a checkpoint speaks of: the number of records and the root over them. */
struct tree_head {
    uint64_t size;
    struct tree_hash root;
};

bool tree_hash_equal(const struct tree_hash *a, const struct tree_hash *b);
/* SHA-256(0x00 || entry). */
struct tree_hash tree_leaf(struct span entry);
/* SHA-256(0x01 || left || right). */
struct tree_hash tree_node(const struct tree_hash *left, const struct tree_hash *right);

/* The roots of the full subtrees, left to right: all that appending needs. A zeroed one is empty.
 */
struct tree_edge {
    uint64_t size;
    struct tree_hash roots[TREE_HEIGHT_MAX]; /* one for each bit that is set in `size` */
};
/* How many roots the edge of a tree of that size has. */
size_t tree_edge_count(uint64_t size);
void tree_append(struct tree_edge *edge, const struct tree_hash *leaf);
/* The root of an empty tree is SHA-256 of nothing. */
struct tree_head tree_head_of(const struct tree_edge *edge);

/* An inclusion proof (RFC 6962 §2.1.1), lowest sibling first. */
struct tree_path {
    size_t count;
    struct tree_hash hashes[TREE_HEIGHT_MAX];
};
/* Gives the leaf hash of `index`; for tree_prove. */
typedef struct err tree_leaf_at(void *arg, uint64_t index, struct tree_hash *out);
/* The proof that leaf `index` is in the tree of `size` leaves. Errors of `leaf_at`. */
MUST_USE struct err tree_prove(uint64_t index, uint64_t size, tree_leaf_at *leaf_at, void *arg,
                               struct tree_path *out);
/* Whether the path leads from the leaf to the head's root (RFC 9162 §2.1.3.2). */
bool tree_check(const struct tree_path *path, uint64_t index, const struct tree_hash *leaf,
                const struct tree_head *head);

#endif
