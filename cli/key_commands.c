/* `hsmgate key …`: make, look at, change and rotate keys. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"

struct text_field {
    enum option_id option;
    const char *name;
};

static void put_texts(struct json_writer *writer, const struct options *options,
                      const struct text_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (options_has(options, fields[i].option)) {
            json_put_text(writer, fields[i].name, options->values[fields[i].option]);
        }
    }
}

static bool has_any(const struct options *options, const enum option_id *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (options_has(options, wanted[i])) {
            return true;
        }
    }
    return false;
}

static struct err put_rotation(struct json_writer *writer, const struct options *options)
{
    static const enum option_id any[] = {OPTION_ROTATE_EVERY, OPTION_OVERLAP, OPTION_PUBLISH_AHEAD,
                                         OPTION_MAX_USES};
    static const struct text_field fields[] = {{OPTION_ROTATE_EVERY, "every"},
                                               {OPTION_OVERLAP, "overlap"},
                                               {OPTION_PUBLISH_AHEAD, "publish_ahead"}};
    if (!has_any(options, any, ARRAY_LEN(any))) {
        return err_ok();
    }
    json_begin_object(writer, "rotation");
    put_texts(writer, options, fields, ARRAY_LEN(fields));
    if (options_has(options, OPTION_MAX_USES)) {
        int64_t uses;
        TRY(options_integer(options, OPTION_MAX_USES, &uses));
        json_put_integer(writer, "max_uses", uses);
    }
    json_end_object(writer);
    return err_ok();
}

static void put_jwt(struct json_writer *writer, const struct options *options)
{
    static const enum option_id any[] = {OPTION_JWT_MAX_TTL, OPTION_JWT_ISSUER};
    static const struct text_field fields[] = {{OPTION_JWT_MAX_TTL, "max_ttl"},
                                               {OPTION_JWT_ISSUER, "issuer"}};
    if (!has_any(options, any, ARRAY_LEN(any)) && options->audiences.count == 0) {
        return;
    }
    json_begin_object(writer, "jwt");
    put_texts(writer, options, fields, ARRAY_LEN(fields));
    if (options->audiences.count > 0) {
        json_begin_array(writer, "audiences");
        for (size_t i = 0; i < options->audiences.count; i++) {
            json_put_text(writer, NULL, options->audiences.values[i]);
        }
        json_end_array(writer);
    }
    json_end_object(writer);
}

static struct err put_facts(struct json_writer *writer, const struct options *options)
{
    static const struct text_field fields[] = {{OPTION_OWNER, "owner"},
                                               {OPTION_DESCRIPTION, "description"},
                                               {OPTION_CONTACT, "contact"},
                                               {OPTION_CLASSIFICATION, "classification"}};
    put_texts(writer, options, fields, ARRAY_LEN(fields));
    TRY(options_put_pairs(writer, "labels", &options->labels));
    TRY(put_rotation(writer, options));
    put_jwt(writer, options);
    return err_ok();
}

struct err key_create(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    static const struct text_field fields[] = {
        {OPTION_ALGORITHM, "algorithm"}, {OPTION_TOKEN, "token"}, {OPTION_PURPOSE, "purpose"}};
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "name", options->arguments[0]);
    put_texts(&writer, options, fields, ARRAY_LEN(fields));
    TRY(put_facts(&writer, options));
    json_end_object(&writer);
    TRY(json_finish(&writer));
    CLEANUP(response_clear) struct response response = {0};
    TRY(client_call(client, "POST", "/v1/keys", buf_span(&body), &response));
    if (output_json(options, &response)) {
        return err_ok();
    }
    CLEANUP(json_clear) struct json json = {0};
    TRY(json_parse(buf_span(&response.body), &json));
    const struct span algorithm = member_text(json.root, "algorithm");
    const struct span purpose = member_text(json.root, "purpose");
    printf("created %s, version %lld (%.*s, %.*s)\n", options->arguments[0],
           (long long)member_integer(json.root, "primary"), (int)algorithm.len,
           (const char *)algorithm.data, (int)purpose.len, (const char *)purpose.data);
    return err_ok();
}

static void add_key_row(struct table *table, const struct json_value *key)
{
    CLEANUP(mem_free_at)
    char *primary = mem_format("%lld", (long long)member_integer(key, "primary"));
    const char *const cells[] = {(const char *)member_text(key, "name").data,
                                 (const char *)member_text(key, "algorithm").data,
                                 (const char *)member_text(key, "purpose").data,
                                 primary,
                                 (const char *)member_text(key, "owner").data,
                                 (const char *)member_text(key, "classification").data};
    table_row(table, ARRAY_LEN(cells), cells);
}

/* One page; the next page's token comes out, empty at the end. */
static struct err list_page(struct client *client, const struct options *options,
                            struct table *table, struct buf *token)
{
    CLEANUP(buf_clear) struct buf path = {0};
    const char *prefix = options->values[OPTION_PREFIX];
    TRY(buf_printf(&path, "/v1/keys?page_size=1000&prefix=%s", prefix == NULL ? "" : prefix));
    if (token->len > 0) {
        TRY(buf_append_text(&path, "&page_token="));
        TRY(buf_append(&path, buf_span(token)));
    }
    CLEANUP(mem_free_at) char *text = span_to_text(buf_span(&path));
    CLEANUP(response_clear) struct response response = {0};
    TRY(client_call(client, "GET", text, (struct span){0}, &response));
    buf_reset(token);
    CLEANUP(json_clear) struct json json = {0};
    TRY(json_parse(buf_span(&response.body), &json));
    TRY(buf_append(token, member_text(json.root, "next_page_token")));
    if (output_json(options, &response)) {
        return err_ok();
    }
    for (const struct json_value *key = json_first(json_member(json.root, "keys")); key != NULL;
         key = json_next(key)) {
        add_key_row(table, key);
    }
    return err_ok();
}

