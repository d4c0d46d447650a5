/* Piles: places that do not overlap, aligned, of any size, and used again after clearing. */
#include "base_test.h"

#include <stdalign.h>

#include "base/pile.h"

#define PLACES 200

static size_t size_of(size_t i)
{
    return i * 37 % 300;
}

static void fill(struct pile *pile, uint8_t *places[PLACES])
{
    for (size_t i = 0; i < PLACES; i++) {
        places[i] = pile_take(pile, size_of(i));
        assert_int_equal((uintptr_t)places[i] % alignof(max_align_t), 0);
        memset(places[i], (int)i, size_of(i));
    }
}

static void places_do_not_overlap(void **state)
{
    (void)state;
    CLEANUP(pile_clear) struct pile pile = {0};
    uint8_t *places[PLACES];
    fill(&pile, places);
    for (size_t i = 0; i < PLACES; i++) {
        for (size_t at = 0; at < size_of(i); at++) {
            assert_int_equal(places[i][at], (uint8_t)i);
        }
    }
}

static void large_ones_fit(void **state)
{
    (void)state;
    CLEANUP(pile_clear) struct pile pile = {0};
    uint8_t *small = pile_take(&pile, 1);
    *small = 7;
    size_t large = (size_t)1 << 20;
    memset(pile_take(&pile, large), 1, large);
    memset(pile_take(&pile, large + 1), 2, large + 1);
    assert_int_equal(*small, 7);
}

static void a_cleared_one_is_empty(void **state)
{
    (void)state;
    struct pile pile = {0};
    uint8_t *places[PLACES];
    pile_clear(&pile);
    fill(&pile, places);
    pile_clear(&pile);
    assert_null(pile.newest);
    fill(&pile, places);
    pile_clear(&pile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_do_not_overlap),
        cmocka_unit_test(large_ones_fit),
        cmocka_unit_test(a_cleared_one_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
