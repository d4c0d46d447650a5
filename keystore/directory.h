/* directory: the snapshot that readers see, every key in the order of names.
 *
 * Sorted chunks of pointers to immutable keys: putting a key touches one chunk and never the rest,
 * however many keys there are. A reader holds the lock for one search or one page and leaves with
 * references; only the writer, after its commit, takes the lock to change a pointer. */
#ifndef HSMGATE_KEYSTORE_DIRECTORY_H
#define HSMGATE_KEYSTORE_DIRECTORY_H

#include <pthread.h>

#include "keystore/id_index.h"

#define DIRECTORY_CHUNK_MAX 512

struct directory_chunk;

struct directory {
    pthread_rwlock_t lock; /* guards the rest */
    struct directory_chunk **chunks;
    size_t chunk_count;
    size_t chunk_cap;
    size_t usable; /* keys that are not in the making */
    size_t total;
    struct id_index ids;
};

void directory_init(struct directory *directory);
void directory_clear(struct directory *directory);
/* A new reference, or NULL. Keys in the making are found too. */
const struct key *directory_find(struct directory *directory, struct span name);
const struct key *directory_find_id(struct directory *directory, struct uuid id);
/* Takes over the reference; replaces the key of the same name and id. */
void directory_put(struct directory *directory, const struct key *key);
void directory_remove(struct directory *directory, const struct key *key);
size_t directory_count(struct directory *directory);

struct directory_page {
    struct span prefix;
    struct span after;
    size_t limit;
    enum list_scope scope;
};
/* As keystore_list. */
const struct key **directory_list(struct directory *directory, const struct directory_page *page,
                                  size_t *out_count);

#endif
