/* What stands on a command line against the table of options, of which each command takes some.
 * argp does the parsing, the help and the error messages. */
#include "cli/options.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/option_table.h"

#define KEY_OF(option) ((int)(option) + 0x100)

struct parsing {
    const struct command *command;
    struct options *options;
};

static error_t keep_repeated(struct argp_state *state, struct repeated *repeated, const char *value)
{
    if (repeated->count == OPTIONS_REPEAT_MAX) {
        argp_error(state, "more than %d of one option", OPTIONS_REPEAT_MAX);
        return EINVAL;
    }
    repeated->values[repeated->count++] = value;
    return 0;
}

static bool is_number(const char *text)
{
    char *end = NULL;
    errno = 0;
    (void)strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

/* `note, warning or error` */
static char *list_choices(const char *const *choices)
{
    char *list = mem_text(choices[0]);
    for (size_t i = 1; choices[i] != NULL; i++) {
        CLEANUP(mem_free_at) char *start = list;
        list = mem_format("%s%s%s", start, choices[i + 1] == NULL ? " or " : ", ", choices[i]);
    }
    return list;
}

static void check_choice(struct argp_state *state, const struct option_row *row, const char *value)
{
    for (size_t i = 0; row->choices[i] != NULL; i++) {
        if (strcmp(value, row->choices[i]) == 0) {
            return;
        }
    }
    CLEANUP(mem_free_at) char *list = list_choices(row->choices);
    argp_error(state, "--%s takes %s, not '%s'", row->name, list, value);
}

/* A value of the wrong kind is wrong usage, found before anything is sent. */
static void check_value(struct argp_state *state, const struct option_row *row, const char *value)
{
    struct span name;
    struct span rest;
    if (row->kind == VALUE_NUMBER && !is_number(value)) {
        argp_error(state, "--%s takes a whole number, not '%s'", row->name, value);
    }
    if (row->kind == VALUE_PAIR && options_split_pair(value, &name, &rest).code != ERR_OK) {
        argp_error(state, "--%s takes NAME=VALUE, not '%s'", row->name, value);
    }
    int64_t seconds;
    if (row->kind == VALUE_DURATION &&
        clock_parse_duration(span_text(value), &seconds).code != ERR_OK) {
        argp_error(state, "--%s takes a time such as 90s, 5m, 12h or 30d, not '%s'", row->name,
                   value);
    }
    CLEANUP(buf_clear) struct buf bytes = {0};
    if (row->kind == VALUE_HEX &&
        (*value == '\0' || hex_decode(span_text(value), &bytes).code != ERR_OK)) {
        argp_error(state, "--%s takes bytes in hex, such as 0a1b2c, not '%s'", row->name, value);
    }
    if (row->choices != NULL) {
        check_choice(state, row, value);
    }
}

static void check_required(struct argp_state *state, const struct parsing *parsing)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const enum option_id option = (enum option_id)i;
        if (option_in(parsing->command->required, option) &&
            !options_has(parsing->options, option)) {
            argp_error(state, "--%s %s is missing", option_rows[i].name, option_rows[i].value);
        }
    }
}

static error_t keep_option(struct argp_state *state, struct options *options, enum option_id option,
                           const char *value)
{
    const struct option_row *row = &option_rows[option];
    check_value(state, row, value);
    if (row->repeated == 0 && options->values[option] != NULL) {
        argp_error(state, "--%s stands twice", row->name);
        return EINVAL;
    }
    options->values[option] = value == NULL ? "" : value;
    if (row->repeated == 0) {
        return 0;
    }
    struct repeated *repeated = (void *)((char *)options + row->repeated);
    return keep_repeated(state, repeated, value);
}

/* What changes one version must say which: none is meant by leaving it out. */
static void check_version(struct argp_state *state, const struct parsing *parsing)
{
    const struct command *command = parsing->command;
    const char *name = parsing->options->arguments[0];
    if (strcmp(command->synopsis, "NAME@VERSION") == 0 && strchr(name, '@') == NULL) {
        argp_error(state, "%s names no version: hsmgate %s %s@1", name, command->words, name);
    }
}

