/* db_grants: the SQL of grants, and their lists as the JSON that stands in a column. Only hsmgate
 * writes them, so whatever does not read back is damage: a grant that is half understood must not
 * allow anything, and the store does not open. */
#include "keystore/db_grants.h"

#include "base/json.h"
#include "base/mem.h"
#include "keystore/grant.h"
#include "keystore/grants.h"

/* --- lists as JSON --- */

static struct err write_operations(const struct grant *grant, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    json_begin_array(&writer, NULL);
    for (unsigned i = 0; i < OPERATION_COUNT; i++) {
        if ((grant->operations & OPERATION_BIT(i)) != 0) {
            json_put_text(&writer, NULL, operation_name((enum operation)i));
        }
    }
    json_end_array(&writer);
    return json_finish(&writer);
}

static struct err write_context(const struct grant *grant, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    for (size_t i = 0; i < grant->context_count; i++) {
        json_put_text(&writer, grant->context[i].name, grant->context[i].value);
    }
    json_end_object(&writer);
    return json_finish(&writer);
}

static struct err write_sources(const struct grant *grant, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    json_begin_array(&writer, NULL);
    for (size_t i = 0; i < grant->source_count; i++) {
        char text[64];
        network_format(&grant->sources[i], text);
        json_put_text(&writer, NULL, text);
    }
    json_end_array(&writer);
    return json_finish(&writer);
}

static struct err damaged(void)
{
    return err_new(ERR_CORRUPT, __func__, "a stored grant is damaged");
}

static struct err read_operations(const struct json_value *list, uint32_t *out)
{
    uint32_t bits = 0;
    for (const struct json_value *at = json_first(list); at != NULL; at = json_next(at)) {
        struct span text;
        enum operation operation;
        if (!json_as_text(at, &text) || !operation_by_name(text, &operation)) {
            return damaged();
        }
        bits |= OPERATION_BIT(operation);
    }
    *out = bits;
    return err_ok();
}

/* The texts are the document's. */
static struct err read_context(const struct json_value *object, struct label *pairs)
{
    size_t i = 0;
    for (const struct json_value *at = json_first(object); at != NULL; at = json_next(at)) {
        struct span text;
        if (!json_as_text(at, &text)) {
            return damaged();
        }
        pairs[i++] = (struct label){.name = json_name(at), .value = (const char *)text.data};
    }
    return err_ok();
}

static struct err read_sources(const struct json_value *list, struct network *networks)
{
    size_t i = 0;
    for (const struct json_value *at = json_first(list); at != NULL; at = json_next(at)) {
        struct span text;
        if (!json_as_text(at, &text) || network_parse(text, &networks[i++]).code != ERR_OK) {
            return damaged();
        }
    }
    return err_ok();
}

/* --- loading --- */

/* What a row's columns are parsed into. */
struct lists {
    struct json operations;
    struct json context;
    struct json sources;
    struct label *pairs;
    struct network *networks;
};

static void lists_clear(struct lists *lists)
{
    json_clear(&lists->operations);
    json_clear(&lists->context);
    json_clear(&lists->sources);
    mem_free(lists->pairs);
    mem_free(lists->networks);
}

static struct err parse_lists(struct db_rows *rows, struct lists *lists)
{
    bool good = json_parse(db_bytes_at(rows, 3), &lists->operations).code == ERR_OK &&
                json_parse(db_bytes_at(rows, 4), &lists->context).code == ERR_OK &&
                json_parse(db_bytes_at(rows, 5), &lists->sources).code == ERR_OK &&
                json_is(lists->operations.root, JSON_ARRAY) &&
                json_is(lists->context.root, JSON_OBJECT) &&
                json_is(lists->sources.root, JSON_ARRAY);
    if (!good) {
        return damaged();
    }
    lists->pairs = mem_array(json_count(lists->context.root), sizeof(*lists->pairs));
    lists->networks = mem_array(json_count(lists->sources.root), sizeof(*lists->networks));
    return err_ok();
}

