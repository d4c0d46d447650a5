/* The sense of time under every kind of wall clock. */
#include "rotation/sense.h"

#include "tests/unit/base_test.h"

#define START  INT64_C(1700000000000) /* unix ms */
#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)

struct world {
    struct sense sense;
    int64_t wall;
    int64_t mono; /* ms */
};

static struct sense_clocks clocks_of(const struct world *world)
{
    return (struct sense_clocks){.wall = world->wall, .mono_ns = world->mono * 1000000};
}

static void start(struct world *world, int64_t lived, int64_t high_water, int64_t wall)
{
    struct lived_clock stored = {.lived = lived, .high_water = high_water};
    world->wall = wall;
    world->mono = 5000;
    struct sense_clocks clocks = clocks_of(world);
    sense_start(&stored, &clocks, &world->sense);
}

/* Time passes on both clocks, and the wall clock leaps by so much more. */
static struct moment pass(struct world *world, int64_t ms, int64_t leap)
{
    struct moment moment;
    world->mono += ms;
    world->wall += ms + leap;
    struct sense_clocks clocks = clocks_of(world);
    sense_read(&world->sense, &clocks, &moment);
    return moment;
}

static void goes_with_a_good_clock(void **state)
{
    (void)state;
    struct world world;
    start(&world, 0, 0, START);
    for (int i = 1; i <= 3; i++) {
        struct moment moment = pass(&world, HOUR, 0);
        assert_true(moment.now == START + i * HOUR);
        assert_true(moment.calm == START + i * HOUR);
        assert_true(moment.lived == i * HOUR);
        assert_false(moment.leapt);
    }
}

static void takes_small_leaps_but_does_not_live_them(void **state)
{
    (void)state;
    struct world world;
    start(&world, 0, 0, START);
    struct moment moment = pass(&world, SECOND, HOUR);
    assert_true(moment.calm == START + SECOND + HOUR);
    assert_int_equal(moment.lived, SECOND);
    assert_false(moment.leapt);
    moment = pass(&world, SECOND, DAY - SECOND);
    assert_true(moment.calm == world.wall);
    assert_int_equal(moment.lived, 2 * SECOND);
}

static void never_goes_back(void **state)
{
    (void)state;
    static const int64_t leaps[] = {-SECOND, -HOUR, -10 * YEAR};
    for (size_t i = 0; i < ARRAY_LEN(leaps); i++) {
        struct world world;
        start(&world, 0, 0, START);
        (void)pass(&world, HOUR, 0);
        struct moment moment = pass(&world, SECOND, leaps[i]);
        assert_true(moment.now == START + HOUR + SECOND);
        assert_true(moment.calm == START + HOUR + SECOND);
        moment = pass(&world, HOUR, 0); /* it goes on, it does not stand still */
        assert_true(moment.calm == START + 2 * HOUR + SECOND);
        assert_int_equal(moment.leapt, leaps[i] < -DAY);
    }
}

static void does_not_believe_ten_years(void **state)
{
    (void)state;
    struct world world;
    start(&world, 0, 0, START);
    struct moment moment = pass(&world, SECOND, 10 * YEAR);
    assert_true(moment.calm == START + SECOND);
    assert_true(moment.now == world.wall); /* what expired by the wall clock has expired */
    assert_true(moment.leapt);
    assert_true(moment.behind == 10 * YEAR);
    /* Corrected in time, nothing remains. */
    moment = pass(&world, SECOND, -10 * YEAR);
    assert_true(moment.now == START + 2 * SECOND);
    assert_true(moment.calm == START + 2 * SECOND);
    assert_false(moment.leapt);
}

static void believes_a_leap_that_lasts(void **state)
{
    (void)state;
    struct world world;
    start(&world, 0, 0, START);
    assert_true(pass(&world, SECOND, 30 * DAY).leapt);
    assert_true(pass(&world, DAY - SECOND, 0).leapt);
    struct moment moment = pass(&world, SECOND, 0);
    assert_false(moment.leapt);
    assert_true(moment.calm == world.wall);
    assert_true(moment.lived == DAY + SECOND);
}

/* Another leap in between begins another day only when the first was taken back. */
static void measures_the_day_of_one_leap(void **state)
{
    (void)state;
    struct world world;
    start(&world, 0, 0, START);
    (void)pass(&world, SECOND, 30 * DAY);
    (void)pass(&world, DAY / 2, 0);
    (void)pass(&world, SECOND, -30 * DAY);
    (void)pass(&world, SECOND, 30 * DAY);
    assert_true(pass(&world, DAY / 2, 0).leapt);
    assert_false(pass(&world, DAY / 2, 0).leapt);
}

static void goes_on_after_a_restart(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int64_t away;
        int64_t calm; /* from START */
        bool leapt;
    } cases[] = {
        {"an hour later", HOUR, HOUR, false},      {"a day later", DAY, DAY, false},
        {"ten days later", 10 * DAY, 0, true},     {"an hour before", -HOUR, 0, false},
        {"ten years before", -10 * YEAR, 0, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        start(&world, 7 * HOUR, START, START + cases[i].away);
        struct moment moment = pass(&world, 0, 0);
        if (moment.calm != START + cases[i].calm || moment.lived != 7 * HOUR ||
            moment.leapt != cases[i].leapt) {
            fail_msg("%s: calm %lld lived %lld", cases[i].what, (long long)(moment.calm - START),
                     (long long)moment.lived);
        }
        struct sense_clocks clocks = clocks_of(&world);
        struct lived_clock stored = sense_stored(&world.sense, &clocks);
        assert_true(stored.high_water == moment.calm);
        assert_true(stored.lived == moment.lived);
    }
}

static void accepts_what_a_person_has_looked_at(void **state)
{
    (void)state;
    static const int64_t leaps[] = {10 * YEAR, -10 * YEAR};
    for (size_t i = 0; i < ARRAY_LEN(leaps); i++) {
        struct world world;
        start(&world, 0, 0, START);
        (void)pass(&world, SECOND, leaps[i]);
        struct sense_clocks clocks = clocks_of(&world);
        sense_accept(&world.sense, &clocks);
        struct moment moment = pass(&world, SECOND, 0);
        assert_true(moment.calm == world.wall);
        assert_true(moment.now == world.wall);
        assert_int_equal(moment.lived, 2 * SECOND);
        assert_false(moment.leapt);
    }
}

/* A frozen wall clock stops neither calendar nor life. */
static void goes_on_while_the_wall_clock_stands(void **state)
{
    (void)state;
    struct world world;
    start(&world, 0, 0, START);
    struct moment moment = pass(&world, HOUR, -HOUR);
    assert_true(world.wall == START);
    assert_true(moment.calm == START + HOUR);
    assert_int_equal(moment.lived, HOUR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_with_a_good_clock),
        cmocka_unit_test(takes_small_leaps_but_does_not_live_them),
        cmocka_unit_test(never_goes_back),
        cmocka_unit_test(does_not_believe_ten_years),
        cmocka_unit_test(believes_a_leap_that_lasts),
        cmocka_unit_test(measures_the_day_of_one_leap),
        cmocka_unit_test(goes_on_after_a_restart),
        cmocka_unit_test(accepts_what_a_person_has_looked_at),
        cmocka_unit_test(goes_on_while_the_wall_clock_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
