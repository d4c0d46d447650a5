/* Items of a data call: gathered, run together, answered in order.
 *
 * A single item lives on the stack; a batch is one array. Items fail alone, except when the token
 * as a whole cannot be had. Whatever an item holds is wiped when the call ends. */
#include "gateway/ops/batch.h"

#include "base/mem.h"
#include "gateway/dialect.h"
#include "gateway/ops/use_note.h"
#include "gateway/problem.h"

#define FIELDS_MAX 8

void item_clear(struct item *item)
{
    buf_clear(&item->input);
    buf_clear(&item->proof);
    buf_clear(&item->output);
    buf_clear(&item->context);
    buf_clear(&item->scratch);
    buf_clear(&item->token.output);
    buf_clear(&item->token.extra);
    buf_clear(&item->token.plaintext);
}

/* The item stays where it is until it is cleared. */
static void lend_rooms(struct item *item)
{
    buf_lend(&item->input, item->input_room, sizeof(item->input_room));
    buf_lend(&item->output, item->output_room, sizeof(item->output_room));
    buf_lend(&item->scratch, item->scratch_room, sizeof(item->scratch_room));
    buf_lend(&item->token.output, item->token_room, sizeof(item->token_room));
    buf_lend(&item->token.extra, item->extra_room, sizeof(item->extra_room));
}

static void items_clear(struct batch **batch)
{
    for (size_t i = 0; i < (*batch)->count; i++) {
        item_clear(&(*batch)->items[i]);
    }
}

struct err item_read(struct item *item, const struct json_field *fields, size_t count)
{
    struct json_field all[FIELDS_MAX + 1];
    ENSURE(count <= FIELDS_MAX, ERR_INTERNAL, "too many fields");
    memcpy(all, fields, count * sizeof(*fields));
    all[count] = (struct json_field){"reference",   JSON_TEXT,        JSON_OPTIONAL,
                                     REFERENCE_MAX, &item->reference, NULL};
    if (item->object != NULL) {
        return json_read(item->object, all, count + 1);
    }
    for (size_t i = 0; i < count; i++) {
        ENSURE(fields[i].need == JSON_OPTIONAL, ERR_INVALID_FIELD, "field '%s' is missing",
               fields[i].name);
    }
    return err_ok();
}

void item_digest(struct item *item, struct span bytes)
{
    digest_sha256_parts(&bytes, 1, item->digest);
    item->has_digest = true;
}

bool batch_waits(const struct item *item)
{
    return item->err.code == ERR_OK && !item->settled;
}

size_t batch_waiting(const struct batch *batch)
{
    size_t waiting = 0;
    for (size_t i = 0; i < batch->count; i++) {
        waiting += batch_waits(&batch->items[i]) ? 1 : 0;
    }
    return waiting;
}

/* Moves the token parts of the waiting items into `flat`, or back out of it. */
static size_t gather(const struct batch *batch, struct token_item *flat)
{
    size_t filled = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch_waits(&batch->items[i])) {
            flat[filled++] = batch->items[i].token;
        }
    }
    return filled;
}

static void scatter(struct batch *batch, const struct token_item *flat)
{
    size_t used = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch_waits(&batch->items[i])) {
            batch->items[i].token = flat[used++];
        }
    }
}

static void take_results(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (batch_waits(item)) {
            item->err = item->token.result;
        }
    }
}

struct err batch_token(struct batch *batch, struct token *token, enum token_op op)
{
    size_t waiting = batch_waiting(batch);
    if (waiting == 0) {
        return err_ok();
    }
    int64_t deadline_ns = batch->call->deadline_ns;
    struct err err;
    if (batch->count == 1) {
        err = token_run(token, op, &batch->items[0].token, 1, deadline_ns);
    } else {
        CLEANUP(mem_free_at) struct token_item *flat = mem_array(waiting, sizeof(*flat));
        (void)gather(batch, flat);
        err = token_run(token, op, flat, waiting, deadline_ns);
        scatter(batch, flat);
    }
    TRY(err);
    take_results(batch);
    return err_ok();
}

static void read_item(struct batch *batch, struct item *item)
{
    /* first of all, so that a refused item's answer carries it too */
    const struct json_value *object = item->object;
    if (object != NULL && json_is(object, JSON_OBJECT)) {
        const struct json_value *reference = json_member(object, "reference");
        struct span text;
        if (reference != NULL && json_as_text(reference, &text) && text.len <= REFERENCE_MAX) {
            item->reference = text;
        }
    }
    if (pipeline_item_forbidden(batch->call, (size_t)(item - batch->items))) {
        item->err = pipeline_refusal();
        return;
    }
    item->err = batch->verb->words->read(batch, item);
}

static struct err run_items(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        lend_rooms(&batch->items[i]);
        read_item(batch, &batch->items[i]);
    }
    if (batch_waiting(batch) > 0) {
        TRY(batch->verb->run(batch));
    }
    return use_note_batch(batch);
}

/* --- the record --- */

