/* db_schema: the migrations, in SQLite's dialect. Number N is row N-1 of the table; a released row
 * is never edited, a change is a new row.
 *
 * Constraints repeat what the code already checks: they are the last line of defence, so that no
 * bug can leave two active versions or use a CKA_ID twice. Times are unix ms, 0: not yet. States
 * are the numbers of enum version_state (2 is active, 1 pending). */
#include "keystore/db_schema.h"

#include "base/mem.h"

static const char create_keys[] =
    "CREATE TABLE keys ("
    " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
    " name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 3 AND 200),"
    " algorithm TEXT NOT NULL,"
    " purpose TEXT NOT NULL CHECK (purpose IN ('encrypt', 'mac', 'sign', 'decrypt')),"
    " token TEXT NOT NULL CHECK (length(token) > 0),"
    " owner TEXT NOT NULL,"
    " description TEXT,"
    " contact TEXT,"
    " classification TEXT NOT NULL"
    "  CHECK (classification IN ('public', 'internal', 'confidential', 'regulated')),"
    " labels TEXT NOT NULL CHECK (labels LIKE '{%}'),"
    " rotation_every INTEGER NOT NULL CHECK (rotation_every >= 0),"
    " rotation_overlap INTEGER NOT NULL CHECK (rotation_overlap >= 0),"
    " rotation_publish_ahead INTEGER NOT NULL CHECK (rotation_publish_ahead >= 0),"
    " rotation_max_uses INTEGER NOT NULL CHECK (rotation_max_uses >= 0),"
    " jwt_max_ttl INTEGER NOT NULL CHECK (jwt_max_ttl >= 0),"
    " jwt_issuer TEXT,"
    " jwt_audiences TEXT NOT NULL CHECK (jwt_audiences LIKE '[%]'),"
    " approval_group TEXT,"
    " approval_m INTEGER NOT NULL CHECK (approval_m BETWEEN 0 AND 255),"
    " created_at INTEGER NOT NULL,"
    " next_version INTEGER NOT NULL CHECK (next_version >= 2)"
    ") STRICT;"
    "CREATE TABLE versions ("
    " key_id BLOB NOT NULL REFERENCES keys (id),"
    " number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 2147483647),"
    " state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 8),"
    " cka_id BLOB NOT NULL UNIQUE CHECK (length(cka_id) BETWEEN 1 AND 32),"
    " identity BLOB NOT NULL CHECK (length(identity) <= 64),"
    " public_key BLOB NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " activated_at INTEGER NOT NULL DEFAULT 0,"
    " retired_at INTEGER NOT NULL DEFAULT 0,"
    " destroy_at INTEGER NOT NULL DEFAULT 0,"
    " uses_reserved INTEGER NOT NULL DEFAULT 0 CHECK (uses_reserved >= 0),"
    " last_used_at INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (key_id, number),"
    " CHECK (state = 1 OR length(identity) > 0)"
    ") STRICT;"
    "CREATE UNIQUE INDEX versions_one_active ON versions (key_id) WHERE state = 2;"
    "CREATE TABLE bearers ("
    " name TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),"
    " hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),"
    " created_at INTEGER NOT NULL,"
    " expires_at INTEGER NOT NULL CHECK (expires_at >= 0),"
    " last_used_at INTEGER NOT NULL"
    ") STRICT";

/* Lists are JSON: nothing but hsmgate looks into them, and it does so in memory. */
static const char create_grants[] =
    "CREATE TABLE grants ("
    " id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 63),"
    " principal TEXT NOT NULL CHECK (length(principal) BETWEEN 1 AND 255),"
    " keys TEXT NOT NULL CHECK (length(keys) BETWEEN 1 AND 200),"
    " operations TEXT NOT NULL CHECK (operations LIKE '[\"%\"]'),"
    " context TEXT NOT NULL CHECK (context LIKE '{%}'),"
    " sources TEXT NOT NULL CHECK (sources LIKE '[%]'),"
    " expires_at INTEGER NOT NULL CHECK (expires_at >= 0),"
    " justification TEXT NOT NULL CHECK (length(justification) > 0),"
    " allow_dual_role INTEGER NOT NULL CHECK (allow_dual_role IN (0, 1)),"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " updated_by TEXT NOT NULL,"
    " last_used_at INTEGER NOT NULL DEFAULT 0"
    ") STRICT";

/* Rotation: when a version came into its state, on the wall clock and on the lived clock, where it
 * may go back to, where its material is from, and what is recorded of its use. What was used before
 * is not known by kind, so recording begins now. A row of `copy` exists in a backup alone. */
