/* Blocks that double, each handed out from its start to its end.
 *
 * A document's tree is dozens of small things that are made and end together: taking them from one
 * block costs a few instructions each, and clearing is one wipe for each block instead of one for
 * each text. Nothing is given back alone. A pile belongs to one thread at a time. */
#include "base/pile.h"

#include <stdalign.h>
#include <stdint.h>

#include "base/mem.h"

#define ALIGN alignof(max_align_t)

struct pile_block {
    struct pile_block *older;
    size_t size; /* of `bytes` */
    size_t used;
    alignas(max_align_t) uint8_t bytes[];
};

/* The C library keeps blocks of up to a kilobyte at hand for each thread. */
#define FIRST_BLOCK (1024 - sizeof(struct pile_block))

static void add_block(struct pile *pile, size_t need)
{
    size_t size = pile->newest != NULL ? pile->newest->size * 2 : FIRST_BLOCK;
    size = size < need ? need : size;
    struct pile_block *block = mem_room(sizeof(*block) + size);
    *block = (struct pile_block){.older = pile->newest, .size = size};
    pile->newest = block;
}

void *pile_take(struct pile *pile, size_t size)
{
    size_t need = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (pile->newest == NULL || need > pile->newest->size - pile->newest->used) {
        add_block(pile, need);
    }
    void *place = pile->newest->bytes + pile->newest->used;
    pile->newest->used += need;
    return place;
}

void pile_clear(struct pile *pile)
{
    while (pile->newest != NULL) {
        struct pile_block *block = pile->newest;
        pile->newest = block->older;
        mem_wipe(block->bytes, block->used);
        mem_free(block);
    }
}
