/* directory: binary search over chunks by their first key, then inside the chunk.
 *
 * The readers' path: read lock, about 17 comparisons for 100 000 keys, one atomic increment,
 * unlock. Keys are released outside the lock. Writers are preferred, so that a stream of readers
 * cannot hold a commit back. */
#include "keystore/directory.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "keystore/key.h"

struct directory_chunk {
    size_t count;
    const struct key *keys[DIRECTORY_CHUNK_MAX];
};

/* A place between keys: before keys[index] of the chunk; chunk may be chunk_count. */
struct place {
    size_t chunk;
    size_t index;
};

static void lock_read(struct directory *directory)
{
    int code = pthread_rwlock_rdlock(&directory->lock);
    assert(code == 0);
}

static void lock_write(struct directory *directory)
{
    int code = pthread_rwlock_wrlock(&directory->lock);
    assert(code == 0);
}

static void unlock(struct directory *directory)
{
    int code = pthread_rwlock_unlock(&directory->lock);
    assert(code == 0);
}

void directory_init(struct directory *directory)
{
    *directory = (struct directory){0};
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    int code = pthread_rwlock_init(&directory->lock, &attributes);
    assert(code == 0);
    pthread_rwlockattr_destroy(&attributes);
}

void directory_clear(struct directory *directory)
{
    for (size_t i = 0; i < directory->chunk_count; i++) {
        struct directory_chunk *chunk = directory->chunks[i];
        for (size_t j = 0; j < chunk->count; j++) {
            key_release(chunk->keys[j]);
        }
        mem_free(chunk);
    }
    mem_free(directory->chunks);
    id_index_clear(&directory->ids);
    pthread_rwlock_destroy(&directory->lock);
}

