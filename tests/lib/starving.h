/* starving: an allocator that fails once, at a chosen call, in every library of the process; and a
 * run of something for each call that it makes. Link starving.c into the program itself, so that
 * its malloc is the one that all shared libraries use. */
#ifndef HSMGATE_TESTS_LIB_STARVING_H
#define HSMGATE_TESTS_LIB_STARVING_H

#include <stdbool.h>
#include <stddef.h>

/* What is run: false when it came to a result that it must never have. */
typedef bool starving_run(void *arg);

/* Runs it once whole, and then in a child process for an allocation that it made, which fails: the
 * Nth alone, or the Nth with all that follow. Each child must end by returning true, or in
 * base/mem's abort, which says `out of memory`. Prints what did not, by `name`, and stops there.
 * `most` allocations, spread evenly, and the two ways in turn; 0, or HSMGATE_STARVE_EACH in the
 * environment: each and both. How often it starved comes out. */
bool starving_each(const char *name, starving_run *run, void *arg, size_t most, size_t *out_count);

#endif
