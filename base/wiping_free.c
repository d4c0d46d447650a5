/* The allocator of a process in which no freed byte stays readable: free() overwrites a block
 * before it goes back, and so does realloc() with the place that it leaves.
 *
 * Secrets pass through libraries that know nothing of them: the HTTP library's pools, GnuTLS's
 * records, JSON trees, a vendor's PKCS#11 module. Wiping at the one place that all of them share
 * needs nobody's cooperation. These definitions stand in a program's own object, so every shared
 * library of it uses them (glibc manual, Replacing malloc); the blocks themselves are glibc's.
 * Linked into hsmgated and hsmgate-token; never with a sanitizer, which has an allocator of its
 * own. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* glibc's own free, exported under this name for programs that replace the other. */
void __libc_free(
    void *memory); /* NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

void free(void *memory)
{
    if (memory != NULL) {
        explicit_bzero(memory, malloc_usable_size(memory));
        __libc_free(memory);
    }
}

/* Stays in its place while the size fits and wastes less than half: the tail is wiped with the
 * rest, later. */
void *realloc(void *memory, size_t size)
{
    if (memory == NULL) {
        return malloc(size);
    }
    if (size == 0) {
        free(memory);
        return NULL;
    }
    size_t room = malloc_usable_size(memory);
    if (size <= room && size >= room / 2) {
        return memory;
    }
    void *moved = malloc(size);
    if (moved != NULL) {
        memcpy(moved, memory, size < room ? size : room);
        free(memory);
    }
    return moved;
}
