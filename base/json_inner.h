/* Between the json_*.c files only. */
#ifndef HSMGATE_BASE_JSON_INNER_H
#define HSMGATE_BASE_JSON_INNER_H

#include "base/json.h"

/* Checks that the text is one value of RFC 8259 under the limits of json.h; ERR_INVALID_JSON with
 * the byte offset. Duplicate names are not its business. */
MUST_USE struct err json_scan(struct span text);
/* The name as an error may repeat it: what does not look like a field's name, short and plain, may
 * be data in the wrong place and is `?`. */
const char *json_shown_name(const char *name);

/* The state of a scan. */
struct json_scanner {
    const uint8_t *at;
    const uint8_t *end;
    unsigned depth;
    const char *reason; /* of the first failure */
};

/* Notes the first reason; always false. */
bool json_scan_fail(struct json_scanner *scan, const char *reason);
/* Passes `c` when it comes next. */
bool json_scan_take(struct json_scanner *scan, char c);
/* Passes a string whose opening quote has been taken. */
bool json_scan_text(struct json_scanner *scan);
/* The first byte that needs a look: not printable ASCII, or `"` or `\`; `end` when there is none.
 */
const uint8_t *json_scan_plain(const uint8_t *at, const uint8_t *end);
/* Length in bytes (1 to 4) of the UTF-8 character at `at`, 0 when it is not one: overlong forms,
 * surrogates and values over U+10FFFF are refused (RFC 3629 §4). at < end. */
size_t json_scan_character(const uint8_t *at, const uint8_t *end);

#endif
