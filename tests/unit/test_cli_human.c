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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
