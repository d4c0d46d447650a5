/* YAML by a schema: values, and one line for each mistake that names file, line, option, reason. */
#include "base_test.h"

#include <unistd.h>

#include "base/file.h"
#include "base/yaml.h"

struct token {
    char *label;
    unsigned channels;
};

struct settings {
    char *listen;
    int level;
    struct token *tokens;
    unsigned tokens_count;
};

static const cyaml_schema_field_t token_fields[] = {
    CYAML_FIELD_STRING_PTR("label", CYAML_FLAG_POINTER, struct token, label, 1, 10),
    CYAML_FIELD_UINT("channels", CYAML_FLAG_OPTIONAL, struct token, channels), CYAML_FIELD_END};
static const cyaml_schema_value_t token_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct token, token_fields)};
static const cyaml_schema_field_t settings_fields[] = {
    CYAML_FIELD_STRING_PTR("listen", CYAML_FLAG_POINTER, struct settings, listen, 1, 20),
    CYAML_FIELD_INT("level", CYAML_FLAG_OPTIONAL, struct settings, level),
    CYAML_FIELD_SEQUENCE("tokens", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct settings,
                         tokens, &token_schema, 1, 3),
    CYAML_FIELD_END};
static const cyaml_schema_value_t settings_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct settings, settings_fields)};

static char path[] = "/tmp/hsmgate-test-yaml-XXXXXX";

static struct err load(const char *text, struct settings **out, struct buf *message)
{
    assert_ok(file_write(path, span_text(text), 0600));
    void *data = NULL;
    struct err err = yaml_load(path, &settings_schema, &data, message);
    *out = data;
    return err;
}

static void values_are_loaded(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf message = {0};
    struct settings *settings = NULL;
    assert_ok(load("# ours\nlisten: 127.0.0.1:8200\nlevel: -3\ntokens:\n  - label: a\n"
                   "    channels: 16\n  - {label: b}\n",
                   &settings, &message));
    assert_string_equal(settings->listen, "127.0.0.1:8200");
    assert_int_equal(settings->level, -3);
    assert_int_equal(settings->tokens_count, 2);
    assert_string_equal(settings->tokens[0].label, "a");
    assert_int_equal(settings->tokens[0].channels, 16);
    assert_string_equal(settings->tokens[1].label, "b");
    assert_int_equal(message.len, 0);
    yaml_free(&settings_schema, settings);
    yaml_free(&settings_schema, NULL);
}

static void each_mistake_has_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message; /* after the path */
    } cases[] = {
        {"", ": the file is empty"},
        {"# only a comment\n", ": the file is empty"},
        {"---\n", ":2: Expecting MAPPING, got event: SCALAR"},
        {"null\n", ":1: Expecting MAPPING, got event: SCALAR"},
        {"- a\n", ":1: Expecting MAPPING, got event: SEQUENCE_START"},
        {"listen: a\n---\nlisten: b\n", ":3: more than one document in the file"},
        {"listen: a\nlevel: x\n", ":2: level: Invalid INT value: 'x'"},
        {"listen: a\nlevel: 99999999999\n", ":2: level: Invalid INT value: '99999999999'"},
        {"listen: a\n\nfoo: 1\n", ":3: foo: unknown option"},
        {"listen: a\n\"\\e[31m\\tb\": 1\n", ":2: ?[31m?b: unknown option"},
        {"listen: a\nlevel: \"\\e\"\n", ":2: level: Invalid INT value: '?'"},
        {"~: 1\n", ":1: ~: unknown option"},
        {"level: 1\n", ":1: listen: missing"},
        {"listen: a\nlevel: 1\nlevel: 2\n", ":3: level: given twice"},
        {"listen: a\nlisten: a\n", ":2: listen: given twice"},
        {"listen:\n", ":1: listen: the text is too short"},
        {"listen: {}\n", ":1: listen: Expecting STRING, got event: MAPPING_START"},
        {"listen: a\ntokens: 5\n", ":2: tokens: Expecting SEQUENCE, got event: SCALAR"},
        {"listen: a\ntokens: []\n", ":2: tokens: Insufficient entries (0 of 1 min) in sequence."},
        {"listen: a\ntokens: [{label: a},{label: b},{label: c},{label: d}]\n",
         ":2: tokens: Excessive entries (3 max) in sequence."},
        {"listen: a\ntokens:\n  - label: b\n    channels: -3\n",
         ":4: tokens[0].channels: Invalid UINT value: '-3'"},
        {"listen: a\ntokens:\n  - label: b\n  - label: c\n    junk: 1\n",
         ":5: tokens[1].junk: unknown option"},
        {"listen: a\ntokens:\n  - label: b\n  - channels: 4\n", ":4: tokens[1].label: missing"},
        {"listen: a\ntokens:\n  - label: b\n    channels: 1\n    channels: 1\n",
         ":5: tokens[0].channels: given twice"},
        {"listen: a\ntokens:\n  - {label: b, label: c}\n", ":3: tokens[0].label: given twice"},
        {"listen: &x a\nlevel: *x\n", ":2: level: aliases are not supported"},
        {"listen: &x [*x]\n", ":1: listen[0]: aliases are not supported"},
        {"? [a]\n: 1\n", ":1: an option's name is not text"},
        {"listen: [[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]\n",
         ":1: listen[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested too deep"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf message = {0};
        struct settings *settings = NULL;
        assert_code_of(cases[i].text, load(cases[i].text, &settings, &message), ERR_CONFIG);
        assert_null(settings);
        CLEANUP(mem_free_at) char *expected = mem_format("%s%s", path, cases[i].message);
        assert_span_is(buf_span(&message), expected);
    }
}

