/* bulk_batch: the limits of one request, and each result at its line. */
#include "cli/bulk_batch.h"
#include "cli_test.h"

static struct bulk_line make_line(uint64_t number, const char *text)
{
    struct bulk_line line = {.number = number, .taken = strlen(text) + 1};
    assert_ok(buf_append_text(&line.text, text));
    bulk_line_read(&line, span_text(""));
    return line;
}

static bool add(struct bulk_batch *batch, const char *text)
{
    struct bulk_line line = make_line(batch->count + 1, text);
    const bool taken = bulk_batch_add(batch, &line);
    assert_true(taken == (line.text.data == NULL));
    bulk_line_clear(&line);
    return taken;
}

static struct err answer(struct bulk_batch *batch, const char *text, struct err *busy)
{
    CLEANUP(json_clear) struct json json = {0};
    *busy = err_ok();
    assert_ok(json_parse(span_text(text), &json));
    return bulk_batch_answer(batch, json.root, busy);
}

static void test_results_stand_at_their_lines(void **state)
{
    (void)state;
    CLEANUP(bulk_batch_clear) struct bulk_batch batch;
    CLEANUP(buf_clear) struct buf body = {0}, output = {0}, rejects = {0};
    struct err busy;
    bulk_batch_init(&batch);
    assert_true(add(&batch, "AAAA"));
    assert_true(add(&batch, "bad!"));
    assert_true(add(&batch, ""));
    assert_true(add(&batch, "{\"ciphertext\":\"BBBB\"}"));
    assert_true(add(&batch, "CCCC"));
    assert_int_equal(batch.items, 3);
    assert_ok(bulk_batch_body(&batch, &body));
    assert_span_is(buf_span(&body), "{\"items\":[{\"ciphertext\":\"AAAA\"},"
                                    "{\"ciphertext\":\"BBBB\"},{\"ciphertext\":\"CCCC\"}]}");
    assert_true(body.len <= batch.body_len);
    assert_ok(answer(&batch,
                     "{\"results\":[{\"ciphertext\":\"aaaa\"},{\"error\":{\"code\":\"invalid_state"
                     "\",\"detail\":\"gone\"}},{\"ciphertext\":\"cccc\"}]}",
                     &busy));
    assert_ok(busy);
    assert_ok(bulk_batch_write(&batch, &output, &rejects));
    assert_span_is(buf_span(&output), "aaaa\n\ncccc\n");
    assert_span_is(
        buf_span(&rejects),
        "{\"line\":2,\"error\":\"invalid_base64\",\"detail\":\"not strict base64 (RFC 4648)\","
        "\"input\":\"bad!\"}\n{\"line\":4,\"error\":\"invalid_state\",\"detail\":\"gone\","
        "\"input\":\"{\\\"ciphertext\\\":\\\"BBBB\\\"}\"}\n");
    struct bulk_counts counts = {.lines = 10, .rewrapped = 1};
    bulk_batch_count(&batch, &counts);
    assert_int_equal(counts.lines, 15);
    assert_int_equal(counts.rewrapped, 3);
    assert_int_equal(counts.empty, 1);
    assert_int_equal(counts.bad, 2);
    assert_int_equal(counts.bytes, 5 + 5 + 1 + 22 + 5);
    bulk_batch_reset(&batch);
    assert_int_equal(batch.count, 0);
    assert_true(add(&batch, "DDDD"));
}

static void test_a_busy_item_changes_nothing(void **state)
{
    (void)state;
    static const char *const codes[] = {"rate_limited",      "token_unavailable",
                                        "audit_unavailable", "store_unavailable",
                                        "overloaded",        "deadline_exceeded"};
    CLEANUP(bulk_batch_clear) struct bulk_batch batch;
    struct err busy;
    bulk_batch_init(&batch);
    assert_true(add(&batch, "AAAA"));
    assert_true(add(&batch, "BBBB"));
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        CLEANUP(mem_free_at)
        char *text = mem_format("{\"results\":[{\"ciphertext\":\"aaaa\"},{\"error\":{\"code\":"
                                "\"%s\",\"detail\":\"later\"}}]}",
                                codes[i]);
        assert_ok(answer(&batch, text, &busy));
        assert_string_equal(err_word(busy.code), codes[i]);
        assert_int_equal(batch.lines[0].fate, BULK_ASKED);
        assert_int_equal(batch.lines[1].fate, BULK_ASKED);
    }
}

static void test_refuses_strange_answers(void **state)
{
    (void)state;
    static const char *const strange[] = {
        "{}",
        "[]",
        "{\"results\":{}}",
        "{\"results\":[]}",
        "{\"results\":[{},{}]}",
        "{\"results\":[{\"ciphertext\":\"aaaa\"},{\"ciphertext\":\"bbbb\"}]}",
        "{\"results\":[1]}"};
    CLEANUP(bulk_batch_clear) struct bulk_batch batch;
    struct err busy;
    bulk_batch_init(&batch);
    assert_true(add(&batch, "AAAA"));
    for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
        assert_code_of(strange[i], answer(&batch, strange[i], &busy), ERR_CORRUPT);
    }
}

static void test_limits_of_a_batch(void **state)
{
    (void)state;
    CLEANUP(bulk_batch_clear) struct bulk_batch batch;
    bulk_batch_init(&batch);
    for (size_t i = 0; i < BULK_ITEMS_MAX; i++) {
        assert_false(bulk_batch_is_full(&batch));
        assert_true(add(&batch, "AAAA"));
    }
    assert_true(bulk_batch_is_full(&batch));
    assert_false(add(&batch, "AAAA"));
    assert_false(add(&batch, ""));
    bulk_batch_reset(&batch);
    while (!bulk_batch_is_full(&batch)) {
        assert_true(add(&batch, ""));
    }
    assert_int_equal(batch.count, BULK_LINES_MAX);
}

/* Ciphertexts of 64 KiB: the body's bytes end the batch long before its items. */
static void test_a_body_has_its_limit(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *text = mem_alloc(87457);
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(bulk_batch_clear) struct bulk_batch batch;
    memset(text, 'A', 87456);
    bulk_batch_init(&batch);
    size_t count = 0;
    while (add(&batch, text)) {
        count++;
    }
    assert_int_equal(count, 11);
    assert_ok(bulk_batch_body(&batch, &body));
    assert_true(body.len <= BULK_BODY_MAX && body.len + 87456 > BULK_BODY_MAX);
    assert_true(add(&batch, "AAAA")); /* a short one still fits */
}

static void test_what_no_request_has_room_for_is_bad(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *text = mem_alloc(BULK_BODY_MAX + 1);
    CLEANUP(bulk_batch_clear) struct bulk_batch batch;
    memset(text, 'A', BULK_BODY_MAX);
    bulk_batch_init(&batch);
    assert_true(add(&batch, text));
    assert_int_equal(batch.items, 0);
    assert_int_equal(batch.lines[0].fate, BULK_BAD);
    assert_code(batch.lines[0].err, ERR_TOO_LARGE);
    text[BULK_BODY_MAX - 256] = '\0';
    assert_true(add(&batch, text));
    assert_int_equal(batch.items, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_stand_at_their_lines),
        cmocka_unit_test(test_a_busy_item_changes_nothing),
        cmocka_unit_test(test_refuses_strange_answers),
        cmocka_unit_test(test_limits_of_a_batch),
        cmocka_unit_test(test_a_body_has_its_limit),
        cmocka_unit_test(test_what_no_request_has_room_for_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
