/* Spans, bufs with their maximum and wiping, and the cursor. */
#include "base_test.h"

static void spans_compare(void **state)
{
    (void)state;
    struct span none = {0};
    assert_true(span_equal(none, span_text("")));
    assert_true(span_is(none, ""));
    assert_true(span_starts(none, ""));
    assert_false(span_starts(none, "a"));
    assert_true(span_equal(span_text("ab"), span_of("abc", 2)));
    assert_false(span_equal(span_text("ab"), span_text("ac")));
    assert_false(span_is(span_text("ab"), "abc"));
    assert_true(span_starts(span_text("hg_xyz"), "hg_"));
    CLEANUP(mem_free_at) char *text = span_to_text(span_of("abc", 2));
    assert_string_equal(text, "ab");
    CLEANUP(mem_free_at) char *empty = span_to_text(none);
    assert_string_equal(empty, "");
}

static void a_zeroed_buf_works(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf buf = {0};
    uint8_t *place = NULL;
    assert_ok(buf_extend(&buf, 0, &place));
    assert_non_null(place);
    assert_ok(buf_append(&buf, (struct span){0}));
    assert_ok(buf_append_text(&buf, "ab"));
    assert_ok(buf_printf(&buf, "%d%s", 12, "c"));
    assert_span_is(buf_span(&buf), "ab12c");
}

static void the_maximum_holds_to_the_byte(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf buf = {0};
    buf_init(&buf, 5);
    assert_ok(buf_append_text(&buf, "abc"));
    assert_code(buf_append_text(&buf, "def"), ERR_TOO_LARGE);
    assert_span_is(buf_span(&buf), "abc");
    assert_ok(buf_printf(&buf, "%s", "de"));
    assert_span_is(buf_span(&buf), "abcde");
    assert_code(buf_append_u8(&buf, 1), ERR_TOO_LARGE);
    uint8_t *place = NULL;
    assert_code(buf_extend(&buf, SIZE_MAX, &place), ERR_TOO_LARGE);
    buf_reset(&buf);
    assert_int_equal(buf.max, 5);
    assert_int_equal(buf.len, 0);

    CLEANUP(buf_clear) struct buf other = {0};
    assert_code(buf_extend(&other, BUF_MAX_DEFAULT + 1, &place), ERR_TOO_LARGE);
    assert_ok(buf_extend(&other, BUF_MAX_DEFAULT, &place));
}

static void parts_come_together_or_not_at_all(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf buf = {0};
    buf_init(&buf, 6);
    const struct span parts[] = {span_text("ab"), {0}, span_text("cd")};
    assert_ok(buf_append_parts(&buf, parts, ARRAY_LEN(parts)));
    assert_ok(buf_append_parts(&buf, parts, 0));
    assert_code(buf_append_parts(&buf, parts, ARRAY_LEN(parts)), ERR_TOO_LARGE);
    assert_span_is(buf_span(&buf), "abcd");
    const struct span endless[] = {span_text("a"), span_of("", SIZE_MAX)};
    assert_code(buf_append_parts(&buf, endless, ARRAY_LEN(endless)), ERR_TOO_LARGE);
}

static void a_lent_memory_is_used_and_wiped(void **state)
{
    (void)state;
    uint8_t memory[8], empty[8] = {0};
    struct buf buf = {0};
    memset(memory, 0, sizeof(memory));
    buf_lend(&buf, memory, sizeof(memory));
    assert_ok(buf_append_text(&buf, "12345678"));
    assert_ptr_equal(buf.data, memory);
    assert_ok(buf_append_text(&buf, "9")); /* does not fit any more */
    assert_span_is(buf_span(&buf), "123456789");
    assert_memory_equal(memory, empty, sizeof(memory));
    buf_clear(&buf);

    buf_lend(&buf, memory, sizeof(memory));
    assert_ok(buf_append_text(&buf, "abc"));
    buf_clear(&buf);
    assert_memory_equal(memory, empty, sizeof(memory));
    assert_null(buf.data);

    CLEANUP(buf_clear) struct buf other = {0};
    buf_lend(&buf, memory, sizeof(memory));
    assert_ok(buf_append_text(&buf, "abc"));
    buf_move(&other, &buf);
    assert_span_is(buf_span(&other), "abc");
    assert_memory_equal(memory, empty, sizeof(memory));
    assert_false(other.lent);
    buf_clear(&buf);
}

static void growing_keeps_the_bytes(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf buf = {0};
    for (unsigned i = 0; i < 10000; i++) {
        assert_ok(buf_append_u8(&buf, (uint8_t)i));
    }
    for (unsigned i = 0; i < 10000; i++) {
        assert_int_equal(buf.data[i], (uint8_t)i);
    }
}