/* The first chunk whose last key is not below the name, or chunk_count. */
static size_t chunk_for(const struct directory *directory, struct span name)
{
    size_t low = 0;
    size_t high = directory->chunk_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct directory_chunk *chunk = directory->chunks[middle];
        if (key_compare(name, chunk->keys[chunk->count - 1]) > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The first key that is not below the name. */
static struct place place_for(const struct directory *directory, struct span name)
{
    struct place place = {.chunk = chunk_for(directory, name)};
    if (place.chunk == directory->chunk_count) {
        return place;
    }
    const struct directory_chunk *chunk = directory->chunks[place.chunk];
    size_t high = chunk->count;
    while (place.index < high) {
        size_t middle = place.index + (high - place.index) / 2;
        if (key_compare(name, chunk->keys[middle]) > 0) {
            place.index = middle + 1;
        } else {
            high = middle;
        }
    }
    return place;
}

static const struct key *key_at(const struct directory *directory, struct place place)
{
    return place.chunk == directory->chunk_count
               ? NULL
               : directory->chunks[place.chunk]->keys[place.index];
}

static bool is_at(const struct directory *directory, struct place place, struct span name)
{
    const struct key *key = key_at(directory, place);
    return key != NULL && key_compare(name, key) == 0;
}

const struct key *directory_find(struct directory *directory, struct span name)
{
    lock_read(directory);
    struct place place = place_for(directory, name);
    const struct key *key =
        is_at(directory, place, name) ? key_hold(key_at(directory, place)) : NULL;
    unlock(directory);
    return key;
}

const struct key *directory_find_id(struct directory *directory, struct uuid id)
{
    lock_read(directory);
    const struct key *key = id_index_find(&directory->ids, id);
    if (key != NULL) {
        (void)key_hold(key);
    }
    unlock(directory);
    return key;
}

static void insert_chunk(struct directory *directory, size_t at, struct directory_chunk *chunk)
{
    if (directory->chunk_count == directory->chunk_cap) {
        directory->chunk_cap = directory->chunk_cap == 0 ? 16 : directory->chunk_cap * 2;
        directory->chunks =
            mem_resize(directory->chunks, directory->chunk_cap, sizeof(struct directory_chunk *));
    }
    memmove(&directory->chunks[at + 1], &directory->chunks[at],
            (directory->chunk_count - at) * sizeof(struct directory_chunk *));
    directory->chunks[at] = chunk;
    directory->chunk_count++;
}

/* Makes room at the place; the place moves along when its chunk is split. */
static struct place make_room(struct directory *directory, struct place place)
{
    if (place.chunk == directory->chunk_count && place.chunk > 0) {
        place.chunk--;
        place.index = directory->chunks[place.chunk]->count;
    }
    struct directory_chunk *chunk =
        directory->chunk_count == 0 ? NULL : directory->chunks[place.chunk];
    if (chunk != NULL && chunk->count < DIRECTORY_CHUNK_MAX) {
        return place;
    }
    struct directory_chunk *fresh = mem_alloc(sizeof(*fresh));
    if (chunk == NULL || place.index == DIRECTORY_CHUNK_MAX) {
        /* Behind the last key: ascending loads fill their chunks whole. */
        insert_chunk(directory, chunk == NULL ? 0 : place.chunk + 1, fresh);
        return (struct place){.chunk = chunk == NULL ? 0 : place.chunk + 1};
    }
    const size_t half = DIRECTORY_CHUNK_MAX / 2;
    memcpy(fresh->keys, &chunk->keys[half], half * sizeof(const struct key *));
    fresh->count = half;
    chunk->count = half;
    insert_chunk(directory, place.chunk + 1, fresh);
    if (place.index > half) {
        return (struct place){.chunk = place.chunk + 1, .index = place.index - half};
    }
    return place;
}

static void insert_key(struct directory *directory, struct place place, const struct key *key)
{
    place = make_room(directory, place);
    struct directory_chunk *chunk = directory->chunks[place.chunk];
    memmove(&chunk->keys[place.index + 1], &chunk->keys[place.index],
            (chunk->count - place.index) * sizeof(const struct key *));
    chunk->keys[place.index] = key;
    chunk->count++;
    directory->total++;
}

void directory_put(struct directory *directory, const struct key *key)
{
    struct span name = span_text(key->name);
    const struct key *old = NULL;
    lock_write(directory);
    struct place place = place_for(directory, name);
    if (is_at(directory, place, name)) {
        old = key_at(directory, place);
        directory->chunks[place.chunk]->keys[place.index] = key;
        directory->usable -= key_usable(old) ? 1 : 0;
    } else {
        insert_key(directory, place, key);
    }
    directory->usable += key_usable(key) ? 1 : 0;
    id_index_put(&directory->ids, key);
    unlock(directory);
    key_release(old);
}

void directory_remove(struct directory *directory, const struct key *key)
{
    struct span name = span_text(key->name);
    const struct key *old = NULL;
    lock_write(directory);
    struct place place = place_for(directory, name);
    if (is_at(directory, place, name)) {
        struct directory_chunk *chunk = directory->chunks[place.chunk];
        old = chunk->keys[place.index];
        directory->usable -= key_usable(old) ? 1 : 0;
        directory->total--;
        id_index_remove(&directory->ids, old->id);
        chunk->count--;
        memmove(&chunk->keys[place.index], &chunk->keys[place.index + 1],
                (chunk->count - place.index) * sizeof(const struct key *));
        if (chunk->count == 0) {
            mem_free(chunk);
            directory->chunk_count--;
            memmove(&directory->chunks[place.chunk], &directory->chunks[place.chunk + 1],
                    (directory->chunk_count - place.chunk) * sizeof(struct directory_chunk *));
        }
    }
    unlock(directory);
    key_release(old);
}

size_t directory_count(struct directory *directory)
{
    lock_read(directory);
    size_t count = directory->usable;
    unlock(directory);
    return count;
}

static struct place next_place(const struct directory *directory, struct place place)
{
    place.index++;
    if (place.index == directory->chunks[place.chunk]->count) {
        place = (struct place){.chunk = place.chunk + 1};
    }
    return place;
}

static struct place page_start(const struct directory *directory, const struct directory_page *page)
{
    struct place start = place_for(directory, page->prefix);
    struct place after = place_for(directory, page->after);
    if (page->after.len > 0 && is_at(directory, after, page->after)) {
        after = next_place(directory, after);
    }
    bool later =
        after.chunk > start.chunk || (after.chunk == start.chunk && after.index > start.index);
    return later ? after : start;
}

static bool starts_with(const struct key *key, struct span prefix)
{
    return strlen(key->name) >= prefix.len &&
           (prefix.len == 0 || memcmp(key->name, prefix.data, prefix.len) == 0);
}

const struct key **directory_list(struct directory *directory, const struct directory_page *page,
                                  size_t *out_count)
{
    size_t count = 0;
    lock_read(directory);
    size_t limit = page->limit < directory->total ? page->limit : directory->total;
    const struct key **keys = mem_array(limit, sizeof(const struct key *));
    struct place place = page_start(directory, page);
    const struct key *key = key_at(directory, place);
    while (count < limit && key != NULL && starts_with(key, page->prefix)) {
        if (page->scope == LIST_EVERYTHING || key_usable(key)) {
            keys[count] = key_hold(key);
            count++;
        }
        place = next_place(directory, place);
        key = key_at(directory, place);
    }
    unlock(directory);
    *out_count = count;
    return keys;
}
