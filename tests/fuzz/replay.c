/* replay: runs a fuzz target over the files of a seed corpus, without libFuzzer, so that every
 * build and sanitizer meets every seed and every input that once broke something.
 * `replay_x FOLDER`; an empty folder is a failure. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void folder_close(DIR **folder)
{
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

static bool run_file(const char *folder, const char *name)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s", folder, name);
    CLEANUP(buf_clear) struct buf bytes = {0};
    struct err err = file_read(path, &bytes);
    if (err.code != ERR_OK) {
        (void)fprintf(stderr, "%s: %s\n", path, err.detail);
        return false;
    }
    /* a copy of the exact size, so that the address sanitizer sees one byte too many */
    CLEANUP(mem_free_at) uint8_t *exact = mem_copy(bytes.data, bytes.len);
    (void)LLVMFuzzerTestOneInput(exact, bytes.len);
    return true;
}

int main(int argc, char **argv)
{
    CLEANUP(folder_close) DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (folder == NULL) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    size_t seeds = 0;
    for (struct dirent *at = readdir(folder); at != NULL; at = readdir(folder)) {
        if (at->d_name[0] != '.' && !run_file(argv[1], at->d_name)) {
            return EXIT_FAILURE;
        }
        seeds += at->d_name[0] != '.' ? 1 : 0;
    }
    (void)printf("%zu seeds\n", seeds);
    return seeds > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
