/* How grants look to people. Everything here came over the network, so control characters are shown
 * as `?`. */
#include "cli/grant_view.h"

#include <stdio.h>

#include "base/mem.h"
#include "cli/output.h"

static char *json_text(const struct json_value *value)
{
    CLEANUP(buf_clear) struct buf line = {0};
    struct json_writer writer = json_writer_on(&line);
    json_put_value(&writer, NULL, value);
    return json_finish(&writer).code == ERR_OK ? span_to_text(buf_span(&line)) : mem_text("?");
}

static char *one_text(const struct json_value *value)
{
    struct span text;
    return json_as_text(value, &text) ? span_to_text(text) : json_text(value);
}

char *grant_value_text(const struct json_value *value)
{
    if (value == NULL) {
        return mem_text("");
    }
    const bool is_object = json_is(value, JSON_OBJECT);
    if (!is_object && !json_is(value, JSON_ARRAY)) {
        return one_text(value);
    }
    char *line = mem_text("");
    for (const struct json_value *item = json_first(value); item != NULL; item = json_next(item)) {
        CLEANUP(mem_free_at) char *text = one_text(item);
        CLEANUP(mem_free_at) char *before = line;
        line = mem_format("%s%s%s%s%s", before, *before != '\0' ? (is_object ? " " : ",") : "",
                          is_object ? json_name(item) : "", is_object ? "=" : "", text);
    }
    return line;
}

static void print_line(char *line)
{
    output_harmless(line);
    printf("%s\n", line);
}

/* What a person wrote, or would have; not who did it and when. */
static bool is_content(const struct json_value *member)
{
    static const char *const others[] = {"id", "created_at", "updated_at", "updated_by",
                                         "last_used_at"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (span_is(span_text(json_name(member)), others[i])) {
            return false;
        }
    }
    bool flag = false;
    return !json_as_flag(member, &flag) || flag; /* `false` is what nobody writes */
}

static void print_whole(char sign, const char *id, const struct json_value *grant)
{
    CLEANUP(mem_free_at) char *head = mem_format("%c %s", sign, id);
    print_line(head);
    for (const struct json_value *member = json_first(grant); member != NULL;
         member = json_next(member)) {
        CLEANUP(mem_free_at) char *text = grant_value_text(member);
        CLEANUP(mem_free_at) char *line = mem_format("    %s: %s", json_name(member), text);
        if (is_content(member)) {
            print_line(line);
        }
    }
}

static void print_update(const char *id, const struct json_value *change)
{
    CLEANUP(mem_free_at) char *head = mem_format("~ %s", id);
    print_line(head);
    for (const struct json_value *field = json_first(json_member(change, "fields")); field != NULL;
         field = json_next(field)) {
        CLEANUP(mem_free_at) char *name = one_text(field);
        CLEANUP(mem_free_at)
        char *before = grant_value_text(json_member(json_member(change, "before"), name));
        CLEANUP(mem_free_at)
        char *after = grant_value_text(json_member(json_member(change, "after"), name));
        CLEANUP(mem_free_at)
        char *line = mem_format("    %s: %s -> %s", name, *before != '\0' ? before : "(none)",
                                *after != '\0' ? after : "(none)");
        print_line(line);
    }
}

void grant_print_changes(const struct json_value *changes)
{
    unsigned created = 0;
    unsigned changed = 0;
    unsigned deleted = 0;
    unsigned same = 0;
    for (const struct json_value *change = json_first(changes); change != NULL;
         change = json_next(change)) {
        const struct span kind = member_text(change, "change");
        const char *id = (const char *)member_text(change, "id").data;
        if (span_is(kind, "create")) {
            print_whole('+', id, json_member(change, "after"));
            created++;
        } else if (span_is(kind, "delete")) {
            print_whole('-', id, json_member(change, "before"));
            deleted++;
        } else if (span_is(kind, "update")) {
            print_update(id, change);
            changed++;
        } else {
            same++;
        }
    }
    printf("%u created, %u changed, %u deleted, %u as they are\n", created, changed, deleted, same);
}

bool grant_has_changes(const struct json_value *changes)
{
    for (const struct json_value *change = json_first(changes); change != NULL;
         change = json_next(change)) {
        if (!span_is(member_text(change, "change"), "none")) {
            return true;
        }
    }
    return false;
}
