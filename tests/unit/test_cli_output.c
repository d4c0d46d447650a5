/* output: tables, lines, files of mode 0600, JSON as it came, and text that a terminal must not
 * obey. */
#include <sys/stat.h>

#include "base/json.h"
#include "cli/output.h"
#include "cli_test.h"

static void test_prints_a_table(void **state)
{
    (void)state;
    CLEANUP(table_clear) struct table table = {0};
    const char *const titles[] = {"NAME", "STATE", "USES"};
    const char *const first[] = {"a/long/name", "active", "1"};
    const char *const second[] = {"b", "", "20"};
    table_row(&table, 3, titles);
    table_row(&table, 3, first);
    table_row(&table, 3, second);
    CLEANUP(buf_clear) struct buf text = {0};
    CAPTURE(&text, table_print(&table));
    assert_span_is(buf_span(&text), "NAME         STATE   USES\n"
                                    "a/long/name  active  1\n"
                                    "b                    20\n");
}

static void test_shows_nothing_that_a_terminal_obeys(void **state)
{
    (void)state;
    CLEANUP(table_clear) struct table table = {0};
    const char *const row[] = {"a\x1b[31mb", "x\ny\x7f\xc2\x9bz", "gr\xc3\xbc\xc3\x9f"};
    table_row(&table, 3, row);
    CLEANUP(buf_clear) struct buf text = {0};
    CAPTURE(&text, table_print(&table));
    assert_span_is(buf_span(&text), "a?[31mb  x?y???z  gr\xc3\xbc\xc3\x9f\n");
    char cut[] = "end\xc2";
    output_harmless(cut);
    assert_string_equal(cut, "end\xc2");
}

static void test_lines_are_harmless_one_by_one(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf said = {0};
    CAPTURE(&said, output_lines(span_text("one\n\ntw\033o\n")));
    assert_span_is(buf_span(&said), "one\n\ntw?o\n");
    CLEANUP(buf_clear) struct buf last = {0};
    CAPTURE(&last, output_lines(span_text("no end")));
    assert_span_is(buf_span(&last), "no end\n");
}

static void test_writes_files_for_their_owner(void **state)
{
    (void)state;
    char folder[] = "/tmp/hsmgate-cli-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    CLEANUP(mem_free_at) char *path = mem_format("%s/out", folder);
    struct options options = {.values = {[OPTION_OUT] = path}};
    assert_ok(output_line(&options, span_text("hello")));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    CLEANUP(buf_clear) struct buf text = {0};
    assert_ok(file_read(path, &text));
    assert_span_is(buf_span(&text), "hello\n");
    options.values[OPTION_OUT] = "/nowhere/at/all";
    assert_code(output_bytes(&options, span_text("x")), ERR_IO);
    (void)unlink(path);
    (void)rmdir(folder);
}

static void test_writes_members(void **state)
{
    (void)state;
    struct options options = {.values = {[OPTION_OUT] = "-"}};
    CLEANUP(json_clear) struct json json = {0};
    assert_ok(json_parse(span_text("{\"b\":\"aGk=\",\"n\":7,\"t\":true,\"bad\":\"!!\"}"), &json));
    CLEANUP(buf_clear) struct buf text = {0};
    CAPTURE(&text, assert_ok(output_member_bytes(&options, &json, "b")));
    assert_span_is(buf_span(&text), "hi");
    buf_reset(&text);
    CAPTURE(&text, assert_ok(output_member_line(&options, &json, "b")));
    assert_span_is(buf_span(&text), "aGk=\n");
    assert_code(output_member_line(&options, &json, "missing"), ERR_CORRUPT);
    assert_code(output_member_bytes(&options, &json, "n"), ERR_CORRUPT);
    assert_code(output_member_bytes(&options, &json, "bad"), ERR_INVALID_BASE64);
    assert_int_equal(member_integer(json.root, "n"), 7);
    assert_int_equal(member_integer(json.root, "b"), 0);
    assert_true(member_flag(json.root, "t"));
    assert_false(member_flag(json.root, "missing"));
    assert_span_is(member_text(json.root, "missing"), "");
}

static void test_json_is_a_line_as_it_came(void **state)
{
    (void)state;
    struct options options = {0};
    CLEANUP(response_clear) struct response response = {.status = 200};
    assert_ok(buf_append_text(&response.body, "{\"a\":1}"));
    assert_false(output_json(&options, &response));
    options.values[OPTION_JSON] = "";
    CLEANUP(buf_clear) struct buf text = {0};
    CAPTURE(&text, assert_true(output_json(&options, &response)));
    assert_span_is(buf_span(&text), "{\"a\":1}\n");
}

static void capture_error(const struct err *err, struct buf *out)
{
    char path[] = "/tmp/hsmgate-cli-test-XXXXXX";
    int file = mkstemp(path);
    int saved = dup(STDERR_FILENO);
    assert_true(file >= 0 && saved >= 0 && dup2(file, STDERR_FILENO) >= 0);
    output_error(err);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    fd_close(&saved);
    fd_close(&file);
    assert_ok(file_read(path, out));
    (void)unlink(path);
}

static void test_names_the_next_step_where_there_is_one(void **state)
{
    (void)state;
    static const struct {
        struct err err;
        const char *step;
    } cases[] = {
        {{.code = ERR_IO, .where = "client_exchange", .detail = "no answer"},
         "is hsmgated running"},
        {{.code = ERR_IO, .where = "bulk_file_append", .detail = "disk full"}, NULL},
        {{.code = ERR_NOT_FOUND, .where = "client_problem_of", .detail = "none"},
         "hsmgate key list"},
        {{.code = ERR_NOT_FOUND, .where = "input_read_named", .detail = "none"}, NULL},
        {{.code = ERR_CONFLICT, .where = "x", .detail = "there"}, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf said = {0};
        capture_error(&cases[i].err, &said);
        assert_true(span_has(buf_span(&said), cases[i].err.detail));
        assert_int_equal(span_has(buf_span(&said), "\ntry: "), cases[i].step != NULL);
        assert_true(cases[i].step == NULL || span_has(buf_span(&said), cases[i].step));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prints_a_table),
        cmocka_unit_test(test_shows_nothing_that_a_terminal_obeys),
        cmocka_unit_test(test_lines_are_harmless_one_by_one),
        cmocka_unit_test(test_writes_files_for_their_owner),
        cmocka_unit_test(test_writes_members),
        cmocka_unit_test(test_json_is_a_line_as_it_came),
        cmocka_unit_test(test_names_the_next_step_where_there_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
