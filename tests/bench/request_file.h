/* request_file: the request that a load generator sends again and again, as a file has it. */
#ifndef HSMGATE_TESTS_BENCH_REQUEST_FILE_H
#define HSMGATE_TESTS_BENCH_REQUEST_FILE_H

#include <stdio.h>
#include <stdlib.h>

#define REQUEST_FILE_MAX (1024 * 1024)

/* Its bytes, for the rest of the process; *out_len is 0 when there are none. */
static inline char *request_file(const char *path, size_t *out_len)
{
    FILE *file = fopen(path, "rb");
    char *bytes = calloc(1, REQUEST_FILE_MAX);
    *out_len = file != NULL && bytes != NULL ? fread(bytes, 1, REQUEST_FILE_MAX, file) : 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    return bytes;
}

#endif
