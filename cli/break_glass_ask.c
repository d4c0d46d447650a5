/* What else a quorum is asked for: destroying a version, another rule, unfreezing; and freezing,
 * which one person may do alone. */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/name.h"
#include "cli/command.h"
#include "cli/key_body.h"
#include "cli/output.h"
#include "cli/request_view.h"

static const struct key_field asked_fields[] = {
    {OPTION_REASON, "reason"}, {OPTION_TICKET, "ticket"}, {OPTION_WINDOW, "window"}};

static void begin_body(struct json_writer *writer, const struct options *options,
                       enum statement_kind kind)
{
    json_begin_object(writer, NULL);
    json_put_text(writer, "kind", statement_kind_name(kind));
    json_put_text(writer, "key", options->arguments[0]);
    key_put_texts(writer, options, asked_fields, ARRAY_LEN(asked_fields));
}

/* Ends the body, asks, and checks that the statement is about this key and of this kind. */
static struct err ask(struct client *client, const struct options *options,
                      struct json_writer *writer, enum statement_kind kind)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(asked_clear) struct asked asked = {0};
    struct span name = {0};
    uint32_t version = 0;
    TRY(name_split_version(span_text(options->arguments[0]), &name, &version));
    json_end_object(writer);
    TRY(json_finish(writer));
    TRY(client_fetch(client, "POST", "/v1/break-glass", buf_span(writer->out), &response, &json));
    TRY(asked_view(json.root, &asked));
    const struct statement *says = &asked.read.is;
    ENSURE(says->kind == kind && span_equal(says->key, name) &&
               (version == 0 || says->version == version),
           ERR_CORRUPT,
           "the gateway made another statement than was asked for: let nobody sign it");
    if (output_json(options, &response)) {
        return err_ok();
    }
    CLEANUP(mem_free_at) char *line = request_line(json.root, clock_wall_ms());
    printf("%s\n\n", line);
    TRY(asked_print(&asked, stdout));
    printf("\nsend the id and the digest to those who may vote.\n");
    request_print_next(json.root, NULL);
    return err_ok();
}

struct err break_glass_request_destroy(struct client *client, const struct options *options,
                                       int *out_exit)
{
    (void)out_exit;
    static const struct key_field fields[] = {{OPTION_DESTROY_AFTER, "after"}};
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    begin_body(&writer, options, STATEMENT_DESTROY);
    key_put_texts(&writer, options, fields, ARRAY_LEN(fields));
    if (options_has(options, OPTION_DESPITE_USE)) {
        json_put_flag(&writer, "despite_use", true);
    }
    return ask(client, options, &writer, STATEMENT_DESTROY);
}

struct err break_glass_request_rule(struct client *client, const struct options *options,
                                    int *out_exit)
{
    int64_t m = 0;
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    TRY(options_integer(options, OPTION_M, &m));
    if ((m == 0) == options_has(options, OPTION_GROUP)) {
        return output_misuse(out_exit, "--group ID --m M sets a rule, --m 0 alone takes it away");
    }
    begin_body(&writer, options, STATEMENT_RULE);
    json_begin_object(&writer, "approval"); /* empty: no rule */
    if (m != 0) {
        json_put_text(&writer, "group", options->values[OPTION_GROUP]);
        json_put_integer(&writer, "m", m);
    }
    json_end_object(&writer);
    return ask(client, options, &writer, STATEMENT_RULE);
}

struct err break_glass_request_unfreeze(struct client *client, const struct options *options,
                                        int *out_exit)
{
    (void)out_exit;
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    begin_body(&writer, options, STATEMENT_UNFREEZE);
    return ask(client, options, &writer, STATEMENT_UNFREEZE);
}

struct err key_unfreeze(struct client *client, const struct options *options, int *out_exit)
{
    if (!options_has(options, OPTION_JSON)) {
        printf(
            "One person may freeze a key, but only the quorum unfreezes it. This asks them:\n\n");
    }
    return break_glass_request_unfreeze(client, options, out_exit);
}

struct err key_freeze(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(response_clear) struct response response = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    key_put_texts(&writer, options, asked_fields, 1);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(client_call_key(client, "POST", options->arguments[0], ":freeze", buf_span(&body),
                        &response));
    if (!output_json(options, &response)) {
        printf("%s is frozen: nothing of it can be opened, whoever approves\n"
               "only the quorum undoes it: hsmgate key unfreeze %s --reason …\n",
               options->arguments[0], options->arguments[0]);
    }
    return err_ok();
}
