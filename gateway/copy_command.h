/* copy_command: runs a program of the operator's choice with a few bytes on its standard input. */
#ifndef HSMGATE_GATEWAY_COPY_COMMAND_H
#define HSMGATE_GATEWAY_COPY_COMMAND_H

#include "base/buf.h"

#define COPY_COMMAND_INPUT_MAX ((size_t)16 << 10)

/* Without a shell: argv[0] is a path. The program gets PATH and LANG as its environment, the input,
 * our standard error, and no other descriptor; with all it started it is killed at the deadline, or
 * when `stop` becomes readable. ERR_DEADLINE then; ERR_IO when it cannot be started or ends with
 * another status than 0. */
MUST_USE struct err copy_command_run(const char *const *argv, size_t argc, struct span input,
                                     int64_t deadline_ns, int stop);

#endif
