/* The tree against the published roots of RFC 6962's reference implementation, against its
 * definition computed the slow way, and every proof of small trees, good and spoiled. */
#include "base_test.h"

#include "audit/tree.h"
#include "base/encoding.h"

#define LEAVES 70

struct leaves {
    struct tree_hash all[LEAVES];
    bool broken;
};

static struct err leaf_at(void *arg, uint64_t index, struct tree_hash *out)
{
    struct leaves *leaves = arg;
    ENSURE(!leaves->broken, ERR_IO, "broken");
    *out = leaves->all[index];
    return err_ok();
}

static struct leaves make_leaves(void)
{
    struct leaves leaves = {.broken = false};
    for (size_t i = 0; i < LEAVES; i++) {
        CLEANUP(buf_clear) struct buf entry = {0};
        assert_ok(buf_printf(&entry, "{\"seq\":%zu}", i + 1));
        leaves.all[i] = tree_leaf(buf_span(&entry));
    }
    return leaves;
}

static struct tree_head head_of(const struct leaves *leaves, uint64_t size)
{
    struct tree_edge edge = {0};
    for (uint64_t i = 0; i < size; i++) {
        tree_append(&edge, &leaves->all[i]);
    }
    return tree_head_of(&edge);
}

static void assert_hash(const struct tree_hash *hash, const char *hex)
{
    CLEANUP(buf_clear) struct buf text = {0};
    assert_ok(hex_encode(span_of(hash->bytes, TREE_HASH_LEN), &text));
    assert_span_is(buf_span(&text), hex);
}

/* certificate-transparency-go, merkle tests */
static void roots_are_those_of_the_reference(void **state)
{
    (void)state;
    static const struct {
        const char *entry;
        const char *root; /* of the tree that ends with it */
    } rows[] = {
        {"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
        {"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
        {"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
        {"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
        {"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
        {"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
        {"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
        {"606162636465666768696a6b6c6d6e6f",
         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
    };
    struct tree_edge edge = {0};
    struct tree_head head = tree_head_of(&edge);
    assert_hash(&head.root, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_clear) struct buf entry = {0};
        assert_ok(hex_decode(span_text(rows[i].entry), &entry));
        struct tree_hash leaf = tree_leaf(buf_span(&entry));
        tree_append(&edge, &leaf);
        head = tree_head_of(&edge);
        assert_int_equal(head.size, i + 1);
        assert_hash(&head.root, rows[i].root);
    }
}

/* RFC 6962 §2.1, word for word */
static struct tree_hash defined_root(const struct tree_hash *leaves, size_t count)
{
    if (count == 1) {
        return leaves[0];
    }
    size_t split = 1;
    while (split * 2 < count) {
        split *= 2;
    }
    struct tree_hash left = defined_root(leaves, split);
    struct tree_hash right = defined_root(leaves + split, count - split);
    return tree_node(&left, &right);
}

static void roots_are_as_defined(void **state)
{
    (void)state;
    struct leaves leaves = make_leaves();
    for (size_t size = 1; size <= LEAVES; size++) {
        struct tree_head head = head_of(&leaves, size);
        struct tree_hash root = defined_root(leaves.all, size);
        assert_true(tree_hash_equal(&head.root, &root));
    }
}

static void check_spoiled(const struct tree_path *path, uint64_t index,
                          const struct tree_hash *leaf, const struct tree_head *head)
{
    struct tree_path spoiled = *path;
    for (size_t i = 0; i < path->count; i++) {
        spoiled.hashes[i].bytes[i % TREE_HASH_LEN] ^= 1;
        assert_false(tree_check(&spoiled, index, leaf, head));
        spoiled = *path;
    }
    spoiled.count++;
    assert_false(tree_check(&spoiled, index, leaf, head));
    if (path->count > 0) {
        spoiled.count = path->count - 1;
        assert_false(tree_check(&spoiled, index, leaf, head));
    }
    assert_false(tree_check(path, head->size, leaf, head));
    assert_false(tree_check(path, index ^ 1, leaf, head) && head->size > 1);
    struct tree_hash other = *leaf;
    other.bytes[0] ^= 0x80;
    assert_false(tree_check(path, index, &other, head));
}

static void every_proof_leads_to_the_root(void **state)
{
    (void)state;
    struct leaves leaves = make_leaves();
    for (uint64_t size = 1; size <= LEAVES; size++) {
        struct tree_head head = head_of(&leaves, size);
        for (uint64_t index = 0; index < size; index++) {
            struct tree_path path = {0};
            assert_ok(tree_prove(index, size, leaf_at, &leaves, &path));
            assert_true(tree_check(&path, index, &leaves.all[index], &head));
            check_spoiled(&path, index, &leaves.all[index], &head);
        }
    }
}

static void errors(void **state)
{
    (void)state;
    struct leaves leaves = make_leaves();
    struct tree_path path = {0};
    assert_code(tree_prove(5, 5, leaf_at, &leaves, &path), ERR_NOT_FOUND);
    leaves.broken = true;
    assert_code(tree_prove(1, 5, leaf_at, &leaves, &path), ERR_IO);
    path.count = TREE_HEIGHT_MAX + 1;
    struct tree_head head = {.size = UINT64_MAX};
    assert_false(tree_check(&path, 0, &leaves.all[0], &head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_those_of_the_reference),
        cmocka_unit_test(roots_are_as_defined),
        cmocka_unit_test(every_proof_leads_to_the_root),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
