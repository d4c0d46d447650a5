/* bulk_input, bulk_file, bulk_state: lines and their places, files that are cut back, and a state
 * that only fits its own run. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "cli/bulk_file.h"
#include "cli/bulk_state.h"
#include "cli_test.h"

struct place {
    char folder[32];
    char *in;
    char *out;
    struct stop stop;
};

static int make_place(void **state)
{
    struct place *place = mem_alloc(sizeof(*place));
    (void)snprintf(place->folder, sizeof(place->folder), "/tmp/hsmgate-cli-test-XXXXXX");
    if (mkdtemp(place->folder) == NULL) {
        return -1;
    }
    place->in = mem_format("%s/in", place->folder);
    place->out = mem_format("%s/out", place->folder);
    assert_ok(stop_open(&place->stop));
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    stop_close(&place->stop);
    (void)unlink(place->in);
    (void)unlink(place->out);
    (void)rmdir(place->folder);
    mem_free(place->in);
    mem_free(place->out);
    mem_free(place);
    return 0;
}

/* Standard input becomes a file or the end of a pipe; gives what it was. */
static int replace_stdin(int fd)
{
    const int saved = dup(STDIN_FILENO);
    assert_true(saved >= 0 && dup2(fd, STDIN_FILENO) >= 0);
    (void)close(fd);
    return saved;
}

static void restore_stdin(int saved)
{
    assert_true(dup2(saved, STDIN_FILENO) >= 0);
    (void)close(saved);
}

/* The lines up to the end, as `N:taken:text|`; the mark stands behind the last one. */
static void read_all(struct bulk_input *input, struct buf *out, struct bulk_mark *mark)
{
    for (;;) {
        CLEANUP(bulk_line_clear) struct bulk_line line = {0};
        enum bulk_got got;
        assert_ok(bulk_input_next(input, INT64_MAX, &line, &got));
        if (got == BULK_GOT_END) {
            return;
        }
        assert_int_equal(got, BULK_GOT_LINE);
        bulk_mark_pass(mark, &line, 1);
        assert_ok(buf_printf(out, "%d:%d:", (int)line.number, (int)line.taken));
        assert_ok(buf_append(out, buf_span(&line.text)));
        assert_ok(buf_append_u8(out, '|'));
    }
}

static void test_reads_lines(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *text, *lines;
    } cases[] = {
        {"", ""},
        {"\n", "1:1:|"},
        {"a\n\nbc\n", "1:2:a|2:1:|3:3:bc|"},
        {"a\nbc", "1:2:a|2:2:bc|"}, /* the last one has no newline */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(bulk_input_close) struct bulk_input input = {.fd = -1};
        CLEANUP(buf_clear) struct buf lines = {0};
        struct bulk_mark mark = {0};
        assert_ok(file_write(place->in, span_text(cases[i].text), 0600));
        assert_ok(bulk_input_open(place->in, &place->stop, &input));
        assert_int_equal(input.size, strlen(cases[i].text));
        read_all(&input, &lines, &mark);
        assert_span_is(buf_span(&lines), cases[i].lines);
        assert_int_equal(mark.bytes, strlen(cases[i].text));
    }
    struct bulk_input input;
    assert_code(bulk_input_open("/nowhere/at/all", &place->stop, &input), ERR_IO);
}

static void test_long_lines_are_measured_not_kept(void **state)
{
    struct place *place = *state;
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(bulk_input_close) struct bulk_input input = {.fd = -1};
    CLEANUP(bulk_line_clear) struct bulk_line line = {0};
    struct bulk_mark mark = {0};
    enum bulk_got got;
    uint8_t *bytes = NULL;
    buf_init(&text, BULK_LINE_MAX * 2);
    assert_ok(buf_extend(&text, BULK_LINE_MAX + 5, &bytes));
    memset(bytes, 'x', BULK_LINE_MAX + 5);
    assert_ok(buf_append_text(&text, "\nshort\n"));
    assert_ok(file_write(place->in, buf_span(&text), 0600));
    assert_ok(bulk_input_open(place->in, &place->stop, &input));
    assert_ok(bulk_input_next(&input, INT64_MAX, &line, &got));
    assert_int_equal(line.text.len, BULK_LINE_MAX);
    assert_int_equal(line.taken, BULK_LINE_MAX + 6);
    bulk_mark_pass(&mark, &line, 1);
    assert_int_equal(mark.check_len, 0);
    bulk_line_clear(&line);
    assert_ok(bulk_input_next(&input, INT64_MAX, &line, &got));
    assert_span_is(buf_span(&line.text), "short");
    assert_int_equal(line.number, 2);
}

