/* Time: RFC 3339 both ways, durations, deadlines. */
#include "base_test.h"

#include "base/clock.h"

static void known_instants_both_ways(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {951868799999, "2000-02-29T23:59:59.999Z"},
        {1767323045678, "2026-01-02T03:04:05.678Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[CLOCK_TEXT_MAX];
        int64_t ms = -1;
        clock_format(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
        assert_code_of(text, clock_parse(span_text(text), &ms), ERR_OK);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void every_day_agrees_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 60000; day++) {
        char ours[CLOCK_TEXT_MAX];
        char theirs[CLOCK_TEXT_MAX];
        time_t seconds = (time_t)(day * 86400 + 3723);
        struct tm parts;
        int64_t back = -1;
        assert_non_null(gmtime_r(&seconds, &parts));
        assert_true(strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S.000Z", &parts) > 0);
        clock_format(seconds * 1000, ours);
        assert_string_equal(ours, theirs);
        assert_ok(clock_parse(span_text(ours), &back));
        assert_int_equal(back, seconds * 1000);
    }
}

static void times_out_of_range_are_clamped_in_text(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_MAX];
    clock_format(-1, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    clock_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void other_spellings_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:01Z", 1000},
        {"1970-01-01t00:00:01z", 1000},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T23:00:00-01:00", -1}, /* the year is refused */
        {"1970-01-01T00:00:00-23:59", 86340000},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T00:00:00.5Z", 500},
        {"1970-01-01T00:00:00.123999999Z", 123},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = -1;
        enum err_code expected = cases[i].ms < 0 ? ERR_INVALID_FIELD : ERR_OK;
        assert_code_of(cases[i].text, clock_parse(span_text(cases[i].text), &ms), expected);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void bad_times_fail(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "2026",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02 03:04:05Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T00:60:00Z",
        "2026-12-31T23:59:60Z",
        "2026-01-02T00:00:61Z",
        "2026-01-02T00:00:00.Z",
        "2026-01-02T00:00:00ZZ",
        "2026-01-02T00:00:00+01",
        "2026-01-02T00:00:00+0100",
        "2026-01-02T00:00:00+24:00",
        "2026-01-02T00:00:00+01:60",
        "26-01-02T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        " 2026-01-02T00:00:00Z",
        "2026-1-2T00:00:00Z",
        "+026-01-02T00:00:00Z",
        "2026-01-02T00:00:00.5",
        "10000-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int64_t ms = 42;
        assert_code_of(texts[i], clock_parse(span_text(texts[i]), &ms), ERR_INVALID_FIELD);
        assert_int_equal(ms, 42);
    }
    int64_t ms = 0;
    assert_code(clock_parse(span_of("2026-01-02T00:00:00\0", 20), &ms), ERR_INVALID_FIELD);
}

static void durations_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
        const char *shortest;
    } cases[] = {
        {"1s", 1, "1s"},         {"90s", 90, "90s"},
        {"60s", 60, "1m"},       {"5m", 300, "5m"},
        {"12h", 43200, "12h"},   {"24h", 86400, "1d"},
        {"30d", 2592000, "30d"}, {"36500d", 3153600000, "36500d"},
        {"90m", 5400, "90m"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t seconds = -1;
        char text[CLOCK_TEXT_MAX];
        assert_code_of(cases[i].text, clock_parse_duration(span_text(cases[i].text), &seconds),
                       ERR_OK);
        assert_int_equal(seconds, cases[i].seconds);
        clock_format_duration(seconds, text);
        assert_string_equal(text, cases[i].shortest);
    }
    static const char *const bad[] = {
        "",   "s",  "5",   "0s",    "05m",  "-5m",    "+5m",         "5 m",
        "5M", "5w", "5ms", "1h30m", "1.5h", "36501d", "3153600001s", "99999999999999999999d",
        "5m "};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t seconds = -1;
        assert_code_of(bad[i], clock_parse_duration(span_text(bad[i]), &seconds),
                       ERR_INVALID_FIELD);
        assert_int_equal(seconds, -1);
    }
}

static void deadlines_lie_ahead_and_pass(void **state)
{
    (void)state;
    int64_t before = clock_mono_ns();
    int64_t deadline = clock_deadline(60000);
    assert_true(deadline >= before + 60000 * INT64_C(1000000));
    int64_t left = clock_left_ms(deadline);
    assert_true(left > 0 && left <= 60000);
    assert_int_equal(clock_left_ms(before), 0);
    assert_int_equal(clock_left_ms(0), 0);
    assert_true(clock_deadline(INT64_MAX) == INT64_MAX);
    assert_true(clock_mono_ns() >= before);
    assert_true(clock_wall_ms() > 1700000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_instants_both_ways),
        cmocka_unit_test(every_day_agrees_with_the_c_library),
        cmocka_unit_test(times_out_of_range_are_clamped_in_text),
        cmocka_unit_test(other_spellings_parse),
        cmocka_unit_test(bad_times_fail),
        cmocka_unit_test(durations_both_ways),
        cmocka_unit_test(deadlines_lie_ahead_and_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
