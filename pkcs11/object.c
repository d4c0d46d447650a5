/* object: the map from CKA_ID to handle.
 *
 * Searching is slow and, on SoftHSM, races with the making of objects: so a key is searched once
 * per epoch, and all that search or change objects take turns. The making of a key may take long,
 * so who waits for the turn gives up in time to say so. The hot path takes only the map's mutex,
 * for a few instructions. An entry is proof for one identity; a request that claims another is
 * refused by the entry alone. A key that was not found is not searched again for MISS_MS. */
#include "pkcs11/object.h"

#include <string.h>

#include "base/banned.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "pkcs11/search.h"

#define MISS_MS 1000

struct object {
    struct object *next;
    struct token_key key;
    CK_OBJECT_HANDLE handle; /* CK_INVALID_HANDLE: not found */
    int64_t missing_until_ns;
    uint32_t epoch;
};

void object_map_init(struct object_map *map)
{
    *map = (struct object_map){0};
    sync_init(&map->mutex, NULL);
    turn_init(&map->turn);
}

void object_map_clear(struct object_map *map)
{
    for (size_t i = 0; i < OBJECT_BUCKETS; i++) {
        while (map->buckets[i] != NULL) {
            struct object *object = map->buckets[i];
            map->buckets[i] = object->next;
            mem_free(object);
        }
    }
    sync_destroy(&map->mutex, NULL);
    turn_clear(&map->turn);
}

/* FNV-1a; CKA_IDs of ours are random, those of others may be anything. */
static struct object **bucket_of(struct object_map *map, struct span cka_id)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < cka_id.len; i++) {
        hash = (hash ^ cka_id.data[i]) * 16777619u;
    }
    return &map->buckets[(hash ^ hash >> 16) % OBJECT_BUCKETS];
}

static struct span id_of(const struct token_key *key)
{
    return span_of(key->cka_id, key->cka_id_len);
}

static struct object **place_of(struct object_map *map, struct span cka_id)
{
    struct object **at = bucket_of(map, cka_id);
    while (*at != NULL && !span_equal(id_of(&(*at)->key), cka_id)) {
        at = &(*at)->next;
    }
    return at;
}

static bool same_key(const struct token_key *a, const struct token_key *b)
{
    return a->algorithm == b->algorithm &&
           span_equal(span_of(a->identity, a->identity_len), span_of(b->identity, b->identity_len));
}

/* Whether the map knows, and what. */
static bool look_up(struct object_map *map, const struct token_key *key, uint32_t epoch,
                    struct ckr_verdict *out_verdict, CK_OBJECT_HANDLE *out)
{
    bool knows = false;
    sync_lock(&map->mutex);
    const struct object *object = *place_of(map, id_of(key));
    if (object != NULL && object->epoch == epoch) {
        if (object->handle == CK_INVALID_HANDLE) {
            knows = clock_mono_ns() < object->missing_until_ns;
            *out_verdict = ckr_own(FRAME_KEY_MISSING);
        } else {
            knows = true;
            bool same = same_key(&object->key, key);
            *out_verdict = ckr_own(same ? FRAME_OK : FRAME_KEY_SWAPPED);
            *out = same ? object->handle : *out;
        }
    }
    sync_unlock(&map->mutex);
    return knows;
}

void object_learn(struct object_map *map, const struct token_key *key, uint32_t epoch,
                  CK_OBJECT_HANDLE handle)
{
    sync_lock(&map->mutex);
    struct object **place = place_of(map, id_of(key));
    if (*place == NULL) {
        *place = mem_alloc(sizeof(struct object));
    }
    (*place)->key = *key;
    (*place)->epoch = epoch;
    (*place)->handle = handle;
    (*place)->missing_until_ns = clock_deadline(MISS_MS);
    sync_unlock(&map->mutex);
}

static void forget(struct object_map *map, struct span cka_id)
{
    sync_lock(&map->mutex);
    struct object **place = place_of(map, cka_id);
    struct object *object = *place;
    if (object != NULL) {
        *place = object->next;
    }
    sync_unlock(&map->mutex);
    mem_free(object);
}

