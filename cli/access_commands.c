/* Bearer tokens and access keys of the gateway, and who one is. A new secret is printed once, to
 * standard output or a file, never kept. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"

/* What is said beside a secret; the text came over the network. Frees the line. */
static void announce(char *line)
{
    output_harmless(line);
    fprintf(stderr, "%s\n", line);
    mem_free(line);
}

struct err access_token_create(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "name", options->arguments[0]);
    json_put_text(&writer, "ttl", options->values[OPTION_TTL]);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    CLEANUP(response_clear) struct response response = {0};
    TRY(client_call(client, "POST", "/v1/auth/tokens", buf_span(&body), &response));
    if (output_json(options, &response)) {
        return err_ok();
    }
    CLEANUP(json_clear) struct json json = {0};
    TRY(json_parse(buf_span(&response.body), &json));
    TRY(output_member_line(options, &json, "token"));
    announce(mem_format("token:%s, valid until %s; it is not shown again", options->arguments[0],
                        (const char *)member_text(json.root, "expires_at").data));
    return err_ok();
}

/* --- access keys --- */

/* A value of one word, so that none of it becomes another line of the file. */
static struct err put_setting(struct buf *out, const char *setting, const struct json_value *root,
                              const char *member)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                   "+/=_-";
    const struct span word = member_text(root, member);
    ENSURE(word.len > 0 && strspn((const char *)word.data, alphabet) == word.len, ERR_CORRUPT,
           "the server's answer has no usable '%s'", member);
    return buf_printf(out, "%s = %s\n", setting, (const char *)word.data);
}

/* The file that AWS_SHARED_CREDENTIALS_FILE names. */
static struct err output_credentials(const struct options *options, const struct json_value *root)
{
    CLEANUP(buf_clear) struct buf file = {0};
    TRY(buf_append_text(&file, "[default]\n"));
    TRY(put_setting(&file, "aws_access_key_id", root, "access_key_id"));
    TRY(put_setting(&file, "aws_secret_access_key", root, "secret_access_key"));
    return output_bytes(options, buf_span(&file));
}

static struct err put_access_key(const struct options *options, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "name", options->arguments[0]);
    if (options_has(options, OPTION_SUBJECT)) {
        json_put_text(&writer, "subject", options->values[OPTION_SUBJECT]);
    }
    json_put_text(&writer, "ttl", options->values[OPTION_TTL]);
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err access_key_create(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    TRY(put_access_key(options, &body));
    TRY(client_call(client, "POST", "/v1/auth/access-keys", buf_span(&body), &response));
    if (output_json(options, &response)) {
        return err_ok();
    }
    CLEANUP(json_clear) struct json json = {0};
    TRY(json_parse(buf_span(&response.body), &json));
    TRY(output_credentials(options, json.root));
    announce(mem_format("access key %s of token:%s, valid until %s; its secret is not shown again",
                        (const char *)member_text(json.root, "access_key_id").data,
                        (const char *)member_text(json.root, "subject").data,
                        (const char *)member_text(json.root, "expires_at").data));
    return err_ok();
}

/* --- both --- */

static struct err revoke(struct client *client, const struct options *options, const char *kind)
{
    CLEANUP(mem_free_at) char *path = mem_format("/v1/auth/tokens/%s", options->arguments[0]);
    CLEANUP(response_clear) struct response response = {0};
    TRY(client_call(client, "DELETE", path, (struct span){0}, &response));
    if (options_has(options, OPTION_JSON)) {
        printf("{}\n");
        return err_ok();
    }
    printf("revoked %s%s\n", kind, options->arguments[0]);
    return err_ok();
}

struct err access_token_revoke(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    return revoke(client, options, "token:");
}

struct err access_key_revoke(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    return revoke(client, options, "access key ");
}

enum kind { KIND_TOKEN, KIND_ACCESS_KEY };

static struct err keep_kind(const struct json_value *root, enum kind kind, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_begin_array(&writer, "tokens");
    for (const struct json_value *entry = json_first(json_member(root, "tokens")); entry != NULL;
         entry = json_next(entry)) {
        const bool is_key = json_member(entry, "access_key_id") != NULL;
        if (is_key == (kind == KIND_ACCESS_KEY)) {
            json_put_value(&writer, NULL, entry);
        }
    }
    json_end_array(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}

/* The gateway has one list of both; this is the answer as if it had one of each. */
static struct err fetch_kind(struct client *client, enum kind kind, struct response *out,
                             struct json *out_json)
{
    CLEANUP(json_clear) struct json all = {0};
    CLEANUP(buf_clear) struct buf kept = {0};
    TRY(client_fetch(client, "GET", "/v1/auth/tokens", (struct span){0}, out, &all));
    TRY(keep_kind(all.root, kind, &kept));
    buf_move(&out->body, &kept);
    return json_parse(buf_span(&out->body), out_json);
}

static void print_list(const struct json *json, size_t columns, const char *const *titles,
                       const char *const *members)
{
    CLEANUP(table_clear) struct table table = {0};
    table_row(&table, columns, titles);
    for (const struct json_value *entry = json_first(json_member(json->root, "tokens"));
         entry != NULL; entry = json_next(entry)) {
        const char *cells[TABLE_COLUMNS_MAX];
        for (size_t i = 0; i < columns; i++) {
            cells[i] = (const char *)member_text(entry, members[i]).data;
        }
        table_row(&table, columns, cells);
    }
    table_print(&table);
}

struct err access_token_list(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    static const char *const titles[] = {"NAME", "CREATED", "EXPIRES", "LAST USED"};
    static const char *const members[] = {"name", "created_at", "expires_at", "last_used_at"};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(fetch_kind(client, KIND_TOKEN, &response, &json));
    if (!output_json(options, &response)) {
        print_list(&json, ARRAY_LEN(titles), titles, members);
    }
    return err_ok();
}

struct err access_key_list(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    static const char *const titles[] = {"NAME", "ACCESS KEY", "SUBJECT", "EXPIRES", "LAST USED"};
    static const char *const members[] = {"name", "access_key_id", "subject", "expires_at",
                                          "last_used_at"};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(fetch_kind(client, KIND_ACCESS_KEY, &response, &json));
    if (!output_json(options, &response)) {
        print_list(&json, ARRAY_LEN(titles), titles, members);
    }
    return err_ok();
}

struct err access_whoami(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    TRY(client_call(client, "GET", "/v1/auth/whoami", (struct span){0}, &response));
    if (output_json(options, &response)) {
        return err_ok();
    }
    CLEANUP(json_clear) struct json json = {0};
    TRY(json_parse(buf_span(&response.body), &json));
    return output_member_line(options, &json, "principal");
}
