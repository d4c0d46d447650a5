/* human: times and sizes for people. */
#include "cli/human.h"
#include "cli_test.h"

static void test_spans(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {0, "0s"},           {45, "45s"},
        {60, "1m"},          {80, "1m 20s"},
        {3600, "1h"},        {3659, "1h"},
        {3660, "1h 1m"},     {86399, "23h 59m"},
        {86400, "1d"},       {90061, "1d 1h"},
        {8640000, "100d"},   {-45, "-45s"},
        {-273600, "-3d 4h"}, {INT64_MIN, "-106751991167300d 15h"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[HUMAN_MAX];
        human_span(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_bytes(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 bytes"},
        {1023, "1023 bytes"},
        {1024, "1.0 KiB"},
        {1434, "1.4 KiB"},
        {24117248, "23.0 MiB"},
        {1181116006, "1.1 GiB"},
        {UINT64_MAX, "16777216.0 TiB"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[HUMAN_MAX];
        human_bytes(cases[i].bytes, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *time, *text;
    } cases[] = {
        {"2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05Z"},
        {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"},
        {"", ""},
        {"never", "never"},
        {"012345678901234567890123456789012345678901234567890123456789",
         "01234567890123456789012345678901234567890123456"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[HUMAN_MAX];
        human_time(span_text(cases[i].time), text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_distances(void **state)
{
    (void)state;
    static const struct {
        int64_t now_ms, time_ms;
        const char *text;
    } cases[] = {
        {5000, 5000, "now"},
        {5000, 5999, "now"},
        {5000, 4001, "now"},
        {0, 1000, "in 1s"},
        {400000, 100000, "5m ago"},
        {0, 273600000, "in 3d 4h"},
        {0, INT64_MAX, "in 106751991167d 7h"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[HUMAN_MAX];
        human_distance(cases[i].now_ms, cases[i].time_ms, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_digests_for_reading_out(void **state)
{
    (void)state;
    char hex[65];
    char large[HUMAN_DIGEST_MAX];
    uint8_t bytes[32];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 8 + 7);
    }
    human_hex(span_of(bytes, sizeof bytes), hex);
    assert_string_equal(hex, "070f171f272f373f474f575f676f777f878f979fa7afb7bfc7cfd7dfe7eff7ff");
    human_digest(hex, large);
    assert_string_equal(large, "    070f 171f 272f 373f\n"
                               "    474f 575f 676f 777f\n"
                               "    878f 979f a7af b7bf\n"
                               "    c7cf d7df e7ef f7ff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests_for_reading_out),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
