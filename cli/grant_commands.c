/* `hsmgate grant …` for one grant, and `authorize`: what the gateway would say to a caller. Files
 * of grants are in grant_apply.c. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/name.h"
#include "cli/command.h"
#include "cli/grant_view.h"
#include "cli/output.h"

/* `/v1/grants/ID`; an id is one segment of a name. */
static struct err path_of(const char *id, char **out)
{
    ENSURE(strchr(id, '/') == NULL && name_check_namespace(span_text(id)).code == ERR_OK,
           ERR_INVALID_NAME, "the id of a grant looks like [a-z0-9][a-z0-9._-]{0,62}");
    *out = mem_format("/v1/grants/%s", id);
    return err_ok();
}

/* `sign` and `sign,verify` alike. */
static void put_operations(struct json_writer *writer, const struct repeated *operations)
{
    json_begin_array(writer, "operations");
    for (size_t i = 0; i < operations->count; i++) {
        const char *rest = operations->values[i];
        for (size_t len = strcspn(rest, ","); *rest != '\0'; len = strcspn(rest, ",")) {
            json_put_span(writer, NULL, span_of(rest, len));
            rest += rest[len] == ',' ? len + 1 : len;
        }
    }
    json_end_array(writer);
}

static struct err put_end(struct json_writer *writer, const struct options *options)
{
    const char *expires = options->values[OPTION_EXPIRES];
    const char *ttl = options->values[OPTION_TTL];
    int64_t number;
    ENSURE(expires == NULL || ttl == NULL, ERR_INVALID_FIELD, "--expires or --ttl, not both");
    if (expires != NULL) {
        ENSURE(clock_parse(span_text(expires), &number).code == ERR_OK, ERR_INVALID_FIELD,
               "--expires takes a time such as 2027-01-31T00:00:00Z, not '%s'", expires);
        json_put_text(writer, "expires_at", expires);
    }
    if (ttl != NULL) {
        ENSURE(clock_parse_duration(span_text(ttl), &number).code == ERR_OK, ERR_INVALID_FIELD,
               "--ttl takes a duration such as 12h or 30d, not '%s'", ttl);
        json_put_time(writer, "expires_at", clock_wall_ms() + number * 1000);
    }
    return err_ok();
}

static struct err write_grant(const struct options *options, struct buf *body)
{
    struct json_writer writer = json_writer_on(body);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "principal", options->values[OPTION_PRINCIPAL]);
    json_put_text(&writer, "keys", options->values[OPTION_KEYS]);
    put_operations(&writer, &options->operations);
    TRY(options_put_pairs(&writer, "context", &options->contexts));
    if (options->sources.count > 0) {
        json_begin_array(&writer, "source");
        for (size_t i = 0; i < options->sources.count; i++) {
            json_put_text(&writer, NULL, options->sources.values[i]);
        }
        json_end_array(&writer);
    }
    TRY(put_end(&writer, options));
    json_put_text(&writer, "justification", options->values[OPTION_JUSTIFICATION]);
    if (options_has(options, OPTION_ALLOW_DUAL_ROLE)) {
        json_put_flag(&writer, "allow_dual_role", true);
    }
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err grant_put(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(mem_free_at) char *path = NULL;
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    TRY(path_of(options->arguments[0], &path));
    TRY(write_grant(options, &body));
    TRY(client_call(client, "PUT", path, buf_span(&body), &response));
    if (!output_json(options, &response)) {
        printf("granted %s\n", options->arguments[0]);
    }
    return err_ok();
}

struct err grant_delete(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(mem_free_at) char *path = NULL;
    CLEANUP(response_clear) struct response response = {0};
    TRY(path_of(options->arguments[0], &path));
    TRY(client_call(client, "DELETE", path, (struct span){0}, &response));
    if (options_has(options, OPTION_JSON)) {
        printf("{}\n");
        return err_ok();
    }
    printf("deleted %s\n", options->arguments[0]);
    return err_ok();
}

struct err grant_show(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(mem_free_at) char *path = NULL;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(path_of(options->arguments[0], &path));
    TRY(client_call(client, "GET", path, (struct span){0}, &response));
    if (output_json(options, &response)) {
        return err_ok();
    }
    TRY(json_parse(buf_span(&response.body), &json));
    CLEANUP(table_clear) struct table table = {0};
    for (const struct json_value *member = json_first(json.root); member != NULL;
         member = json_next(member)) {
        CLEANUP(mem_free_at) char *text = grant_value_text(member);
        const char *const cells[] = {json_name(member), text};
        table_row(&table, ARRAY_LEN(cells), cells);
    }
    table_print(&table);
    return err_ok();
}

