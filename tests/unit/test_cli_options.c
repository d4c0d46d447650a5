/* options and command: finding a command by its words, and what stands behind it. What ends the
 * program (wrong usage, --help) is tested in a child. */
#include <sys/wait.h>

#include "base/json.h"
#include "cli/command.h"
#include "cli_test.h"

#define WORDS_MAX 16

/* A command line after `hsmgate`, split at blanks; argv[0] is room for the program's name. */
struct line {
    char text[256];
    char *argv[WORDS_MAX + 2];
    int argc;
};

static struct line *line_of(const char *text)
{
    static struct line line;
    char *rest = line.text;
    line.argc = 1;
    line.argv[0] = line.text;
    (void)snprintf(line.text, sizeof(line.text), "%s", text);
    for (char *word = strsep(&rest, " "); word != NULL && *text != '\0';
         word = strsep(&rest, " ")) {
        assert_true(line.argc <= WORDS_MAX);
        line.argv[line.argc] = word;
        line.argc++;
    }
    return &line;
}

static void test_finds_commands(void **state)
{
    (void)state;
    static const struct {
        const char *line, *found; /* found: NULL for none */
        int used;
    } cases[] = {
        {"key create a/b", "key create", 2},
        {"key public-key a/b", "key public-key", 2},
        {"sign a/b", "sign", 1},
        {"token create", "token create", 2},
        {"tokens", "tokens", 1},
        {"access-key list", "access-key list", 2},
        {"access key list", NULL, 0},
        {"audit tail", "audit tail", 2},
        {"key", NULL, 0},
        {"key creat", NULL, 0},
        {"key created", NULL, 0},
        {"key-create", NULL, 0},
        {"sig", NULL, 0},
        {"signs", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int used = 0;
        struct line *line = line_of(cases[i].line);
        const struct command *command = command_find(line->argc - 1, line->argv + 1, &used);
        if (cases[i].found == NULL) {
            assert_null(command);
            continue;
        }
        assert_non_null(command);
        assert_string_equal(command->words, cases[i].found);
        assert_int_equal(used, cases[i].used);
    }
    int used = 0;
    assert_null(command_find(0, NULL, &used));
}

/* A set ends, and holds nothing twice. */
static size_t count_of(option_set set)
{
    size_t count = 0;
    while (set != NULL && set[count] != OPTION_COUNT) {
        count++;
        assert_true(count <= OPTION_COUNT);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(set[i], set[j]);
        }
    }
    return count;
}

static void assert_sets_are_sound(const struct command *command)
{
    assert_false(option_in(command->options, OPTION_JSON));
    assert_false(option_in(command->options, OPTION_COUNT));
    (void)count_of(command->options);
    const size_t required = count_of(command->required);
    for (size_t i = 0; i < required; i++) {
        if (!option_in(command->options, command->required[i])) {
            fail_msg("`%s` needs --%s but does not take it", command->words,
                     option_name(command->required[i]));
        }
    }
}

/* What completion stands on: no first word comes back after another one. */
static void assert_groups_stand_together(size_t command)
{
    const char *words = commands[command].words;
    const size_t len = strcspn(words, " ");
    bool other = false;
    for (size_t i = command; i-- > 0;) {
        const bool same =
            strcspn(commands[i].words, " ") == len && strncmp(commands[i].words, words, len) == 0;
        assert_false(same && other);
        other = other || !same;
    }
}

static void test_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        assert_non_null(command->run);
        assert_true(strlen(command->summary) > 0);
        assert_true(command->arguments_min <= command->arguments_max);
        assert_int_equal(command->arguments_max > 0, strlen(command->synopsis) > 0);
        assert_sets_are_sound(command);
        assert_groups_stand_together(i);
        assert_true(strchr(command->words, ' ') == strrchr(command->words, ' ')); /* two at most */
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(command->words, commands[j].words);
        }
    }
    for (int option = 0; option < OPTION_COUNT; option++) {
        assert_non_null(option_name((enum option_id)option));
    }
}

static void test_sets_of_options(void **state)
{
    (void)state;
    option_set set = OPTION_SET(OPTION_IN, OPTION_SEVERITY);
    assert_true(option_in(set, OPTION_IN));
    assert_true(option_in(set, OPTION_SEVERITY));
    assert_false(option_in(set, OPTION_OUT));
    assert_false(option_in(set, OPTION_JSON));
    assert_false(option_in(set, OPTION_COUNT));
    assert_false(option_in(NULL, OPTION_IN));
}

