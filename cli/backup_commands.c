/* `hsmgate backup` and `backups`. The folder's path goes to standard output alone, so that a script
 * can take it; everything else that is said on the way goes to standard error. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/backup.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/output.h"

#define LOOK_MS 300
#define LOG_MS  10000

static struct err start(struct client *client, const char *name, struct response *out,
                        struct json *out_json)
{
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    if (name != NULL) {
        json_put_text(&writer, "name", name);
    }
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return client_fetch(client, "POST", "/v1/backups", buf_span(&body), out, out_json);
}

static void pause_ms(int64_t milliseconds)
{
    const int64_t deadline_ns = clock_deadline(milliseconds);
    for (int64_t left = milliseconds; left > 0; left = clock_left_ms(deadline_ns)) {
        (void)poll(NULL, 0, (int)left);
    }
}

struct err backup_run(struct client *client, const char *name, backup_progress *progress, void *arg,
                      struct response *out, struct json *out_json)
{
    TRY(start(client, name, out, out_json));
    CLEANUP(mem_free_at)
    char *path =
        mem_format("/v1/backups/%s", (const char *)member_text(out_json->root, "name").data);
    while (span_is(member_text(out_json->root, "state"), "running")) {
        progress(arg, out_json->root);
        pause_ms(LOOK_MS);
        json_clear(out_json);
        response_clear(out);
        TRY(client_fetch(client, "GET", path, (struct span){0}, out, out_json));
    }
    progress(arg, out_json->root);
    const struct span error = member_text(out_json->root, "error");
    ENSURE(span_is(member_text(out_json->root, "state"), "done"), ERR_IO, "the backup failed: %.*s",
           (int)error.len, (const char *)error.data);
    return err_ok();
}

/* --- what is seen meanwhile --- */

struct view {
    bool quiet;
    bool terminal;
    int64_t start_ns;
    int64_t next_ns;
};

static void show(void *arg, const struct json_value *backup)
{
    struct view *view = arg;
    const uint64_t done = (uint64_t)member_integer(backup, "bytes_done");
    const uint64_t total = (uint64_t)member_integer(backup, "bytes_total");
    const int64_t now_ns = clock_mono_ns();
    if (view->quiet || (!view->terminal && now_ns < view->next_ns)) {
        return;
    }
    view->next_ns = clock_deadline(LOG_MS);
    const double seconds = (double)(now_ns - view->start_ns) / 1e9;
    char size[HUMAN_MAX];
    char of[HUMAN_MAX];
    char rate[HUMAN_MAX];
    human_bytes(done, size);
    human_bytes(total, of);
    human_bytes((uint64_t)((double)done / (seconds > 0.001 ? seconds : 0.001)), rate);
    fprintf(stderr,
            view->terminal ? "\r%s of %s, %d %%, %s a second\033[K"
                           : "%s of %s, %d %%, %s a second\n",
            size, of, total > 0 ? (int)((double)done * 100 / (double)total) : 0, rate);
}

static void say_done(const struct view *view, const struct json_value *backup)
{
    char size[HUMAN_MAX];
    char span[HUMAN_MAX];
    human_bytes((uint64_t)member_integer(backup, "bytes_done"), size);
    human_span((clock_mono_ns() - view->start_ns) / 1000000000, span);
    CLEANUP(mem_free_at)
    char *text = mem_format("%s: %lld keys, %lld audit records, %s, in %s",
                            (const char *)member_text(backup, "name").data,
                            (long long)member_integer(backup, "keys"),
                            (long long)member_integer(backup, "records"), size, span);
    output_harmless(text);
    fprintf(stderr, "%s\n", text);
}

struct err backup_backup(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct view view = {.quiet = options_has(options, OPTION_JSON),
                        .terminal = isatty(STDERR_FILENO) == 1,
                        .start_ns = clock_mono_ns(),
                        .next_ns = clock_deadline(LOG_MS)};
    const char *name = options->argument_count > 0 ? options->arguments[0] : NULL;
    const struct err err = backup_run(client, name, show, &view, &response, &json);
    if (view.terminal && !view.quiet) {
        fprintf(stderr, "\r\033[K");
    }
    TRY(err);
    if (output_json(options, &response)) {
        return err_ok();
    }
    CLEANUP(mem_free_at) char *path = span_to_text(member_text(json.root, "path"));
    output_harmless(path);
    printf("%s\n", path);
    (void)fflush(stdout);
    say_done(&view, json.root);
    return err_ok();
}

/* --- backups --- */

static void add_backup_row(struct table *table, const struct json_value *backup)
{
    char started[HUMAN_MAX];
    char finished[HUMAN_MAX];
    char size[HUMAN_MAX];
    const struct span error = member_text(backup, "error");
    human_time(member_text(backup, "started_at"), started);
    human_time(member_text(backup, "finished_at"), finished);
    human_bytes((uint64_t)member_integer(backup, "bytes_done"), size);
    const char *const cells[] = {
        (const char *)member_text(backup, "name").data,
        (const char *)member_text(backup, "state").data,
        started,
        finished,
        size,
        (const char *)(error.len > 0 ? error : member_text(backup, "path")).data};
    table_row(table, ARRAY_LEN(cells), cells);
}

struct err backup_list(struct client *client, const struct options *options, int *out_exit)
{
    (void)out_exit;
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(client_fetch(client, "GET", "/v1/backups", (struct span){0}, &response, &json));
    if (output_json(options, &response)) {
        return err_ok();
    }
    CLEANUP(table_clear) struct table table = {0};
    static const char *const titles[] = {"NAME", "STATE", "STARTED", "FINISHED", "SIZE", "PATH"};
    table_row(&table, ARRAY_LEN(titles), titles);
    const struct json_value *backups = json_member(json.root, "backups");
    for (const struct json_value *at = json_first(backups); at != NULL; at = json_next(at)) {
        add_backup_row(&table, at);
    }
    table_print(&table);
    return err_ok();
}