static struct err read_row(struct db_rows *rows, const struct grant **out)
{
    CLEANUP(lists_clear) struct lists lists = {0};
    struct grant grant = {.id = db_text_at(rows, 0),
                          .principal = db_text_at(rows, 1),
                          .keys = db_text_at(rows, 2),
                          .expires_at = db_integer_at(rows, 6),
                          .justification = db_text_at(rows, 7),
                          .allow_dual_role = db_integer_at(rows, 8) != 0,
                          .created_at = db_integer_at(rows, 9),
                          .updated_at = db_integer_at(rows, 10),
                          .updated_by = db_text_at(rows, 11)};
    TRY(parse_lists(rows, &lists));
    TRY(read_operations(lists.operations.root, &grant.operations));
    TRY(read_context(lists.context.root, lists.pairs));
    TRY(read_sources(lists.sources.root, lists.networks));
    grant.context = lists.pairs;
    grant.context_count = json_count(lists.context.root);
    grant.sources = lists.networks;
    grant.source_count = json_count(lists.sources.root);
    *out = grant_make(&grant, NULL, db_integer_at(rows, 12));
    return err_ok();
}

struct loaded {
    const struct grant **grants;
    size_t count;
    size_t cap;
};

static void loaded_clear(struct loaded *loaded)
{
    for (size_t i = 0; i < loaded->count; i++) {
        grant_release(loaded->grants[i]);
    }
    mem_free(loaded->grants);
}

static void push(struct loaded *loaded, const struct grant *grant)
{
    if (loaded->count == loaded->cap) {
        loaded->cap = loaded->cap == 0 ? 64 : loaded->cap * 2;
        loaded->grants = mem_resize(loaded->grants, loaded->cap, sizeof(*loaded->grants));
    }
    loaded->grants[loaded->count++] = grant;
}

struct err db_grants_load(struct db *db, const struct grants **out)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    CLEANUP(loaded_clear) struct loaded loaded = {0};
    bool more = false;
    TRY(db_query(db,
                 "SELECT id, principal, keys, operations, context, sources, expires_at,"
                 " justification, allow_dual_role, created_at, updated_at, updated_by, last_used_at"
                 " FROM grants ORDER BY id",
                 NULL, 0, &rows));
    TRY(db_next(rows, &more));
    while (more) {
        const struct grant *grant = NULL;
        TRY(read_row(rows, &grant));
        push(&loaded, grant);
        TRY(db_next(rows, &more));
    }
    *out = grants_make(loaded.grants, loaded.count);
    loaded.count = 0; /* they are the snapshot's now */
    return err_ok();
}

/* --- writing --- */

struct err db_grants_put(struct db *db, const struct grant *grant)
{
    CLEANUP(buf_clear) struct buf operations = {0};
    CLEANUP(buf_clear) struct buf context = {0};
    CLEANUP(buf_clear) struct buf sources = {0};
    TRY(write_operations(grant, &operations));
    TRY(write_context(grant, &context));
    TRY(write_sources(grant, &sources));
    TRY(db_grants_delete(db, span_text(grant->id)));
    struct db_value values[] = {db_text(grant->id),
                                db_text(grant->principal),
                                db_text(grant->keys),
                                db_name(buf_span(&operations)),
                                db_name(buf_span(&context)),
                                db_name(buf_span(&sources)),
                                db_integer(grant->expires_at),
                                db_text(grant->justification),
                                db_integer(grant->allow_dual_role ? 1 : 0),
                                db_integer(grant->created_at),
                                db_integer(grant->updated_at),
                                db_text(grant->updated_by),
                                db_integer(grant_last_used_at(grant))};
    return db_run(db,
                  "INSERT INTO grants (id, principal, keys, operations, context, sources,"
                  " expires_at, justification, allow_dual_role, created_at, updated_at, updated_by,"
                  " last_used_at)"
                  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                  values, ARRAY_LEN(values), NULL);
}

struct err db_grants_delete(struct db *db, struct span id)
{
    struct db_value values[] = {db_name(id)};
    return db_run(db, "DELETE FROM grants WHERE id = $1", values, ARRAY_LEN(values), NULL);
}

struct err db_grants_touch(struct db *db, const char *id, int64_t last_used_at)
{
    struct db_value values[] = {db_integer(last_used_at), db_text(id)};
    return db_run(db, "UPDATE grants SET last_used_at = $1 WHERE id = $2", values,
                  ARRAY_LEN(values), NULL);
}
