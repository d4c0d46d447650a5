/* The one owner of malloc.
 *
 * Out of memory ends the process: no caller has a better answer, and a half-done request that
 * limps on is worse than a restart. Memory comes zeroed, so a forgotten field is empty, not
 * random; only who fills all of it at once takes it as it is. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "base/banned.h"

void mem_exhausted(void)
{
    static const char message[] = "out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);
    (void)ignored;
    abort();
}

void *mem_alloc(size_t size)
{
    return mem_array(1, size);
}

void *mem_array(size_t count, size_t size)
{
    bool empty = count == 0 || size == 0;
    void *memory = empty ? calloc(1, 1) : calloc(count, size);
    if (memory == NULL) {
        mem_exhausted();
    }
    return memory;
}

void *mem_room(size_t size)
{
    void *memory = malloc(size > 0 ? size : 1);
    if (memory == NULL) {
        mem_exhausted();
    }
    return memory;
}

void *mem_resize(void *memory, size_t count, size_t size)
{
    bool empty = count == 0 || size == 0;
    void *grown = empty ? realloc(memory, 1) : reallocarray(memory, count, size);
    if (grown == NULL) {
        mem_exhausted();
    }
    return grown;
}

void *mem_copy(const void *bytes, size_t len)
{
    void *copy = mem_room(len);
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    return copy;
}

char *mem_text(const char *text)
{
    return mem_copy(text, strlen(text) + 1);
}

char *mem_format(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        mem_exhausted();
    }
    return text;
}

void mem_free(void *memory)
{
    free(memory);
}

void mem_free_at(void *pointer)
{
    void *memory = NULL;
    memcpy(&memory, pointer, sizeof(memory));
    mem_free(memory);
}

void mem_wipe(void *memory, size_t len)
{
    if (len > 0) {
        explicit_bzero(memory, len);
    }
}