static void add_grant_row(struct table *table, const struct json_value *grant)
{
    CLEANUP(mem_free_at) char *operations = grant_value_text(json_member(grant, "operations"));
    const char *const cells[] = {(const char *)member_text(grant, "id").data,
                                 (const char *)member_text(grant, "principal").data,
                                 (const char *)member_text(grant, "keys").data,
                                 operations,
                                 (const char *)member_text(grant, "expires_at").data,
                                 (const char *)member_text(grant, "last_used_at").data};
    table_row(table, ARRAY_LEN(cells), cells);
}

/* `&name=value`, escaped (RFC 3986 §2.1). */
static struct err add_parameter(struct buf *path, const char *name, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._~/:*";
    TRY(buf_printf(path, "&%s=", name));
    for (; *value != '\0'; value++) {
        TRY(strchr(plain, *value) != NULL
                ? buf_append_u8(path, (uint8_t)*value)
                : buf_printf(path, "%%%02X", (unsigned)(unsigned char)*value));
    }
    return err_ok();
}

/* One page; the next page's token comes out, empty at the end. */
static struct err list_page(struct client *client, const struct options *options,
                            struct table *table, char **token)
{
    CLEANUP(buf_clear) struct buf path = {0};
    TRY(buf_append_text(&path, "/v1/grants?page_size=1000"));
    if (options_has(options, OPTION_PRINCIPAL)) {
        TRY(add_parameter(&path, "principal", options->values[OPTION_PRINCIPAL]));
    }
    if (options_has(options, OPTION_PREFIX)) {
        TRY(add_parameter(&path, "prefix", options->values[OPTION_PREFIX]));
    }
    if (**token != '\0') {
        TRY(add_parameter(&path, "page_token", *token));
    }
    CLEANUP(mem_free_at) char *text = span_to_text(buf_span(&path));
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_call(client, "GET", text, (struct span){0}, &response));
    TRY(json_parse(buf_span(&response.body), &json));
    mem_free(*token);
    *token = span_to_text(member_text(json.root, "next_page_token"));
    if (output_json(options, &response)) {
        return err_ok();
    }
    for (const struct json_value *grant = json_first(json_member(json.root, "grants"));
         grant != NULL; grant = json_next(grant)) {
        add_grant_row(table, grant);
    }
    return err_ok();
}

struct err grant_list(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(mem_free_at) char *token = mem_text("");
    CLEANUP(table_clear) struct table table = {0};
    static const char *const titles[] = {"ID",         "PRINCIPAL", "KEYS",
                                         "OPERATIONS", "EXPIRES",   "LAST USED"};
    table_row(&table, ARRAY_LEN(titles), titles);
    do {
        TRY(list_page(client, options, &table, &token));
    } while (*token != '\0');
    if (!options_has(options, OPTION_JSON)) {
        table_print(&table);
    }
    return err_ok();
}

static struct err write_question(const struct options *options, struct buf *body)
{
    const char *key = options->argument_count > 2 ? options->arguments[2] : NULL;
    struct json_writer writer = json_writer_on(body);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "principal", options->arguments[0]);
    json_put_text(&writer, "operation", options->arguments[1]);
    if (key != NULL) {
        json_put_text(&writer, "key", key);
    }
    TRY(options_put_pairs(&writer, "context", &options->contexts));
    ENSURE(options->sources.count < 2, ERR_INVALID_FIELD, "a caller has one --source");
    if (options->sources.count > 0) {
        json_put_text(&writer, "source", options->sources.values[0]);
    }
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err grant_authorize(struct client *client, const struct options *options, int *out_exit)
{
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(write_question(options, &body));
    TRY(client_call(client, "POST", "/v1/authorize", buf_span(&body), &response));
    TRY(json_parse(buf_span(&response.body), &json));
    const bool allowed = member_flag(json.root, "allowed");
    *out_exit = allowed ? EXIT_DONE : EXIT_REFUSED;
    if (output_json(options, &response)) {
        return err_ok();
    }
    const struct json_value *grant = json_member(json.root, "grant");
    CLEANUP(mem_free_at) char *id = grant_value_text(grant);
    if (json_is(grant, JSON_OBJECT)) {
        mem_free(id);
        id = span_to_text(member_text(grant, "id"));
    }
    const char *reason = (const char *)member_text(json.root, "reason").data;
    CLEANUP(mem_free_at)
    char *line = *id != '\0' ? mem_format("allowed by the grant %s", id)
                             : mem_format("%s: %s", allowed ? "allowed" : "not allowed", reason);
    output_harmless(line);
    printf("%s\n", line);
    return err_ok();
}
