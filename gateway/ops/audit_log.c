/* The audit log as clients read it: durable records after a sequence number, as they stand in the
 * file, and the newest signed checkpoint over them. */
#include "audit/checkpoint.h"
#include "base/mem.h"
#include "gateway/ops/core_ops.h"
#include "gateway/query.h"
#include "gateway/signer.h"
#include "gateway/witness.h"

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

/* Only what this process signed has a known time: a note says none. */
static void put_signed_at(const struct call *call, uint64_t size, struct json_writer *writer)
{
    struct witness_status status = {0};
    if (call->gateway->witness != NULL) {
        witness_status(call->gateway->witness, &status);
    }
    if (status.signed_size == size && status.signed_ms > 0) {
        json_put_time(writer, "signed_at", status.signed_ms);
    }
}

struct err op_audit_checkpoint(struct call *call)
{
    CLEANUP(buf_clear) struct buf note = {0};
    CLEANUP(buf_clear) struct buf key = {0};
    char origin[CHECKPOINT_ORIGIN_MAX];
    struct tree_head head;
    TRY(query_read(call->exchange->request.query, NULL, 0));
    buf_init(&note, CHECKPOINT_MAX);
    struct err err = audit_get_checkpoint(call->gateway->audit, &note);
    ENSURE(err.code != ERR_NOT_FOUND, ERR_NOT_FOUND, "No checkpoint has been signed yet.");
    TRY(err);
    TRY(checkpoint_read(buf_span(&note), origin, &head));
    err = signer_find_key(call->gateway, buf_span(&note), &key);
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "checkpoint", buf_span(&note));
    json_put_text(&writer, "origin", origin);
    json_put_integer(&writer, "size", (int64_t)head.size);
    json_put_bytes(&writer, "root", span_of(head.root.bytes, sizeof(head.root.bytes)));
    if (err.code == ERR_OK) { /* not a key of ours: a folder that came from elsewhere */
        json_put_span(&writer, "key", buf_span(&key));
    }
    put_signed_at(call, head.size, &writer);
    json_end_object(&writer);
    return json_finish(&writer);
}
