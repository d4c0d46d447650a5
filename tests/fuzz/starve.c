/* starve: runs a fuzz target over the files of its seed corpus as replay does, and each file again
 * for each allocation of it that fails. What the target asserts holds then as well: nothing opens,
 * verifies or reads differently because memory was short. */
#include <stdio.h>
#include <stdlib.h>

#include "seeds.h"
#include "starving.h"

#define MOST 12 /* allocations of a seed that fail; see starving_each */

static bool run_target(void *arg)
{
    const struct span *seed = arg;
    (void)LLVMFuzzerTestOneInput(seed->data, seed->len);
    return true;
}

static bool starve(const char *path, struct span seed, void *arg)
{
    return starving_each(path, run_target, &seed, MOST, arg);
}

int main(int argc, char **argv)
{
    size_t total = 0;
    bool well = seeds_each(argc, argv, starve, &total);
    (void)printf("starved %zu times\n", total);
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