static void broken_syntax_has_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *place;
    } cases[] = {
        {"listen: [\n", ":2: "},  {"listen: a\n\tlevel: 1\n", ":2: "},
        {"listen: 'a\n", ":2: "}, {"listen: \xFF\n", ": "},
        {"a: b: c\n", ":1: "},    {"listen: a\nlevel: 1\n}\n", ":3: "},
        {"listen: \x01\n", ": "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf message = {0};
        struct settings *settings = NULL;
        assert_code_of(cases[i].text, load(cases[i].text, &settings, &message), ERR_CONFIG);
        CLEANUP(mem_free_at) char *start = mem_format("%s%s", path, cases[i].place);
        if (!span_starts(buf_span(&message), start) || message.len == strlen(start)) {
            fail_msg("%s: %.*s", cases[i].text, (int)message.len, (char *)message.data);
        }
    }
}

static void the_error_itself_has_no_path(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf message = {0};
    struct settings *settings = NULL;
    struct err err = load("listen: a\nfoo: 1\n", &settings, &message);
    assert_string_equal(err.detail, "line 2: foo: unknown option");
    void *data = NULL;
    err = yaml_load("/tmp/hsmgate-no-such-file.yaml", &settings_schema, &data, &message);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_string_equal(err.detail, "there is no such file");
    assert_span_is(buf_span(&message), "/tmp/hsmgate-no-such-file.yaml: there is no such file");
}

static void lines_of_options(void **state)
{
    (void)state;
    assert_ok(
        file_write(path,
                   span_text("# c\nlisten: a\n\ntokens:\n  - label: b\n    channels:\n      4\n"
                             "  - label: c\n    channels: 5\nx: {y: 1,\n  z: [1, 2]}\n"),
                   0600));
    static const struct {
        const char *option;
        unsigned line;
    } cases[] = {
        {"listen", 2},
        {"tokens", 4},
        {"tokens[0]", 5},
        {"tokens[0].channels", 6},
        {"tokens[1].channels", 9},
        {"x.y", 10},
        {"x.z", 11},
        {"x.z[1]", 11},
        {"", 2},
        {"nothing", 0},
        {"tokens[2]", 0},
        {"tokens[0].junk", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(yaml_line_of(path, cases[i].option), cases[i].line);
    }
    assert_int_equal(yaml_line_of("/tmp/hsmgate-no-such-file.yaml", "listen"), 0);
}

/* Every cut of a good file loads or is refused with a message; nothing crashes. */
static void every_cut_is_handled(void **state)
{
    (void)state;
    static const char text[] = "listen: \"a\\x41\"\ntokens:\n  - {label: 'b', channels: 2}\n...\n";
    for (size_t len = 0; len < sizeof(text); len++) {
        CLEANUP(buf_clear) struct buf message = {0};
        CLEANUP(mem_free_at) char *cut = span_to_text(span_of(text, len));
        struct settings *settings = NULL;
        struct err err = load(cut, &settings, &message);
        assert_true((err.code == ERR_OK) == (settings != NULL));
        assert_true((err.code == ERR_OK) == (message.len == 0));
        yaml_free(&settings_schema, settings);
    }
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    fd_close(&fd);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_loaded),
        cmocka_unit_test(each_mistake_has_its_line),
        cmocka_unit_test(broken_syntax_has_its_line),
        cmocka_unit_test(the_error_itself_has_no_path),
        cmocka_unit_test(lines_of_options),
        cmocka_unit_test(every_cut_is_handled),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
