/* The strict scan of JSON text before cJSON builds the tree.
 *
 * cJSON 1.7 takes control characters for blanks, raw control characters in text, bad UTF-8,
 * numbers like `01` and anything after the value. This scan takes exactly RFC 8259, without NUL in
 * text, JSON_DEPTH_MAX deep, with integers that a double holds exactly (RFC 7493 §2.2): a number
 * that would come back changed is refused, not rounded. It runs once over the bytes, allocates
 * nothing, and recurses at most JSON_DEPTH_MAX times. */
#include "base/json_inner.h"

#include <math.h>

#define NUMBER_MAX_LEN 63 /* cJSON's number buffer */

static bool scan_value(struct json_scanner *scan);

static void skip_blanks(struct json_scanner *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t')) {
        scan->at++;
    }
}

static size_t skip_digits(struct json_scanner *scan)
{
    const uint8_t *start = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') {
        scan->at++;
    }
    return (size_t)(scan->at - start);
}

/* Whether a double gives back the same integer, and any number is finite. */
static bool number_survives(const uint8_t *start, size_t len, bool integer)
{
    char text[NUMBER_MAX_LEN + 1];
    memcpy(text, start, len);
    text[len] = '\0';
    double value = strtod(text, NULL);
    if (!integer) {
        return isfinite(value);
    }
    char back[NUMBER_MAX_LEN + 4];
    int written = snprintf(back, sizeof(back), "%.0f", value);
    return written == (int)len && memcmp(back, text, len) == 0;
}

static bool scan_number(struct json_scanner *scan)
{
    const uint8_t *start = scan->at;
    bool integer = true;
    (void)json_scan_take(scan, '-');
    if (!json_scan_take(scan, '0') && skip_digits(scan) == 0) {
        return json_scan_fail(scan, "an unexpected character");
    }
    if (json_scan_take(scan, '.')) {
        integer = false;
        if (skip_digits(scan) == 0) {
            return json_scan_fail(scan, "a number without digits after its point");
        }
    }
    if (json_scan_take(scan, 'e') || json_scan_take(scan, 'E')) {
        integer = false;
        if (!json_scan_take(scan, '+')) {
            (void)json_scan_take(scan, '-');
        }
        if (skip_digits(scan) == 0) {
            return json_scan_fail(scan, "a number without digits in its exponent");
        }
    }
    size_t len = (size_t)(scan->at - start);
    bool small = integer && len <= 15;
    if (!small && (len > NUMBER_MAX_LEN || !number_survives(start, len, integer))) {
        return json_scan_fail(scan, "a number that cannot be held exactly");
    }
    return true;
}

static bool scan_word(struct json_scanner *scan, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0) {
        return json_scan_fail(scan, "an unexpected character");
    }
    scan->at += len;
    return true;
}

static bool scan_member(struct json_scanner *scan)
{
    if (!json_scan_take(scan, '"')) {
        return json_scan_fail(scan, "a name is expected");
    }
    if (!json_scan_text(scan)) {
        return false;
    }
    skip_blanks(scan);
    return json_scan_take(scan, ':') ? scan_value(scan) : json_scan_fail(scan, "':' is expected");
}

/* After the opening bracket. */
static bool scan_items(struct json_scanner *scan, bool (*scan_item)(struct json_scanner *),
                       char close)
{
    skip_blanks(scan);
    if (json_scan_take(scan, close)) {
        return true;
    }
    for (;;) {
        skip_blanks(scan);
        if (!scan_item(scan)) {
            return false;
        }
        skip_blanks(scan);
        if (json_scan_take(scan, close)) {
            return true;
        }
        if (!json_scan_take(scan, ',')) {
            return json_scan_fail(scan, scan->at < scan->end ? "',' is expected"
                                                             : "the text ends too early");
        }
    }
}

static bool scan_container(struct json_scanner *scan)
{
    bool object = *scan->at == '{';
    if (++scan->depth > JSON_DEPTH_MAX) {
        return json_scan_fail(scan, "nested too deep");
    }
    scan->at++;
    bool ok = object ? scan_items(scan, scan_member, '}') : scan_items(scan, scan_value, ']');
    scan->depth--;
    return ok;
}

static bool scan_value(struct json_scanner *scan)
{
    skip_blanks(scan);
    if (scan->at >= scan->end) {
        return json_scan_fail(scan, "the text ends too early");
    }
    switch (*scan->at) {
    case '{':
    case '[':
        return scan_container(scan);
    case '"':
        scan->at++;
        return json_scan_text(scan);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    default:
        return scan_number(scan);
    }
}

struct err json_scan(struct span text)
{
    ENSURE(text.len > 0, ERR_INVALID_JSON, "not JSON: the text is empty");
    struct json_scanner scan = {.at = text.data, .end = text.data + text.len};
    bool ok = scan_value(&scan);
    if (ok) {
        skip_blanks(&scan);
        ok = scan.at == scan.end || json_scan_fail(&scan, "something after the value");
    }
    ENSURE(ok, ERR_INVALID_JSON, "not JSON: %s at byte %zu", scan.reason,
           (size_t)(scan.at - text.data));
    return err_ok();
}
