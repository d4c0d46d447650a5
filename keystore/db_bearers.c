/* db_bearers: the SQL of bearer tokens. */
#include "keystore/db_bearers.h"

#include <string.h>

#include "base/mem.h"

static void copy_bytes(void *out, struct span bytes)
{
    if (bytes.len > 0) {
        memcpy(out, bytes.data, bytes.len);
    }
}

static struct err read_row(struct db_rows *rows, struct bearer *out)
{
    *out = (struct bearer){.created_at = db_integer_at(rows, 2),
                           .expires_at = db_integer_at(rows, 3),
                           .last_used_at = db_integer_at(rows, 4)};
    struct span name = db_bytes_at(rows, 0);
    ENSURE(name.len < sizeof(out->name), ERR_CORRUPT, "a stored token's name is too long");
    memcpy(out->name, name.data, name.len);
    struct span hash = db_bytes_at(rows, 1);
    ENSURE(hash.len == sizeof(out->hash), ERR_CORRUPT, "a stored token's hash is damaged");
    memcpy(out->hash, hash.data, hash.len);
    struct span access_key = db_bytes_at(rows, 5);
    struct span subject = db_bytes_at(rows, 6);
    struct span sealed = db_bytes_at(rows, 7);
    ENSURE(access_key.len < sizeof(out->access_key) && subject.len < sizeof(out->subject) &&
               sealed.len <= sizeof(out->sealed),
           ERR_CORRUPT, "a stored access key is damaged");
    copy_bytes(out->access_key, access_key);
    copy_bytes(out->subject, subject);
    copy_bytes(out->sealed, sealed);
    out->sealed_len = sealed.len;
    return err_ok();
}

struct err db_bearers_load(struct db *db, struct bearers *bearers)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    TRY(db_query(db,
                 "SELECT name, hash, created_at, expires_at, last_used_at, access_key, subject,"
                 " sealed FROM bearers",
                 NULL, 0, &rows));
    bool more = false;
    TRY(db_next(rows, &more));
    while (more) {
        struct bearer bearer = {0};
        TRY(read_row(rows, &bearer));
        bearers_add(bearers, &bearer);
        TRY(db_next(rows, &more));
    }
    return err_ok();
}

struct err db_bearers_put(struct db *db, const struct bearer *bearer, int64_t now)
{
    struct db_value when[] = {db_integer(now)};
    TRY(db_run(db, "DELETE FROM bearers WHERE expires_at <> 0 AND expires_at <= $1", when,
               ARRAY_LEN(when), NULL));
    struct db_value values[] = {db_text(bearer->name),
                                db_bytes(span_of(bearer->hash, sizeof(bearer->hash))),
                                db_integer(bearer->created_at),
                                db_integer(bearer->expires_at),
                                db_integer(bearer->last_used_at),
                                db_text(bearer->access_key),
                                db_text(bearer->subject),
                                db_bytes(span_of(bearer->sealed, bearer->sealed_len))};
    return db_run(db,
                  "INSERT INTO bearers (name, hash, created_at, expires_at, last_used_at,"
                  " access_key, subject, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                  values, ARRAY_LEN(values), NULL);
}

struct err db_bearers_delete(struct db *db, struct span name)
{
    struct db_value values[] = {db_name(name)};
    return db_run(db, "DELETE FROM bearers WHERE name = $1", values, ARRAY_LEN(values), NULL);
}

struct err db_bearers_touch(struct db *db, struct span name, int64_t last_used_at)
{
    struct db_value values[] = {db_integer(last_used_at), db_name(name)};
    return db_run(db, "UPDATE bearers SET last_used_at = $1 WHERE name = $2", values,
                  ARRAY_LEN(values), NULL);
}
