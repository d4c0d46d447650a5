/* aliases: few and seldom changed, so the list is read from the database anew after each change,
 * and searched by halves. */
#include "keystore/aliases.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sync.h"
#include "keystore/db_aliases.h"
#include "keystore/store.h"

void aliases_init(struct aliases *aliases)
{
    *aliases = (struct aliases){0};
    int code = pthread_rwlock_init(&aliases->lock, NULL);
    assert(code == 0);
}

void aliases_clear(struct aliases *aliases)
{
    mem_free(aliases->list);
    pthread_rwlock_destroy(&aliases->lock);
}

struct err aliases_load(struct aliases *aliases, struct db *db)
{
    struct alias *list = NULL;
    size_t count = 0;
    TRY(db_aliases_read(db, &list, &count));
    int code = pthread_rwlock_wrlock(&aliases->lock);
    assert(code == 0);
    mem_free(aliases->list);
    aliases->list = list;
    aliases->count = count;
    code = pthread_rwlock_unlock(&aliases->lock);
    assert(code == 0);
    return err_ok();
}

static int compare(const void *name, const void *alias)
{
    return strcmp(name, ((const struct alias *)alias)->name);
}

bool keystore_find_alias(struct keystore *store, struct span name, struct alias *out)
{
    struct aliases *aliases = &store->aliases;
    CLEANUP(mem_free_at) char *text = span_to_text(name);
    int code = pthread_rwlock_rdlock(&aliases->lock);
    assert(code == 0);
    const struct alias *found = NULL;
    if (aliases->count > 0) {
        found = bsearch(text, aliases->list, aliases->count, sizeof(*aliases->list), compare);
    }
    if (found != NULL) {
        *out = *found;
    }
    code = pthread_rwlock_unlock(&aliases->lock);
    assert(code == 0);
    return found != NULL;
}

struct alias *keystore_list_aliases(struct keystore *store, size_t *out_count)
{
    struct aliases *aliases = &store->aliases;
    int code = pthread_rwlock_rdlock(&aliases->lock);
    assert(code == 0);
    struct alias *list = mem_array(aliases->count, sizeof(*list));
    if (aliases->count > 0) {
        memcpy(list, aliases->list, aliases->count * sizeof(*list));
    }
    *out_count = aliases->count;
    code = pthread_rwlock_unlock(&aliases->lock);
    assert(code == 0);
    return list;
}

/* --- changes: the caller of each holds the writer mutex --- */

static struct err put_locked(struct keystore *store, const struct alias *alias)
{
    struct alias old;
    ENSURE(!keystore_find_alias(store, span_text(alias->name), &old), ERR_CONFLICT,
           "there is an alias with this name already");
    TRY(db_begin(store->db));
    TRY(db_end(store->db, db_aliases_put(store->db, alias)));
    return aliases_load(&store->aliases, store->db);
}

static struct err move_locked(struct keystore *store, struct span name, struct uuid key,
                              int64_t now)
{
    struct alias old;
    ENSURE(keystore_find_alias(store, name, &old), ERR_NOT_FOUND, "there is no such alias");
    TRY(db_begin(store->db));
    TRY(db_end(store->db, db_aliases_move(store->db, name, key, now)));
    return aliases_load(&store->aliases, store->db);
}

static struct err delete_locked(struct keystore *store, struct span name)
{
    struct alias old;
    ENSURE(keystore_find_alias(store, name, &old), ERR_NOT_FOUND, "there is no such alias");
    TRY(db_begin(store->db));
    TRY(db_end(store->db, db_aliases_delete(store->db, name)));
    return aliases_load(&store->aliases, store->db);
}

struct err keystore_put_alias(struct keystore *store, const struct alias *alias)
{
    sync_lock(&store->writer);
    struct err err = put_locked(store, alias);
    sync_unlock(&store->writer);
    return err;
}

struct err keystore_move_alias(struct keystore *store, struct span name, struct uuid key,
                               int64_t now)
{
    sync_lock(&store->writer);
    struct err err = move_locked(store, name, key, now);
    sync_unlock(&store->writer);
    return err;
}

struct err keystore_delete_alias(struct keystore *store, struct span name)
{
    sync_lock(&store->writer);
    struct err err = delete_locked(store, name);
    sync_unlock(&store->writer);
    return err;
}
