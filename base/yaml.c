/* Strict YAML files: libcyaml reads the values by a schema, yaml_tree checks the shape before it
 * and finds lines.
 *
 * libcyaml reports through a log callback: first a reason, then a backtrace from the inside out.
 * Both are collected and turned into one line for people. */
#include "base/yaml_inner.h"

#include <stdarg.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/yaml.h"

#define FILE_MAX   ((size_t)1 << 20)
#define FRAMES_MAX 16

/* One line of the backtrace: `name` of a mapping's field ("" before any), or `[n]`. */
struct frame {
    char name[80];
    bool is_entry;
    unsigned line;
};

struct report {
    char reason[YAML_PART_MAX];
    struct frame frames[FRAMES_MAX]; /* innermost first */
    unsigned count;
};

/* How libcyaml's reasons are told. `leaf`: the text after the prefix is the option, below the
 * frames; `drop`: the innermost frame is only where libcyaml stopped. */
static const struct {
    const char *prefix;
    const char *told; /* NULL: as it is */
    bool leaf;
    bool drop;
} reasons[] = {
    {"Unexpected key: ", "unknown option", true, true},
    {"Missing required mapping field: ", "missing", true, true},
    {"Insufficient entries", NULL, false, true},
    {"Excessive entries", NULL, false, true},
    {"STRING length < ", "the text is too short", false, false},
    {"", NULL, false, false},
};

/* `  in mapping field 'NAME' (line: 2, column: 8)`, `  in mapping (line…`, `  in sequence entry 'N'
 * (line…`, where entries count from 1. */
static void add_frame(struct report *report, const char *text)
{
    if (report->count == FRAMES_MAX) {
        return;
    }
    struct frame *frame = &report->frames[report->count++];
    const char *line = strstr(text, "(line: ");
    const char *open = strchr(text, '\'');
    const char *close = open != NULL ? strstr(open, "' (line: ") : NULL;
    *frame = (struct frame){.is_entry = strstr(text, "in sequence entry") != NULL};
    frame->line = line != NULL ? (unsigned)strtoul(line + strlen("(line: "), NULL, 10) : 0;
    if (close == NULL) {
        return;
    }
    if (frame->is_entry) {
        unsigned long entry = strtoul(open + 1, NULL, 10);
        (void)snprintf(frame->name, sizeof(frame->name), "[%lu]", entry > 0 ? entry - 1 : 0);
    } else {
        int len = close - open - 1 < 64 ? (int)(close - open - 1) : 64;
        (void)snprintf(frame->name, sizeof(frame->name), "%.*s", len, open + 1);
    }
}

static void __attribute__((format(printf, 3, 0)))
collect(cyaml_log_t level, void *ctx, const char *format, va_list args)
{
    struct report *report = ctx;
    char text[YAML_PART_MAX];
    if (level != CYAML_LOG_ERROR) {
        return;
    }
    (void)vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\n")] = '\0';
    const char *start = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;
    if (strncmp(start, "  in ", 5) == 0) {
        add_frame(report, start);
    } else if (report->reason[0] == '\0') {
        (void)snprintf(report->reason, sizeof(report->reason), "%s", start);
    }
}

static void *memory_of(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    if (size == 0) {
        mem_free(memory);
        return NULL;
    }
    return mem_resize(memory, size, 1);
}

