/* agenda: a binary heap over entries that know their place in it, and a hash table that finds the
 * entry of a key. 100 000 keys cost a few comparisons for each change and nothing while nothing is
 * due. */
#include "rotation/agenda.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define BUCKETS_FIRST 64

static size_t bucket_of(const struct agenda *agenda, struct uuid id)
{
    uint64_t hash = 0;
    memcpy(&hash, id.bytes, sizeof(hash)); /* random bits already */
    return (size_t)hash & (agenda->bucket_count - 1);
}

/* --- the heap --- */

static void set_place(struct agenda *agenda, size_t place, struct agenda_entry *entry)
{
    agenda->heap[place] = entry;
    entry->place = place;
}

static void rise(struct agenda *agenda, struct agenda_entry *entry)
{
    while (entry->place > 0) {
        struct agenda_entry *parent = agenda->heap[(entry->place - 1) / 2];
        if (parent->due_ns <= entry->due_ns) {
            return;
        }
        size_t place = parent->place;
        set_place(agenda, entry->place, parent);
        set_place(agenda, place, entry);
    }
}

static void sink(struct agenda *agenda, struct agenda_entry *entry)
{
    for (;;) {
        size_t child = 2 * entry->place + 1;
        if (child >= agenda->count) {
            return;
        }
        bool right = child + 1 < agenda->count &&
                     agenda->heap[child + 1]->due_ns < agenda->heap[child]->due_ns;
        struct agenda_entry *least = agenda->heap[right ? child + 1 : child];
        if (entry->due_ns <= least->due_ns) {
            return;
        }
        size_t place = least->place;
        set_place(agenda, entry->place, least);
        set_place(agenda, place, entry);
    }
}

static void settle(struct agenda *agenda, struct agenda_entry *entry)
{
    rise(agenda, entry);
    sink(agenda, entry);
}

static void push(struct agenda *agenda, struct agenda_entry *entry)
{
    if (agenda->count == agenda->room) {
        agenda->room = agenda->room == 0 ? 64 : agenda->room * 2;
        agenda->heap = mem_resize(agenda->heap, agenda->room, sizeof(struct agenda_entry *));
    }
    agenda->count++;
    set_place(agenda, agenda->count - 1, entry);
}

void agenda_take(struct agenda *agenda, struct agenda_entry *entry)
{
    size_t place = entry->place;
    assert(place < agenda->count && agenda->heap[place] == entry);
    agenda->count--;
    entry->place = AGENDA_OFF;
    if (place < agenda->count) {
        struct agenda_entry *last = agenda->heap[agenda->count];
        set_place(agenda, place, last);
        settle(agenda, last);
    }
}

struct agenda_entry *agenda_first(const struct agenda *agenda)
{
    return agenda->count == 0 ? NULL : agenda->heap[0];
}

/* --- the table --- */

static void grow(struct agenda *agenda)
{
    struct agenda bigger = {.bucket_count = agenda->bucket_count == 0 ? BUCKETS_FIRST
                                                                      : agenda->bucket_count * 2};
    bigger.buckets = mem_array(bigger.bucket_count, sizeof(struct agenda_entry *));
    for (size_t i = 0; i < agenda->bucket_count; i++) {
        while (agenda->buckets[i] != NULL) {
            struct agenda_entry *entry = agenda->buckets[i];
            agenda->buckets[i] = entry->next;
            struct agenda_entry **bucket = &bigger.buckets[bucket_of(&bigger, entry->id)];
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    mem_free(agenda->buckets);
    agenda->buckets = bigger.buckets;
    agenda->bucket_count = bigger.bucket_count;
}

struct agenda_entry *agenda_find(const struct agenda *agenda, struct uuid id)
{
    struct agenda_entry *entry =
        agenda->bucket_count == 0 ? NULL : agenda->buckets[bucket_of(agenda, id)];
    while (entry != NULL && !uuid_equal(entry->id, id)) {
        entry = entry->next;
    }
    return entry;
}

static struct agenda_entry *add(struct agenda *agenda, struct uuid id)
{
    if (agenda->known == agenda->bucket_count) {
        grow(agenda);
    }
    struct agenda_entry *entry = mem_alloc(sizeof(*entry));
    struct agenda_entry **bucket = &agenda->buckets[bucket_of(agenda, id)];
    *entry = (struct agenda_entry){.id = id, .place = AGENDA_OFF, .next = *bucket};
    *bucket = entry;
    agenda->known++;
    return entry;
}

struct agenda_entry *agenda_put(struct agenda *agenda, struct uuid id, int64_t due_ns)
{
    struct agenda_entry *entry = agenda_find(agenda, id);
    if (entry == NULL) {
        entry = add(agenda, id);
    }
    entry->due_ns = due_ns;
    if (entry->place == AGENDA_OFF) {
        push(agenda, entry);
    }
    settle(agenda, entry);
    return entry;
}

void agenda_drop(struct agenda *agenda, struct uuid id)
{
    struct agenda_entry *entry = agenda_find(agenda, id);
    if (entry == NULL) {
        return;
    }
    if (entry->place != AGENDA_OFF) {
        agenda_take(agenda, entry);
    }
    struct agenda_entry **link = &agenda->buckets[bucket_of(agenda, id)];
    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    agenda->known--;
    mem_free(entry);
}

void agenda_clear(struct agenda *agenda)
{
    for (size_t i = 0; i < agenda->bucket_count; i++) {
        while (agenda->buckets[i] != NULL) {
            struct agenda_entry *entry = agenda->buckets[i];
            agenda->buckets[i] = entry->next;
            mem_free(entry);
        }
    }
    mem_free(agenda->buckets);
    mem_free(agenda->heap);
    *agenda = (struct agenda){0};
}
