/* Answers: JSON as it came for programs, tables and lines for people, errors with the next step. */
#include "cli/output.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/harmless.h"
#include "base/mem.h"
#include "cli/command.h"

bool output_json(const struct options *options, const struct response *response)
{
    if (!options_has(options, OPTION_JSON)) {
        return false;
    }
    const struct err err = output_line(options, buf_span(&response->body));
    if (err.code != ERR_OK) {
        output_error(&err);
        exit(EXIT_FAILURE);
    }
    return true;
}

struct err output_bytes(const struct options *options, struct span bytes)
{
    const char *path = options->values[OPTION_OUT];
    if (path != NULL && strcmp(path, "-") != 0) {
        const struct err err = file_write(path, bytes, 0600);
        ENSURE(err.code == ERR_OK, ERR_IO, "%s: cannot be written", path);
        return err_ok();
    }
    fflush(stdout);
    return fd_write_all(STDOUT_FILENO, bytes);
}

struct err output_line(const struct options *options, struct span text)
{
    CLEANUP(buf_clear) struct buf line = {0};
    TRY(buf_append(&line, text));
    TRY(buf_append_u8(&line, '\n'));
    return output_bytes(options, buf_span(&line));
}

struct err output_stdout_line(struct span text)
{
    static const struct options nowhere_else = {0};
    return output_line(&nowhere_else, text);
}

static struct err member_of(const struct json *json, const char *member, struct span *out)
{
    ENSURE(json_as_text(json_member(json->root, member), out), ERR_CORRUPT,
           "the server's answer has no '%s'", member);
    return err_ok();
}

struct err output_member_bytes(const struct options *options, const struct json *json,
                               const char *member)
{
    struct span text;
    CLEANUP(buf_clear) struct buf bytes = {0};
    TRY(member_of(json, member, &text));
    TRY(base64_decode(text, &bytes));
    return output_bytes(options, buf_span(&bytes));
}

struct err output_member_line(const struct options *options, const struct json *json,
                              const char *member)
{
    struct span text;
    TRY(member_of(json, member, &text));
    return output_line(options, text);
}

struct span member_text(const struct json_value *object, const char *name)
{
    struct span text = span_text("");
    json_as_text(json_member(object, name), &text);
    return text;
}

int64_t member_integer(const struct json_value *object, const char *name)
{
    int64_t value = 0;
    json_as_integer(json_member(object, name), &value);
    return value;
}

bool member_flag(const struct json_value *object, const char *name)
{
    bool value = false;
    json_as_flag(json_member(object, name), &value);
    return value;
}

void output_harmless(char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        const size_t harmful = harmful_len(span_of(text, left));
        memset(text, '?', harmful);
        text += harmful > 0 ? harmful : 1;
        left -= harmful > 0 ? harmful : 1;
    }
}

void output_lines(struct span lines)
{
    CLEANUP(mem_free_at) char *text = span_to_text(lines);
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        output_harmless(line);
        if (*line != '\0' || rest != NULL) {
            printf("%s\n", line);
        }
    }
}

void table_row(struct table *table, size_t columns, const char *const *cells)
{
    table->columns = columns;
    table->cells = mem_resize(table->cells, (table->rows + 1) * columns, sizeof *table->cells);
    for (size_t i = 0; i < columns; i++) {
        char *cell = mem_text(cells[i]);
        output_harmless(cell);
        table->cells[table->rows * columns + i] = cell;
    }
    table->rows++;
}

void table_print(const struct table *table)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < table->rows * table->columns; i++) {
        const size_t len = strlen(table->cells[i]);
        const size_t column = i % table->columns;
        widths[column] = len > widths[column] ? len : widths[column];
    }
    for (size_t i = 0; i < table->rows * table->columns; i++) {
        const size_t column = i % table->columns;
        if (column + 1 == table->columns) {
            printf("%s\n", table->cells[i]);
        } else {
            printf("%-*s  ", (int)widths[column], table->cells[i]);
        }
    }
}

void table_clear(struct table *table)
{
    for (size_t i = 0; i < table->rows * table->columns; i++) {
        mem_free(table->cells[i]);
    }
    mem_free(table->cells);
    *table = (struct table){0};
}

/* A file that cannot be read, or is not there, says nothing of the gateway. */
static bool is_of_files(const struct err *err)
{
    if (err->code == ERR_NOT_FOUND) {
        return err->where != NULL && strcmp(err->where, "client_problem_of") != 0;
    }
    return err->code == ERR_IO &&
           (err->where == NULL || strcmp(err->where, "client_exchange") != 0);
}

static const char *next_step(enum err_code code)
{
    static const struct {
        enum err_code code;
        const char *step;
    } steps[] = {
        {ERR_IO, "is hsmgated running, and does HSMGATE_ADDR name it? For a development instance: "
                 ". DIR/env"},
        {ERR_FORBIDDEN, "hsmgate whoami shows who you are; an administrator may do this"},
        {ERR_NOT_FOUND, "hsmgate key list shows the keys that you may see, hsmgate break-glass "
                        "list the requests"},
        {ERR_TOKEN_UNAVAILABLE, "hsmgate tokens shows the state of each token; the gateway starts "
                                "a worker again by itself"},
        {ERR_AUDIT_UNAVAILABLE,
         "free space where the audit log lies; the gateway goes on by itself"},
        {ERR_KEY_EXHAUSTED, "hsmgate key rotate NAME"},
        {ERR_UNSUPPORTED_BY_TOKEN, "hsmgate tokens shows what each token passed"},
        {ERR_INVALID_STATE, "hsmgate key show NAME shows the state of each version"},
        {ERR_APPROVAL_REQUIRED, "hsmgate break-glass show ID shows who has voted; for a key with "
                                "approval: hsmgate break-glass request --help"},
        {ERR_OVERLOADED, "again in a second"},
    };
    if (code == ERR_UNAUTHENTICATED) {
        const char *token = getenv("HSMGATE_TOKEN");
        return token == NULL || *token == '\0'
                   ? "export HSMGATE_TOKEN (for a development instance: . DIR/env)"
                   : "the token may have expired or been revoked: ask for a new one";
    }
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i].code == code) {
            return steps[i].step;
        }
    }
    return NULL;
}

struct err output_misuse(int *out_exit, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "hsmgate: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    *out_exit = EXIT_USAGE;
    return err_ok();
}

void output_reason(const struct err *err)
{
    CLEANUP(mem_free_at) char *detail = mem_text(err->detail);
    output_harmless(detail);
    fprintf(stderr, "hsmgate: %s (%s)\n", detail, err_word(err->code));
}

void output_error(const struct err *err)
{
    output_reason(err);
    const char *step = is_of_files(err) ? NULL : next_step(err->code);
    if (step != NULL) {
        fprintf(stderr, "try: %s\n", step);
    }
}
