/* `hsmgate break-glass list`, `show`, `save`, `cancel` and `evidence`: what was asked, and what
 * became of it. */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/name.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/key_body.h"
#include "cli/output.h"
#include "cli/request_view.h"

static void add_row(struct table *table, const struct json_value *view, int64_t now_ms)
{
    char left[HUMAN_MAX] = "";
    int64_t at = 0;
    if (!request_is_decided(view) &&
        clock_parse(member_text(view, "expires_at"), &at).code == ERR_OK) {
        human_distance(now_ms, at, left);
    }
    CLEANUP(mem_free_at)
    char *approvals = mem_format("%lld/%lld", (long long)member_integer(view, "approvals"),
                                 (long long)member_integer(view, "needed"));
    const char *const cells[] = {(const char *)member_text(view, "id").data,
                                 (const char *)member_text(view, "kind").data,
                                 (const char *)member_text(view, "state").data,
                                 approvals,
                                 left,
                                 (const char *)member_text(view, "key").data,
                                 (const char *)member_text(view, "requester").data,
                                 (const char *)member_text(view, "reason").data};
    table_row(table, ARRAY_LEN(cells), cells);
}

static struct err list_path(const struct options *options, const struct buf *token, char **out)
{
    const char *state = options->values[OPTION_REQUEST_STATE];
    const char *key = options->values[OPTION_KEY_NAME];
    if (key != NULL) {
        TRY(name_check(span_text(key)));
    }
    *out = mem_format("/v1/break-glass?page_size=100%s%s%s%s%s%.*s", state != NULL ? "&state=" : "",
                      state != NULL ? state : "", key != NULL ? "&key=" : "",
                      key != NULL ? key : "", token->len > 0 ? "&page_token=" : "", (int)token->len,
                      (const char *)token->data);
    return err_ok();
}

static struct err list_page(struct client *client, const struct options *options,
                            struct table *table, struct buf *token)
{
    CLEANUP(mem_free_at) char *path = NULL;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(list_path(options, token, &path));
    TRY(client_fetch(client, "GET", path, (struct span){0}, &response, &json));
    buf_reset(token);
    TRY(buf_append(token, member_text(json.root, "next_page_token")));
    if (output_json(options, &response)) {
        return err_ok();
    }
    const struct json_value *views = json_member(json.root, "requests");
    const int64_t now_ms = clock_wall_ms();
    for (const struct json_value *view = json_first(views); view != NULL; view = json_next(view)) {
        add_row(table, view, now_ms);
    }
    return err_ok();
}

struct err break_glass_list(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(buf_clear) struct buf token = {0};
    CLEANUP(table_clear) struct table table = {0};
    static const char *const titles[] = {"ID",        "KIND", "STATE",     "APPROVALS",
                                         "TIME LEFT", "KEY",  "REQUESTER", "REASON"};
    table_row(&table, ARRAY_LEN(titles), titles);
    do {
        TRY(list_page(client, options, &table, &token));
    } while (token.len > 0);
    if (!options_has(options, OPTION_JSON)) {
        table_print(&table);
    }
    return err_ok();
}

struct err break_glass_show(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(asked_clear) struct asked asked = {0};
    TRY(asked_fetch(client, options->arguments[0], &response, &json, &asked));
    if (output_json(options, &response)) {
        return err_ok();
    }
    CLEANUP(mem_free_at) char *line = request_line(json.root, clock_wall_ms());
    printf("%s\n\n", line);
    TRY(asked_print(&asked, stdout));
    printf("\n");
    request_print_votes(json.root);
    printf("\nnext:\n");
    request_print_next(json.root, NULL);
    return err_ok();
}

struct err break_glass_save(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(asked_clear) struct asked asked = {0};
    TRY(asked_fetch(client, options->arguments[0], &response, &json, &asked));
    TRY(output_bytes(options, buf_span(&asked.bytes)));
    const char *path = options->values[OPTION_OUT];
    if (options_has(options, OPTION_JSON)) {
        return output_stdout_line(buf_span(&response.body));
    }
    if (strcmp(path, "-") != 0) {
        printf("%s: the statement; its SHA-256 is\n%s\n"
               "there: hsmgate break-glass approve --statement %s --as VOTER --key KEY.pem --out "
               "VOTE\n",
               path, asked.digest, path);
    }
    return err_ok();
}

struct err break_glass_cancel(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    static const struct key_field fields[] = {{OPTION_REASON, "reason"}};
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    key_put_texts(&writer, options, fields, ARRAY_LEN(fields));
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(asked_call(client, "POST", options->arguments[0], ":cancel", buf_span(&body), &response));
    if (!output_json(options, &response)) {
        printf("%s: cancelled; nobody can open it any more\n", options->arguments[0]);
    }
    return err_ok();
}

struct err break_glass_evidence(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    TRY(asked_call(client, "GET", options->arguments[0], ":evidence", (struct span){0}, &response));
    TRY(output_bytes(options, buf_span(&response.body)));
    const char *path = options->values[OPTION_OUT];
    if (path != NULL && strcmp(path, "-") != 0 && !options_has(options, OPTION_JSON)) {
        printf("%s: check it with: hsmgate evidence verify %s --roster-root DIGEST\n"
               "(DIGEST as it was announced when the first roster was made)\n",
               path, path);
    }
    return err_ok();
}
