/* A line is changed by splicing: the new ciphertext goes where the old one stood, and every other
 * byte stays, so that numbers, escapes, order and blanks of a JSON object come out as they were. */
#include "cli/bulk_line.h"

#include <string.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "cli/bulk_json.h"
#include "cli/client.h"

#define CIPHERTEXT "ciphertext"

void bulk_line_clear(struct bulk_line *line)
{
    buf_clear(&line->text);
    buf_clear(&line->item);
    buf_clear(&line->result);
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Finds what stands between blanks; len 0 when nothing does. */
static void trim(struct bulk_line *line)
{
    size_t end = line->text.len;
    line->at = 0;
    while (end > 0 && is_blank(line->text.data[end - 1])) {
        end--;
    }
    while (line->at < end && is_blank(line->text.data[line->at])) {
        line->at++;
    }
    line->len = end - line->at;
}

static struct err check_base64(struct span text)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    return base64_decode(text, &bytes);
}

static struct err check_context(const struct json_value *context)
{
    ENSURE(json_is(context, JSON_OBJECT), ERR_INVALID_FIELD, "field 'context' must be an object");
    for (const struct json_value *pair = json_first(context); pair != NULL;
         pair = json_next(pair)) {
        ENSURE(json_is(pair, JSON_TEXT), ERR_INVALID_FIELD, "the context takes text values only");
    }
    return err_ok();
}

static struct err write_item(struct bulk_line *line, struct span ciphertext,
                             const struct json_value *own_context, struct span context)
{
    TRY(check_base64(ciphertext));
    struct json_writer writer = json_writer_on(&line->item);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, CIPHERTEXT, ciphertext);
    if (own_context != NULL) {
        json_put_value(&writer, "context", own_context);
    } else if (context.len > 0) {
        json_put_raw(&writer, "context", context);
    }
    json_end_object(&writer);
    return json_finish(&writer);
}

static struct err read_object(struct bulk_line *line, struct span context)
{
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(buf_append(&text, buf_span(&line->text)));
    bulk_json_mask_numbers(&text);
    TRY(json_parse(buf_span(&text), &json));
    struct span ciphertext = {0}; /* without escapes, such as `\/`, that the line may have */
    const struct json_value *member = json_member(json.root, CIPHERTEXT);
    const struct json_value *own_context = json_member(json.root, "context");
    ENSURE(member != NULL, ERR_INVALID_FIELD, "field 'ciphertext' is missing");
    ENSURE(json_as_text(member, &ciphertext), ERR_INVALID_FIELD, "field 'ciphertext' must be text");
    if (own_context != NULL) {
        TRY(check_context(own_context));
    }
    ENSURE(bulk_json_find(buf_span(&line->text), CIPHERTEXT, &line->at, &line->len),
           ERR_INVALID_FIELD, "the name 'ciphertext' must be written without escapes");
    return write_item(line, ciphertext, own_context, context);
}

static struct err read_line(struct bulk_line *line, struct span context)
{
    ENSURE(line->taken <= BULK_LINE_MAX + 1, ERR_TOO_LARGE, "the line has more than %zu bytes",
           BULK_LINE_MAX);
    const struct span text = span_of(line->text.data + line->at, line->len);
    return text.data[0] == '{' ? read_object(line, context) : write_item(line, text, NULL, context);
}

void bulk_line_read(struct bulk_line *line, struct span context)
{
    trim(line);
    if (line->len == 0 && line->taken <= BULK_LINE_MAX + 1) {
        line->fate = BULK_EMPTY;
        return;
    }
    line->err = read_line(line, context);
    line->fate = line->err.code == ERR_OK ? BULK_ASKED : BULK_BAD;
}

struct err bulk_line_answer(struct bulk_line *line, const struct json_value *answer)
{
    struct span ciphertext = {0};
    const struct json_value *error = json_member(answer, "error");
    if (error != NULL) {
        line->err = client_problem_of(error);
        line->fate = BULK_BAD;
        return err_ok();
    }
    ENSURE(json_as_text(json_member(answer, CIPHERTEXT), &ciphertext) &&
               check_base64(ciphertext).code == ERR_OK, /* it goes into JSON as it is */
           ERR_CORRUPT, "the server's answer has no '" CIPHERTEXT "' in base64");
    line->fate = BULK_GOOD;
    return buf_append(&line->result, ciphertext);
}

struct err bulk_line_write(const struct bulk_line *line, struct buf *out)
{
    const struct span text = buf_span(&line->text);
    if (line->fate == BULK_EMPTY) {
        TRY(buf_append(out, text));
        return buf_append_u8(out, '\n');
    }
    const size_t behind = line->at + line->len;
    TRY(buf_append(out, span_of(text.data, line->at)));
    TRY(buf_append(out, buf_span(&line->result)));
    TRY(buf_append(out, span_of(text.data + behind, text.len - behind)));
    return buf_append_u8(out, '\n');
}

/* Whether JSON text gives the line back byte for byte: the writer mends what is not UTF-8, and no
 * reader takes a NUL. */
static bool survives(struct span text)
{
    CLEANUP(buf_clear) struct buf quoted = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct span back = {0};
    buf_init(&quoted, BULK_LINE_MAX * 6 + 2);
    struct json_writer writer = json_writer_on(&quoted);
    json_put_span(&writer, NULL, text);
    return json_finish(&writer).code == ERR_OK &&
           json_parse(buf_span(&quoted), &json).code == ERR_OK && json_as_text(json.root, &back) &&
           span_equal(back, text);
}

struct err bulk_line_write_reject(const struct bulk_line *line, struct buf *out)
{
    const struct span text = buf_span(&line->text);
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_integer(&writer, "line", (int64_t)line->number);
    json_put_text(&writer, "error", err_word(line->err.code));
    json_put_text(&writer, "detail", line->err.detail);
    if (survives(text)) {
        json_put_span(&writer, "input", text);
    } else {
        json_put_bytes(&writer, "input_base64", text);
    }
    if (line->taken > BULK_LINE_MAX + 1) {
        json_put_integer(&writer, "input_bytes", (int64_t)line->taken);
    }
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return buf_append_u8(out, '\n');
}
