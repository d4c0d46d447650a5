/* The rule in a key's CKA_ID. */
#include "base/digest.h"
#include "base_test.h"
#include "quorum/quorum.h"

/* `printf 'hsmgate/v1/group\nops' | sha256sum` begins with these. */
#define OPS_DIGEST 0xb4, 0x7d, 0x20, 0xb7, 0x4f, 0x62

static const uint8_t ones[UUID_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t zeros[UUID_LEN];

static struct span id_of(const uint8_t id[APPROVAL_CKA_ID_LEN])
{
    return span_of(id, APPROVAL_CKA_ID_LEN);
}

static void test_form(void **state)
{
    (void)state;
    static const uint8_t with_group[] = {OPS_DIGEST, 0x8f, 0xff, 0xbf, 0xff, 0xff, 0xff,
                                         0xff,       0xff, 0xff, 0xff, 0x01, 0x02};
    static const uint8_t free_one[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x4f, 0xff, 0xbf,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x00};
    static const uint8_t from_zeros[] = {OPS_DIGEST, 0x80, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 255};
    uint8_t id[APPROVAL_CKA_ID_LEN];
    approval_cka_id(span_text("ops"), 2, ones, id);
    assert_memory_equal(id, with_group, sizeof(id));
    approval_cka_id(span_text("ops"), 255, zeros, id);
    assert_memory_equal(id, from_zeros, sizeof(id));
    approval_cka_id(span_text("ops"), 0, ones, id);
    assert_memory_equal(id, free_one, sizeof(id));
}

static void test_m(void **state)
{
    (void)state;
    uint8_t id[APPROVAL_CKA_ID_LEN + 1] = {0};
    for (unsigned m = 0; m <= QUORUM_M_MAX; m++) {
        approval_cka_id(span_text("ops"), (uint8_t)m, ones, id);
        assert_int_equal(approval_m_of(id_of(id)), m);
        assert_int_equal(approval_group_is(id_of(id), span_text("ops")), m > 0);
        assert_false(approval_group_is(id_of(id), span_text("opt")));
        assert_false(approval_group_is(id_of(id), span_text("")));
    }
    for (size_t len = 0; len <= sizeof(id); len++) {
        bool whole = len == APPROVAL_CKA_ID_LEN;
        assert_int_equal(approval_m_of(span_of(id, len)), whole ? QUORUM_M_MAX : 0);
        assert_int_equal(approval_group_is(span_of(id, len), span_text("ops")), whole);
    }
    id[UUID_LEN] = 0x02;
    assert_int_equal(approval_m_of(id_of(id)), 0);
    assert_false(approval_group_is(id_of(id), span_text("ops")));
    assert_int_equal(approval_m_of((struct span){0}), 0);
}

/* The bits that are not random all count for the group; M counts whatever the UUID says. */
static void test_damage(void **state)
{
    (void)state;
    uint8_t id[APPROVAL_CKA_ID_LEN];
    approval_cka_id(span_text("ops"), 3, zeros, id);
    for (size_t bit = 0; bit < (size_t)UUID_LEN * 8; bit++) {
        size_t byte = bit / 8;
        bool is_fixed = byte < 6 || (byte == 6 && bit % 8 >= 4) || (byte == 8 && bit % 8 >= 6);
        id[byte] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(approval_group_is(id_of(id), span_text("ops")), !is_fixed);
        assert_int_equal(approval_m_of(id_of(id)), 3);
        id[byte] ^= (uint8_t)(1U << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_m),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