struct err key_list(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(buf_clear) struct buf token = {0};
    CLEANUP(table_clear) struct table table = {0};
    static const char *const titles[] = {"NAME",    "ALGORITHM", "PURPOSE",
                                         "PRIMARY", "OWNER",     "CLASS"};
    table_row(&table, ARRAY_LEN(titles), titles);
    do {
        TRY(list_page(client, options, &table, &token));
    } while (token.len > 0);
    if (!options_has(options, OPTION_JSON)) {
        table_print(&table);
    }
    return err_ok();
}

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

struct err key_rotate(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    TRY(client_call_key(client, "POST", options->arguments[0], ":rotate",
                        span_text("{\"immediate\":true}"), &response));
    if (output_json(options, &response)) {
        return err_ok();
    }
    CLEANUP(json_clear) struct json json = {0};
    TRY(json_parse(buf_span(&response.body), &json));
    printf("%s: version %lld is the primary now\n", options->arguments[0],
           (long long)member_integer(json.root, "primary"));
    return err_ok();
}

struct err key_public_key(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    const char *format = options_has(options, OPTION_JSON) ? "jwk" : options->values[OPTION_FORMAT];
    CLEANUP(mem_free_at)
    char *verb = mem_format(":public-key?format=%s", format == NULL ? "pem" : format);
    CLEANUP(response_clear) struct response response = {0};
    TRY(client_call_key(client, "GET", options->arguments[0], verb, (struct span){0}, &response));
    const bool is_jwk = response.body.len > 0 && response.body.data[0] == '{';
    return is_jwk ? output_line(options, buf_span(&response.body))
                  : output_bytes(options, buf_span(&response.body));
}

struct err key_update(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    TRY(put_facts(&writer, options));
    json_end_object(&writer);
    TRY(json_finish(&writer));
    ENSURE(body.len > 2, ERR_INVALID_FIELD,
           "nothing to change: name at least one option, such as --owner");
    CLEANUP(response_clear) struct response response = {0};
    TRY(client_call_key(client, "PATCH", options->arguments[0], "", buf_span(&body), &response));
    if (!output_json(options, &response)) {
        printf("updated %s\n", options->arguments[0]);
    }
    return err_ok();
}
