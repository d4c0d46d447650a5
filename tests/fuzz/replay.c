/* replay: runs a fuzz target over the files of a seed corpus, without libFuzzer, so that every
 * build and sanitizer meets every seed and every input that once broke something. */
#include <stdlib.h>

#include "seeds.h"

static bool run_target(const char *path, struct span seed, void *arg)
{
    (void)path;
    (void)arg;
    (void)LLVMFuzzerTestOneInput(seed.data, seed.len);
    return true;
}

int main(int argc, char **argv)
{
    return seeds_each(argc, argv, run_target, NULL) ? EXIT_SUCCESS : EXIT_FAILURE;
}
