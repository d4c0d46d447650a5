/* A file of grants: libcyaml holds its shape, this file says it again as the JSON of the API.
 *
 * Checked here is what a line of the file can be named for: shape, names, duplicates, times.
 * Whether an operation exists and a pattern lies in the namespace is for the gateway, which has the
 * last word anyway. */
#include "cli/grant_file.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/yaml.h"

#define TEXT_MAX   4096
#define GRANTS_MAX 1000 /* as the gateway takes at once */
#define LIST_MAX   64
#define OPTION_LEN 64

struct file_grant {
    char *id;
    char *principal;
    char *keys;
    char **operations;
    unsigned operations_count;
    char **source;
    unsigned source_count;
    char *expires_at;
    char *justification;
    bool *allow_dual_role;
};

struct file {
    char *name_space;
    struct file_grant *grants;
    unsigned grants_count;
};

#define TEXT(name, structure, member) \
    CYAML_FIELD_STRING_PTR(name, CYAML_FLAG_POINTER, structure, member, 1, TEXT_MAX)
#define OPTIONAL_TEXT(name, structure, member)                                                   \
    CYAML_FIELD_STRING_PTR(name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member, 1, \
                           TEXT_MAX)

static const cyaml_schema_value_t text_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX),
};

static const cyaml_schema_field_t grant_fields[] = {
    TEXT("id", struct file_grant, id),
    TEXT("principal", struct file_grant, principal),
    TEXT("keys", struct file_grant, keys),
    CYAML_FIELD_SEQUENCE("operations", CYAML_FLAG_POINTER, struct file_grant, operations,
                         &text_schema, 1, LIST_MAX),
    CYAML_FIELD_IGNORE("context",
                       CYAML_FLAG_OPTIONAL), /* its names are the user's: yaml_pairs_of */
    CYAML_FIELD_SEQUENCE("source", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file_grant,
                         source, &text_schema, 1, LIST_MAX),
    OPTIONAL_TEXT("expires_at", struct file_grant, expires_at),
    TEXT("justification", struct file_grant, justification),
    CYAML_FIELD_BOOL_PTR("allow_dual_role", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct file_grant, allow_dual_role),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t grant_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_grant, grant_fields),
};

static const cyaml_schema_field_t file_fields[] = {
    TEXT("namespace", struct file, name_space),
    CYAML_FIELD_SEQUENCE("grants", CYAML_FLAG_POINTER, struct file, grants, &grant_schema, 0,
                         GRANTS_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, file_fields),
};

static void free_file(struct file **file)
{
    yaml_free(&file_schema, *file);
}

struct check {
    const char *path;
    struct buf *message;
    size_t findings;
};

static void find(struct check *check, const char *option, const char *reason)
{
    const char *before = check->message->len > 0 ? "\n" : "";
    struct err err = buf_printf(check->message, "%s%s:%u: %s: %s", before, check->path,
                                yaml_line_of(check->path, option), option, reason);
    check->findings += err.code == ERR_OK ? 1 : 2; /* a full buffer is a finding all the same */
}

static void check_grant(struct check *check, const struct file *file, unsigned index)
{
    const struct file_grant *grant = &file->grants[index];
    const struct span id = span_text(grant->id);
    char option[OPTION_LEN];
    (void)snprintf(option, sizeof(option), "grants[%u].id", index);
    if (strchr(grant->id, '/') != NULL || name_check_namespace(id).code != ERR_OK) {
        find(check, option, "must look like [a-z0-9][a-z0-9._-]{0,62}");
    }
    for (unsigned i = 0; i < index; i++) {
        if (strcmp(file->grants[i].id, grant->id) == 0) {
            find(check, option, "another grant in this file has the same id");
            break;
        }
    }
    int64_t time;
    (void)snprintf(option, sizeof(option), "grants[%u].expires_at", index);
    if (grant->expires_at != NULL &&
        clock_parse(span_text(grant->expires_at), &time).code != ERR_OK) {
        find(check, option, "must be a time such as 2027-01-31T00:00:00Z");
    }
}