static void record_single(struct call *call, const struct item *item)
{
    call->version = item->version != NULL ? item->version->number : call->version;
    call->has_digest = item->has_digest;
    memcpy(call->digest, item->digest, SHA256_LEN);
}

/* The batch's digest is SHA-256 over its items' digests in order, 32 zeros for an item that could
 * not be read; its version is the one that all good items share, else none. */
static void record_batch(struct batch *batch)
{
    struct call *call = batch->call;
    struct span parts[BATCH_ITEMS_MAX];
    uint32_t version = 0;
    bool mixed = false;
    for (size_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        parts[i] = span_of(item->digest, SHA256_LEN);
        call->has_digest = call->has_digest || item->has_digest;
        call->items_failed += item->err.code != ERR_OK ? 1 : 0;
        if (item->err.code == ERR_OK && item->version != NULL) {
            mixed = mixed || (version != 0 && version != item->version->number);
            version = item->version->number;
        }
    }
    call->items = (uint32_t)batch->count;
    call->version = mixed ? 0 : version;
    if (call->has_digest) {
        digest_sha256_parts(parts, batch->count, call->digest);
    }
}

/* --- the answer --- */

static void write_good(const struct batch *batch, const struct item *item,
                       struct json_writer *writer)
{
    if (batch->call->key != NULL && item->version != NULL) {
        json_put_text(writer, "key", batch->call->key->name);
        json_put_integer(writer, "version", item->version->number);
    }
    batch->verb->words->write(batch, item, writer);
}

static void write_item(const struct batch *batch, const struct item *item,
                       struct json_writer *writer)
{
    json_begin_object(writer, NULL);
    if (item->err.code == ERR_OK) {
        write_good(batch, item, writer);
    } else {
        problem_put_item(writer, &item->err);
    }
    if (item->reference.data != NULL) {
        json_put_span(writer, "reference", item->reference);
    }
    json_end_object(writer);
}

struct err batch_reply_one(const struct batch *batch, const struct item *item)
{
    struct json_writer writer = call_reply_json(batch->call, 200);
    write_item(batch, item, &writer);
    return json_finish(&writer);
}

struct err batch_reply_many(const struct batch *batch)
{
    struct json_writer writer = call_reply_json(batch->call, 200);
    json_begin_object(&writer, NULL);
    json_begin_array(&writer, "results");
    for (size_t i = 0; i < batch->count; i++) {
        write_item(batch, &batch->items[i], &writer);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}

/* --- the run --- */

static struct err run_single(const struct batch *asked)
{
    struct item item = {.object = asked->call->json.root};
    struct batch batch = *asked;
    batch.items = &item;
    batch.count = 1;
    CLEANUP(items_clear) struct batch *cleared = &batch;
    struct err err = run_items(cleared);
    record_single(batch.call, &item);
    TRY(err);
    TRY(item.err);
    return batch.call->exchange->dialect->reply_one(&batch, &item);
}

static struct err run_many(struct batch *batch, const struct json_value *array)
{
    CLEANUP(mem_free_at) struct item *items = mem_array(batch->count, sizeof(*items));
    batch->items = items;
    CLEANUP(items_clear) struct batch *cleared = batch;
    size_t i = 0;
    for (const struct json_value *at = json_first(array); at != NULL; at = json_next(at)) {
        items[i++].object = at;
    }
    struct err err = run_items(cleared);
    record_batch(batch);
    TRY(err);
    return batch->call->exchange->dialect->reply_many(batch);
}

/* NULL when there is one item, which is the whole body. */
static struct err find_items(const struct call *call, const struct json_value **out)
{
    const struct dialect *dialect = call->exchange->dialect;
    const struct json_value *root = call->json.root;
    *out = root != NULL && dialect->items != NULL ? json_member(root, dialect->items) : NULL;
    if (*out != NULL && dialect->items_win && !json_is(*out, JSON_ANY)) {
        *out = NULL; /* `null` counts as absent there */
    }
    if (*out == NULL) {
        return err_ok();
    }
    ENSURE(json_is(*out, JSON_ARRAY), ERR_INVALID_FIELD, "field '%s' is not an array",
           dialect->items);
    ENSURE(dialect->items_win || json_count(root) == 1, ERR_UNKNOWN_FIELD,
           "beside '%s' there is no other field", dialect->items);
    size_t count = json_count(*out);
    ENSURE(count > 0, ERR_INVALID_FIELD, "'%s' is empty", dialect->items);
    ENSURE(count <= BATCH_ITEMS_MAX, ERR_TOO_LARGE, "field '%s' has more than %d items",
           dialect->items, BATCH_ITEMS_MAX);
    return err_ok();
}

struct err batch_run(struct batch *batch)
{
    const struct json_value *array = NULL;
    TRY(find_items(batch->call, &array));
    if (array == NULL) {
        return run_single(batch);
    }
    batch->count = json_count(array);
    if (batch->count > 1) { /* one was taken before the body was read */
        pipeline_owe_rate(batch->call, (uint32_t)batch->count - 1);
    }
    return run_many(batch, array);
}
