/* Loads a YAML file by a strict libcyaml schema; errors name file, line, option and reason.
 * The one owner of libcyaml's calls; users declare their schemas with its macros. */
#ifndef HSMGATE_BASE_YAML_H
#define HSMGATE_BASE_YAML_H

#include <cyaml/cyaml.h>

#include "base/buf.h"

/* Loads `path` into *out (free with yaml_free). ERR_CONFIG; `message` gets one line for people,
 * `FILE:LINE: option: reason`, which may be longer than err.detail. Unknown and duplicate options
 * are refused. */
MUST_USE struct err yaml_load(const char *path, const cyaml_schema_value_t *schema, void **out,
                              struct buf *message);
/* Takes NULL. libyaml exports and calls a yaml_free of its own: ours has another name for the
 * linker, so that it does not take that one's place. */
void yaml_free(const cyaml_schema_value_t *schema, void *data) __asm__("hsmgate_yaml_free");
/* The line of an option such as `tokens[0].channels` (from 1), 0 when it is not in the file: for
 * checks after loading. */
unsigned yaml_line_of(const char *path, const char *option);

#endif