static void test_lists_all_commands(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf text = {0};
    CAPTURE(&text, command_print_all());
    for (size_t i = 0; i < command_count; i++) {
        assert_true(span_has(buf_span(&text), commands[i].words));
        assert_true(span_has(buf_span(&text), commands[i].summary));
    }
}

/* The values of `out` live until the next line. */
static void parse(const char *text, struct options *out)
{
    struct line *line = line_of(text);
    int used = 0;
    const struct command *command = command_find(line->argc - 1, line->argv + 1, &used);
    assert_non_null(command);
    *out = (struct options){0};
    options_parse(command, line->argc - used, line->argv + used, out);
}

static void test_parses(void **state)
{
    (void)state;
    struct options options;
    parse("encrypt --context a=1 shop/k --context=b=x=y --json --in FILE --out= --raw", &options);
    assert_int_equal(options.argument_count, 1);
    assert_string_equal(options.arguments[0], "shop/k");
    assert_int_equal(options.contexts.count, 2);
    assert_string_equal(options.contexts.values[0], "a=1");
    assert_string_equal(options.contexts.values[1], "b=x=y");
    assert_true(options_has(&options, OPTION_JSON));
    assert_true(options_has(&options, OPTION_RAW));
    assert_string_equal(options.values[OPTION_IN], "FILE");
    assert_string_equal(options.values[OPTION_OUT], "");
    assert_false(options_has(&options, OPTION_SCHEME));
    parse("key update a/b --label x=1 --jwt-audience billing --label=y=2", &options);
    assert_int_equal(options.labels.count, 2);
    assert_int_equal(options.audiences.count, 1);
    assert_string_equal(options.audiences.values[0], "billing");
    parse("grant put x --principal p --keys k --operation sign --operation mac,jwt --source ::1 "
          "--justification j",
          &options);
    assert_int_equal(options.operations.count, 2);
    assert_string_equal(options.operations.values[1], "mac,jwt");
    assert_int_equal(options.sources.count, 1);
    parse("lint --severity error", &options);
    assert_string_equal(options.values[OPTION_SEVERITY], "error");
    parse("key show -- --json", &options);
    assert_string_equal(options.arguments[0], "--json");
}

/* The exit status of a parse that should end the program. */
static int exit_of(const char *text)
{
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct options options;
        (void)!freopen("/dev/null", "w", stdout);
        (void)!freopen("/dev/null", "w", stderr);
        parse(text, &options);
        _exit(77); /* it came back */
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_refuses_wrong_usage(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "key show",                                             /* argument missing */
        "key show a/b c/d",                                     /* one too many */
        "status now",                                           /* takes none */
        "key show a/b --raw",                                   /* not an option of it */
        "key show a/b --nonsense",                              /* of none */
        "sign a/b --in",                                        /* value missing */
        "sign a/b --in x --in y",                               /* twice */
        "key create a/b --owner me",                            /* required one missing */
        "key create a/b --algorithm ed25519",                   /* the other */
        "verify a/b",                                           /* --signature */
        "verify-mac a/b",                                       /* --mac */
        "token create bob",                                     /* --ttl */
        "access-key create bob --out x",                        /* likewise */
        "access-key create bob --ttl 1h",                       /* --out: never by chance */
        "access-key create --ttl 1h --out x",                   /* whose? */
        "access-key revoke",                                    /* which one? */
        "access-key list bob",                                  /* takes none */
        "token create bob --ttl 1h --subject ann",              /* of access keys only */
        "data-key a/b --bytes many",                            /* not a number */
        "data-key a/b --bytes 16x",                             /* a number and more */
        "data-key a/b --bytes 99999999999999999999",            /* too large a number */
        "encrypt a/b --context novalue",                        /* not a pair */
        "encrypt a/b --context =noname",                        /* no name */
        "lint --severity fatal",                                /* not a severity */
        "grant put x --principal p --keys k --justification j", /* --operation */
        "key promote a/b",                                      /* which version? */
        "key destroy a/b --reason r",                           /* likewise */
        "key destroy a/b@1",                                    /* --reason */
        "key destroy a/b@1 --reason r --after soon",            /* not a time */
        "key compromise a/b@1",                                 /* --reason */
        "key rotate a/b --adopt-id 0x12",                       /* not hex */
        "key rotate a/b --adopt-id=",                           /* no bytes at all */
        "key rotate a/b --adopt-id 00 --allow all",             /* not an attribute */
        "key update a/b --mode sometimes",                      /* not a mode */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int status = exit_of(cases[i]);
        if (status != EXIT_USAGE) {
            fail_msg("`%s` ends with %d", cases[i], status);
        }
    }
    assert_int_equal(exit_of("sign --help"), 0);
}

