/* key: builds keys as one block each (header, versions, labels, audiences, then all texts), so that
 * 100 000 of them cost one allocation apiece and are freed in one step (arena.h).
 *
 * Nothing in a key changes after key_make but its reference count, which is atomic. */
#include "keystore/key.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "keystore/arena.h"
#include "keystore/uses.h"

struct key_box {
    struct key key; /* first: a pointer to it is a pointer to the box */
    atomic_uint refs;
};

static const struct version *place_versions(struct arena *arena, const struct key *draft)
{
    struct version *versions =
        arena_place(arena, draft->versions, draft->version_count * sizeof(*draft->versions),
                    alignof(struct version));
    for (size_t i = 0; i < draft->version_count; i++) {
        const struct span public_key = arena_span(arena, draft->versions[i].public_key);
        const char *reason = arena_text(arena, draft->versions[i].reason);
        const char *certificates = arena_text(arena, draft->versions[i].certificates);
        if (versions != NULL) {
            versions[i].public_key = public_key;
            versions[i].reason = reason;
            versions[i].certificates = certificates;
        }
    }
    return versions;
}

static const struct label *place_labels(struct arena *arena, const struct key_facts *facts)
{
    struct label *labels = arena_place(
        arena, facts->labels, facts->label_count * sizeof(*facts->labels), alignof(struct label));
    for (size_t i = 0; i < facts->label_count; i++) {
        struct label label = {.name = arena_text(arena, facts->labels[i].name),
                              .value = arena_text(arena, facts->labels[i].value)};
        if (labels != NULL) {
            labels[i] = label;
        }
    }
    return labels;
}

static const char *const *place_audiences(struct arena *arena, const struct jwt_policy *jwt)
{
    const char **audiences = arena_place(
        arena, jwt->audiences, jwt->audience_count * sizeof(*jwt->audiences), alignof(char *));
    for (size_t i = 0; i < jwt->audience_count; i++) {
        const char *text = arena_text(arena, jwt->audiences[i]);
        if (audiences != NULL) {
            audiences[i] = text;
        }
    }
    return audiences;
}

/* The copy; its pointers are only good when the arena has memory. */
static struct key place_key(struct arena *arena, const struct key *draft)
{
    struct key key = *draft;
    key.versions = place_versions(arena, draft);
    key.facts.labels = place_labels(arena, &draft->facts);
    key.facts.jwt.audiences = place_audiences(arena, &draft->facts.jwt);
    key.name = arena_text(arena, draft->name);
    key.token = arena_text(arena, draft->token);
    key.facts.owner = arena_text(arena, draft->facts.owner);
    key.facts.description = arena_text(arena, draft->facts.description);
    key.facts.contact = arena_text(arena, draft->facts.contact);
    key.facts.jwt.issuer = arena_text(arena, draft->facts.jwt.issuer);
    key.facts.approval.group = arena_text(arena, draft->facts.approval.group);
    key.frozen.by = arena_text(arena, draft->frozen.by);
    key.frozen.reason = arena_text(arena, draft->frozen.reason);
    return key;
}

/* The versions are ours to fill until the key is handed out. */
static void attach_uses(struct key *key)
{
    struct version *versions = (struct version *)(uintptr_t)key->versions;
    key->primary = 0;
    for (size_t i = 0; i < key->version_count; i++) {
        struct version *version = &versions[i];
        version->uses = version->uses != NULL
                            ? uses_hold(version->uses)
                            : uses_make(key->id, version->number, version->created_at);
        if (version->state == VERSION_ACTIVE) {
            key->primary = version->number;
        }
    }
}

const struct key *key_make(const struct key *draft)
{
    struct arena arena = {.used = sizeof(struct key_box)};
    (void)place_key(&arena, draft);
    arena.base = mem_alloc(arena.used);
    arena.used = sizeof(struct key_box);
    struct key_box *box = (struct key_box *)(void *)arena.base;
    box->key = place_key(&arena, draft);
    atomic_init(&box->refs, 1);
    attach_uses(&box->key);
    return &box->key;
}

/* The count is the one thing that changes behind a const key. */
static struct key_box *box_of(const struct key *key)
{
    return (struct key_box *)(uintptr_t)key;
}

const struct key *key_hold(const struct key *key)
{
    unsigned before = atomic_fetch_add_explicit(&box_of(key)->refs, 1, memory_order_relaxed);
    assert(before > 0);
    return key;
}

void key_release(const struct key *key)
{
    if (key == NULL) {
        return;
    }
    unsigned before = atomic_fetch_sub_explicit(&box_of(key)->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before > 1) {
        return;
    }
    for (size_t i = 0; i < key->version_count; i++) {
        uses_release(key->versions[i].uses);
    }
    mem_free(box_of(key));
}

void key_release_at(const struct key *const *key)
{
    key_release(*key);
}

const struct version *key_version(const struct key *key, uint32_t number)
{
    size_t low = 0;
    size_t high = key->version_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (key->versions[middle].number == number) {
            return &key->versions[middle];
        }
        if (key->versions[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const struct version *key_primary(const struct key *key)
{
    return key->primary == 0 ? NULL : key_version(key, key->primary);
}

bool key_usable(const struct key *key)
{
    if (key->primary != 0) {
        return true;
    }
    for (size_t i = 0; i < key->version_count; i++) {
        if (key->versions[i].activated_at != 0) {
            return true;
        }
    }
    return false;
}

int key_compare(struct span name, const struct key *key)
{
    size_t len = strlen(key->name);
    size_t shorter = name.len < len ? name.len : len;
    int order = shorter == 0 ? 0 : memcmp(name.data, key->name, shorter);
    if (order != 0 || name.len == len) {
        return order;
    }
    return name.len < len ? -1 : 1;
}
