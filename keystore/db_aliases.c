/* db_aliases: rows of aliases. */
#include "keystore/db_aliases.h"

#include <string.h>

#include "base/mem.h"

static struct err count_rows(struct db *db, size_t *out)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    TRY(db_query(db, "SELECT count(*) FROM aliases", NULL, 0, &rows));
    TRY(db_next(rows, &more));
    *out = more ? (size_t)db_integer_at(rows, 0) : 0;
    return err_ok();
}

static struct err read_row(struct db_rows *rows, struct alias *out)
{
    struct span name = db_bytes_at(rows, 0);
    struct span key = db_bytes_at(rows, 1);
    ENSURE(name.len > 0 && name.len <= ALIAS_MAX && key.len == UUID_LEN, ERR_CORRUPT,
           "a stored alias is damaged");
    *out =
        (struct alias){.created_at = db_integer_at(rows, 2), .updated_at = db_integer_at(rows, 3)};
    memcpy(out->name, name.data, name.len);
    memcpy(out->key.bytes, key.data, UUID_LEN);
    return err_ok();
}

struct err db_aliases_read(struct db *db, struct alias **out, size_t *out_count)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    size_t room = 0, count = 0;
    bool more = false;
    TRY(count_rows(db, &room));
    CLEANUP(mem_free_at) struct alias *list = mem_array(room, sizeof(*list));
    TRY(db_query(db, "SELECT name, key_id, created_at, updated_at FROM aliases ORDER BY name", NULL,
                 0, &rows));
    TRY(db_next(rows, &more));
    while (more && count < room) {
        TRY(read_row(rows, &list[count]));
        count++;
        TRY(db_next(rows, &more));
    }
    *out = TAKE(list);
    *out_count = count;
    return err_ok();
}

struct err db_aliases_put(struct db *db, const struct alias *alias)
{
    struct db_value values[] = {db_text(alias->name), db_uuid(&alias->key),
                                db_integer(alias->created_at), db_integer(alias->updated_at)};
    return db_run(db,
                  "INSERT INTO aliases (name, key_id, created_at, updated_at)"
                  " VALUES ($1, $2, $3, $4)",
                  values, ARRAY_LEN(values), NULL);
}

struct err db_aliases_move(struct db *db, struct span name, struct uuid key, int64_t now)
{
    struct db_value values[] = {db_uuid(&key), db_integer(now), db_name(name)};
    return db_run(db, "UPDATE aliases SET key_id = $1, updated_at = $2 WHERE name = $3", values,
                  ARRAY_LEN(values), NULL);
}

struct err db_aliases_delete(struct db *db, struct span name)
{
    struct db_value values[] = {db_name(name)};
    return db_run(db, "DELETE FROM aliases WHERE name = $1", values, ARRAY_LEN(values), NULL);
}
