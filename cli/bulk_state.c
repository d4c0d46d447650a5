/* JSON with every number that going on needs. The file is replaced as a whole, after what it speaks
 * of is durable: it never promises more than there is. */
#include "cli/bulk_state.h"

#include <string.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/mem.h"

#define FORMAT    1
#define STATE_MAX ((size_t)256 << 10)

static const char *file_name(const char *path)
{
    return path != NULL ? path : "";
}

static struct err state_text(const struct bulk_state *state, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_integer(&writer, "format", FORMAT);
    json_put_text(&writer, "key", state->key);
    json_put_span(&writer, "context", state->context);
    json_put_text(&writer, "output", file_name(state->output));
    json_put_text(&writer, "rejects", file_name(state->rejects));
    json_put_integer(&writer, "lines", (int64_t)state->mark.lines);
    json_put_integer(&writer, "bytes", (int64_t)state->mark.bytes);
    json_put_integer(&writer, "check_bytes", (int64_t)state->mark.check_len);
    json_put_hex(&writer, "check", span_of(state->mark.check, SHA256_LEN));
    json_put_integer(&writer, "output_bytes", (int64_t)state->output_len);
    json_put_integer(&writer, "rejects_bytes", (int64_t)state->rejects_len);
    json_put_integer(&writer, "rewrapped", (int64_t)state->counts.rewrapped);
    json_put_integer(&writer, "empty", (int64_t)state->counts.empty);
    json_put_integer(&writer, "bad", (int64_t)state->counts.bad);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return buf_append_u8(out, '\n');
}

struct err bulk_state_write(const char *path, const struct bulk_state *state)
{
    CLEANUP(buf_clear) struct buf text = {0};
    TRY(state_text(state, &text));
    const struct err err = file_write(path, buf_span(&text), 0600);
    ENSURE(err.code == ERR_OK, ERR_IO, "%s: %s", path, err.detail);
    return err_ok();
}

static struct err read_check(struct span hex, struct bulk_mark *out)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    TRY(hex_decode(hex, &bytes));
    ENSURE(bytes.len == SHA256_LEN && out->check_len <= BULK_CHECK_MAX &&
               out->check_len <= out->bytes,
           ERR_CORRUPT, "its check is damaged");
    memcpy(out->check, bytes.data, SHA256_LEN);
    return err_ok();
}

/* The numbers of the file, none of which can be negative. */
enum number {
    FORMAT_NUMBER,
    LINES,
    BYTES,
    CHECK_BYTES,
    OUTPUT,
    REJECTS,
    REWRAPPED,
    EMPTY,
    BAD,
    NUMBERS
};

static struct err take_numbers(const int64_t numbers[NUMBERS], struct bulk_state *state)
{
    for (size_t i = 0; i < NUMBERS; i++) {
        ENSURE(numbers[i] >= 0, ERR_CORRUPT, "a number is negative");
    }
    ENSURE(numbers[FORMAT_NUMBER] == FORMAT, ERR_NEWER, "its format is not known");
    state->mark.lines = (uint64_t)numbers[LINES];
    state->mark.bytes = (uint64_t)numbers[BYTES];
    state->mark.check_len = (size_t)numbers[CHECK_BYTES];
    state->output_len = (uint64_t)numbers[OUTPUT];
    state->rejects_len = (uint64_t)numbers[REJECTS];
    state->counts = (struct bulk_counts){.lines = state->mark.lines,
                                         .bytes = state->mark.bytes,
                                         .rewrapped = (uint64_t)numbers[REWRAPPED],
                                         .empty = (uint64_t)numbers[EMPTY],
                                         .bad = (uint64_t)numbers[BAD]};
    return err_ok();
}

/* What is in a file of another name was not written by this run, and must not be cut off. */
static struct err check_file(const char *option, struct span before, const char *now)
{
    ENSURE(span_is(before, file_name(now)), ERR_CONFLICT, "it was begun with %s %.*s", option,
           before.len > 0 ? (int)before.len : 1, before.len > 0 ? (const char *)before.data : "-");
    return err_ok();
}

static struct err read_state(struct span text, struct bulk_state *state)
{
    CLEANUP(json_clear) struct json json = {0};
    struct span key = {0};
    struct span context = {0};
    struct span output = {0};
    struct span rejects = {0};
    struct span check = {0};
    int64_t numbers[NUMBERS];
    const struct json_field fields[] = {
        {"format", JSON_INTEGER, JSON_REQUIRED, 0, &numbers[FORMAT_NUMBER], NULL},
        {"key", JSON_TEXT, JSON_REQUIRED, 0, &key, NULL},
        {"context", JSON_TEXT, JSON_REQUIRED, 0, &context, NULL},
        {"output", JSON_TEXT, JSON_REQUIRED, 0, &output, NULL},
        {"rejects", JSON_TEXT, JSON_REQUIRED, 0, &rejects, NULL},
        {"lines", JSON_INTEGER, JSON_REQUIRED, 0, &numbers[LINES], NULL},
        {"bytes", JSON_INTEGER, JSON_REQUIRED, 0, &numbers[BYTES], NULL},
        {"check_bytes", JSON_INTEGER, JSON_REQUIRED, 0, &numbers[CHECK_BYTES], NULL},
        {"check", JSON_TEXT, JSON_REQUIRED, 0, &check, NULL},
        {"output_bytes", JSON_INTEGER, JSON_REQUIRED, 0, &numbers[OUTPUT], NULL},
        {"rejects_bytes", JSON_INTEGER, JSON_REQUIRED, 0, &numbers[REJECTS], NULL},
        {"rewrapped", JSON_INTEGER, JSON_REQUIRED, 0, &numbers[REWRAPPED], NULL},
        {"empty", JSON_INTEGER, JSON_REQUIRED, 0, &numbers[EMPTY], NULL},
        {"bad", JSON_INTEGER, JSON_REQUIRED, 0, &numbers[BAD], NULL},
    };
    TRY(json_parse(text, &json));
    TRY(json_read(json.root, fields, ARRAY_LEN(fields)));
    ENSURE(span_is(key, state->key), ERR_CONFLICT, "it is of the key %.*s", (int)key.len,
           (const char *)key.data);
    ENSURE(span_equal(context, state->context), ERR_CONFLICT, "it is of another --context");
    TRY(check_file("--out", output, state->output));
    TRY(check_file("--rejects", rejects, state->rejects));
    struct bulk_state read = *state;
    TRY(take_numbers(numbers, &read));
    TRY(read_check(check, &read.mark));
    *state = read;
    return err_ok();
}

struct err bulk_state_read(const char *path, struct bulk_state *state)
{
    CLEANUP(buf_clear) struct buf text = {0};
    buf_init(&text, STATE_MAX);
    struct err err = file_read(path, &text);
    if (err.code == ERR_NOT_FOUND) {
        return err;
    }
    if (err.code == ERR_OK) {
        err = read_state(buf_span(&text), state);
    }
    const bool is_known = err.code == ERR_CONFLICT || err.code == ERR_IO || err.code == ERR_NEWER;
    ENSURE(err.code == ERR_OK, is_known ? err.code : ERR_CORRUPT,
           "%s is no state of this rewrap: %s", path, err.detail);
    return err_ok();
}
