/* Error values: words, formatting, cutting, and the two macros. */
#include "base_test.h"

static void every_code_has_a_word_of_its_own(void **state)
{
    (void)state;
    for (unsigned a = 0; a < ERR_COUNT; a++) {
        const char *word = err_word((enum err_code)a);
        assert_non_null(word);
        assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(word));
        for (unsigned b = 0; b < a; b++) {
            assert_string_not_equal(word, err_word((enum err_code)b));
        }
    }
    assert_string_equal(err_word(ERR_INVALID_JSON), "invalid_json");
    assert_string_equal(err_word(ERR_DEADLINE), "deadline_exceeded");
    assert_string_equal(err_word(ERR_NEWER), "newer_version");
    assert_string_equal(err_word(ERR_COUNT), "internal");
}

static void an_error_carries_its_detail_and_place(void **state)
{
    (void)state;
    struct err err = err_new(ERR_CONFLICT, "here", "%s is %d", "x", 7);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_string_equal(err.detail, "x is 7");
    assert_string_equal(err.where, "here");
    struct err ok = err_ok();
    assert_int_equal(ok.code, ERR_OK);
    assert_string_equal(ok.detail, "");
}

static void a_long_detail_is_cut_between_characters(void **state)
{
    (void)state;
    char text[ERR_DETAIL_MAX + 10];
    for (size_t lead = 0; lead < 4; lead++) {
        memset(text, 'x', lead);
        text[lead] = '\0';
        for (size_t at = lead; at + 4 < sizeof(text); at += 4) {
            memcpy(text + at, "\xF0\x9F\x94\x91", 5);
        }
        struct err err = err_new(ERR_INTERNAL, "here", "%s", text);
        size_t len = strlen(err.detail);
        assert_true(len < ERR_DETAIL_MAX);
        assert_true(len >= ERR_DETAIL_MAX - 4);
        assert_int_equal((len - lead) % 4, 0);
    }
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct err plain = err_new(ERR_INTERNAL, "here", "%s", text);
    assert_int_equal(strlen(plain.detail), ERR_DETAIL_MAX - 1);
}

static struct err half(int n, int *out)
{
    ENSURE(n % 2 == 0, ERR_INVALID_FIELD, "%d is odd", n);
    *out = n / 2;
    return err_ok();
}

static struct err quarter(int n, int *out)
{
    int first = 0;
    TRY(half(n, &first));
    TRY(half(first, out));
    return err_ok();
}

static void try_and_ensure_hand_errors_up(void **state)
{
    (void)state;
    int out = -1;
    assert_ok(quarter(8, &out));
    assert_int_equal(out, 2);
    struct err err = quarter(6, &out);
    assert_int_equal(err.code, ERR_INVALID_FIELD);
    assert_string_equal(err.detail, "3 is odd");
    assert_string_equal(err.where, "half");
    assert_int_equal(out, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_word_of_its_own),
        cmocka_unit_test(an_error_carries_its_detail_and_place),
        cmocka_unit_test(a_long_detail_is_cut_between_characters),
        cmocka_unit_test(try_and_ensure_hand_errors_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
