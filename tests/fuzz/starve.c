/* starve: runs a fuzz target over the files of its seed corpus as replay does, and each file again
 * for each allocation of it that fails. What the target asserts holds then as well: nothing opens,
 * verifies or reads differently because memory was short. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "starving.h"

#define MOST 12 /* allocations of a seed that fail; see starving_each */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void folder_close(DIR **folder)
{
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

static bool run_target(void *arg)
{
    const struct buf *seed = arg;
    (void)LLVMFuzzerTestOneInput(seed->data, seed->len);
    return true;
}

static bool starve_file(const char *folder, const char *name, size_t *total)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s", folder, name);
    CLEANUP(buf_clear) struct buf bytes = {0};
    struct err err = file_read(path, &bytes);
    bool well = err.code == ERR_OK && starving_each(path, run_target, &bytes, MOST, total);
    return well;
}

int main(int argc, char **argv)
{
    CLEANUP(folder_close) DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (folder == NULL) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    size_t seeds = 0;
    size_t total = 0;
    for (struct dirent *at = readdir(folder); at != NULL; at = readdir(folder)) {
        if (at->d_name[0] != '.' && !starve_file(argv[1], at->d_name, &total)) {
            return EXIT_FAILURE;
        }
        seeds += at->d_name[0] != '.' ? 1 : 0;
    }
    (void)printf("%zu seeds, starved %zu times\n", seeds, total);
    return seeds > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