static error_t parse_one(int key, char *value, struct argp_state *state)
{
    const struct parsing *parsing = state->input;
    struct options *options = parsing->options;
    if (key >= KEY_OF(0) && key < KEY_OF(OPTION_COUNT)) {
        return keep_option(state, options, (enum option_id)(key - KEY_OF(0)), value);
    }
    if (key == ARGP_KEY_ARG) {
        if (options->argument_count == parsing->command->arguments_max) {
            argp_error(state, "too many arguments: %s", value);
            return EINVAL;
        }
        options->arguments[options->argument_count++] = value;
        return 0;
    }
    if (key != ARGP_KEY_END) {
        return ARGP_ERR_UNKNOWN;
    }
    if (options->argument_count < parsing->command->arguments_min) {
        argp_error(state, "%s is missing", parsing->command->synopsis);
        return EINVAL;
    }
    check_version(state, parsing);
    check_required(state, parsing);
    return 0;
}

static size_t build_table(const struct command *command, struct argp_option table[OPTION_COUNT + 1])
{
    size_t count = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (i == OPTION_JSON || option_in(command->options, (enum option_id)i)) {
            table[count++] = (struct argp_option){.name = option_rows[i].name,
                                                  .key = KEY_OF(i),
                                                  .arg = option_rows[i].value,
                                                  .doc = option_rows[i].help};
        }
    }
    table[count] = (struct argp_option){0};
    return count;
}

void options_parse(const struct command *command, int argc, char **argv, struct options *out)
{
    struct argp_option table[OPTION_COUNT + 1];
    build_table(command, table);
    struct parsing parsing = {.command = command, .options = out};
    CLEANUP(mem_free_at) char *name = mem_format("hsmgate %s", command->words);
    const struct argp argp = {.options = table,
                              .parser = parse_one,
                              .args_doc = command->synopsis,
                              .doc = command->summary};
    argp_err_exit_status = EXIT_USAGE;
    argv[0] = name;
    argp_parse(&argp, argc, argv, 0, NULL, &parsing);
}

bool option_in(option_set set, enum option_id option)
{
    for (; set != NULL && *set != OPTION_COUNT; set++) {
        if (*set == option) {
            return true;
        }
    }
    return false;
}

bool options_has(const struct options *options, enum option_id option)
{
    return options->values[option] != NULL;
}

const char *option_name(enum option_id option)
{
    return option_rows[option].name;
}

struct err options_split_pair(const char *text, struct span *out_name, struct span *out_value)
{
    const char *equals = strchr(text, '=');
    ENSURE(equals != NULL && equals != text, ERR_INVALID_FIELD, "'%s' is not NAME=VALUE", text);
    *out_name = span_of(text, (size_t)(equals - text));
    *out_value = span_text(equals + 1);
    return err_ok();
}

struct err options_put_pairs(struct json_writer *writer, const char *name,
                             const struct repeated *pairs)
{
    if (pairs->count == 0) {
        return err_ok();
    }
    json_begin_object(writer, name);
    for (size_t i = 0; i < pairs->count; i++) {
        struct span pair_name = {0};
        struct span value = {0};
        TRY(options_split_pair(pairs->values[i], &pair_name, &value));
        CLEANUP(mem_free_at) char *text = span_to_text(pair_name);
        json_put_span(writer, text, value);
    }
    json_end_object(writer);
    return err_ok();
}

struct err options_integer(const struct options *options, enum option_id option, int64_t *out)
{
    const char *text = options->values[option];
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    ENSURE(errno == 0 && end != text && *end == '\0', ERR_INVALID_FIELD,
           "--%s takes a whole number, not '%s'", option_rows[option].name, text);
    *out = value;
    return err_ok();
}
