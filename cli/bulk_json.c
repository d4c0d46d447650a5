/* Knows just enough of RFC 8259 to find its way: strings, depth, and what a number looks like.
 * Whether the text is JSON at all is for the parser to say. */
#include "cli/bulk_json.h"

#include <string.h>

#define EXACT_LEN 15 /* digits that a double holds whatever they are */

/* The place behind the string whose opening quote is at `at`. */
static size_t pass_text(struct span json, size_t at)
{
    for (at++; at < json.len && json.data[at] != '"'; at++) {
        at += json.data[at] == '\\' ? 1 : 0;
    }
    return at < json.len ? at + 1 : json.len;
}

bool bulk_json_find(struct span json, const char *name, size_t *out_at, size_t *out_len)
{
    unsigned depth = 0;
    bool at_name = false; /* the next string is a member's name */
    bool is_it = false;   /* the next string is the value */
    for (size_t at = 0; at < json.len; at++) {
        const uint8_t byte = json.data[at];
        if (byte == '"') {
            const size_t end = pass_text(json, at);
            const struct span inner = span_of(json.data + at + 1, end - at - 2);
            if (is_it) {
                *out_at = at + 1;
                *out_len = inner.len;
                return true;
            }
            is_it = at_name && span_is(inner, name);
            at_name = false;
            at = end - 1;
        } else if (byte == '{' || byte == '[') {
            depth++;
            at_name = depth == 1;
            is_it = false;
        } else if (byte == '}' || byte == ']') {
            depth--;
        } else if (byte == ',') {
            at_name = depth == 1;
            is_it = false;
        }
    }
    return false;
}

static size_t digits(struct span text, size_t at)
{
    size_t count = 0;
    while (at + count < text.len && text.data[at + count] >= '0' && text.data[at + count] <= '9') {
        count++;
    }
    return count;
}

static bool is_one_of(struct span text, size_t at, const char *bytes)
{
    return at < text.len && text.data[at] != '\0' && strchr(bytes, text.data[at]) != NULL;
}

/* Length of the number that starts at `at` (RFC 8259 §6); 0 when none does. */
static size_t number_len(struct span text, size_t start)
{
    size_t at = start + (is_one_of(text, start, "-") ? 1 : 0);
    const size_t whole = digits(text, at);
    if (whole == 0 || (whole > 1 && text.data[at] == '0')) {
        return 0;
    }
    at += whole;
    if (is_one_of(text, at, ".")) {
        const size_t fraction = digits(text, at + 1);
        if (fraction == 0) {
            return 0;
        }
        at += 1 + fraction;
    }
    if (is_one_of(text, at, "eE")) {
        at += is_one_of(text, at + 1, "+-") ? 2 : 1;
        const size_t exponent = digits(text, at);
        if (exponent == 0) {
            return 0;
        }
        at += exponent;
    }
    return at - start;
}

void bulk_json_mask_numbers(struct buf *json)
{
    const struct span text = buf_span(json);
    for (size_t at = 0; at < text.len;) {
        const size_t len = number_len(text, at);
        if (text.data[at] == '"') {
            at = pass_text(text, at);
        } else if (len == 0) {
            at++;
        } else {
            if (len > EXACT_LEN) {
                memset(json->data + at, ' ', len);
                json->data[at] = '0';
            }
            at += len;
        }
    }
}
