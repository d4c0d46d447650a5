/* arena: a structure and all that it points to, copied into one block that one mem_free ends.
 *
 * The copy is made twice by the same code: first over an arena without memory, which measures and
 * gives NULL for every place, then over one whose `base` has `used` bytes. Pointers of the first
 * pass are good for nothing. */
#ifndef HSMGATE_KEYSTORE_ARENA_H
#define HSMGATE_KEYSTORE_ARENA_H

#include "base/buf.h"

struct arena {
    uint8_t *base; /* NULL: measure only */
    size_t used;   /* bytes; begins behind what the block starts with */
};
/* A copy of `len` bytes at the next multiple of `align`. */
void *arena_place(struct arena *arena, const void *bytes, size_t len, size_t align);
/* NULL stays NULL. */
const char *arena_text(struct arena *arena, const char *text);
/* Nothing becomes a span of NULL. */
struct span arena_span(struct arena *arena, struct span bytes);

#endif
