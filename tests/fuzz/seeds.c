/* An empty folder is a failure: a test of no seeds tells nothing. Each seed is read to its exact
 * size, so that the address sanitizer sees one byte too many. */
#include "seeds.h"

#include <dirent.h>
#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"

static void folder_close(DIR **folder)
{
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

static bool run_file(const char *path, seeds_run *run, void *arg)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    struct err err = file_read(path, &bytes);
    if (err.code != ERR_OK) {
        (void)fprintf(stderr, "%s: %s\n", path, err.detail);
        return false;
    }
    CLEANUP(mem_free_at) uint8_t *exact = mem_copy(bytes.data, bytes.len);
    return run(path, span_of(exact, bytes.len), arg);
}

bool seeds_each(int argc, char **argv, seeds_run *run, void *arg)
{
    CLEANUP(folder_close) DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (folder == NULL) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return false;
    }
    size_t seeds = 0;
    for (struct dirent *at = readdir(folder); at != NULL; at = readdir(folder)) {
        if (at->d_name[0] == '.') {
            continue;
        }
        CLEANUP(mem_free_at) char *path = mem_format("%s/%s", argv[1], at->d_name);
        if (!run_file(path, run, arg)) {
            return false;
        }
        seeds++;
    }
    (void)printf("%zu seeds\n", seeds);
    return seeds > 0;
}