/* Reads two lines of the input, then goes to that place in another one; what is left comes out. */
static struct err go_on(struct place *place, const char *first, int again, struct buf *out)
{
    CLEANUP(bulk_input_close) struct bulk_input input = {.fd = -1};
    CLEANUP(bulk_input_close) struct bulk_input other = {.fd = -1};
    struct bulk_mark mark = {0};
    bool stopped = false;
    assert_ok(file_write(place->in, span_text(first), 0600));
    assert_ok(bulk_input_open(place->in, &place->stop, &input));
    for (int i = 0; i < 2; i++) {
        CLEANUP(bulk_line_clear) struct bulk_line line = {0};
        enum bulk_got got;
        assert_ok(bulk_input_next(&input, INT64_MAX, &line, &got));
        bulk_mark_pass(&mark, &line, 1);
    }
    const int saved = replace_stdin(again);
    const struct err opened = bulk_input_open(NULL, &place->stop, &other);
    restore_stdin(saved);
    assert_ok(opened);
    TRY(bulk_input_go_to(&other, &mark, &stopped));
    assert_false(stopped);
    read_all(&other, out, &mark);
    return err_ok();
}

static int pipe_with(const char *text)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_ok(fd_write_all(ends[1], span_text(text)));
    (void)close(ends[1]);
    return ends[0];
}