static void shortening_wipes_the_tail(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf buf = {0};
    assert_ok(buf_append_text(&buf, "public-secret"));
    buf_truncate(&buf, 6);
    assert_memory_equal(buf.data, "public\0\0\0\0\0\0\0", 13);
    buf_reset(&buf);
    assert_memory_equal(buf.data, "\0\0\0\0\0\0", 6);
    buf_truncate(&buf, 0);
}

static void long_formats_fit(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf buf = {0};
    assert_ok(buf_printf(&buf, "%0500d", 7));
    assert_int_equal(buf.len, 500);
    assert_int_equal(buf.data[499], '7');
    assert_int_equal(buf.data[0], '0');
    assert_ok(buf_printf(&buf, "%255s", "x"));
    assert_ok(buf_printf(&buf, "%256s", "x"));
    assert_int_equal(buf.len, 500 + 255 + 256);
}

static void moving_empties_the_source(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf from = {.max = 10};
    CLEANUP(buf_clear) struct buf to = {0};
    assert_ok(buf_append_text(&from, "new"));
    assert_ok(buf_append_text(&to, "old"));
    buf_move(&to, &from);
    assert_span_is(buf_span(&to), "new");
    assert_int_equal(from.len, 0);
    assert_null(from.data);
    assert_ok(buf_append_text(&from, "again"));
}

static void integers_are_big_endian(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf buf = {0};
    assert_ok(buf_append_u8(&buf, 0x01));
    assert_ok(buf_append_u16(&buf, 0x0203));
    assert_ok(buf_append_u32(&buf, 0x04050607));
    assert_ok(buf_append_u64(&buf, 0x08090A0B0C0D0E0F));
    assert_int_equal(buf.len, 15);
    for (unsigned i = 0; i < 15; i++) {
        assert_int_equal(buf.data[i], i + 1);
    }
    struct cursor cursor = cursor_of(buf_span(&buf));
    uint8_t u8 = 0;
    uint16_t u16 = 0;
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    assert_ok(cursor_u8(&cursor, &u8));
    assert_ok(cursor_u16(&cursor, &u16));
    assert_ok(cursor_u32(&cursor, &u32));
    assert_ok(cursor_u64(&cursor, &u64));
    assert_int_equal(u8, 0x01);
    assert_int_equal(u16, 0x0203);
    assert_int_equal(u32, 0x04050607);
    assert_true(u64 == 0x08090A0B0C0D0E0F);
    assert_int_equal(cursor.rest.len, 0);
}

static void a_cursor_stops_at_the_end(void **state)
{
    (void)state;
    struct cursor cursor = cursor_of(span_of("\x01\x02\x03", 3));
    uint32_t u32 = 77;
    uint64_t u64 = 77;
    uint16_t u16 = 0;
    uint8_t u8 = 77;
    struct span bytes = {0};
    assert_code(cursor_u32(&cursor, &u32), ERR_CORRUPT);
    assert_code(cursor_u64(&cursor, &u64), ERR_CORRUPT);
    assert_code(cursor_bytes(&cursor, SIZE_MAX, &bytes), ERR_CORRUPT);
    assert_int_equal(u32, 77);
    assert_int_equal(cursor.rest.len, 3);
    assert_ok(cursor_u16(&cursor, &u16));
    assert_code(cursor_u16(&cursor, &u16), ERR_CORRUPT);
    assert_ok(cursor_bytes(&cursor, 1, &bytes));
    assert_int_equal(bytes.data[0], 3);
    assert_ok(cursor_bytes(&cursor, 0, &bytes));
    assert_code(cursor_u8(&cursor, &u8), ERR_CORRUPT);
    assert_int_equal(u8, 77);
    struct cursor empty = cursor_of((struct span){0});
    assert_ok(cursor_bytes(&empty, 0, &bytes));
    assert_code(cursor_bytes(&empty, 1, &bytes), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_compare),
        cmocka_unit_test(a_zeroed_buf_works),
        cmocka_unit_test(the_maximum_holds_to_the_byte),
        cmocka_unit_test(parts_come_together_or_not_at_all),
        cmocka_unit_test(a_lent_memory_is_used_and_wiped),
        cmocka_unit_test(growing_keeps_the_bytes),
        cmocka_unit_test(shortening_wipes_the_tail),
        cmocka_unit_test(long_formats_fit),
        cmocka_unit_test(moving_empties_the_source),
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(a_cursor_stops_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