static cyaml_config_t config_for(struct report *report)
{
    return (cyaml_config_t){
        .log_fn = report != NULL ? collect : NULL,
        .log_ctx = report,
        .mem_fn = memory_of,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

/* Adds `[0]`, or `name` after a dot, to the option; what does not fit is left out. */
static void add_part(char option[YAML_PART_MAX], const char *name)
{
    size_t len = strlen(option);
    bool dot = len > 0 && name[0] != '\0' && name[0] != '[';
    (void)snprintf(option + len, YAML_PART_MAX - len, "%s%s", dot ? "." : "", name);
}

/* The option's own line, else that of its parent, else where libcyaml stopped. */
static unsigned line_for(struct span text, const char *option, const char *parent,
                         const struct report *report)
{
    unsigned line = yaml_tree_line(text, option);
    if (line == 0) {
        line = yaml_tree_line(text, parent);
    }
    return line == 0 && report->count > 0 ? report->frames[0].line : line;
}

static struct yaml_problem problem_of(const struct report *report, struct span text)
{
    size_t row = 0;
    while (strncmp(report->reason, reasons[row].prefix, strlen(reasons[row].prefix)) != 0) {
        row++;
    }
    struct yaml_problem problem = {0};
    for (unsigned i = report->count; i > (reasons[row].drop ? 1 : 0); i--) {
        add_part(problem.option, report->frames[i - 1].name);
    }
    struct yaml_problem parent = problem;
    if (reasons[row].leaf) {
        add_part(problem.option, report->reason + strlen(reasons[row].prefix));
    }
    const char *told = reasons[row].told != NULL ? reasons[row].told : report->reason;
    (void)snprintf(problem.reason, sizeof(problem.reason), "%s", told);
    problem.line = line_for(text, problem.option, parent.option, report);
    return problem;
}

/* Names come out of the file, which somebody else may have written, and go to a terminal. */
static void make_printable(char text[YAML_PART_MAX])
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            text[i] = '?';
        }
    }
}

/* Says the problem in full in `message` and, without the path, in the error. */
static struct err refuse(const char *path, struct yaml_problem *problem, struct buf *message)
{
    make_printable(problem->option);
    make_printable(problem->reason);
    char line[16] = "";
    if (problem->line > 0) {
        (void)snprintf(line, sizeof(line), "%u:", problem->line);
    }
    const char *after = problem->option[0] != '\0' ? ": " : "";
    buf_reset(message);
    TRY(buf_printf(message, "%s:%s %s%s%s", path, line, problem->option, after, problem->reason));
    const char *before = line[0] != '\0' ? "line " : "";
    return err_new(ERR_CONFIG, __func__, "%s%s%s%s%s%s", before, line, line[0] != '\0' ? " " : "",
                   problem->option, after, problem->reason);
}

static struct err load_text(const char *path, struct span text, const cyaml_schema_value_t *schema,
                            void **out, struct buf *message)
{
    struct yaml_problem problem = {0};
    if (!yaml_tree_check(text, &problem)) {
        return refuse(path, &problem, message);
    }
    struct report report = {0};
    cyaml_config_t config = config_for(&report);
    cyaml_data_t *data = NULL;
    cyaml_err_t result = cyaml_load_data(text.data, text.len, &config, schema, &data, NULL);
    if (result == CYAML_OK && data != NULL) {
        *out = data;
        return err_ok();
    }
    if (report.reason[0] == '\0') {
        (void)snprintf(report.reason, sizeof(report.reason), "%s",
                       result == CYAML_OK ? "the file is empty" : cyaml_strerror(result));
    }
    problem = problem_of(&report, text);
    return refuse(path, &problem, message);
}

struct err yaml_load(const char *path, const cyaml_schema_value_t *schema, void **out,
                     struct buf *message)
{
    CLEANUP(buf_clear) struct buf text = {.max = FILE_MAX};
    struct err err = file_read(path, &text);
    if (err.code != ERR_OK) {
        struct yaml_problem problem = {0};
        (void)snprintf(problem.reason, sizeof(problem.reason), "%s", err.detail);
        return refuse(path, &problem, message);
    }
    return load_text(path, buf_span(&text), schema, out, message);
}

struct err yaml_pairs_of(const char *path, const char *option, yaml_pair *each, void *arg,
                         struct buf *message)
{
    CLEANUP(buf_clear) struct buf text = {.max = FILE_MAX};
    struct yaml_problem problem = {0};
    TRY(file_read(path, &text));
    return yaml_tree_pairs(buf_span(&text), option, each, arg, &problem)
               ? err_ok()
               : refuse(path, &problem, message);
}

void yaml_free(const cyaml_schema_value_t *schema, void *data)
{
    cyaml_config_t config = config_for(NULL);
    (void)cyaml_free(&config, schema, data, 0);
}

unsigned yaml_line_of(const char *path, const char *option)
{
    CLEANUP(buf_clear) struct buf text = {.max = FILE_MAX};
    struct err err = file_read(path, &text);
    return err.code == ERR_OK ? yaml_tree_line(buf_span(&text), option) : 0;
}
