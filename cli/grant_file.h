/* grant_file: all grants of a namespace as a YAML file. */
#ifndef HSMGATE_CLI_GRANT_FILE_H
#define HSMGATE_CLI_GRANT_FILE_H

#include "base/json.h"

/* Reads the file into the members `namespace` and `grants` of the object that the writer is in;
 * what the gateway alone can judge is left to it. ERR_CONFIG; `message` gets `FILE:LINE: option:
 * reason`, one line per finding. */
MUST_USE struct err grant_file_read(const char *path, struct json_writer *writer,
                                    struct buf *message);

#endif
