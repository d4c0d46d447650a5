/* The Merkle tree of RFC 6962 over the log's lines, made by appending.
 *
 * A tree of n leaves is a row of full subtrees, one for each bit of n, the largest on the left:
 * their roots are the edge. Appending a leaf merges equal neighbours as a binary counter carries,
 * so a record costs one leaf hash and one node hash on average, and no part of the tree is kept.
 * Nothing here reads files, takes the time or locks. */
#include "audit/tree.h"

#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

static struct tree_hash hash_parts(const struct span *parts, size_t count)
{
    struct tree_hash hash = {0};
    digest_sha256_parts(parts, count, hash.bytes);
    return hash;
}

bool tree_hash_equal(const struct tree_hash *a, const struct tree_hash *b)
{
    return memcmp(a->bytes, b->bytes, TREE_HASH_LEN) == 0;
}

struct tree_hash tree_leaf(struct span entry)
{
    static const uint8_t lead[] = {0x00};
    struct span parts[] = {span_of(lead, 1), entry};
    return hash_parts(parts, ARRAY_LEN(parts));
}

struct tree_hash tree_node(const struct tree_hash *left, const struct tree_hash *right)
{
    uint8_t bytes[1 + 2 * TREE_HASH_LEN] = {0x01};
    memcpy(bytes + 1, left->bytes, TREE_HASH_LEN);
    memcpy(bytes + 1 + TREE_HASH_LEN, right->bytes, TREE_HASH_LEN);
    struct span whole = span_of(bytes, sizeof(bytes));
    return hash_parts(&whole, 1);
}

size_t tree_edge_count(uint64_t size)
{
    return (size_t)__builtin_popcountll(size);
}

void tree_append(struct tree_edge *edge, const struct tree_hash *leaf)
{
    size_t count = tree_edge_count(edge->size);
    struct tree_hash carry = *leaf;
    for (uint64_t size = edge->size; (size & 1) != 0; size >>= 1) {
        count--;
        carry = tree_node(&edge->roots[count], &carry);
    }
    edge->roots[count] = carry;
    edge->size++;
}

struct tree_head tree_head_of(const struct tree_edge *edge)
{
    struct tree_head head = {.size = edge->size};
    size_t count = tree_edge_count(edge->size);
    if (count == 0) {
        struct span nothing = span_of(NULL, 0);
        head.root = hash_parts(&nothing, 1);
        return head;
    }
    head.root = edge->roots[count - 1];
    for (size_t i = count - 1; i > 0; i--) {
        head.root = tree_node(&edge->roots[i - 1], &head.root);
    }
    return head;
}

/* The root over the leaves [from, to). */
static struct err range_root(uint64_t from, uint64_t to, tree_leaf_at *leaf_at, void *arg,
                             struct tree_hash *out)
{
    struct tree_edge edge = {0};
    for (uint64_t index = from; index < to; index++) {
        struct tree_hash leaf;
        TRY(leaf_at(arg, index, &leaf));
        tree_append(&edge, &leaf);
    }
    *out = tree_head_of(&edge).root;
    return err_ok();
}

/* The largest power of two below `size`, which is over 1. */
static uint64_t split_of(uint64_t size)
{
    return UINT64_C(1) << (63 - __builtin_clzll(size - 1));
}

struct err tree_prove(uint64_t index, uint64_t size, tree_leaf_at *leaf_at, void *arg,
                      struct tree_path *out)
{
    ENSURE(index < size, ERR_NOT_FOUND, "the tree ends before this record");
    struct tree_path down = {0}; /* from the root to the leaf */
    uint64_t from = 0;
    uint64_t to = size;
    while (to - from > 1) {
        uint64_t middle = from + split_of(to - from);
        struct tree_hash *sibling = &down.hashes[down.count++];
        if (index < middle) {
            TRY(range_root(middle, to, leaf_at, arg, sibling));
            to = middle;
        } else {
            TRY(range_root(from, middle, leaf_at, arg, sibling));
            from = middle;
        }
    }
    out->count = down.count;
    for (size_t i = 0; i < down.count; i++) {
        out->hashes[i] = down.hashes[down.count - 1 - i];
    }
    return err_ok();
}

/* RFC 9162 §2.1.3.2, with its names. */
bool tree_check(const struct tree_path *path, uint64_t index, const struct tree_hash *leaf,
                const struct tree_head *head)
{
    if (index >= head->size || path->count > TREE_HEIGHT_MAX) {
        return false;
    }
    uint64_t fn = index;
    uint64_t sn = head->size - 1;
    struct tree_hash r = *leaf;
    for (size_t i = 0; i < path->count; i++) {
        if (sn == 0) {
            return false;
        }
        if ((fn & 1) != 0 || fn == sn) {
            r = tree_node(&path->hashes[i], &r);
            for (; (fn & 1) == 0 && fn != 0; fn >>= 1) {
                sn >>= 1;
            }
        } else {
            r = tree_node(&r, &path->hashes[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && tree_hash_equal(&r, &head->root);
}
