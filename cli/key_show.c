/* `hsmgate key show`: what is said of a key, and each of its versions. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"

static void show_versions(const struct json_value *key)
{
    CLEANUP(table_clear) struct table table = {0};
    static const char *const titles[] = {"VERSION", "STATE", "CREATED",  "ACTIVATED",
                                         "RETIRED", "USES",  "LAST USED"};
    table_row(&table, ARRAY_LEN(titles), titles);
    for (const struct json_value *version = json_first(json_member(key, "versions"));
         version != NULL; version = json_next(version)) {
        CLEANUP(mem_free_at)
        char *number = mem_format("%lld", (long long)member_integer(version, "version"));
        CLEANUP(mem_free_at)
        char *uses = mem_format("%lld", (long long)member_integer(version, "uses"));
        const char *const cells[] = {number,
                                     (const char *)member_text(version, "state").data,
                                     (const char *)member_text(version, "created_at").data,
                                     (const char *)member_text(version, "activated_at").data,
                                     (const char *)member_text(version, "retired_at").data,
                                     uses,
                                     (const char *)member_text(version, "last_used_at").data};
        table_row(&table, ARRAY_LEN(cells), cells);
    }
    printf("\n");
    table_print(&table);
}

/* `name=value` for each member of an object: labels, rotation, jwt. */
static struct err add_object_row(struct table *table, const char *name,
                                 const struct json_value *object)
{
    CLEANUP(buf_clear) struct buf line = {0};
    for (const struct json_value *member = json_first(object); member != NULL;
         member = json_next(member)) {
        struct span text;
        TRY(buf_printf(&line, "%s%s=", line.len > 0 ? " " : "", json_name(member)));
        if (json_as_text(member, &text)) {
            TRY(buf_append(&line, text));
            continue;
        }
        struct json_writer writer = json_writer_on(&line);
        json_put_value(&writer, NULL, member);
        TRY(json_finish(&writer));
    }
    if (line.len == 0) {
        return err_ok();
    }
    CLEANUP(mem_free_at) char *text = span_to_text(buf_span(&line));
    const char *const cells[] = {name, text};
    table_row(table, ARRAY_LEN(cells), cells);
    return err_ok();
}

struct err key_show(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    TRY(client_call_key(client, "GET", options->arguments[0], "", (struct span){0}, &response));
    if (output_json(options, &response)) {
        return err_ok();
    }
    CLEANUP(json_clear) struct json json = {0};
    TRY(json_parse(buf_span(&response.body), &json));
    CLEANUP(table_clear) struct table table = {0};
    static const char *const members[] = {"name",           "id",        "algorithm", "purpose",
                                          "token",          "owner",     "contact",   "description",
                                          "classification", "created_at"};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const struct span text = member_text(json.root, members[i]);
        if (text.len > 0) {
            const char *const cells[] = {members[i], (const char *)text.data};
            table_row(&table, ARRAY_LEN(cells), cells);
        }
    }
    static const char *const objects[] = {"labels", "rotation", "jwt"};
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        TRY(add_object_row(&table, objects[i], json_member(json.root, objects[i])));
    }
    table_print(&table);
    show_versions(json.root);
    return err_ok();
}
