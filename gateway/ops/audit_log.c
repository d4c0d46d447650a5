/* The audit log as clients read it: durable records after a sequence number, as they stand in the
 * file. */
#include "base/mem.h"
#include "gateway/ops/core_ops.h"
#include "gateway/query.h"

#define RECORDS_DEFAULT 100
#define RECORDS_MAX     1000
#define LINES_MAX       ((size_t)16 << 20)

static struct err read_range(struct span query, int64_t *after, int64_t *limit)
{
    char after_text[24] = "";
    char limit_text[24] = "";
    const struct query_field fields[] = {
        {"after", after_text, sizeof(after_text)},
        {"limit", limit_text, sizeof(limit_text)},
    };
    TRY(query_read(query, fields, ARRAY_LEN(fields)));
    TRY(query_integer("after", after_text, 0, (int64_t)1 << 53, after));
    return query_integer("limit", limit_text, 1, RECORDS_MAX, limit);
}

/* Each line is one JSON object. */
static void put_lines(struct json_writer *writer, struct span lines)
{
    while (lines.len > 0) {
        const uint8_t *end = memchr(lines.data, '\n', lines.len);
        size_t len = end != NULL ? (size_t)(end - lines.data) : lines.len;
        json_put_raw(writer, NULL, span_of(lines.data, len));
        size_t used = end != NULL ? len + 1 : len;
        lines = span_of(lines.data + used, lines.len - used);
    }
}

struct err op_audit_list(struct call *call)
{
    CLEANUP(buf_clear) struct buf lines = {0};
    int64_t after = 0;
    int64_t limit = RECORDS_DEFAULT;
    TRY(read_range(call->exchange->request.query, &after, &limit));
    uint64_t last = (uint64_t)after;
    struct audit_status status;
    audit_status(call->gateway->audit, &status);
    buf_init(&lines, LINES_MAX);
    TRY(audit_read(call->gateway->audit, (uint64_t)after, (size_t)limit, &lines, &last));
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_begin_array(&writer, "records");
    put_lines(&writer, buf_span(&lines));
    json_end_array(&writer);
    /* without records nothing was appended, and the next read starts where this one did */
    json_put_integer(&writer, "next", lines.len > 0 ? (int64_t)last : after);
    json_put_integer(&writer, "last", (int64_t)status.durable_seq);
    json_end_object(&writer);
    return json_finish(&writer);
}
