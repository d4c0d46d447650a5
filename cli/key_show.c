/* `hsmgate key show`: what is said of a key, and each of its versions. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/output.h"

static void add_version_row(struct table *table, const struct json_value *version)
{
    static const char *const times[] = {"created_at", "activated_at", "retired_at", "last_used_at"};
    char texts[ARRAY_LEN(times)][HUMAN_MAX];
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        human_time(member_text(version, times[i]), texts[i]);
    }
    CLEANUP(mem_free_at)
    char *number = mem_format("%lld", (long long)member_integer(version, "version"));
    CLEANUP(mem_free_at)
    char *uses = mem_format("%lld", (long long)member_integer(version, "uses"));
    const char *const cells[] = {number,   (const char *)member_text(version, "state").data,
                                 texts[0], texts[1],
                                 texts[2], uses,
                                 texts[3]};
    table_row(table, ARRAY_LEN(cells), cells);
}

/* What a column would be empty for most of the time, in words. */
static struct err add_notes(const struct json_value *version, struct buf *out)
{
    static const struct {
        const char *member, *words;
    } times[] = {{"published_at", "published since"},
                 {"promote_at", "the primary from"},
                 {"destroy_at", "destroyed at"}};
    const bool waits = !span_is(member_text(version, "state"), "destroyed");
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        char text[HUMAN_MAX];
        human_time(member_text(version, times[i].member), text);
        if (waits && text[0] != '\0' && (i > 0 || json_member(version, "promote_at") != NULL)) {
            TRY(buf_printf(out, "%s%s %s", out->len > 0 ? ", " : "", times[i].words, text));
        }
    }
    const struct span origin = member_text(version, "origin");
    if (origin.len > 0) {
        TRY(buf_printf(out, "%s%.*s", out->len > 0 ? ", " : "", (int)origin.len,
                       (const char *)origin.data));
    }
    const char *before = " (";
    for (const struct json_value *at = json_first(json_member(version, "attributes")); at != NULL;
         at = json_next(at)) {
        struct span word = span_text("");
        json_as_text(at, &word);
        TRY(buf_printf(out, "%s%.*s", before, (int)word.len, (const char *)word.data));
        before = ", ";
    }
    TRY(buf_append_text(out, before[0] == ',' ? ")" : ""));
    const struct span reason = member_text(version, "reason");
    return reason.len == 0 ? err_ok()
                           : buf_printf(out, "%s\"%.*s\"", out->len > 0 ? ", " : "",
                                        (int)reason.len, (const char *)reason.data);
}

static struct err show_notes(const struct json_value *versions)
{
    for (const struct json_value *version = json_first(versions); version != NULL;
         version = json_next(version)) {
        CLEANUP(buf_clear) struct buf notes = {0};
        TRY(add_notes(version, &notes));
        if (notes.len > 0) {
            CLEANUP(mem_free_at) char *text = span_to_text(buf_span(&notes));
            output_harmless(text);
            printf("version %lld: %s\n", (long long)member_integer(version, "version"), text);
        }
    }
    return err_ok();
}

static struct err show_versions(const struct json_value *versions)
{
    CLEANUP(table_clear) struct table table = {0};
    static const char *const titles[] = {"VERSION", "STATE", "CREATED",  "ACTIVATED",
                                         "RETIRED", "USES",  "LAST USED"};
    table_row(&table, ARRAY_LEN(titles), titles);
    for (const struct json_value *version = json_first(versions); version != NULL;
         version = json_next(version)) {
        add_version_row(&table, version);
    }
    printf("\n");
    table_print(&table);
    return show_notes(versions);
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
    static const char *const objects[] = {"labels", "rotation", "jwt", "approval", "frozen"};
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        TRY(add_object_row(&table, objects[i], json_member(json.root, objects[i])));
    }
    table_print(&table);
    return show_versions(json_member(json.root, "versions"));
}