static int file_with(struct place *place, const char *text)
{
    assert_ok(file_write(place->out, span_text(text), 0600));
    const int fd = open(place->out, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void test_goes_on_in_the_same_input_only(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *first, *again;
        enum err_code code;
        const char *rest;
    } cases[] = {
        {"a\nbb\nc\n", "a\nbb\nc\n", ERR_OK, "3:2:c|"},
        {"a\nbb\nc\n", "a\nbb\nc\nd\n", ERR_OK, "3:2:c|4:2:d|"}, /* it has grown */
        {"a\nbb", "a\nbb", ERR_OK, ""},
        {"a\nbb\nc\n", "a\nbx\nc\n", ERR_CONFLICT, ""},
        {"a\nbb\nc\n", "a\nb", ERR_CONFLICT, ""},
        {"a\nbb\nc\n", "", ERR_CONFLICT, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf rest = {0};
        assert_code_of(cases[i].again,
                       go_on(place, cases[i].first, file_with(place, cases[i].again), &rest),
                       cases[i].code);
        assert_span_is(buf_span(&rest), cases[i].rest);
        buf_reset(&rest);
        assert_code_of(cases[i].again,
                       go_on(place, cases[i].first, pipe_with(cases[i].again), &rest),
                       cases[i].code);
        assert_span_is(buf_span(&rest), cases[i].rest);
    }
}

static void test_waits_and_stops(void **state)
{
    struct place *place = *state;
    int ends[2];
    enum bulk_got got;
    CLEANUP(bulk_input_close) struct bulk_input input = {.fd = -1};
    CLEANUP(bulk_line_clear) struct bulk_line line = {0};
    assert_int_equal(pipe(ends), 0);
    const int saved = replace_stdin(ends[0]);
    assert_ok(bulk_input_open(NULL, &place->stop, &input));
    restore_stdin(saved);
    assert_ok(fd_write_all(ends[1], span_text("half a l")));
    assert_ok(bulk_input_next(&input, 0, &line, &got));
    assert_int_equal(got, BULK_GOT_NOTHING);
    assert_ok(fd_write_all(ends[1], span_text("ine\n")));
    assert_ok(bulk_input_next(&input, 1000, &line, &got));
    assert_int_equal(got, BULK_GOT_LINE);
    assert_span_is(buf_span(&line.text), "half a line");
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    bulk_line_clear(&line);
    assert_ok(bulk_input_next(&input, INT64_MAX, &line, &got));
    assert_int_equal(got, BULK_GOT_STOP);
    assert_true(stop_asked(&place->stop));
    (void)close(ends[1]);
}

static void test_stop_forgets_at_its_end(void **state)
{
    (void)state;
    struct stop stop;
    assert_ok(stop_open(&stop));
    assert_false(stop_asked(&stop));
    assert_int_equal(stop_wait(&stop, -1, 0), STOP_LATE);
    assert_int_equal(kill(getpid(), SIGINT), 0);
    assert_int_equal(stop_wait(&stop, -1, INT64_MAX), STOP_ASKED);
    assert_true(stop_asked(&stop));
    stop_close(&stop); /* and we live on */
    stop_close(&stop);
}

static void test_files_are_new_private_and_locked(void **state)
{
    struct place *place = *state;
    struct bulk_file file;
    struct bulk_file other;
    struct stat status;
    assert_ok(bulk_file_create(place->out, &file));
    assert_int_equal(stat(place->out, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_code(bulk_file_create(place->out, &other), ERR_CONFLICT); /* locked */
    assert_code(bulk_file_resume(place->out, 0, &other), ERR_CONFLICT);
    assert_ok(bulk_file_append(&file, span_text("hello\n")));
    assert_ok(bulk_file_sync(&file));
    assert_int_equal(file.len, 6);
    bulk_file_close(&file);
    assert_code(bulk_file_create(place->out, &other), ERR_CONFLICT); /* has content */
    assert_code(bulk_file_create("/nowhere/at/all", &other), ERR_IO);
    bulk_file_close(&file); /* again */
}

static void test_files_are_cut_back(void **state)
{
    struct place *place = *state;
    CLEANUP(buf_clear) struct buf text = {0};
    struct bulk_file file;
    assert_ok(bulk_file_resume(place->out, 0, &file)); /* nothing was written: it may be missing */
    bulk_file_close(&file);
    (void)unlink(place->out);
    assert_code(bulk_file_resume(place->out, 4, &file), ERR_CONFLICT);
    assert_ok(file_write(place->out, span_text("kept torn"), 0600));
    assert_code(bulk_file_resume(place->out, 10, &file), ERR_CONFLICT);
    assert_ok(bulk_file_resume(place->out, 4, &file));
    assert_ok(bulk_file_append(&file, span_text(" new")));
    bulk_file_close(&file);
    assert_ok(file_read(place->out, &text));
    assert_span_is(buf_span(&text), "kept new");
}

static void test_what_cannot_be_cut_is_written(void **state)
{
    (void)state;
    struct bulk_file file;
    assert_ok(bulk_file_create("/dev/null", &file));
    assert_false(file.regular);
    assert_ok(bulk_file_append(&file, span_text("x")));
    assert_ok(bulk_file_sync(&file));
    bulk_file_close(&file);
    assert_ok(bulk_file_create("/dev/full", &file));
    assert_code(bulk_file_append(&file, span_text("x")), ERR_IO);
    bulk_file_close(&file);
}

static const struct bulk_state some = {
    .key = "a/b",
    .context = {(const uint8_t *)"{\"t\":\"x\"}", 9},
    .rejects = "r",
    .mark = {.lines = 512, .bytes = 40000, .check_len = 3, .check = {1, 2, 3}},
    .counts = {.lines = 512, .bytes = 40000, .rewrapped = 500, .empty = 2, .bad = 10},
    .output_len = 39000,
    .rejects_len = 1000,
};

static void test_state_comes_back(void **state)
{
    struct place *place = *state;
    struct bulk_state read = {.key = "a/b", .context = some.context, .rejects = "r"};
    assert_code(bulk_state_read(place->out, &read), ERR_NOT_FOUND);
    assert_ok(bulk_state_write(place->out, &some));
    assert_ok(bulk_state_read(place->out, &read));
    assert_memory_equal(&read.mark, &some.mark, sizeof(read.mark));
    assert_memory_equal(&read.counts, &some.counts, sizeof(read.counts));
    assert_int_equal(read.output_len, 39000);
    assert_int_equal(read.rejects_len, 1000);
    assert_code(bulk_state_write("/nowhere/at/all", &some), ERR_IO);
}

static void test_state_of_something_else_is_refused(void **state)
{
    struct place *place = *state;
    struct bulk_state read = {.key = "a/c", .context = some.context, .rejects = "r"};
    assert_ok(bulk_state_write(place->out, &some));
    assert_code(bulk_state_read(place->out, &read), ERR_CONFLICT);
    read = (struct bulk_state){.key = "a/b", .rejects = "r"};
    assert_code(bulk_state_read(place->out, &read), ERR_CONFLICT);
    assert_int_equal(read.mark.lines, 0);
    read.context = some.context;
    read.rejects = "r2";
    assert_code(bulk_state_read(place->out, &read), ERR_CONFLICT);
    read.rejects = "r";
    read.output = "out";
    assert_code(bulk_state_read(place->out, &read), ERR_CONFLICT);
    read.output = NULL;
    CLEANUP(buf_clear) struct buf text = {0};
    assert_ok(file_read(place->out, &text));
    assert_ok(buf_append_u8(&text, 0));
    static const struct {
        const char *from, *to;
        enum err_code code;
    } damages[] = {
        {"\"format\":1", "\"format\":2", ERR_NEWER},
        {"\"lines\":512", "\"lines\":-12", ERR_CORRUPT},
        {"\"check_bytes\":3", "\"check_bytes\":9999", ERR_CORRUPT},
        {"\"check\":\"01", "\"check\":\"0x", ERR_CORRUPT},
        {"\"check\":\"0102", "\"check\":\"02", ERR_CORRUPT},
        {"\"bad\"", "\"worse\"", ERR_CORRUPT},
        {"{", "", ERR_CORRUPT},
    };
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        const char *all = (const char *)text.data;
        const char *at = strstr(all, damages[i].from);
        assert_non_null(at);
        CLEANUP(mem_free_at)
        char *bad = mem_format("%.*s%s%s", (int)(at - all), all, damages[i].to,
                               at + strlen(damages[i].from));
        assert_ok(file_write(place->out, span_text(bad), 0600));
        assert_code_of(damages[i].to, bulk_state_read(place->out, &read), damages[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define PLACED(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
        PLACED(test_reads_lines),
        PLACED(test_long_lines_are_measured_not_kept),
        PLACED(test_goes_on_in_the_same_input_only),
        PLACED(test_waits_and_stops),
        cmocka_unit_test(test_stop_forgets_at_its_end),
        PLACED(test_files_are_new_private_and_locked),
        PLACED(test_files_are_cut_back),
        cmocka_unit_test(test_what_cannot_be_cut_is_written),
        PLACED(test_state_comes_back),
        PLACED(test_state_of_something_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
