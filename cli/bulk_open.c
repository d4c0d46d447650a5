/* Opens what a bulk rewrap works on, new or where the state says. Everything is checked before
 * anything is cut or made. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/bulk_run.h"

#define REJECTS_DEFAULT "rewrap.rejects"
#define MS_PER_S        1000

/* NULL for standard output. */
static const char *output_path(const struct options *options)
{
    const char *path = options->values[OPTION_OUT];
    return path == NULL || strcmp(path, "-") == 0 ? NULL : path;
}

/* --name, else the output's name with an ending, else `other` (or NULL). */
static char *path_beside(const struct options *options, enum option_id option, const char *ending,
                         const char *other)
{
    const char *output = output_path(options);
    if (options_has(options, option)) {
        return mem_text(options->values[option]);
    }
    if (output != NULL) {
        return mem_format("%s%s", output, ending);
    }
    return other != NULL ? mem_text(other) : NULL;
}

static struct err take_patience(const struct options *options, struct bulk *bulk)
{
    const char *text = options->values[OPTION_PATIENCE];
    int64_t seconds = 0;
    TRY(clock_parse_duration(span_text(text != NULL ? text : PATIENCE_DEFAULT), &seconds));
    bulk->patience = (struct patience){.stop = &bulk->stop, .limit_ms = seconds * MS_PER_S};
    return err_ok();
}

/* The --context pairs as the text of an object; empty when there are none. */
static struct err take_context(const struct options *options, struct buf *out)
{
    if (options->contexts.count == 0) {
        return err_ok();
    }
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    for (size_t i = 0; i < options->contexts.count; i++) {
        struct span name = {0};
        struct span value = {0};
        TRY(options_split_pair(options->contexts.values[i], &name, &value));
        CLEANUP(mem_free_at) char *text = span_to_text(name);
        json_put_span(&writer, text, value);
    }
    json_end_object(&writer);
    return json_finish(&writer);
}

/* Reads the state; *out_resumed when there is one. */
static struct err find_state(struct bulk *bulk, bool *out_resumed)
{
    *out_resumed = false;
    if (bulk->state_path == NULL) {
        return err_ok();
    }
    const struct err err = bulk_state_read(bulk->state_path, &bulk->state);
    if (err.code == ERR_NOT_FOUND) {
        return err_ok();
    }
    *out_resumed = err.code == ERR_OK;
    return err;
}

static struct err open_output(const struct options *options, bool resumed, struct bulk *bulk)
{
    const char *path = output_path(options);
    const uint64_t len = bulk->state.output_len;
    if (path == NULL) {
        return bulk_file_stdout(resumed ? &len : NULL, &bulk->output);
    }
    return resumed ? bulk_file_resume(path, len, &bulk->output)
                   : bulk_file_create(path, &bulk->output);
}

static struct err check_not_same(const struct bulk *bulk)
{
    struct stat input;
    struct stat output;
    const bool known = fstat(bulk->input.fd, &input) == 0 && fstat(bulk->output.fd, &output) == 0;
    ENSURE(!known || !bulk->input.regular || input.st_dev != output.st_dev ||
               input.st_ino != output.st_ino,
           ERR_CONFLICT, "input and output are the same file");
    return err_ok();
}

/* The state is written by renaming, which would take the output's name. */
static struct err check_state_is_other(const struct bulk *bulk)
{
    struct stat state;
    struct stat output;
    const bool known = bulk->state_path != NULL && stat(bulk->state_path, &state) == 0 &&
                       fstat(bulk->output.fd, &output) == 0;
    ENSURE(!known || state.st_dev != output.st_dev || state.st_ino != output.st_ino, ERR_CONFLICT,
           "%s is the output: name another file with --state", bulk->state_path);
    return err_ok();
}

/* A file of rejects is made only when it is needed, but must not be somebody else's. */
static struct err open_rejects(bool resumed, struct bulk *bulk)
{
    struct stat status;
    const char *path = bulk->rejects_path;
    const bool there = stat(path, &status) == 0;
    if (resumed && bulk->state.rejects_len > 0) {
        return bulk_file_resume(path, bulk->state.rejects_len, &bulk->rejects);
    }
    if (resumed && there && S_ISREG(status.st_mode)) { /* of a batch that was not recorded */
        ENSURE(unlink(path) == 0, ERR_IO, "%s: %s", path, strerror(errno));
        return err_ok();
    }
    ENSURE(!there || status.st_size == 0, ERR_CONFLICT,
           "%s is there already: move it away or name another with --rejects", path);
    return err_ok();
}

static struct err prepare(struct client *client, const struct options *options, struct bulk *bulk)
{
    bulk->client = client;
    bulk->progress.quiet = options_has(options, OPTION_JSON);
    bulk->rejects_path = path_beside(options, OPTION_REJECTS, ".rejects", REJECTS_DEFAULT);
    bulk->state_path = path_beside(options, OPTION_STATE, ".state", NULL);
    bulk_batch_init(&bulk->batch);
    TRY(client_key_path(options->values[OPTION_KEY_NAME], ":rewrap", &bulk->request_path));
    TRY(take_patience(options, bulk));
    TRY(take_context(options, &bulk->context));
    bulk->state.key = options->values[OPTION_KEY_NAME];
    bulk->state.context = buf_span(&bulk->context);
    bulk->state.output = output_path(options);
    bulk->state.rejects = bulk->rejects_path;
    return stop_open(&bulk->stop);
}

struct err bulk_open(struct client *client, const struct options *options, struct bulk *out,
                     bool *out_stopped)
{
    bool resumed = false;
    *out = (struct bulk){.stop.fd = -1, .input.fd = -1, .output.fd = -1, .rejects.fd = -1};
    TRY(prepare(client, options, out));
    TRY(bulk_input_open(options->values[OPTION_IN], &out->stop, &out->input));
    TRY(find_state(out, &resumed));
    TRY(bulk_input_go_to(&out->input, &out->state.mark, out_stopped));
    if (*out_stopped) {
        return err_ok();
    }
    TRY(open_output(options, resumed, out));
    TRY(check_not_same(out));
    TRY(check_state_is_other(out));
    TRY(open_rejects(resumed, out));
    bulk_progress_start(&out->progress, out->input.size, &out->state.counts);
    if (out->state_path != NULL && !resumed) {
        out->state.output_len = out->output.len;
        TRY(bulk_state_write(out->state_path, &out->state));
    }
    return err_ok();
}

void bulk_close(struct bulk *bulk)
{
    bulk_batch_clear(&bulk->batch);
    bulk_line_clear(&bulk->next);
    bulk_input_close(&bulk->input);
    bulk_file_close(&bulk->output);
    bulk_file_close(&bulk->rejects);
    stop_close(&bulk->stop);
    buf_clear(&bulk->context);
    mem_free(bulk->request_path);
    mem_free(bulk->rejects_path);
    mem_free(bulk->state_path);
}
