/* What a stranger's text may do to a screen. */
#include "base/harmless.h"

#include "base_test.h"

static void harmful_characters_have_a_length(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } rows[] = {
        {"a", 0},
        {" ", 0},
        {"~", 0},
        {"\x1b[31m", 1},
        {"\n", 1},
        {"\x7f", 1},
        {"\xc2\x9b", 2},         /* CSI as C1 */
        {"\xc2\xa0", 0},         /* no-break space */
        {"\xc2\xad", 2},         /* soft hyphen */
        {"\xc3\xa4", 0},         /* a umlaut */
        {"\xd8\x9c", 2},         /* Arabic letter mark */
        {"\xd8\xa7", 0},         /* alef */
        {"\xe2\x80\x8b", 3},     /* zero width space */
        {"\xe2\x80\x90", 0},     /* hyphen */
        {"\xe2\x80\xa8", 3},     /* line separator */
        {"\xe2\x80\xae", 3},     /* right-to-left override */
        {"\xe2\x80\xaf", 0},     /* narrow no-break space */
        {"\xe2\x81\xa6", 3},     /* left-to-right isolate */
        {"\xe2\x82\xac", 0},     /* euro */
        {"\xef\xbb\xbf", 3},     /* byte order mark */
        {"\xef\xbf\xbd", 0},     /* replacement character */
        {"\xf0\x9f\x94\x91", 0}, /* a key */
        {"\xf3\xa0\x81\x81", 4}, /* tag A */
        {"\x9b", 0},             /* no UTF-8 */
        {"\xe2\x80", 0},         /* cut off */
        {"\xe2(\xa1", 0},
        {"\xf0\x9f", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(harmful_len(span_text(rows[i].text)), rows[i].len);
    }
    assert_int_equal(harmful_len(span_of("", 1)), 1); /* NUL */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(harmful_characters_have_a_length)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
