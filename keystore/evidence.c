/* evidence: notes each use in memory, and on disk before an answer leaves whatever a crash must not
 * take: that a version was used at all in this hour, and a larger expiry of a JWT than was written.
 *
 * Times are atomics. The principal is text, so it has a mutex, which is only taken when somebody
 * else than last time comes: its hash says so. An expiry is written with a margin, so that a stream
 * of JWTs costs one write a minute; the row is never below the truth. */
#include "keystore/evidence.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/sync.h"
#include "keystore/store.h"

#define JWT_MARGIN_MS ((int64_t)60 * 1000)

/* FNV-1a with 64 bits; 0 stands for nobody. */
static uint64_t hash_of(struct span text)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ text.data[i]) * 1099511628211u;
    }
    return hash | 1;
}

static void note_principal(struct uses *uses, const struct use *use)
{
    uint64_t hash = hash_of(use->principal);
    if (atomic_load_explicit(&uses->principal_hash[use->kind], memory_order_relaxed) == hash) {
        return;
    }
    sync_lock(&uses->mutex);
    mem_free(uses->principals[use->kind]);
    uses->principals[use->kind] = span_to_text(use->principal);
    atomic_store_explicit(&uses->principal_hash[use->kind], hash, memory_order_relaxed);
    sync_unlock(&uses->mutex);
}

static void raise_to(_Atomic int64_t *place, int64_t value)
{
    int64_t seen = atomic_load_explicit(place, memory_order_relaxed);
    while (seen < value && !atomic_compare_exchange_weak(place, &seen, value)) {
    }
}

static void note(struct uses *uses, const struct use *use)
{
    note_principal(uses, use);
    raise_to(&uses->kind_at[use->kind], use->now);
    raise_to(&uses->last_at, use->now);
    raise_to(&uses->jwt_expires_at, use->jwt_expires_at);
    if (use->raw_signature) {
        raise_to(&uses->raw_signature_at, use->now);
    }
    atomic_fetch_add_explicit(&uses->rewrapped, use->rewrapped, memory_order_relaxed);
}

static bool is_stored(const struct uses *uses, const struct use *use)
{
    int64_t stored = atomic_load(&uses->stored_at[use->kind]);
    return use->now < stored + USE_PRECISION_MS &&
           use->jwt_expires_at <= atomic_load(&uses->stored_jwt);
}

static struct err store_locked(struct keystore *store, struct uses *uses, const struct use *use)
{
    if (is_stored(uses, use)) {
        return err_ok();
    }
    int64_t bound = atomic_load(&uses->stored_jwt);
    if (use->jwt_expires_at > bound) {
        bound = use->jwt_expires_at + JWT_MARGIN_MS;
    }
    return uses_store(store, uses, atomic_load(&uses->reserved), bound);
}

struct err keystore_note_use(struct keystore *store, const struct version *version,
                             const struct use *use)
{
    struct uses *uses = version->uses;
    note(uses, use);
    if (is_stored(uses, use)) {
        unsettled_add(&store->unsettled, uses);
        return err_ok();
    }
    sync_lock(&store->writer);
    struct err err = store_locked(store, uses, use);
    sync_unlock(&store->writer);
    unsettled_add(&store->unsettled, uses);
    return err;
}

/* --- reading --- */

static void copy_principal(struct uses *uses, enum use_kind kind, char out[USE_PRINCIPAL_MAX])
{
    sync_lock(&uses->mutex);
    const char *text = uses->principals[kind];
    (void)snprintf(out, USE_PRINCIPAL_MAX, "%s", text != NULL ? text : "");
    sync_unlock(&uses->mutex);
}

void uses_evidence(const struct version *version, struct use_evidence *out)
{
    struct uses *uses = version->uses;
    *out = (struct use_evidence){
        .count = atomic_load(&uses->count),
        .jwt_expires_at = atomic_load(&uses->jwt_expires_at),
        .raw_signature_at = atomic_load(&uses->raw_signature_at),
        .rewrapped = atomic_load(&uses->rewrapped),
        .recorded_since = uses->recorded_since,
    };
    for (enum use_kind kind = 0; kind < USE_KIND_COUNT; kind++) {
        out->last[kind].at = atomic_load(&uses->kind_at[kind]);
        copy_principal(uses, kind, out->last[kind].principal);
    }
}

/* --- rows --- */

void evidence_row(struct uses *uses, struct use_texts *texts, struct uses_row *row)
{
    row->last_used_at = atomic_load(&uses->last_at);
    row->raw_signature_at = atomic_load(&uses->raw_signature_at);
    row->rewrapped = atomic_load(&uses->rewrapped);
    row->recorded_since = uses->recorded_since;
    for (enum use_kind kind = 0; kind < USE_KIND_COUNT; kind++) {
        row->kind_at[kind] = atomic_load(&uses->kind_at[kind]);
        copy_principal(uses, kind, texts->principals[kind]);
        row->principals[kind] = texts->principals[kind];
    }
}

void evidence_stored(struct uses *uses, const struct uses_row *row)
{
    atomic_store(&uses->reserved, row->reserved);
    atomic_store(&uses->stored_jwt, row->jwt_expires_at);
    for (enum use_kind kind = 0; kind < USE_KIND_COUNT; kind++) {
        atomic_store(&uses->stored_at[kind], row->kind_at[kind]);
    }
}

struct uses *uses_load(struct uuid key_id, uint32_t number, const struct uses_row *row)
{
    struct uses *uses = uses_make(key_id, number, row->recorded_since);
    atomic_init(&uses->count, row->reserved);
    atomic_init(&uses->last_at, row->last_used_at);
    atomic_init(&uses->jwt_expires_at, row->jwt_expires_at);
    atomic_init(&uses->raw_signature_at, row->raw_signature_at);
    atomic_init(&uses->rewrapped, row->rewrapped);
    evidence_stored(uses, row);
    for (enum use_kind kind = 0; kind < USE_KIND_COUNT; kind++) {
        atomic_init(&uses->kind_at[kind], row->kind_at[kind]);
        if (row->principals[kind] != NULL && row->principals[kind][0] != '\0') {
            uses->principals[kind] = mem_text(row->principals[kind]);
            atomic_init(&uses->principal_hash[kind], hash_of(span_text(row->principals[kind])));
        }
    }
    return uses;
}
