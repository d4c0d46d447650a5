/* Programs that a test runs in a folder of its own, with files in and out. */
#ifndef HSMGATE_TESTS_UNIT_PROGRAM_FIXTURE_H
#define HSMGATE_TESTS_UNIT_PROGRAM_FIXTURE_H

#include "base/buf.h"

/* A new folder that becomes the working directory; everything in it goes with folder_leave. */
void folder_enter(void);
void folder_leave(void);
void file_put(const char *name, struct span bytes);
void file_get(const char *name, struct buf *out);
/* Runs a program to its end with that file as standard input; its exit code. */
int program_run(const char *standard_input, const char *const *arguments);

#endif
