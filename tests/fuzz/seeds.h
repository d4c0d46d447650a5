/* seeds: the main program of builds without libFuzzer, which run a target on each file of a folder.
 */
#ifndef HSMGATE_TESTS_FUZZ_SEEDS_H
#define HSMGATE_TESTS_FUZZ_SEEDS_H

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Does what the program is for with one seed; `path` is for messages. False ends it. */
typedef bool seeds_run(const char *path, struct span seed, void *arg);
/* Runs each file of the one folder that the arguments name. False when one ended it or could not be
 * read, or when there is none; that is said. */
bool seeds_each(int argc, char **argv, seeds_run *run, void *arg);

#endif
