/* What the canonical texts of quorum/ share: one spelling for each value.
 *
 * People sign bytes, so a reader here never believes that two spellings mean the same: it reads,
 * writes what it understood and compares. Texts are asked first whether JSON carries them, because
 * the JSON writer mends bad UTF-8, and mended text is not what somebody signed. */
#include "quorum/canonical.h"

#include "base/encoding.h"
#include "base/mem.h"

struct err canonical_err(struct err err)
{
    if (err.code != ERR_OK) {
        err.code = ERR_INVALID_FIELD;
    }
    return err;
}

bool canonical_is_text(struct span text)
{
    CLEANUP(buf_clear) struct buf written = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct json_writer writer = json_writer_on(&written);
    json_put_span(&writer, NULL, text);
    struct span back = {0};
    return json_finish(&writer).code == ERR_OK &&
           json_parse(buf_span(&written), &json).code == ERR_OK && json_as_text(json.root, &back) &&
           span_equal(text, back);
}

bool canonical_is_line(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] == 0x7f) {
            return false;
        }
    }
    return canonical_is_text(text);
}

bool canonical_is_zero(struct span bytes)
{
    uint8_t any = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        any |= bytes.data[i];
    }
    return any == 0;
}

void canonical_time(int64_t unix_ms, char out[CLOCK_TEXT_MAX])
{
    clock_format(unix_ms, out);
    char *point = strstr(out, ".000Z");
    if (point != NULL) {
        point[0] = 'Z';
        point[1] = '\0';
    }
}

typedef struct err decoder(struct span text, struct buf *out);

static struct err decode_exactly(decoder *decode, struct span text, size_t len, uint8_t *out)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    TRY(canonical_err(decode(text, &bytes)));
    ENSURE(bytes.len == len, ERR_INVALID_FIELD, "%zu bytes instead of %zu", bytes.len, len);
    memcpy(out, bytes.data, len);
    return err_ok();
}

struct err canonical_hex(struct span text, size_t len, uint8_t *out)
{
    return decode_exactly(hex_decode, text, len, out);
}

struct err canonical_base64(struct span text, size_t len, uint8_t *out)
{
    return decode_exactly(base64_decode, text, len, out);
}

void canonical_reserve(struct buf *buf, size_t len)
{
    *buf = (struct buf){.data = mem_alloc(len), .cap = len, .max = len};
}
