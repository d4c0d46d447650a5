/* One batch after the other: read, ask, write, make durable, record. A line is recorded only when
 * its result is on disk, and its result is cut off again when a run died between the two, so that
 * nothing is lost and nothing stands twice. */
#include "cli/bulk_run.h"

#include <stdio.h>

#include "base/mem.h"
#include "cli/output.h"

#define LINGER_MS   50 /* how long a batch that is not full waits for more */
#define FOREVER_MS  INT64_MAX
#define OUTPUT_MAX  ((size_t)16 << 20)
#define REJECTS_MAX ((size_t)128 << 20)

/* Fills the batch as far as there is input. */
static struct err gather(struct bulk *bulk, enum bulk_got *out_got)
{
    struct bulk_line *next = &bulk->next;
    while (!bulk_batch_is_full(&bulk->batch)) {
        if (next->taken == 0) {
            TRY(bulk_input_next(&bulk->input, bulk->batch.count > 0 ? LINGER_MS : FOREVER_MS, next,
                                out_got));
            if (*out_got != BULK_GOT_LINE) {
                return err_ok();
            }
            bulk_line_read(next, buf_span(&bulk->context));
        }
        if (!bulk_batch_add(&bulk->batch, next)) {
            break;
        }
    }
    *out_got = BULK_GOT_LINE;
    return err_ok();
}

/* What one try came to. */
struct attempt {
    bool again; /* the gateway could not serve: `busy` says why */
    struct err busy;
    int64_t retry_after_s;
};

static struct err ask_once(struct bulk *bulk, struct span body, struct attempt *out)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    const struct err err =
        client_exchange(bulk->client, "POST", bulk->request_path, body, &response);
    if (patience_helps(&err, &response)) {
        const struct err busy = err.code != ERR_OK ? err : client_problem(&response);
        *out = (struct attempt){true, busy, response.retry_after_s};
        return err_ok();
    }
    TRY(err);
    if (response.status != 200) {
        return client_problem(&response);
    }
    TRY(json_parse(buf_span(&response.body), &json));
    TRY(bulk_batch_answer(&bulk->batch, json.root, &out->busy));
    out->again = out->busy.code != ERR_OK;
    return err_ok();
}

static void say_waiting(struct bulk *bulk, const struct err *busy)
{
    if (bulk->patience.end_ns == 0 && !bulk->progress.quiet) {
        bulk_progress_clear(&bulk->progress);
        output_reason(busy);
        fprintf(stderr, "trying again\n");
    }
}

/* Asks until there is an answer, a signal comes or the patience is over. */
static struct err ask(struct bulk *bulk, bool *out_stopped)
{
    CLEANUP(buf_clear) struct buf body = {0};
    TRY(bulk_batch_body(&bulk->batch, &body));
    for (;;) {
        struct attempt attempt = {0};
        TRY(ask_once(bulk, buf_span(&body), &attempt));
        if (!attempt.again) {
            patience_served(&bulk->patience);
            return err_ok();
        }
        say_waiting(bulk, &attempt.busy);
        const enum patience_next next = patience_pause(&bulk->patience, attempt.retry_after_s);
        *out_stopped = next == PATIENCE_STOP;
        if (*out_stopped) {
            return err_ok();
        }
        if (next == PATIENCE_OVER) {
            return attempt.busy;
        }
    }
}

static struct err write_rejects(struct bulk *bulk, struct span text)
{
    if (text.len == 0) {
        return err_ok();
    }
    if (bulk->rejects.fd < 0) {
        TRY(bulk_file_create(bulk->rejects_path, &bulk->rejects));
    }
    TRY(bulk_file_append(&bulk->rejects, text));
    return bulk_file_sync(&bulk->rejects);
}

/* Results first, then what says that they are there. */
static struct err record(struct bulk *bulk)
{
    CLEANUP(buf_clear) struct buf output = {0};
    CLEANUP(buf_clear) struct buf rejects = {0};
    buf_init(&output, OUTPUT_MAX);
    buf_init(&rejects, REJECTS_MAX);
    TRY(bulk_batch_write(&bulk->batch, &output, &rejects));
    TRY(bulk_file_append(&bulk->output, buf_span(&output)));
    TRY(write_rejects(bulk, buf_span(&rejects)));
    bulk_batch_count(&bulk->batch, &bulk->state.counts);
    bulk_mark_pass(&bulk->state.mark, bulk->batch.lines, bulk->batch.count);
    if (bulk->state_path == NULL) {
        return err_ok();
    }
    TRY(bulk_file_sync(&bulk->output));
    bulk->state.output_len = bulk->output.len;
    bulk->state.rejects_len = bulk->rejects.len;
    return bulk_state_write(bulk->state_path, &bulk->state);
}

static struct err do_batch(struct bulk *bulk, bool *out_stopped)
{
    if (bulk->batch.items > 0) {
        TRY(ask(bulk, out_stopped));
    }
    if (!*out_stopped && bulk->batch.count > 0) {
        TRY(record(bulk));
    }
    bulk_batch_reset(&bulk->batch);
    bulk_progress_show(&bulk->progress, &bulk->state.counts);
    return err_ok();
}

struct err bulk_run(struct bulk *bulk, bool *out_stopped)
{
    enum bulk_got got = BULK_GOT_LINE;
    while (got != BULK_GOT_END && !*out_stopped) {
        TRY(gather(bulk, &got));
        if (got == BULK_GOT_STOP) {
            *out_stopped = true;
            break;
        }
        TRY(do_batch(bulk, out_stopped));
        *out_stopped = *out_stopped || (got != BULK_GOT_END && stop_asked(&bulk->stop));
    }
    return bulk_file_sync(&bulk->output);
}
