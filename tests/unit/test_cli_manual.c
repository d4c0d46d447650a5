/* The table of commands against what else names them: the manual page and the completion. */
#include "cli/command.h"
#include "cli_test.h"

/* The page's entry of a command, from its `.It Ic` line to the next one. */
static struct span entry_of(struct span page, const char *words)
{
    CLEANUP(mem_free_at) char *start = mem_format("\n.It Ic %s", words);
    const size_t len = strlen(start);
    const uint8_t *at = page.data;
    const uint8_t *end = page.data + page.len;
    while ((at = memmem(at, (size_t)(end - at), start, len)) != NULL) {
        at += len;
        const char *rest = (const char *)at;
        if (*rest == '\n' || strncmp(rest, " Ar ", 4) == 0 || strncmp(rest, " Op Ar ", 7) == 0) {
            const uint8_t *next = memmem(at, (size_t)(end - at), "\n.El", 4);
            const uint8_t *item = memmem(at, (size_t)(end - at), "\n.It ", 5);
            next = item != NULL && item < next ? item : next;
            return span_of(at, (size_t)(next - at));
        }
    }
    return (struct span){0};
}

static void read_page(struct buf *out)
{
    assert_ok(file_read(HSMGATE_MANUAL, out));
    assert_ok(buf_append_u8(out, '\0'));
}

static void test_manual_has_every_command(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf page = {0};
    read_page(&page);
    for (size_t i = 0; i < command_count; i++) {
        struct span entry = entry_of(buf_span(&page), commands[i].words);
        if (entry.len == 0) {
            fail_msg("docs/man/hsmgate.1 has no entry for `%s`", commands[i].words);
        }
    }
    assert_int_equal(entry_of(buf_span(&page), "key").len, 0); /* not every start of one */
}

static bool command_takes(const struct command *command, int option)
{
    return option_in(command->options, (enum option_id)option);
}

/* `--raw` stands as `-raw` behind the macro. */
static bool names_option(struct span text, enum option_id option)
{
    CLEANUP(mem_free_at) char *name = mem_format("-%s", option_name(option));
    const size_t len = strlen(name);
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.len;
    while (at != NULL && (at = memmem(at, (size_t)(end - at), name, len)) != NULL) {
        at += len;
        if (at == end || *at == ' ' || *at == '\n') {
            return true;
        }
    }
    return false;
}

static void test_manual_has_every_option(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf page = {0};
    read_page(&page);
    for (int option = 0; option < OPTION_COUNT; option++) {
        CLEANUP(mem_free_at)
        char *item = mem_format("\n.It Fl -%s", option_name((enum option_id)option));
        if (!span_has(buf_span(&page), item)) {
            fail_msg("docs/man/hsmgate.1 does not explain --%s",
                     option_name((enum option_id)option));
        }
    }
}

/* `key create` refers to `key update` for what they share. */
static void test_manual_names_the_options_of_each_command(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf page = {0};
    read_page(&page);
    for (size_t i = 0; i < command_count; i++) {
        struct span entry = entry_of(buf_span(&page), commands[i].words);
        struct span other =
            span_has(entry, "key update") ? entry_of(buf_span(&page), "key update") : entry;
        for (int option = 0; option < OPTION_COUNT; option++) {
            enum option_id id = (enum option_id)option;
            bool named = names_option(entry, id) || names_option(other, id);
            if (command_takes(&commands[i], option) && !named) {
                fail_msg("docs/man/hsmgate.1: `%s` does not say --%s", commands[i].words,
                         option_name(id));
            }
        }
    }
}

static void test_completion_has_every_command_and_option(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf script = {0};
    struct options options = {0};
    int status = 0;
    CAPTURE(&script, assert_ok(completion_bash(NULL, &options, &status)));
    assert_int_equal(status, EXIT_DONE);
    struct span text = buf_span(&script);
    assert_true(span_has(text, "complete -F _hsmgate hsmgate\n"));
    for (size_t i = 0; i < command_count; i++) {
        CLEANUP(buf_clear) struct buf line = {0};
        assert_ok(buf_printf(&line, "'%s') options='--help --json", commands[i].words));
        for (int option = 0; option < OPTION_COUNT; option++) {
            if (option != OPTION_JSON && command_takes(&commands[i], option)) {
                assert_ok(buf_printf(&line, " --%s", option_name((enum option_id)option)));
            }
        }
        assert_ok(buf_append_text(&line, "' ;;\n"));
        CLEANUP(mem_free_at) char *wanted = span_to_text(buf_span(&line));
        if (!span_has(text, wanted)) {
            fail_msg("the completion lacks: %s", wanted);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manual_has_every_command),
        cmocka_unit_test(test_manual_has_every_option),
        cmocka_unit_test(test_manual_names_the_options_of_each_command),
        cmocka_unit_test(test_completion_has_every_command_and_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