static const char add_rotation[] =
    "ALTER TABLE keys ADD COLUMN rotation_mode INTEGER NOT NULL DEFAULT 0"
    " CHECK (rotation_mode IN (0, 1));"
    "ALTER TABLE keys ADD COLUMN cached_until INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE versions ADD COLUMN published_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE versions ADD COLUMN promote_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE versions ADD COLUMN entered_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE versions ADD COLUMN entered_lived INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE versions ADD COLUMN disabled_from INTEGER NOT NULL DEFAULT 0"
    " CHECK (disabled_from BETWEEN 0 AND 8);"
    "ALTER TABLE versions ADD COLUMN scheduled_from INTEGER NOT NULL DEFAULT 0"
    " CHECK (scheduled_from BETWEEN 0 AND 8);"
    "ALTER TABLE versions ADD COLUMN destroying INTEGER NOT NULL DEFAULT 0"
    " CHECK (destroying IN (0, 1));"
    "ALTER TABLE versions ADD COLUMN adopted INTEGER NOT NULL DEFAULT 0 CHECK (adopted IN (0, 1));"
    "ALTER TABLE versions ADD COLUMN attributes INTEGER NOT NULL DEFAULT 0 CHECK (attributes >= 0);"
    "ALTER TABLE versions ADD COLUMN count_unsure INTEGER NOT NULL DEFAULT 0"
    " CHECK (count_unsure IN (0, 1));"
    "ALTER TABLE versions ADD COLUMN reason TEXT;"
    "ALTER TABLE versions ADD COLUMN protected_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE versions ADD COLUMN protected_by TEXT;"
    "ALTER TABLE versions ADD COLUMN opened_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE versions ADD COLUMN opened_by TEXT;"
    "ALTER TABLE versions ADD COLUMN jwt_expires_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE versions ADD COLUMN raw_signature_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE versions ADD COLUMN rewrapped INTEGER NOT NULL DEFAULT 0 CHECK (rewrapped >= 0);"
    "ALTER TABLE versions ADD COLUMN recorded_since INTEGER NOT NULL DEFAULT 0;"
    "UPDATE versions SET published_at = activated_at,"
    " entered_at = max(created_at, activated_at, retired_at),"
    " recorded_since = CAST(strftime('%s', 'now') AS INTEGER) * 1000;"
    "CREATE TABLE clock ("
    " id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),"
    " lived INTEGER NOT NULL CHECK (lived >= 0),"
    " high_water INTEGER NOT NULL CHECK (high_water >= 0)"
    ") STRICT;"
    "INSERT INTO clock (id, lived, high_water) VALUES (1, 0, 0);"
    "CREATE TABLE copy (taken_at INTEGER NOT NULL PRIMARY KEY) STRICT";

/* What a quorum decides: requests, the votes on them, and who the people are. Nothing of it is ever
 * deleted. Kinds and choices are words of quorum.h; states are the numbers of enum request_state (1
 * and 2 wait; 3, 4, 8 and 9 are spent), and of enum version_state (7 and 8 are to be destroyed, and
 * are). A vote's number is the order of arrival, because clocks go back. Rosters are a chain:
 * number 1 alone has nobody who agreed to it. */
