/* output: answers for people and for programs. */
#ifndef HSMGATE_CLI_OUTPUT_H
#define HSMGATE_CLI_OUTPUT_H

#include "cli/client.h"
#include "cli/options.h"

/* With --json: writes the answer as one line, as output_line does, and gives true. Ends the program
 * with status 1 when it cannot be written. */
bool output_json(const struct options *options, const struct response *response);
/* Writes to --out FILE (0600) or standard output. */
MUST_USE struct err output_bytes(const struct options *options, struct span bytes);
MUST_USE struct err output_line(const struct options *options, struct span text);
/* Likewise, but always to standard output, for commands whose --out is something else. */
MUST_USE struct err output_stdout_line(struct span text);
/* The text member of an answer's root, decoded from base64 or as a line. ERR_CORRUPT when the
 * server left it out. */
MUST_USE struct err output_member_bytes(const struct options *options, const struct json *json,
                                        const char *member);
MUST_USE struct err output_member_line(const struct options *options, const struct json *json,
                                       const char *member);

/* A text member ("" when absent) and a number member (0 when absent) of an object. */
struct span member_text(const struct json_value *object, const char *name);
int64_t member_integer(const struct json_value *object, const char *name);
bool member_flag(const struct json_value *object, const char *name);

/* Turns what a terminal would obey (C0, DEL, C1) into `?`: the text came over the network. */
void output_harmless(char *text);

/* Prints lines, each of them harmless. */
void output_lines(struct span lines);

#define TABLE_COLUMNS_MAX 8
/* A table of left-aligned columns; cells are copied, control characters shown as `?`. */
struct table {
    size_t columns;
    size_t rows;
    char **cells;
};
void table_row(struct table *table, size_t columns, const char *const *cells);
void table_print(const struct table *table);
void table_clear(struct table *table);

/* Says on standard error what is wrong with the command line, and sets EXIT_USAGE; ok. */
MUST_USE struct err output_misuse(int *out_exit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Says what went wrong on standard error. */
void output_reason(const struct err *err);
/* Likewise, and what to do next with the gateway. */
void output_error(const struct err *err);

#endif
