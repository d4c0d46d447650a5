/* The agenda against a plain list that is searched from end to end. */
#include "rotation/agenda.h"

#include <string.h>

#include "tests/unit/base_test.h"

#define KEYS  500
#define STEPS 20000

static struct uuid id_of(uint32_t number)
{
    struct uuid id = {{0}};
    uint64_t spread = (uint64_t)number * UINT64_C(0x9e3779b97f4a7c15);
    memcpy(id.bytes, &spread, sizeof(spread));
    memcpy(id.bytes + 8, &number, sizeof(number));
    return id;
}

/* xorshift, so that a failure can be repeated */
static uint32_t next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static int64_t least(const int64_t *due)
{
    int64_t found = INT64_MAX;
    for (size_t i = 0; i < KEYS; i++) {
        found = due[i] >= 0 && due[i] < found ? due[i] : found;
    }
    return found;
}

static void gives_the_earliest_first(void **state)
{
    (void)state;
    CLEANUP(agenda_clear) struct agenda agenda = {0};
    int64_t due[KEYS];
    uint32_t seed = 4711;
    memset(due, 0xff, sizeof(due)); /* -1: not there */
    for (size_t step = 0; step < STEPS; step++) {
        uint32_t key = next(&seed) % KEYS;
        uint32_t what = next(&seed) % 8;
        if (what < 5) {
            due[key] = next(&seed) % 1000;
            (void)agenda_put(&agenda, id_of(key), due[key]);
        } else if (what < 7) {
            due[key] = -1;
            agenda_drop(&agenda, id_of(key));
        } else if (agenda_first(&agenda) != NULL) {
            struct agenda_entry *first = agenda_first(&agenda);
            uint32_t number = 0;
            memcpy(&number, first->id.bytes + 8, sizeof(number));
            agenda_take(&agenda, first);
            assert_ptr_equal(agenda_find(&agenda, id_of(number)), first);
            due[number] = -1;
        }
        const struct agenda_entry *first = agenda_first(&agenda);
        assert_true((first == NULL ? INT64_MAX : first->due_ns) == least(due));
    }
}

static void knows_a_key_that_was_taken_off(void **state)
{
    (void)state;
    CLEANUP(agenda_clear) struct agenda agenda = {0};
    assert_null(agenda_find(&agenda, id_of(1)));
    assert_null(agenda_first(&agenda));
    agenda_drop(&agenda, id_of(1));
    struct agenda_entry *entry = agenda_put(&agenda, id_of(1), 10);
    entry->failed = 3;
    agenda_take(&agenda, entry);
    assert_null(agenda_first(&agenda));
    assert_ptr_equal(agenda_put(&agenda, id_of(1), 20), entry);
    assert_int_equal(entry->failed, 3);
    agenda_take(&agenda, entry);
    agenda_drop(&agenda, id_of(1));
    assert_null(agenda_find(&agenda, id_of(1)));
    assert_int_equal(agenda.known, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_earliest_first),
        cmocka_unit_test(knows_a_key_that_was_taken_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
