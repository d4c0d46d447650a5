/* Bearer tokens of the gateway, and who one is. A new token is printed once, to standard output or
 * a file, never kept. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"

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
    fprintf(stderr, "token:%s, valid until %s; it is not shown again\n", options->arguments[0],
            (const char *)member_text(json.root, "expires_at").data);
    return err_ok();
}

struct err access_token_revoke(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(mem_free_at) char *path = mem_format("/v1/auth/tokens/%s", options->arguments[0]);
    CLEANUP(response_clear) struct response response = {0};
    TRY(client_call(client, "DELETE", path, (struct span){0}, &response));
    if (options_has(options, OPTION_JSON)) {
        printf("{}\n");
        return err_ok();
    }
    printf("revoked token:%s\n", options->arguments[0]);
    return err_ok();
}

struct err access_token_list(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    TRY(client_call(client, "GET", "/v1/auth/tokens", (struct span){0}, &response));
    if (output_json(options, &response)) {
        return err_ok();
    }
    CLEANUP(json_clear) struct json json = {0};
    TRY(json_parse(buf_span(&response.body), &json));
    CLEANUP(table_clear) struct table table = {0};
    static const char *const titles[] = {"NAME", "CREATED", "EXPIRES", "LAST USED"};
    table_row(&table, ARRAY_LEN(titles), titles);
    for (const struct json_value *bearer = json_first(json_member(json.root, "tokens"));
         bearer != NULL; bearer = json_next(bearer)) {
        const char *const cells[] = {(const char *)member_text(bearer, "name").data,
                                     (const char *)member_text(bearer, "created_at").data,
                                     (const char *)member_text(bearer, "expires_at").data,
                                     (const char *)member_text(bearer, "last_used_at").data};
        table_row(&table, ARRAY_LEN(cells), cells);
    }
    table_print(&table);
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
