/* db_rosters: the SQL of rosters. */
#include "keystore/db_rosters.h"

#include <string.h>

#include "base/mem.h"

struct err db_rosters_insert(struct db *db, const struct roster_row *row)
{
    size_t changed = 0;
    ENSURE(row->number >= 1 && row->number <= INT32_MAX, ERR_INVALID_FIELD,
           "a roster's number is out of range");
    struct db_value values[] = {db_integer((int64_t)row->number), db_bytes(row->roster),
                                db_bytes(row->statement), db_name(row->votes),
                                db_integer(row->added_at)};
    TRY(db_run(db,
               "INSERT INTO rosters (number, roster, statement, votes, added_at)"
               " SELECT $1, $2, $3, $4, $5"
               " WHERE $1 = (SELECT coalesce(max(number), 0) + 1 FROM rosters)",
               values, ARRAY_LEN(values), &changed));
    ENSURE(changed == 1, ERR_CONFLICT, "another roster has this number, or it is not the next one");
    return err_ok();
}

/* Bytes of all rows, one after the other; where each lies is known before it stops growing. */
struct pool {
    struct buf bytes;
    struct roster_row *rows; /* spans hold offsets in `data` until the end */
    size_t count;
    size_t cap;
};

static void pool_clear(struct pool *pool)
{
    buf_clear(&pool->bytes);
    mem_free(pool->rows);
}

static struct err keep(struct pool *pool, struct span bytes, struct span *out)
{
    *out = span_of((const uint8_t *)(uintptr_t)pool->bytes.len, bytes.len);
    return buf_append(&pool->bytes, bytes);
}

static struct err read_row(struct db_rows *rows, struct pool *pool)
{
    if (pool->count == pool->cap) {
        pool->cap = pool->cap == 0 ? 8 : pool->cap * 2;
        pool->rows = mem_resize(pool->rows, pool->cap, sizeof(*pool->rows));
    }
    ENSURE(db_integer_at(rows, 0) == (int64_t)pool->count + 1, ERR_CORRUPT,
           "roster %zu is missing in the key store", pool->count + 1);
    struct roster_row *row = &pool->rows[pool->count];
    *row = (struct roster_row){.number = (uint64_t)db_integer_at(rows, 0),
                               .added_at = db_integer_at(rows, 4)};
    TRY(keep(pool, db_bytes_at(rows, 1), &row->roster));
    TRY(keep(pool, db_bytes_at(rows, 2), &row->statement));
    TRY(keep(pool, db_bytes_at(rows, 3), &row->votes));
    pool->count++;
    return err_ok();
}

static void point(struct span *span, const uint8_t *base)
{
    span->data = span->len > 0 ? base + (uintptr_t)span->data : NULL;
}

static struct roster_row *join(const struct pool *pool)
{
    size_t head = pool->count * sizeof(struct roster_row);
    uint8_t *block = mem_alloc(head + pool->bytes.len + 1);
    struct roster_row *rows = (struct roster_row *)(void *)block;
    if (pool->bytes.len > 0) {
        memcpy(block + head, pool->bytes.data, pool->bytes.len);
    }
    for (size_t i = 0; i < pool->count; i++) {
        rows[i] = pool->rows[i];
        point(&rows[i].roster, block + head);
        point(&rows[i].statement, block + head);
        point(&rows[i].votes, block + head);
    }
    return rows;
}

struct err db_rosters_load(struct db *db, struct roster_row **out, size_t *out_count)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    CLEANUP(pool_clear) struct pool pool = {.bytes = {.max = (size_t)64 << 20}};
    bool more = false;
    TRY(db_query(db,
                 "SELECT number, roster, statement, votes, added_at FROM rosters ORDER BY number",
                 NULL, 0, &rows));
    TRY(db_next(rows, &more));
    while (more) {
        TRY(read_row(rows, &pool));
        TRY(db_next(rows, &more));
    }
    *out = join(&pool);
    *out_count = pool.count;
    return err_ok();
}
