/* Gathers lines up to the limits of one request and hands out the results. Lines stay in their
 * order, whatever becomes of them. */
#include "cli/bulk_batch.h"

#include "base/mem.h"
#include "cli/patience.h"

#define BODY_START "{\"items\":["
#define BODY_END   "]}"
#define BODY_FRAME (sizeof BODY_START BODY_END - 1)

void bulk_batch_init(struct bulk_batch *batch)
{
    *batch = (struct bulk_batch){.lines = mem_array(BULK_LINES_MAX, sizeof *batch->lines),
                                 .body_len = BODY_FRAME};
}

void bulk_batch_reset(struct bulk_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        bulk_line_clear(&batch->lines[i]);
        batch->lines[i] = (struct bulk_line){0};
    }
    *batch = (struct bulk_batch){.lines = batch->lines, .body_len = BODY_FRAME};
}

void bulk_batch_clear(struct bulk_batch *batch)
{
    if (batch->lines != NULL) {
        bulk_batch_reset(batch);
        mem_free(batch->lines);
        *batch = (struct bulk_batch){0};
    }
}

bool bulk_batch_is_full(const struct bulk_batch *batch)
{
    return batch->items == BULK_ITEMS_MAX || batch->count == BULK_LINES_MAX ||
           batch->text_len >= BULK_TEXT_MAX || batch->body_len >= BULK_BODY_MAX;
}

/* What it takes of the body, with the comma. */
static size_t body_part(const struct bulk_line *line)
{
    return line->fate == BULK_ASKED ? line->item.len + 1 : 0;
}

bool bulk_batch_add(struct bulk_batch *batch, struct bulk_line *line)
{
    if (body_part(line) + BODY_FRAME > BULK_BODY_MAX) {
        line->err = err_new(ERR_TOO_LARGE, __func__,
                            "the ciphertext and its context are too large "
                            "for one request");
        line->fate = BULK_BAD;
    }
    const size_t body_len = batch->body_len + body_part(line);
    const size_t text_len = batch->text_len + line->text.len;
    if (batch->count > 0 &&
        (bulk_batch_is_full(batch) || body_len > BULK_BODY_MAX || text_len > BULK_TEXT_MAX)) {
        return false;
    }
    batch->lines[batch->count++] = *line;
    batch->items += line->fate == BULK_ASKED ? 1 : 0;
    batch->body_len = body_len;
    batch->text_len = text_len;
    *line = (struct bulk_line){0};
    return true;
}

struct err bulk_batch_body(const struct bulk_batch *batch, struct buf *out)
{
    const char *between = "";
    TRY(buf_append_text(out, BODY_START));
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->lines[i].fate == BULK_ASKED) {
            TRY(buf_append_text(out, between));
            TRY(buf_append(out, buf_span(&batch->lines[i].item)));
            between = ",";
        }
    }
    return buf_append_text(out, BODY_END);
}

static struct err find_busy(const struct json_value *results)
{
    for (const struct json_value *result = json_first(results); result != NULL;
         result = json_next(result)) {
        const struct json_value *error = json_member(result, "error");
        if (error != NULL) {
            const struct err err = client_problem_of(error);
            if (patience_helps_item(err.code)) {
                return err;
            }
        }
    }
    return err_ok();
}

struct err bulk_batch_answer(struct bulk_batch *batch, const struct json_value *answer,
                             struct err *out_busy)
{
    const struct json_value *results = json_member(answer, "results");
    ENSURE(json_is(results, JSON_ARRAY) && json_count(results) == batch->items, ERR_CORRUPT,
           "the server's answer has not one result for each item");
    *out_busy = find_busy(results);
    if (out_busy->code != ERR_OK) {
        return err_ok();
    }
    const struct json_value *result = json_first(results);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->lines[i].fate == BULK_ASKED) {
            TRY(bulk_line_answer(&batch->lines[i], result));
            result = json_next(result);
        }
    }
    return err_ok();
}

void bulk_batch_count(const struct bulk_batch *batch, struct bulk_counts *counts)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct bulk_line *line = &batch->lines[i];
        counts->lines++;
        counts->bytes += line->taken;
        counts->rewrapped += line->fate == BULK_GOOD ? 1 : 0;
        counts->empty += line->fate == BULK_EMPTY ? 1 : 0;
        counts->bad += line->fate == BULK_BAD ? 1 : 0;
    }
}

struct err bulk_batch_write(const struct bulk_batch *batch, struct buf *output, struct buf *rejects)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct bulk_line *line = &batch->lines[i];
        TRY(line->fate == BULK_BAD ? bulk_line_write_reject(line, rejects)
                                   : bulk_line_write(line, output));
    }
    return err_ok();
}