static void test_refuses_too_many_pairs(void **state)
{
    (void)state;
    static char pair[] = "--label=a=b";
    char *argv[OPTIONS_REPEAT_MAX + 4] = {0};
    struct line *line = line_of("key update a/b");
    int used = 0;
    const struct command *command = command_find(line->argc - 1, line->argv + 1, &used);
    argv[0] = line->argv[0];
    argv[1] = line->argv[3];
    for (int i = 0; i <= OPTIONS_REPEAT_MAX; i++) {
        argv[2 + i] = pair;
    }
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct options options = {0};
        (void)!freopen("/dev/null", "w", stderr);
        options_parse(command, OPTIONS_REPEAT_MAX + 3, argv, &options);
        _exit(77);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_USAGE);
}

static void test_splits_pairs(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *value;
        enum err_code code;
    } cases[] = {
        {"a=b", "a", "b", ERR_OK},        {"a=", "a", "", ERR_OK},
        {"a=b=c", "a", "b=c", ERR_OK},    {"table=cards ", "table", "cards ", ERR_OK},
        {"a", "", "", ERR_INVALID_FIELD}, {"=b", "", "", ERR_INVALID_FIELD},
        {"", "", "", ERR_INVALID_FIELD},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span name = {0};
        struct span value = {0};
        assert_code_of(cases[i].text, options_split_pair(cases[i].text, &name, &value),
                       cases[i].code);
        if (cases[i].code == ERR_OK) {
            assert_span_is(name, cases[i].name);
            assert_span_is(value, cases[i].value);
        }
    }
}

static struct err write_pairs(const struct repeated *pairs, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    TRY(options_put_pairs(&writer, "context", pairs));
    json_end_object(&writer);
    return json_finish(&writer);
}

static void test_writes_pairs(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf json = {0};
    struct repeated pairs = {.values = {"a=1", "b=\"x\""}, .count = 2};
    assert_ok(write_pairs(&pairs, &json));
    assert_span_is(buf_span(&json), "{\"context\":{\"a\":\"1\",\"b\":\"\\\"x\\\"\"}}");
    buf_reset(&json);
    pairs.count = 0;
    assert_ok(write_pairs(&pairs, &json));
    assert_span_is(buf_span(&json), "{}");
    buf_reset(&json);
    pairs = (struct repeated){.values = {"novalue"}, .count = 1};
    assert_code(write_pairs(&pairs, &json), ERR_INVALID_FIELD);
}

static void test_reads_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
        enum err_code code;
    } cases[] = {
        {"32", 32, ERR_OK},
        {"0", 0, ERR_OK},
        {"-1", -1, ERR_OK},
        {"9223372036854775807", INT64_MAX, ERR_OK},
        {"9223372036854775808", 7, ERR_INVALID_FIELD},
        {"", 7, ERR_INVALID_FIELD},
        {"x", 7, ERR_INVALID_FIELD},
        {"1.5", 7, ERR_INVALID_FIELD},
        {"16 ", 7, ERR_INVALID_FIELD},
        {"0x10", 7, ERR_INVALID_FIELD},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct options options = {.values = {[OPTION_BYTES] = cases[i].text}};
        int64_t value = 7;
        assert_code_of(cases[i].text, options_integer(&options, OPTION_BYTES, &value),
                       cases[i].code);
        assert_int_equal(value, cases[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_commands),
        cmocka_unit_test(test_table_is_sound),
        cmocka_unit_test(test_sets_of_options),
        cmocka_unit_test(test_lists_all_commands),
        cmocka_unit_test(test_parses),
        cmocka_unit_test(test_refuses_wrong_usage),
        cmocka_unit_test(test_refuses_too_many_pairs),
        cmocka_unit_test(test_splits_pairs),
        cmocka_unit_test(test_writes_pairs),
        cmocka_unit_test(test_reads_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
