/* One block, filled from the front. */
#include "keystore/arena.h"

#include <string.h>

void *arena_place(struct arena *arena, const void *bytes, size_t len, size_t align)
{
    arena->used = (arena->used + align - 1) / align * align;
    uint8_t *at = arena->base == NULL ? NULL : arena->base + arena->used;
    arena->used += len;
    if (at != NULL && len > 0) {
        memcpy(at, bytes, len);
    }
    return at;
}

const char *arena_text(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_place(arena, text, strlen(text) + 1, 1);
}

struct span arena_span(struct arena *arena, struct span bytes)
{
    const uint8_t *at = arena_place(arena, bytes.data, bytes.len, 1);
    return span_of(bytes.len > 0 ? at : NULL, bytes.len);
}
