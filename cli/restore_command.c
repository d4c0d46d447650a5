/* `hsmgate restore`: what was put where, what must be done again, and what comes next. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/restore.h"

/* The command that does it again; "" when a person must look what it was. */
static const char *command_again(const char *operation)
{
    static const struct {
        const char *operation, *command;
    } commands_again[] = {
        {"compromise", "hsmgate key compromise"},
        {"disable", "hsmgate key disable"},
        {"destroy", "hsmgate key destroy"},
        {"schedule-destroy", "hsmgate key destroy"},
        {"retire", "hsmgate key retire"},
        {"promote", "hsmgate key promote"},
        {"confirm-destroy", "hsmgate key plan"},
        {"enable", "hsmgate key enable"},
        {"cancel-destroy", "hsmgate key cancel-destroy"},
        {"rotate", "hsmgate key rotate"},
        {"adopt", "hsmgate token inventory"},
        {"create", "hsmgate token inventory"},
        {"update", "hsmgate key update"},
        {"manage-grants", "hsmgate grant list"},
        {"manage-tokens", "hsmgate token list, hsmgate access-key list"},
    };
    for (size_t i = 0; i < ARRAY_LEN(commands_again); i++) {
        if (strcmp(operation, commands_again[i].operation) == 0) {
            return commands_again[i].command;
        }
    }
    return "";
}

static void print_redo(const struct redo *redo)
{
    CLEANUP(table_clear) struct table table = {0};
    static const char *const titles[] = {"RECORD", "TIME", "OPERATION", "KEY", "BY", "SEE"};
    table_row(&table, ARRAY_LEN(titles), titles);
    for (size_t i = 0; i < redo->count; i++) {
        const struct redo_entry *entry = &redo->entries[i];
        CLEANUP(mem_free_at) char *seq = mem_format("%" PRIu64, entry->seq);
        const char *const cells[] = {seq,        entry->time,      entry->operation,
                                     entry->key, entry->principal, command_again(entry->operation)};
        table_row(&table, ARRAY_LEN(cells), cells);
    }
    table_print(&table);
}

static void print_log(const struct restore *what, const struct restored *restored)
{
    if (!restored->log_kept) {
        printf("%s: the audit log as it was, %" PRIu64 " records\n", what->audit,
               restored->manifest.head.size);
        return;
    }
    printf("%s: the log that is there goes on; %" PRIu64 " of its records are behind the backup\n",
           what->audit, restored->later);
    if (restored->redo.count == 0) {
        printf("none of them changed a key, a grant or a bearer token\n");
        return;
    }
    printf("\nwhat they changed is undone by the restore and must be done again, most dangerous "
           "first:\n\n");
    print_redo(&restored->redo);
}

static void print_restored(const struct restore *what, const struct restored *restored)
{
    CLEANUP(mem_free_at)
    char *head = mem_format("restored %s of %s to %s", restored->manifest.name,
                            restored->manifest.taken_at, what->database);
    output_harmless(head);
    printf("%s\n", head);
    print_log(what, restored);
    printf("\nnext:\n"
           "1. start hsmgated with this database and this audit folder, and look: hsmgate status\n"
           "2. versions made after the backup are on the token without a row (orphans), destroyed "
           "ones have a row and no material:\n"
           "   its log says so at start, and hsmgate token inventory shows both\n"
           "3. AES-GCM keys rotate: their counters of uses are older than their use\n");
}

static void put_redo(struct json_writer *writer, const struct redo *redo)
{
    json_begin_array(writer, "redo");
    for (size_t i = 0; i < redo->count; i++) {
        const struct redo_entry *entry = &redo->entries[i];
        json_begin_object(writer, NULL);
        json_put_integer(writer, "seq", (int64_t)entry->seq);
        json_put_text(writer, "time", entry->time);
        json_put_text(writer, "operation", entry->operation);
        json_put_text(writer, "key", entry->key);
        json_put_text(writer, "principal", entry->principal);
        json_end_object(writer);
    }
    json_end_array(writer);
}

static struct err print_json(const struct options *options, const struct restore *what,
                             const struct restored *restored)
{
    CLEANUP(buf_clear) struct buf text = {0};
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "name", restored->manifest.name);
    json_put_text(&writer, "taken_at", restored->manifest.taken_at);
    json_put_text(&writer, "gateway_version", restored->manifest.gateway_version);
    json_put_text(&writer, "database", what->database);
    json_put_text(&writer, "audit", what->audit);
    json_put_integer(&writer, "records", (int64_t)restored->manifest.head.size);
    json_put_flag(&writer, "log_kept", restored->log_kept);
    json_put_flag(&writer, "log_torn", restored->log_torn);
    json_put_integer(&writer, "later_records", (int64_t)restored->later);
    put_redo(&writer, &restored->redo);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return output_line(options, buf_span(&text));
}

struct err restore_restore(struct client *client, const struct options *options, int *out_exit)
{
    (void)client;
    (void)out_exit;
    CLEANUP(restored_clear) struct restored restored = {0};
    const struct restore what = {.backup = options->arguments[0],
                                 .database = options->values[OPTION_DATABASE],
                                 .audit = options->values[OPTION_AUDIT]};
    TRY(restore_run(&what, &restored));
    if (options_has(options, OPTION_JSON)) {
        return print_json(options, &what, &restored);
    }
    print_restored(&what, &restored);
    return err_ok();
}
