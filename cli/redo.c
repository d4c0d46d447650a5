/* Looks for what changed keys, grants or bearer tokens, and succeeded. What takes something out of
 * use comes first: restored, it works again as if nothing had been. */
#include "cli/redo.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/output.h"

#define LINE_MAX_BYTES ((size_t)64 << 10) /* more than a record has */
#define SEQ_START      "{\"seq\":"

/* By how much harm forgetting it does. */
static const char *const operations[] = {
    "compromise",       "disable",       "cancel-destroy", "destroy", "confirm-destroy",
    "schedule-destroy", "manage-tokens", "manage-grants",  "retire",  "rotate",
    "promote",          "adopt",         "create",         "update",  "enable",
};

void redo_clear(struct redo *redo)
{
    for (size_t i = 0; i < redo->count; i++) {
        mem_free(redo->entries[i].time);
        mem_free(redo->entries[i].operation);
        mem_free(redo->entries[i].key);
        mem_free(redo->entries[i].principal);
    }
    mem_free(redo->entries);
    *redo = (struct redo){0};
}

/* What was done: one operation, which grants name, may have several verbs. */
static struct span done_of(const struct json_value *record)
{
    const struct json_value *detail = json_member(record, "detail");
    const struct span verb = member_text(detail, "verb");
    return verb.len > 0 ? verb : member_text(record, "operation");
}

/* Which of the operations it is; false for a record of anything else. */
static bool rank_of(const struct json_value *record, unsigned *out)
{
    const struct span kind = member_text(record, "kind");
    if (!span_is(member_text(record, "outcome"), "ok") ||
        (!span_is(kind, "request") && !span_is(kind, "system"))) {
        return false;
    }
    const struct span operation = done_of(record);
    for (unsigned i = 0; i < ARRAY_LEN(operations); i++) {
        if (span_is(operation, operations[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

static void add_entry(struct redo *redo, const struct json_value *record, unsigned rank)
{
    const struct span key = member_text(record, "key");
    const int64_t version = member_integer(record, "version");
    redo->entries = mem_resize(redo->entries, redo->count + 1, sizeof *redo->entries);
    redo->entries[redo->count++] = (struct redo_entry){
        .rank = rank,
        .seq = (uint64_t)member_integer(record, "seq"),
        .time = span_to_text(member_text(record, "time")),
        .operation = span_to_text(done_of(record)),
        .key = version > 0 ? mem_format("%.*s@%lld", (int)key.len, (const char *)key.data,
                                        (long long)version)
                           : span_to_text(key),
        .principal = span_to_text(member_text(record, "principal"))};
}

static struct err take_line(struct span line, uint64_t after, struct redo *redo)
{
    CLEANUP(json_clear) struct json json = {0};
    unsigned rank;
    const char *text = (const char *)line.data;
    if (!span_starts(line, SEQ_START) || strtoull(text + strlen(SEQ_START), NULL, 10) <= after) {
        return err_ok();
    }
    TRY(json_parse(line, &json));
    if (rank_of(json.root, &rank)) {
        add_entry(redo, json.root, rank);
    }
    return err_ok();
}

static void close_file(FILE **file)
{
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

/* A last line that is not whole was never acknowledged. */
static struct err read_file(const char *path, uint64_t after, struct redo *redo)
{
    CLEANUP(close_file) FILE *file = fopen(path, "re");
    CLEANUP(mem_free_at) char *line = mem_alloc(LINE_MAX_BYTES);
    ENSURE(file != NULL, ERR_IO, "%s: %s", path, strerror(errno));
    while (fgets(line, (int)LINE_MAX_BYTES, file) != NULL) {
        const size_t len = strlen(line);
        if (len > 0 && line[len - 1] == '\n') {
            TRY(take_line(span_of(line, len - 1), after, redo));
        }
    }
    ENSURE(ferror(file) == 0, ERR_IO, "%s: cannot be read", path);
    return err_ok();
}

static int is_log_file(const struct dirent *entry)
{
    const size_t len = strlen(entry->d_name);
    return strncmp(entry->d_name, "audit-", 6) == 0 && len > 12 &&
           strcmp(entry->d_name + len - 6, ".jsonl") == 0;
}

static int compare_entries(const void *left, const void *right)
{
    const struct redo_entry *a = left;
    const struct redo_entry *b = right;
    if (a->rank != b->rank) {
        return a->rank < b->rank ? -1 : 1;
    }
    return a->seq < b->seq ? -1 : a->seq > b->seq ? 1 : 0;
}

static void close_folder(DIR **folder)
{
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

struct err redo_read(const char *log, uint64_t after, struct redo *out)
{
    CLEANUP(redo_clear) struct redo redo = {0};
    CLEANUP(close_folder) DIR *folder = opendir(log);
    ENSURE(folder != NULL, ERR_IO, "%s: %s", log, strerror(errno));
    /* cppcheck-suppress readdirCalled ; the listing is ours alone, readdir is safe then */
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (is_log_file(entry)) {
            CLEANUP(mem_free_at) char *path = mem_format("%s/%s", log, entry->d_name);
            TRY(read_file(path, after, &redo));
        }
    }
    if (redo.count > 0) {
        qsort(redo.entries, redo.count, sizeof *redo.entries, compare_entries);
    }
    *out = redo;
    redo = (struct redo){0};
    return err_ok();
}
