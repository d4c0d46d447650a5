/* bulk_json: places in the text of a JSON object that is changed without being written anew. */
#ifndef HSMGATE_CLI_BULK_JSON_H
#define HSMGATE_CLI_BULK_JSON_H

#include "base/buf.h"

/* The text value of a member of the object that `json`, which is valid, is: between its quotes.
 * False when there is none. Names are compared as they are written, escapes are not resolved. */
bool bulk_json_find(struct span json, const char *name, size_t *out_at, size_t *out_len);
/* Puts 0 and blanks in the place of numbers that are well-formed but longer than a reader holds
 * exactly: lines have identifiers of 64 bits, which go through as they are. Other text is left
 * alone, valid or not. */
void bulk_json_mask_numbers(struct buf *json);

#endif
