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
/* The pairs of mappings whose names are the user's own, so that a schema cannot list them (there
 * they are CYAML_FIELD_IGNORE). `option` such as `grants[].context` stands for that of every entry,
 * in their order; `each` gets the entry's number and text that is borrowed for the call. An absent
 * option has no pairs. ERR_CONFIG with a `message` as above when something else stands there, or a
 * value is not text. */
typedef void yaml_pair(void *arg, unsigned entry, struct span name, struct span value);
MUST_USE struct err yaml_pairs_of(const char *path, const char *option, yaml_pair *each, void *arg,
                                  struct buf *message);
/* The line of an option such as `tokens[0].channels` (from 1), 0 when it is not in the file: for
 * checks after loading. */
unsigned yaml_line_of(const char *path, const char *option);

#endif
