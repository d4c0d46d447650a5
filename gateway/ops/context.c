/* Canonical encryption context: the same pairs give the same bytes in whatever order and spelling
 * the JSON had them, and different pairs never do.
 *
 * Every name and value has its length before it, so no two lists of pairs run into the same bytes;
 * names are sorted as bytes and are unique, because the JSON reader refuses duplicates. */
#include "gateway/ops/context.h"

#include "base/mem.h"

struct pair {
    struct span name;
    struct span value;
};

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *left = a;
    const struct pair *right = b;
    /* json_name is NUL-terminated and JSON text has no NUL */
    return strcmp((const char *)left->name.data, (const char *)right->name.data);
}

static struct err read_pairs(const struct json_value *object, size_t most, struct pair *pairs,
                             size_t *out_count)
{
    size_t count = 0;
    size_t bytes = 0;
    for (const struct json_value *at = json_first(object); at != NULL; at = json_next(at)) {
        ENSURE(count < most, ERR_TOO_LARGE, "the context has more than %zu pairs", most);
        struct pair *pair = &pairs[count++];
        pair->name = span_text(json_name(at));
        ENSURE(pair->name.len > 0, ERR_INVALID_FIELD, "a name in the context is empty");
        ENSURE(json_as_text(at, &pair->value), ERR_INVALID_FIELD,
               "the context takes text values only");
        bytes += pair->name.len + pair->value.len;
    }
    ENSURE(bytes <= CONTEXT_BYTES_MAX, ERR_TOO_LARGE, "the context has more than %zu bytes",
           CONTEXT_BYTES_MAX);
    *out_count = count;
    return err_ok();
}

static struct err put_counted(struct span text, struct buf *out)
{
    TRY(buf_append_u16(out, (uint16_t)text.len));
    return buf_append(out, text);
}

static struct err canonical(const struct json_value *object, size_t most, struct buf *out)
{
    if (object == NULL || json_first(object) == NULL) {
        return err_ok();
    }
    struct pair pairs[CONTEXT_PAIRS_MAX_WIDE];
    size_t count = 0;
    TRY(read_pairs(object, most, pairs, &count));
    qsort(pairs, count, sizeof(pairs[0]), compare_pairs);
    TRY(buf_append_u8(out, (uint8_t)count));
    for (size_t i = 0; i < count; i++) {
        TRY(put_counted(pairs[i].name, out));
        TRY(put_counted(pairs[i].value, out));
    }
    return err_ok();
}

struct err context_canonical(const struct json_value *object, struct buf *out)
{
    return canonical(object, CONTEXT_PAIRS_MAX, out);
}

struct err context_canonical_wide(const struct json_value *object, struct buf *out)
{
    return canonical(object, CONTEXT_PAIRS_MAX_WIDE, out);
}
