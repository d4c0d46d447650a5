/* Base64 and hex: RFC 4648 vectors, every length, and everything that is not canonical. */
#include "base_test.h"

#include "base/digest.h"
#include "base/encoding.h"

static void vectors_of_the_rfc(void **state)
{
    (void)state;
    static const struct {
        const char *plain;
        const char *standard;
        const char *url;
    } cases[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xFB\xFF\xFE", "+//+", "-__-"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf out = {0};
        assert_ok(base64_encode(span_text(cases[i].plain), &out));
        assert_span_is(buf_span(&out), cases[i].standard);
        assert_int_equal(base64_encoded_len(strlen(cases[i].plain)), out.len);
        buf_reset(&out);
        assert_ok(base64url_encode(span_text(cases[i].plain), &out));
        assert_span_is(buf_span(&out), cases[i].url);
        buf_reset(&out);
        assert_ok(base64_decode(span_text(cases[i].standard), &out));
        assert_span_is(buf_span(&out), cases[i].plain);
        buf_reset(&out);
        assert_ok(base64url_decode(span_text(cases[i].url), &out));
        assert_span_is(buf_span(&out), cases[i].plain);
    }
}

static void random_bytes_come_back(void **state)
{
    (void)state;
    uint8_t bytes[300];
    random_bytes(bytes, sizeof(bytes));
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        CLEANUP(buf_clear) struct buf text = {0};
        CLEANUP(buf_clear) struct buf back = {0};
        struct span in = span_of(bytes, len);
        assert_ok(base64_encode(in, &text));
        assert_ok(base64_decode(buf_span(&text), &back));
        assert_true(span_equal(buf_span(&back), in));
        buf_reset(&text);
        buf_reset(&back);
        assert_ok(base64url_encode(in, &text));
        assert_ok(base64url_decode(buf_span(&text), &back));
        assert_true(span_equal(buf_span(&back), in));
        buf_reset(&text);
        buf_reset(&back);
        assert_ok(hex_encode(in, &text));
        assert_ok(hex_decode(buf_span(&text), &back));
        assert_true(span_equal(buf_span(&back), in));
    }
}

static void loose_base64_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "Z",        "Zg",      "Zg=",
        "Zm8",      "Zg===",   "Zh==",
        "Zm9=",     "Z===",    "====",
        "=",        "==",      "Zg==Zg==",
        "Zm8=Zm8=", "Zm9v\n",  "Zm 9v",
        " Zm9v",    "Zm9v ",   "Zm9v====",
        "Zm9-",     "Zm9_",    "Zm9v.AAA",
        "Zg=A",     "=Zg=",    "Z=g=",
        "Zm\r\n",   "Zm9\xC3", "\xFF\xFF\xFF\xFF",
        "AAAA=AAA",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(buf_clear) struct buf out = {0};
        assert_ok(buf_append_text(&out, "kept"));
        assert_code_of(texts[i], base64_decode(span_text(texts[i]), &out), ERR_INVALID_BASE64);
        assert_span_is(buf_span(&out), "kept");
    }
    CLEANUP(buf_clear) struct buf out = {0};
    assert_code(base64_decode(span_of("Zm\0v", 4), &out), ERR_INVALID_BASE64);
}

static void loose_base64url_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"Z",    "Zg==",  "Zm8=",   "Zh",    "Zm9",  "Zm9+",
                                        "Zm9/", "Zm9vY", "Zm9v\n", "Zm9v=", "-_-_~"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(buf_clear) struct buf out = {0};
        assert_code_of(texts[i], base64url_decode(span_text(texts[i]), &out), ERR_INVALID_BASE64);
        assert_int_equal(out.len, 0);
    }
}

/* Of all texts of four bytes over a small alphabet, exactly those decode that encode again to
 * themselves. */
static void each_value_has_one_text(void **state)
{
    (void)state;
    static const char bytes[] = "AQgwz0+/=-_ \n";
    size_t n = sizeof(bytes); /* with the NUL */
    for (size_t i = 0; i < n * n * n * n; i++) {
        char text[4] = {bytes[i % n], bytes[i / n % n], bytes[i / n / n % n], bytes[i / n / n / n]};
        CLEANUP(buf_clear) struct buf plain = {0};
        CLEANUP(buf_clear) struct buf again = {0};
        if (base64_decode(span_of(text, 4), &plain).code == ERR_OK) {
            assert_ok(base64_encode(buf_span(&plain), &again));
            assert_memory_equal(again.data, text, 4);
        }
    }
}

static void the_maximum_holds(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {.max = 3};
    assert_ok(base64_decode(span_text("Zm9v"), &out));
    buf_reset(&out);
    assert_code(base64_decode(span_text("Zm9vYg=="), &out), ERR_TOO_LARGE);
    assert_code(base64_encode(span_text("f"), &out), ERR_TOO_LARGE);
    assert_code(hex_encode(span_text("fo"), &out), ERR_TOO_LARGE);
    assert_code(hex_decode(span_text("01020304"), &out), ERR_TOO_LARGE);
}

static void hex_is_strict(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    assert_ok(hex_decode(span_text("00fFaB"), &out));
    assert_memory_equal(out.data, "\x00\xFF\xAB", 3);
    buf_reset(&out);
    assert_ok(hex_encode(span_of("\x00\xFF\xAB", 3), &out));
    assert_span_is(buf_span(&out), "00ffab");
    static const char *const bad[] = {"0", "0g", "g0", "0x", " 0", "00 ", "0:", "@@", "``", "GG"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_code_of(bad[i], hex_decode(span_text(bad[i]), &out), ERR_INVALID_FIELD);
        assert_span_is(buf_span(&out), "00ffab");
    }
}

static void numbers_are_decimal(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0, 1, 9, 10, -1, -10, 1234567890, INT64_MAX, INT64_MIN};
    char out[NUMBER_TEXT_MAX], due[NUMBER_TEXT_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        size_t len = (size_t)snprintf(due, sizeof(due), "%lld", (long long)numbers[i]);
        assert_int_equal(number_write(numbers[i], out), len);
        assert_memory_equal(out, due, len);
    }
    assert_int_equal(natural_write(UINT64_MAX, out), NUMBER_TEXT_MAX);
    assert_memory_equal(out, "18446744073709551615", NUMBER_TEXT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_the_rfc),      cmocka_unit_test(random_bytes_come_back),
        cmocka_unit_test(loose_base64_is_refused), cmocka_unit_test(loose_base64url_is_refused),
        cmocka_unit_test(each_value_has_one_text), cmocka_unit_test(the_maximum_holds),
        cmocka_unit_test(hex_is_strict),           cmocka_unit_test(numbers_are_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