static const char add_quorum[] =
    "ALTER TABLE keys ADD COLUMN frozen_at INTEGER NOT NULL DEFAULT 0 CHECK (frozen_at >= 0);"
    "ALTER TABLE keys ADD COLUMN frozen_by TEXT;"
    "ALTER TABLE keys ADD COLUMN frozen_reason TEXT;"
    "ALTER TABLE versions ADD COLUMN permission BLOB"
    " CHECK (permission IS NULL OR (length(permission) = 16 AND state IN (7, 8)));"
    "CREATE TABLE requests ("
    " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
    " kind TEXT NOT NULL CHECK (kind IN ('open', 'destroy', 'rule', 'unfreeze')),"
    " state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 9),"
    " key_name TEXT NOT NULL CHECK (length(key_name) BETWEEN 3 AND 200),"
    " version INTEGER NOT NULL CHECK (version BETWEEN 0 AND 2147483647),"
    " requester TEXT NOT NULL CHECK (length(requester) > 0),"
    " statement BLOB NOT NULL CHECK (length(statement) > 0),"
    " ciphertext BLOB NOT NULL CHECK ((length(ciphertext) > 0) = (kind = 'open')),"
    " context BLOB NOT NULL CHECK (kind = 'open' OR length(context) = 0),"
    " created_at INTEGER NOT NULL,"
    " expires_at INTEGER NOT NULL CHECK (expires_at > created_at),"
    " changed_at INTEGER NOT NULL,"
    " outcome TEXT,"
    " result BLOB NOT NULL DEFAULT x'' CHECK (length(result) IN (0, 32)),"
    " audit_seq INTEGER NOT NULL DEFAULT 0 CHECK (audit_seq >= 0),"
    " CHECK (length(result) = 0 OR state IN (4, 8, 9)),"
    " CHECK (audit_seq = 0 OR state IN (3, 4, 8, 9))"
    ") STRICT;"
    "CREATE INDEX requests_by_time ON requests (created_at, id);"
    "CREATE INDEX requests_by_state ON requests (state);"
    "CREATE INDEX requests_that_wait ON requests (expires_at) WHERE state IN (1, 2);"
    "CREATE TABLE votes ("
    " number INTEGER NOT NULL PRIMARY KEY,"
    " request_id BLOB NOT NULL REFERENCES requests (id),"
    " voter TEXT NOT NULL CHECK (length(voter) BETWEEN 1 AND 63),"
    " choice TEXT NOT NULL CHECK (choice IN ('approve', 'deny')),"
    " format TEXT NOT NULL CHECK (format IN ('raw', 'sshsig')),"
    " signed_at TEXT NOT NULL,"
    " signature BLOB NOT NULL CHECK (length(signature) > 0),"
    " received_at INTEGER NOT NULL,"
    " UNIQUE (request_id, voter, choice)"
    ") STRICT;"
    "CREATE INDEX votes_by_voter ON votes (voter, received_at);"
    "CREATE TABLE rosters ("
    " number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),"
    " roster BLOB NOT NULL CHECK (length(roster) > 0),"
    " statement BLOB NOT NULL CHECK ((length(statement) = 0) = (number = 1)),"
    " votes TEXT NOT NULL CHECK ((votes = '') = (number = 1)),"
    " added_at INTEGER NOT NULL"
    ") STRICT";

/* What AWS's clients need: credentials like bearer tokens, but with a secret that can be had again,
 * and other names of keys. */
static const char add_aws[] =
    "ALTER TABLE bearers ADD COLUMN access_key TEXT NOT NULL DEFAULT ''"
    " CHECK (length(access_key) <= 32);"
    "ALTER TABLE bearers ADD COLUMN subject TEXT NOT NULL DEFAULT ''"
    " CHECK (length(subject) <= 64 AND (length(subject) > 0) = (length(access_key) > 0));"
    "ALTER TABLE bearers ADD COLUMN sealed BLOB NOT NULL DEFAULT x''"
    " CHECK (length(sealed) <= 256 AND (length(sealed) > 0) = (length(access_key) > 0));"
    "CREATE TABLE aliases ("
    " name TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 256),"
    " key_id BLOB NOT NULL REFERENCES keys (id),"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL"
    ") STRICT";

static const char add_certificates[] = "ALTER TABLE versions ADD COLUMN certificates TEXT"
                                       " CHECK (certificates IS NULL OR length(certificates) > 0)";

static const char *const migrations[] = {create_keys, create_grants, add_rotation,
                                         add_quorum,  add_aws,       add_certificates};

static struct err current_number(struct db *db, int64_t *out)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    TRY(db_query(db, "SELECT coalesce(max(number), 0) FROM schema_migrations", NULL, 0, &rows));
    TRY(db_next(rows, &more));
    ENSURE(more, ERR_CORRUPT, "the key store's database has no schema number");
    *out = db_integer_at(rows, 0);
    return err_ok();
}

static struct err apply(struct db *db, int64_t number, int64_t now)
{
    TRY(db_script(db, migrations[number - 1]));
    struct db_value values[] = {db_integer(number), db_integer(now)};
    return db_run(db, "INSERT INTO schema_migrations (number, applied_at) VALUES ($1, $2)", values,
                  ARRAY_LEN(values), NULL);
}

struct err db_schema_migrate_to(struct db *db, int64_t last, int64_t now)
{
    const int64_t known = (int64_t)ARRAY_LEN(migrations);
    int64_t number = 0;
    TRY(db_script(db, "CREATE TABLE IF NOT EXISTS schema_migrations ("
                      "number INTEGER NOT NULL PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT"));
    TRY(current_number(db, &number));
    ENSURE(number <= known, ERR_NEWER,
           "the database has schema %lld and this hsmgate knows schema %lld at most: "
           "it was written by a newer hsmgate",
           (long long)number, (long long)known);
    while (number < last) {
        number++;
        TRY(db_begin(db));
        TRY(db_end(db, apply(db, number, now)));
    }
    return err_ok();
}

struct err db_schema_migrate(struct db *db, int64_t now)
{
    return db_schema_migrate_to(db, (int64_t)ARRAY_LEN(migrations), now);
}