static void put_texts(struct json_writer *writer, const char *name, char *const *texts,
                      unsigned count)
{
    json_begin_array(writer, name);
    for (unsigned i = 0; i < count; i++) {
        json_put_text(writer, NULL, texts[i]);
    }
    json_end_array(writer);
}

/* All contexts of the file in the order of their entries: names and values in turn. */
struct contexts {
    struct context_pair {
        unsigned entry;
        char *name;
        char *value;
    } * pairs;
    size_t count;
};

static void keep_pair(void *arg, unsigned entry, struct span name, struct span value)
{
    struct contexts *contexts = arg;
    contexts->pairs = mem_resize(contexts->pairs, contexts->count + 1, sizeof(*contexts->pairs));
    contexts->pairs[contexts->count++] =
        (struct context_pair){entry, span_to_text(name), span_to_text(value)};
}

static void contexts_clear(struct contexts *contexts)
{
    for (size_t i = 0; i < contexts->count; i++) {
        mem_free(contexts->pairs[i].name);
        mem_free(contexts->pairs[i].value);
    }
    mem_free(contexts->pairs);
}

/* Moves *next over the pairs of this entry. */
static void put_context(struct json_writer *writer, const struct contexts *contexts, unsigned entry,
                        size_t *next)
{
    const size_t first = *next;
    while (*next < contexts->count && contexts->pairs[*next].entry == entry) {
        if (*next == first) {
            json_begin_object(writer, "context");
        }
        json_put_text(writer, contexts->pairs[*next].name, contexts->pairs[*next].value);
        (*next)++;
    }
    if (*next > first) {
        json_end_object(writer);
    }
}

/* All but the context. */
static void put_grant(struct json_writer *writer, const struct file_grant *grant)
{
    json_put_text(writer, "id", grant->id);
    json_put_text(writer, "principal", grant->principal);
    json_put_text(writer, "keys", grant->keys);
    put_texts(writer, "operations", grant->operations, grant->operations_count);
    if (grant->source_count > 0) {
        put_texts(writer, "source", grant->source, grant->source_count);
    }
    if (grant->expires_at != NULL) {
        json_put_text(writer, "expires_at", grant->expires_at);
    }
    json_put_text(writer, "justification", grant->justification);
    if (grant->allow_dual_role != NULL && *grant->allow_dual_role) {
        json_put_flag(writer, "allow_dual_role", true);
    }
}

static struct err check_file(const char *path, const struct file *file, struct buf *message)
{
    struct check check = {.path = path, .message = message};
    if (name_check_namespace(span_text(file->name_space)).code != ERR_OK) {
        find(&check, "namespace", "must be 1 to 5 segments such as payments/prod");
    }
    for (unsigned i = 0; i < file->grants_count; i++) {
        check_grant(&check, file, i);
    }
    ENSURE(check.findings == 0, ERR_CONFIG, "the file has %zu errors", check.findings);
    return err_ok();
}

struct err grant_file_read(const char *path, struct json_writer *writer, struct buf *message)
{
    void *loaded = NULL;
    TRY(yaml_load(path, &file_schema, &loaded, message));
    CLEANUP(free_file) struct file *file = loaded;
    CLEANUP(contexts_clear) struct contexts contexts = {0};
    TRY(yaml_pairs_of(path, "grants[].context", keep_pair, &contexts, message));
    TRY(check_file(path, file, message));
    json_put_text(writer, "namespace", file->name_space);
    json_begin_array(writer, "grants");
    size_t next = 0;
    for (unsigned i = 0; i < file->grants_count; i++) {
        json_begin_object(writer, NULL);
        put_grant(writer, &file->grants[i]);
        put_context(writer, &contexts, i, &next);
        json_end_object(writer);
    }
    json_end_array(writer);
    return err_ok();
}
