/* id_index: open addressing at a load of one half at most. A removal moves later entries of the
 * same run back, so there are no tombstones and a search ends at the first empty slot. */
#include "keystore/id_index.h"

#include <string.h>

#include "base/mem.h"

#define CAP_FIRST 64

static size_t home_of(const struct id_index *index, struct uuid id)
{
    uint64_t hash = 0;
    memcpy(&hash, id.bytes, sizeof(hash));
    return (size_t)hash & (index->cap - 1);
}

static size_t next_of(const struct id_index *index, size_t slot)
{
    return (slot + 1) & (index->cap - 1);
}

/* The slot that holds the id, or the empty one where it would go. */
static size_t slot_of(const struct id_index *index, struct uuid id)
{
    size_t slot = home_of(index, id);
    while (index->slots[slot] != NULL && !uuid_equal(index->slots[slot]->id, id)) {
        slot = next_of(index, slot);
    }
    return slot;
}

void id_index_clear(struct id_index *index)
{
    mem_free(index->slots);
    *index = (struct id_index){0};
}

const struct key *id_index_find(const struct id_index *index, struct uuid id)
{
    return index->cap == 0 ? NULL : index->slots[slot_of(index, id)];
}

static void grow(struct id_index *index)
{
    struct id_index bigger = {.cap = index->cap == 0 ? CAP_FIRST : index->cap * 2,
                              .count = index->count};
    bigger.slots = mem_array(bigger.cap, sizeof(const struct key *));
    for (size_t i = 0; i < index->cap; i++) {
        if (index->slots[i] != NULL) {
            bigger.slots[slot_of(&bigger, index->slots[i]->id)] = index->slots[i];
        }
    }
    mem_free(index->slots);
    *index = bigger;
}

void id_index_put(struct id_index *index, const struct key *key)
{
    if ((index->count + 1) * 2 > index->cap) {
        grow(index);
    }
    size_t slot = slot_of(index, key->id);
    index->count += index->slots[slot] == NULL ? 1 : 0;
    index->slots[slot] = key;
}

void id_index_remove(struct id_index *index, struct uuid id)
{
    if (index->cap == 0) {
        return;
    }
    size_t hole = slot_of(index, id);
    if (index->slots[hole] == NULL) {
        return;
    }
    index->count--;
    for (size_t slot = next_of(index, hole); index->slots[slot] != NULL;
         slot = next_of(index, slot)) {
        /* An entry may fill the hole when its home is not behind the hole. */
        size_t from_home = (slot - home_of(index, index->slots[slot]->id)) & (index->cap - 1);
        size_t from_hole = (slot - hole) & (index->cap - 1);
        if (from_home >= from_hole) {
            index->slots[hole] = index->slots[slot];
            hole = slot;
        }
    }
    index->slots[hole] = NULL;
}
