/* `hsmgate grant apply`: a file as the whole truth for a namespace. What would change is asked for
 * and shown first; the change itself is bound to the state that was shown, so nobody's grant that
 * came in between is lost. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/grant_file.h"
#include "cli/grant_view.h"
#include "cli/output.h"

/* Read once: what is applied is what was shown, whatever happens to the file. */
static struct err read_file(const char *path, struct json *out, struct buf *message)
{
    CLEANUP(buf_clear) struct buf text = {0};
    struct json_writer writer = json_writer_on(&text);
    json_begin_object(&writer, NULL);
    TRY(grant_file_read(path, &writer, message));
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return json_parse(buf_span(&text), out);
}

/* A dry run, or with `state` the change of just that state. */
static struct err send(struct client *client, const struct json *file, const char *state,
                       struct response *response, struct json *out)
{
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    json_put_value(&writer, "namespace", json_member(file->root, "namespace"));
    json_put_value(&writer, "grants", json_member(file->root, "grants"));
    json_put_flag(&writer, "dry_run", state == NULL);
    if (state != NULL) {
        json_put_text(&writer, "if_match", state);
    }
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(client_call(client, "POST", "/v1/grants:apply", buf_span(&body), response));
    return json_parse(buf_span(&response->body), out);
}

/* A file that is not right is wrong usage: nothing was sent. */
static struct err refuse_file(const struct err *err, const struct buf *message, int *out_exit)
{
    if (err->code != ERR_CONFIG || message->len == 0) {
        return *err;
    }
    fprintf(stderr, "%.*s\n", (int)message->len, (const char *)message->data);
    *out_exit = EXIT_USAGE;
    return err_ok();
}

static void show(const struct json *shown)
{
    printf("grants of %s\n", (const char *)member_text(shown->root, "namespace").data);
    grant_print_changes(json_member(shown->root, "changes"));
}

static struct err apply_shown(struct client *client, const struct options *options,
                              const struct json *file, const struct json *shown)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    fflush(stdout); /* what is shown comes before what is done */
    TRY(send(client, file, (const char *)member_text(shown->root, "state").data, &response, &json));
    if (!output_json(options, &response)) {
        printf("applied\n");
    }
    return err_ok();
}

struct err grant_apply(struct client *client, const struct options *options, int *out_exit)
{
    CLEANUP(json_clear) struct json file = {0};
    CLEANUP(buf_clear) struct buf message = {0};
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json shown = {0};
    const struct err err = read_file(options->arguments[0], &file, &message);
    if (err.code != ERR_OK) {
        return refuse_file(&err, &message, out_exit);
    }
    TRY(send(client, &file, NULL, &response, &shown));
    if (!options_has(options, OPTION_JSON)) {
        show(&shown);
    }
    const bool is_dry = options_has(options, OPTION_DRY_RUN);
    if (!is_dry && grant_has_changes(json_member(shown.root, "changes"))) {
        return apply_shown(client, options, &file, &shown);
    }
    if (!output_json(options, &response)) {
        printf("%s\n", is_dry ? "dry run: nothing was changed" : "nothing to change");
    }
    return err_ok();
}
