/* db_sqlite: what the files of the SQLite driver share. Nobody else includes sqlite3.h. */
#ifndef HSMGATE_KEYSTORE_DB_SQLITE_H
#define HSMGATE_KEYSTORE_DB_SQLITE_H

#include <sqlite3.h>

#include "keystore/db.h"

struct db {
    sqlite3 *handle;
    int lock_fd;
    bool doubtful; /* the last commit failed: db_check must try a real write */
    bool damaged;  /* SQLite has met a page that is not as it wrote it; nothing mends that */
};

/* Logs what SQLite says of an extended result code; the error says what a client may read. */
struct err db_sqlite_failure(sqlite3 *handle, int code);

#endif
