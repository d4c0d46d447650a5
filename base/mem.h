/* The one owner of malloc. Out of memory aborts: the service manager restarts, reconcile settles.
 */
#ifndef HSMGATE_BASE_MEM_H
#define HSMGATE_BASE_MEM_H

#include <stddef.h>

/* Runs `destroyer(&variable)` when the variable's scope ends; destroyers take a zeroed struct.
 * `unused`, because clang does not count that as a use. */
#define CLEANUP(destroyer) __attribute__((cleanup(destroyer), unused))

/* Moves a pointer out of its variable, which becomes NULL: ownership leaves the scope. */
#define TAKE(pointer)                           \
    __extension__({                             \
        __typeof__(pointer) taken_ = (pointer); \
        (pointer) = NULL;                       \
        taken_;                                 \
    })

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Says `out of memory` and aborts: for what a library could not allocate. */
_Noreturn void mem_exhausted(void);
/* Zeroed memory of `size` bytes (1 for 0); never NULL. Free with mem_free. */
void *mem_alloc(size_t size) __attribute__((malloc));
/* Zeroed array; aborts when count * size overflows. */
void *mem_array(size_t count, size_t size) __attribute__((malloc));
/* The same without the zeros, for owners that read only what they have written. */
void *mem_room(size_t size) __attribute__((malloc));
/* Grows or shrinks an array to `count` items; new items are not zeroed. Not for secrets. */
void *mem_resize(void *memory, size_t count, size_t size) __attribute__((warn_unused_result));
/* Copies of bytes and of text; free with mem_free. */
void *mem_copy(const void *bytes, size_t len) __attribute__((malloc));
char *mem_text(const char *text) __attribute__((malloc));
/* Formatted text; free with mem_free. */
char *mem_format(const char *format, ...) __attribute__((malloc, format(printf, 1, 2)));
/* Takes NULL. */
void mem_free(void *memory);
/* For CLEANUP on a pointer variable of any type: frees *(void **)pointer. */
void mem_free_at(void *pointer);
/* Overwrites with zeros; the compiler cannot remove it. Takes NULL with len 0. */
void mem_wipe(void *memory, size_t len);

#endif
