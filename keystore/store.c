/* store: opens the database, brings its schema up to date, loads the snapshot, and closes in the
 * opposite order. The lock file inside db_open keeps a second process out before anything is read.
 */
#include "keystore/store.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "keystore/db_backup.h"
#include "keystore/db_bearers.h"
#include "keystore/db_grants.h"
#include "keystore/db_load.h"
#include "keystore/db_schema.h"
#include "keystore/key.h"

static void free_store(struct keystore *store)
{
    db_close(store->db);
    unsettled_clear(&store->unsettled);
    changes_clear(&store->changes);
    claims_clear(&store->claims);
    bearers_clear(&store->bearers);
    aliases_clear(&store->aliases);
    grant_directory_clear(&store->grants);
    directory_clear(&store->directory);
    sync_destroy(&store->writer, NULL);
    mem_free(store);
}

static void free_store_at(struct keystore **store)
{
    if (*store != NULL) {
        free_store(*store);
    }
}

static struct err load_grants(struct keystore *store)
{
    const struct grants *grants = NULL;
    TRY(db_grants_load(store->db, &grants));
    grant_directory_replace(&store->grants, grants);
    return err_ok();
}

struct err store_settle(struct keystore *store, enum settle_how how)
{
    TRY(uses_settle(store, how));
    TRY(bearers_settle(&store->bearers, store->db));
    return grants_settle(&store->grants, store->db);
}

struct err keystore_open(const char *path, struct keystore **out)
{
    CLEANUP(free_store_at) struct keystore *store = mem_alloc(sizeof(*store));
    sync_init(&store->writer, NULL);
    directory_init(&store->directory);
    bearers_init(&store->bearers);
    aliases_init(&store->aliases);
    grant_directory_init(&store->grants);
    claims_init(&store->claims);
    changes_init(&store->changes);
    unsettled_init(&store->unsettled);
    TRY(db_open(path, &store->db));
    int64_t now = clock_wall_ms();
    TRY(db_schema_migrate(store->db, now));
    TRY(db_backup_settle(store->db, now, &store->restored_from));
    TRY(db_load_keys(store->db, &store->directory));
    TRY(db_bearers_load(store->db, &store->bearers));
    TRY(aliases_load(&store->aliases, store->db));
    TRY(load_grants(store));
    settler_start(&store->settler, store);
    *out = TAKE(store);
    return err_ok();
}

void keystore_close(struct keystore *store)
{
    if (store == NULL) {
        return;
    }
    settler_stop(&store->settler);
    sync_lock(&store->writer);
    struct err err = store_settle(store, SETTLE_CLOSING);
    sync_unlock(&store->writer);
    if (err.code != ERR_OK) {
        log_warning("keystore", "use counters were not written at close: %s", err.detail);
    }
    free_store(store);
}

struct err keystore_check(struct keystore *store)
{
    sync_lock(&store->writer);
    struct err err = db_check(store->db);
    sync_unlock(&store->writer);
    return err;
}

int64_t keystore_restored_from(const struct keystore *store)
{
    return store->restored_from;
}

static const struct key *only_usable(const struct key *key)
{
    if (key != NULL && !key_usable(key)) {
        key_release(key);
        return NULL;
    }
    return key;
}

const struct key *keystore_find(struct keystore *store, struct span name)
{
    return only_usable(directory_find(&store->directory, name));
}

const struct key *keystore_find_id(struct keystore *store, struct uuid id)
{
    return only_usable(directory_find_id(&store->directory, id));
}

const struct key *keystore_find_any(struct keystore *store, struct span name)
{
    return directory_find(&store->directory, name);
}

const struct key **keystore_list(struct keystore *store, struct span prefix, struct span after,
                                 size_t limit, enum list_scope scope, size_t *out_count)
{
    struct directory_page page = {.prefix = prefix, .after = after, .limit = limit, .scope = scope};
    return directory_list(&store->directory, &page, out_count);
}

void keystore_list_free(const struct key **keys, size_t count)
{
    for (size_t i = 0; keys != NULL && i < count; i++) {
        key_release(keys[i]);
    }
    mem_free(keys);
}

size_t keystore_count(struct keystore *store)
{
    return directory_count(&store->directory);
}

struct err keystore_claim(struct keystore *store, struct span name)
{
    ENSURE(claims_take(&store->claims, name), ERR_CONFLICT,
           "a version of this key is being made already");
    return err_ok();
}

void keystore_unclaim(struct keystore *store, struct span name)
{
    claims_drop(&store->claims, name);
}
