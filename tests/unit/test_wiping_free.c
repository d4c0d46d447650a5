/* The replacement of free and realloc, under other names, over a stand-in for glibc's free that
 * looks at what it gets: a sanitizer's build has no other way to run it. */
#include "base_test.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void wiping_free(void *memory);
void *wiping_realloc(void *memory, size_t size);
void looking_free(void *memory);

#define free        wiping_free
#define realloc     wiping_realloc
#define __libc_free looking_free
#include "base/wiping_free.c" /* NOLINT(bugprone-suspicious-include) */
#undef free
#undef realloc

#define SIZE 1000

static size_t freed;
static size_t dirty;

void looking_free(void *memory)
{
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < malloc_usable_size(memory); i++) {
        dirty += bytes[i] != 0;
    }
    freed++;
    free(memory);
}

static int setup(void **state)
{
    (void)state;
    freed = 0;
    dirty = 0;
    return 0;
}

static char *filled(size_t size)
{
    char *memory = malloc(size);
    assert_non_null(memory);
    memset(memory, 's', malloc_usable_size(memory));
    return memory;
}

static void assert_filled(const char *memory, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(memory[i], 's');
    }
}

static void what_is_freed_is_empty(void **state)
{
    (void)state;
    wiping_free(filled(SIZE));
    wiping_free(filled(1));
    wiping_free(NULL);
    assert_int_equal(freed, 2);
    assert_int_equal(dirty, 0);
}

static void growing_keeps_the_bytes_and_wipes_the_old_place(void **state)
{
    (void)state;
    char *grown = wiping_realloc(filled(SIZE), (size_t)100 * SIZE);
    assert_filled(grown, SIZE);
    assert_int_equal(freed, 1);
    assert_int_equal(dirty, 0);
    wiping_free(grown);
    assert_int_equal(dirty, 0);
}

static void shrinking_stays_until_it_wastes_half(void **state)
{
    (void)state;
    char *memory = filled(SIZE);
    char *same = wiping_realloc(memory, SIZE - 100);
    assert_ptr_equal(same, memory);
    assert_int_equal(freed, 0);
    char *small = wiping_realloc(same, 10);
    assert_filled(small, 10);
    assert_int_equal(freed, 1);
    wiping_free(small);
    assert_int_equal(dirty, 0);
}

static void null_and_nothing_are_malloc_and_free(void **state)
{
    (void)state;
    char *memory = wiping_realloc(NULL, SIZE);
    assert_non_null(memory);
    memset(memory, 's', SIZE);
    assert_null(wiping_realloc(memory, 0));
    assert_int_equal(freed, 1);
    assert_int_equal(dirty, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_freed_is_empty, setup),
        cmocka_unit_test_setup(growing_keeps_the_bytes_and_wipes_the_old_place, setup),
        cmocka_unit_test_setup(shrinking_stays_until_it_wastes_half, setup),
        cmocka_unit_test_setup(null_and_nothing_are_malloc_and_free, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