void object_doubt(struct object_map *map, const struct token_key *key)
{
    sync_lock(&map->mutex);
    const struct object *object = *place_of(map, id_of(key));
    bool sure =
        object != NULL && object->handle != CK_INVALID_HANDLE && same_key(&object->key, key);
    sync_unlock(&map->mutex);
    if (!sure) {
        forget(map, id_of(key));
    }
}

static bool has_public(const struct token_key *key)
{
    return key->purpose == PURPOSE_SIGN || key->purpose == PURPOSE_DECRYPT;
}

/* Exactly one key object, and exactly one public object where there is a public half. */
static bool is_whole(const struct bearers *bearers, const struct token_key *key)
{
    return bearers->keys == 1 && bearers->publics == (has_public(key) ? 1 : 0);
}

static struct ckr_verdict find_proven(struct session *session, const struct probe *probe,
                                      const struct token_key *key, struct material *out)
{
    struct bearers bearers = {0};
    struct ckr_verdict verdict = search_bearers(session, id_of(key), &bearers);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    if (!is_whole(&bearers, key)) {
        return ckr_own(FRAME_KEY_MISSING);
    }
    *out = bearers.material;
    return identity_check(session, probe, out, key);
}

static struct ckr_verdict get_slowly(struct object_map *map, struct session *session,
                                     const struct probe *probe, const struct token_key *key,
                                     CK_OBJECT_HANDLE *out)
{
    struct material material = {0};
    struct ckr_verdict verdict;
    if (look_up(map, key, session->epoch, &verdict, out)) {
        return verdict;
    }
    verdict = find_proven(session, probe, key, &material);
    if (verdict.class == FRAME_OK) {
        object_learn(map, key, session->epoch, material.key);
        *out = material.key;
    } else if (verdict.class == FRAME_KEY_MISSING) {
        object_learn(map, key, session->epoch, CK_INVALID_HANDLE);
    } else if (verdict.class == FRAME_KEY_SWAPPED) {
        log_error("object", "the object with the CKA_ID of a key is another key");
    }
    return verdict;
}

struct ckr_verdict object_get(struct object_map *map, struct session *session,
                              const struct probe *probe, const struct token_key *key,
                              CK_OBJECT_HANDLE *out)
{
    struct ckr_verdict verdict;
    if (look_up(map, key, session->epoch, &verdict, out)) {
        return verdict;
    }
    if (!turn_take(&map->turn, session->deadline_ns)) {
        return ckr_own(FRAME_CAPACITY);
    }
    verdict = get_slowly(map, session, probe, key, out);
    turn_give(&map->turn);
    return verdict;
}

struct ckr_verdict object_absent(struct session *session, struct span cka_id)
{
    struct search found = {0};
    struct ckr_verdict verdict = search_by_id(session, cka_id, &found);
    if (verdict.class == FRAME_OK && found.count > 0) {
        return ckr_own(FRAME_EXISTS);
    }
    return verdict;
}

/* More objects than one search returns take more rounds; each must destroy something. */
static struct ckr_verdict destroy_round(struct session *session, const struct search *found)
{
    for (CK_ULONG i = 0; i < found->count; i++) {
        CK_RV ckr = session->list->C_DestroyObject(session->handle, found->handles[i]);
        if (ckr != CKR_OK) {
            return ckr_verdict(ckr);
        }
        failpoint_hit(FAILPOINT_TOKEN_DESTROYING);
    }
    return ckr_done();
}

struct ckr_verdict object_destroy(struct object_map *map, struct session *session,
                                  struct span cka_id)
{
    struct search found = {0};
    forget(map, cka_id);
    struct ckr_verdict verdict = search_by_id(session, cka_id, &found);
    if (verdict.class == FRAME_OK && found.count == 0) {
        return ckr_own(FRAME_KEY_MISSING);
    }
    while (verdict.class == FRAME_OK && found.count > 0) {
        verdict = destroy_round(session, &found);
        found.count = 0;
        if (verdict.class == FRAME_OK) {
            verdict = search_by_id(session, cka_id, &found);
        }
    }
    return verdict;
}
