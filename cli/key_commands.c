/* `hsmgate key create`, `list`, `update` and `public-key`. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/key_body.h"
#include "cli/output.h"

struct err key_create(struct client *client, const struct options *options, int *out_exit)
{
    static const struct key_field fields[] = {
        {OPTION_ALGORITHM, "algorithm"}, {OPTION_TOKEN, "token"}, {OPTION_PURPOSE, "purpose"}};
    if (!key_adopt_is_sound(options, out_exit)) {
        return err_ok();
    }
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "name", options->arguments[0]);
    key_put_texts(&writer, options, fields, ARRAY_LEN(fields));
    TRY(key_put_facts(&writer, options));
    key_put_adopt(&writer, options);
    TRY(key_put_approval(&writer, options));
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
    TRY(key_put_facts(&writer, options));
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
