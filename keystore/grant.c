/* grant: a struct, its texts and its lists, freed with the last reference. Its last use stands
 * apart, because it changes and because it outlives a grant that is replaced.
 *
 * Noting a use is one relaxed store at most once a second: a grant that signs ten thousand times a
 * second must not become the cache line that all cores fight over. */
#include "keystore/grant.h"

#include <assert.h>
#include <stdatomic.h>

#include "base/mem.h"

#define NOTE_EVERY_MS 1000

struct grant_uses {
    atomic_uint refs;
    _Atomic int64_t last_at;
    _Atomic int64_t stored_at; /* what the database has */
};

struct grant_box {
    struct grant grant; /* first: the box is found from it */
    atomic_uint refs;
};

static struct grant_box *box_of(const struct grant *grant)
{
    return (struct grant_box *)(uintptr_t)grant;
}

static struct grant_uses *uses_of(struct grant_uses *shared, int64_t last_used_at)
{
    if (shared != NULL) {
        atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
        return shared;
    }
    struct grant_uses *uses = mem_alloc(sizeof(*uses));
    atomic_init(&uses->refs, 1);
    atomic_init(&uses->last_at, last_used_at);
    atomic_init(&uses->stored_at, last_used_at);
    return uses;
}

static void release_uses(struct grant_uses *uses)
{
    if (atomic_fetch_sub_explicit(&uses->refs, 1, memory_order_acq_rel) == 1) {
        mem_free(uses);
    }
}

static const struct label *copy_context(const struct grant *from)
{
    struct label *context = mem_array(from->context_count, sizeof(*context));
    for (size_t i = 0; i < from->context_count; i++) {
        context[i].name = mem_text(from->context[i].name);
        context[i].value = mem_text(from->context[i].value);
    }
    return context;
}

const struct grant *grant_make(const struct grant *from, struct grant_uses *uses,
                               int64_t last_used_at)
{
    struct grant_box *box = mem_alloc(sizeof(*box));
    atomic_init(&box->refs, 1);
    box->grant = *from;
    box->grant.id = mem_text(from->id);
    box->grant.principal = mem_text(from->principal);
    box->grant.keys = mem_text(from->keys);
    box->grant.justification = mem_text(from->justification);
    box->grant.updated_by = mem_text(from->updated_by);
    box->grant.context = copy_context(from);
    box->grant.sources = NULL;
    if (from->source_count > 0) {
        box->grant.sources = mem_copy(from->sources, from->source_count * sizeof(*from->sources));
    }
    box->grant.uses = uses_of(uses, last_used_at);
    return &box->grant;
}

const struct grant *grant_hold(const struct grant *grant)
{
    atomic_fetch_add_explicit(&box_of(grant)->refs, 1, memory_order_relaxed);
    return grant;
}

static void free_const(const void *memory)
{
    mem_free((void *)(uintptr_t)memory);
}

void grant_release(const struct grant *grant)
{
    if (grant == NULL ||
        atomic_fetch_sub_explicit(&box_of(grant)->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < grant->context_count; i++) {
        free_const(grant->context[i].name);
        free_const(grant->context[i].value);
    }
    free_const(grant->context);
    free_const(grant->sources);
    free_const(grant->id);
    free_const(grant->principal);
    free_const(grant->keys);
    free_const(grant->justification);
    free_const(grant->updated_by);
    release_uses(grant->uses);
    mem_free(box_of(grant));
}

int64_t grant_last_used_at(const struct grant *grant)
{
    return atomic_load_explicit(&grant->uses->last_at, memory_order_relaxed);
}

void grant_note_use(const struct grant *grant, int64_t now)
{
    int64_t last = grant_last_used_at(grant);
    if (now >= last + NOTE_EVERY_MS) {
        atomic_store_explicit(&grant->uses->last_at, now, memory_order_relaxed);
    }
}

bool grant_uses_moved(const struct grant *grant)
{
    return grant_last_used_at(grant) !=
           atomic_load_explicit(&grant->uses->stored_at, memory_order_relaxed);
}

void grant_settled(const struct grant *grant, int64_t last_used_at)
{
    atomic_store_explicit(&grant->uses->stored_at, last_used_at, memory_order_relaxed);
}
