/* `hsmgate break-glass watch`: one status line that lives on a terminal, or a line for each change
 * elsewhere, until it is decided. One request a second; a gateway that is away for a while is
 * waited for. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/patience.h"
#include "cli/request_view.h"
#include "cli/stop.h"

#define POLL_MS 1000
#define AWAY_MS 300000 /* for so long a gateway that has answered before may be away */

struct watch {
    struct client *client;
    const char *id;
    struct stop stop;
    bool live; /* a terminal, and words wanted */
    struct buf shown;
    int64_t away_ns; /* when to give a gateway up that answered before; 0: it never did */
};

static void watch_clear(struct watch *watch)
{
    stop_close(&watch->stop);
    buf_clear(&watch->shown);
}

static void show(const struct watch *watch, const char *line)
{
    if (watch->live) {
        printf("\r\033[K%s", line);
        (void)fflush(stdout);
    }
}

static bool may_come_back(const struct watch *watch, const struct err *err)
{
    return watch->away_ns != 0 && clock_left_ms(watch->away_ns) > 0 &&
           (err->code == ERR_IO || patience_helps_item(err->code));
}

/* Without a terminal the time that is left changes no line. */
static struct err show_change(struct watch *watch, const struct json_value *view)
{
    CLEANUP(buf_clear) struct buf now = {0};
    CLEANUP(mem_free_at) char *line = request_line(view, clock_wall_ms());
    CLEANUP(buf_clear) struct buf missing = {0};
    TRY(request_missing(view, &missing));
    TRY(buf_printf(&now, "%.*s %lld", (int)member_text(view, "state").len,
                   (const char *)member_text(view, "state").data,
                   (long long)json_count(json_member(view, "votes"))));
    if (watch->live) {
        const bool waits = !request_is_decided(view) && missing.len > 0;
        CLEANUP(mem_free_at)
        char *full =
            mem_format("%s%s%.*s", line, waits ? "; not yet: " : "", waits ? (int)missing.len : 0,
                       waits ? (const char *)missing.data : "");
        output_harmless(full);
        show(watch, full);
        return err_ok();
    }
    if (!span_equal(buf_span(&now), buf_span(&watch->shown))) {
        printf("%s\n", line);
        (void)fflush(stdout);
    }
    buf_move(&watch->shown, &now);
    return err_ok();
}

/* One look; *out_done when it is decided. */
static struct err look(struct watch *watch, const struct options *options, bool *out_done,
                       int *out_exit)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    const struct err err =
        asked_call(watch->client, "GET", watch->id, "", (struct span){0}, &response);
    if (err.code != ERR_OK && may_come_back(watch, &err)) {
        show(watch, "the gateway does not answer; asking again");
        return err_ok();
    }
    TRY(err);
    watch->away_ns = clock_deadline(AWAY_MS);
    TRY(json_parse(buf_span(&response.body), &json));
    *out_done = request_is_decided(json.root);
    *out_exit = request_is_approved(json.root) ? EXIT_DONE : EXIT_REFUSED;
    if (options_has(options, OPTION_JSON)) {
        return *out_done ? output_line(options, buf_span(&response.body)) : err_ok();
    }
    TRY(show_change(watch, json.root));
    if (*out_done) {
        printf("%s", watch->live ? "\n" : "");
        request_print_next(json.root, NULL);
    }
    return err_ok();
}

struct err break_glass_watch(struct client *client, const struct options *options, int *out_exit)
{
    CLEANUP(watch_clear)
    struct watch watch = {.client = client,
                          .id = options->arguments[0],
                          .stop.fd = -1,
                          .live = isatty(STDOUT_FILENO) == 1 && !options_has(options, OPTION_JSON)};
    TRY(stop_open(&watch.stop));
    for (bool done = false; !done;) {
        TRY(look(&watch, options, &done, out_exit));
        if (!done && stop_wait(&watch.stop, -1, clock_deadline(POLL_MS)) == STOP_ASKED) {
            printf("%s", watch.live ? "\n" : "");
            *out_exit = EXIT_REFUSED;
            return err_ok();
        }
    }
    return err_ok();
}
