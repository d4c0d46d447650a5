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
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"

#define FOUND_MAX 16
#define MISS_MS   1000

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

struct found {
    CK_OBJECT_HANDLE handles[FOUND_MAX];
    CK_ULONG count;
};

/* Up to FOUND_MAX objects that match. A search that is not ended would poison the session. */
static struct ckr_verdict find(struct session *session, CK_ATTRIBUTE *list, CK_ULONG count,
                               struct found *out)
{
    CK_RV ckr = session->list->C_FindObjectsInit(session->handle, list, count);
    if (ckr == CKR_OK) {
        ckr = session->list->C_FindObjects(session->handle, out->handles, FOUND_MAX, &out->count);
        CK_RV ended = session->list->C_FindObjectsFinal(session->handle);
        ckr = ckr == CKR_OK ? ended : ckr;
    }
    if (ckr != CKR_OK && !ckr_rule(ckr)->ends) {
        session->unfit = ckr;
    }
    return ckr_verdict(ckr);
}

static struct ckr_verdict find_by_id(struct session *session, struct span cka_id, struct found *out)
{
    CK_ATTRIBUTE by_id = {
        .type = CKA_ID, .pValue = cryptoki_bytes(cka_id), .ulValueLen = cka_id.len};
    return find(session, &by_id, 1, out);
}

static struct ckr_verdict class_of(const struct session *session, CK_OBJECT_HANDLE object,
                                   CK_OBJECT_CLASS *out)
{
    CK_ATTRIBUTE class = {.type = CKA_CLASS, .ulValueLen = sizeof(*out)};
    class.pValue = out;
    return ckr_verdict(session->list->C_GetAttributeValue(session->handle, object, &class, 1));
}

/* Exactly one key object, and one public object at most. */
static struct ckr_verdict sort_out(const struct session *session, const struct found *found,
                                   struct material *out)
{
    unsigned keys = 0;
    unsigned publics = 0;
    for (CK_ULONG i = 0; i < found->count; i++) {
        CK_OBJECT_CLASS class = CKO_DATA;
        struct ckr_verdict verdict = class_of(session, found->handles[i], &class);
        if (verdict.class != FRAME_OK) {
            return verdict;
        }
        if (class == CKO_PRIVATE_KEY || class == CKO_SECRET_KEY) {
            out->key = found->handles[i];
            keys++;
        } else if (class == CKO_PUBLIC_KEY) {
            out->public = found->handles[i];
            publics++;
        }
    }
    return ckr_own(keys == 1 && publics <= 1 ? FRAME_OK : FRAME_KEY_MISSING);
}

static bool has_public(const struct token_key *key)
{
    return key->purpose == PURPOSE_SIGN || key->purpose == PURPOSE_DECRYPT;
}

static struct ckr_verdict find_proven(struct session *session, const struct probe *probe,
                                      const struct token_key *key, struct material *out)
{
    struct found found = {0};
    struct ckr_verdict verdict = find_by_id(session, id_of(key), &found);
    if (verdict.class == FRAME_OK) {
        verdict = sort_out(session, &found, out);
    }
    if (verdict.class == FRAME_OK && has_public(key) != (out->public != CK_INVALID_HANDLE)) {
        return ckr_own(FRAME_KEY_MISSING);
    }
    return verdict.class == FRAME_OK ? identity_check(session, probe, out, key) : verdict;
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
    struct found found = {0};
    struct ckr_verdict verdict = find_by_id(session, cka_id, &found);
    if (verdict.class == FRAME_OK && found.count > 0) {
        return ckr_own(FRAME_EXISTS);
    }
    return verdict;
}

/* More objects than one search returns take more rounds; each must destroy something. */
static struct ckr_verdict destroy_round(struct session *session, const struct found *found)
{
    for (CK_ULONG i = 0; i < found->count; i++) {
        CK_RV ckr = session->list->C_DestroyObject(session->handle, found->handles[i]);
        if (ckr != CKR_OK) {
            return ckr_verdict(ckr);
        }
    }
    return ckr_done();
}

struct ckr_verdict object_destroy(struct object_map *map, struct session *session,
                                  struct span cka_id)
{
    struct found found = {0};
    forget(map, cka_id);
    struct ckr_verdict verdict = find_by_id(session, cka_id, &found);
    if (verdict.class == FRAME_OK && found.count == 0) {
        return ckr_own(FRAME_KEY_MISSING);
    }
    while (verdict.class == FRAME_OK && found.count > 0) {
        verdict = destroy_round(session, &found);
        found.count = 0;
        if (verdict.class == FRAME_OK) {
            verdict = find_by_id(session, cka_id, &found);
        }
    }
    return verdict;
}
