/* input: small inputs as they are, large ones as their digest, base64 with white space around it.
 */
#include <fcntl.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "cli/input.h"
#include "cli_test.h"

#define MESSAGE_MAX 65536

struct place {
    char folder[32];
    char *file;
};

static int make_place(void **state)
{
    struct place *place = mem_alloc(sizeof(*place));
    (void)snprintf(place->folder, sizeof(place->folder), "/tmp/hsmgate-cli-test-XXXXXX");
    if (mkdtemp(place->folder) == NULL) {
        return -1;
    }
    place->file = mem_format("%s/in", place->folder);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    (void)unlink(place->file);
    (void)rmdir(place->folder);
    mem_free(place->file);
    mem_free(place);
    return 0;
}

static struct options options_for(const struct place *place)
{
    return (struct options){.values = {[OPTION_IN] = place->file}};
}

/* A file of `len` bytes that are not all alike. */
static void put_bytes(const struct place *place, size_t len, struct buf *out)
{
    uint8_t *bytes = NULL;
    assert_ok(buf_extend(out, len, &bytes));
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    }
    assert_ok(file_write(place->file, buf_span(out), 0600));
}

/* Hands out the digest that `arg` points to, and counts. */
struct choice {
    enum digest digest;
    int asked;
};

static struct err choose(void *arg, enum digest *out)
{
    struct choice *choice = arg;
    choice->asked++;
    *out = choice->digest;
    return err_ok();
}

static struct err choose_none(void *arg, enum digest *out)
{
    (void)arg;
    (void)out;
    return err_new(ERR_UNSUPPORTED_OPERATION, __func__, "none fits");
}

static void test_hashes_only_what_is_too_large(void **state)
{
    static const size_t lengths[] = {0,     1,      MESSAGE_MAX - 1, MESSAGE_MAX, MESSAGE_MAX + 1,
                                     70000, 131072, 1000003};
    static const enum digest digests[] = {DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};
    const struct place *place = *state;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        CLEANUP(buf_clear) struct buf bytes = {0};
        put_bytes(place, lengths[i], &bytes);
        for (size_t j = 0; j < ARRAY_LEN(digests); j++) {
            struct options options = options_for(place);
            CLEANUP(buf_clear) struct buf read = {0};
            bool hashed = false;
            struct choice choice = {.digest = digests[j]};
            assert_ok(input_read_or_hash(&options, MESSAGE_MAX, choose, &choice, &read, &hashed));
            assert_int_equal(hashed, lengths[i] > MESSAGE_MAX);
            assert_int_equal(choice.asked, hashed ? 1 : 0);
            uint8_t expected[DIGEST_MAX];
            digest_of(digests[j], buf_span(&bytes), expected);
            struct span wanted =
                hashed ? span_of(expected, digest_len(digests[j])) : buf_span(&bytes);
            assert_true(span_equal(buf_span(&read), wanted));
        }
    }
}

static void test_reads_standard_input(void **state)
{
    const struct place *place = *state;
    CLEANUP(buf_clear) struct buf bytes = {0};
    put_bytes(place, 300, &bytes);
    static const char *const names[] = {NULL, "-"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int saved = dup(STDIN_FILENO);
        int file = open(place->file, O_RDONLY | O_CLOEXEC);
        assert_true(file >= 0 && dup2(file, STDIN_FILENO) >= 0);
        struct options options = {.values = {[OPTION_IN] = names[i]}};
        CLEANUP(buf_clear) struct buf read = {0};
        struct err err = input_read(&options, 300, &read);
        fd_close(&file);
        if (saved >= 0) {
            assert_true(dup2(saved, STDIN_FILENO) >= 0);
            fd_close(&saved);
        }
        assert_ok(err);
        assert_true(span_equal(buf_span(&read), buf_span(&bytes)));
    }
}

static void test_refuses_what_it_cannot_read(void **state)
{
    const struct place *place = *state;
    CLEANUP(buf_clear) struct buf bytes = {0};
    put_bytes(place, 300, &bytes);
    struct options options = options_for(place);
    CLEANUP(buf_clear) struct buf read = {0};
    bool hashed = false;
    assert_code(input_read(&options, 299, &read), ERR_TOO_LARGE);
    buf_reset(&read);
    assert_code(input_read_or_hash(&options, 299, choose_none, NULL, &read, &hashed),
                ERR_UNSUPPORTED_OPERATION);
    assert_false(hashed);
    buf_reset(&read);
    assert_ok(input_read_or_hash(&options, 300, choose_none, NULL, &read, &hashed));
    buf_reset(&read);
    options.values[OPTION_IN] = place->folder;
    assert_code(input_read(&options, 299, &read), ERR_IO);
    options.values[OPTION_IN] = "/nowhere/at/all";
    assert_code(input_read(&options, 299, &read), ERR_IO);
    assert_code(input_read_base64(&options, &read), ERR_IO);
    assert_code(input_read_file_base64("/nowhere/at/all", INPUT_RAW, &read), ERR_IO);
}

static void test_base64_comes_with_white_space(void **state)
{
    const struct place *place = *state;
    struct options options = options_for(place);
    static const char *const texts[] = {"aGVsbG8=", "aGVsbG8=\n", " \r\n\taGVsbG8=\r\n\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_ok(file_write(place->file, span_text(texts[i]), 0600));
        CLEANUP(buf_clear) struct buf read = {0};
        assert_ok(input_read_base64(&options, &read));
        assert_span_is(buf_span(&read), "aGVsbG8=");
        buf_reset(&read);
        assert_ok(input_read_file_base64(place->file, INPUT_BASE64, &read));
        assert_span_is(buf_span(&read), "aGVsbG8=");
    }
    assert_ok(file_write(place->file, span_text("hello"), 0600));
    options.values[OPTION_RAW] = "";
    CLEANUP(buf_clear) struct buf read = {0};
    assert_ok(input_read_base64(&options, &read));
    assert_span_is(buf_span(&read), "aGVsbG8=");
    buf_reset(&read);
    assert_ok(input_read_file_base64(place->file, INPUT_RAW, &read));
    assert_span_is(buf_span(&read), "aGVsbG8=");
    assert_ok(file_write(place->file, span_text(" \n"), 0600));
    buf_reset(&read);
    options.values[OPTION_RAW] = NULL;
    assert_ok(input_read_base64(&options, &read));
    assert_int_equal(read.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hashes_only_what_is_too_large, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(test_reads_standard_input, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_refuses_what_it_cannot_read, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_base64_comes_with_white_space, make_place,
                                        remove_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
