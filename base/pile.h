/* pile: memory for many small things that end together. */
#ifndef HSMGATE_BASE_PILE_H
#define HSMGATE_BASE_PILE_H

#include <stddef.h>

struct pile_block;

/* A zeroed pile is empty. */
struct pile {
    struct pile_block *newest; /* the one that still has room */
};

/* `size` bytes as they come, aligned for anything, until the pile is cleared; never NULL. */
void *pile_take(struct pile *pile, size_t size) __attribute__((malloc));
/* Wipes and frees everything that was taken; the pile may be used again. For CLEANUP too. */
void pile_clear(struct pile *pile);

#endif
