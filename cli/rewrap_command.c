/* `hsmgate rewrap`: one ciphertext of a key that is an argument, or as many as there are lines of a
 * key that is named by --key; and what is said at the end of the latter. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/bulk_run.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/output.h"

enum ending { FINISHED, STOPPED, FAILED };

/* Removes the state of a run that has nothing left to do, or of one that did nothing: then the
 * empty output, too, so that it can be started in another way. */
static bool remove_state(const struct bulk *bulk, enum ending ending)
{
    const bool nothing_done = bulk->state.counts.lines == 0 && ending != FINISHED;
    if (bulk->state_path == NULL || (ending != FINISHED && !nothing_done)) {
        return false;
    }
    if (nothing_done && bulk->output.path != NULL && bulk->output.len == 0) {
        (void)unlink(bulk->output.path);
    }
    return unlink(bulk->state_path) == 0;
}

static void say_how_to_go_on(const struct bulk *bulk)
{
    const uint64_t lines = bulk->state.counts.lines;
    fprintf(stderr, "stopped after line %" PRIu64 ": ", lines);
    if (bulk->state_path != NULL) {
        fprintf(stderr, "start the same command with the same input again to go on there (%s)\n",
                bulk->state_path);
        return;
    }
    fprintf(stderr,
            "to go on, give the lines behind it: tail -n +%" PRIu64
            " INPUT | hsmgate rewrap --key %s >> OUTPUT\n",
            lines + 1, bulk->state.key);
}

static void say_summary(const struct bulk *bulk, enum ending ending)
{
    const struct bulk_counts *counts = &bulk->state.counts;
    const int64_t now_ns = clock_mono_ns();
    char span[HUMAN_MAX];
    human_span((now_ns - bulk->progress.start_ns) / 1000000000, span);
    fprintf(stderr,
            "%" PRIu64 " lines: %" PRIu64 " rewrapped, %" PRIu64 " empty, %" PRIu64
            " bad, in %s (%.0f a second)\n",
            counts->lines, counts->rewrapped, counts->empty, counts->bad, span,
            bulk_progress_rate(&bulk->progress, counts, now_ns));
    if (counts->bad > 0) {
        fprintf(stderr, "the bad lines are not in the output: %s has each with the reason\n",
                bulk->rejects_path);
    }
    if (ending != FINISHED && counts->lines > 0) {
        say_how_to_go_on(bulk);
    }
}

static struct err summary_json(const struct bulk *bulk, enum ending ending, bool state_removed,
                               struct buf *out)
{
    const struct bulk_counts *counts = &bulk->state.counts;
    const int64_t now_ns = clock_mono_ns();
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "key", bulk->state.key);
    json_put_flag(&writer, "finished", ending == FINISHED);
    json_put_integer(&writer, "lines", (int64_t)counts->lines);
    json_put_integer(&writer, "rewrapped", (int64_t)counts->rewrapped);
    json_put_integer(&writer, "empty", (int64_t)counts->empty);
    json_put_integer(&writer, "bad", (int64_t)counts->bad);
    if (counts->bad > 0) {
        json_put_text(&writer, "rejects", bulk->rejects_path);
    }
    json_put_integer(&writer, "resumed_after", (int64_t)bulk->progress.first.lines);
    json_put_integer(&writer, "milliseconds", (now_ns - bulk->progress.start_ns) / 1000000);
    json_put_integer(&writer, "lines_per_second",
                     (int64_t)bulk_progress_rate(&bulk->progress, counts, now_ns));
    if (bulk->state_path != NULL) {
        json_put_text(&writer, "state", bulk->state_path);
        json_put_flag(&writer, "state_removed", state_removed);
    }
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return buf_append_u8(out, '\n');
}

/* The summary never mixes with the data: it goes to standard output only when --out has that. */
static struct err summarize(const struct bulk *bulk, const struct options *options,
                            enum ending ending)
{
    const bool state_removed = remove_state(bulk, ending);
    if (!options_has(options, OPTION_JSON)) {
        say_summary(bulk, ending);
        return err_ok();
    }
    CLEANUP(buf_clear) struct buf text = {0};
    TRY(summary_json(bulk, ending, state_removed, &text));
    (void)fwrite(text.data, 1, text.len, bulk->output.path != NULL ? stdout : stderr);
    return err_ok();
}

static struct err rewrap_many(struct client *client, const struct options *options, int *out_exit)
{
    CLEANUP(bulk_close) struct bulk bulk;
    bool stopped = false;
    *out_exit = EXIT_REFUSED;
    TRY(bulk_open(client, options, &bulk, &stopped));
    const struct err err = stopped ? err_ok() : bulk_run(&bulk, &stopped);
    bulk_progress_clear(&bulk.progress);
    if (err.code != ERR_OK) {
        output_error(&err);
    }
    const enum ending ending = err.code != ERR_OK ? FAILED : stopped ? STOPPED : FINISHED;
    if (ending == FINISHED && bulk.state.counts.bad == 0) {
        *out_exit = EXIT_DONE;
    }
    return summarize(&bulk, options, ending);
}

struct err rewrap_rewrap(struct client *client, const struct options *options, int *out_exit)
{
    static const enum option_id of_many[] = {OPTION_REJECTS, OPTION_STATE, OPTION_PATIENCE};
    const bool many = options_has(options, OPTION_KEY_NAME);
    if (many == (options->argument_count == 1)) {
        return output_misuse(out_exit, "name the key: `hsmgate rewrap NAME` for one ciphertext, "
                                       "`hsmgate rewrap --key NAME` for one in each line");
    }
    if (many && options_has(options, OPTION_RAW)) {
        return output_misuse(out_exit, "--raw is for one ciphertext: lines have base64 or JSON");
    }
    for (size_t i = 0; i < ARRAY_LEN(of_many); i++) {
        if (!many && options_has(options, of_many[i])) {
            return output_misuse(out_exit, "--%s needs --key: it is for many ciphertexts",
                                 option_name(of_many[i]));
        }
    }
    return many ? rewrap_many(client, options, out_exit) : data_rewrap(client, options, out_exit);
}
