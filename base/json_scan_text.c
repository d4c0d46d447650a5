/* Strings in the strict scan: characters, escapes, UTF-8 (RFC 8259 §7, RFC 3629).
 *
 * Long base64 fields pass here, so plain ASCII is skipped eight bytes at a time; a byte that needs
 * a look ends the run. */
#include "base/json_inner.h"

bool json_scan_fail(struct json_scanner *scan, const char *reason)
{
    if (scan->reason == NULL) {
        scan->reason = reason;
    }
    return false;
}

bool json_scan_take(struct json_scanner *scan, char c)
{
    if (scan->at >= scan->end || *scan->at != (uint8_t)c) {
        return false;
    }
    scan->at++;
    return true;
}

static bool is_continuation(const uint8_t *at)
{
    return (*at & 0xC0) == 0x80;
}

size_t json_scan_character(const uint8_t *at, const uint8_t *end)
{
    size_t left = (size_t)(end - at);
    uint8_t lead = at[0];
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        return left >= 2 && is_continuation(at + 1) ? 2 : 0;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        bool ok = left >= 3 && is_continuation(at + 1) && is_continuation(at + 2) &&
                  !(lead == 0xE0 && at[1] < 0xA0) && !(lead == 0xED && at[1] > 0x9F);
        return ok ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        bool ok = left >= 4 && is_continuation(at + 1) && is_continuation(at + 2) &&
                  is_continuation(at + 3) && !(lead == 0xF0 && at[1] < 0x90) &&
                  !(lead == 0xF4 && at[1] > 0x8F);
        return ok ? 4 : 0;
    }
    return 0;
}

static bool scan_hex4(struct json_scanner *scan, unsigned *out)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++, scan->at++) {
        if (scan->at >= scan->end) {
            return json_scan_fail(scan, "a \\u escape is cut off");
        }
        unsigned c = *scan->at;
        unsigned lower = c | 0x20;
        if (c >= '0' && c <= '9') {
            value = value << 4 | (c - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            value = value << 4 | (lower - 'a' + 10);
        } else {
            return json_scan_fail(scan, "a \\u escape without four hex digits");
        }
    }
    *out = value;
    return true;
}

static bool scan_unicode_escape(struct json_scanner *scan)
{
    unsigned unit = 0;
    if (!scan_hex4(scan, &unit)) {
        return false;
    }
    if (unit == 0) {
        return json_scan_fail(scan, "NUL in text");
    }
    if (unit < 0xD800 || unit > 0xDFFF) {
        return true;
    }
    unsigned low = 0;
    if (unit > 0xDBFF || !json_scan_take(scan, '\\') || !json_scan_take(scan, 'u')) {
        return json_scan_fail(scan, "a surrogate without its pair");
    }
    if (!scan_hex4(scan, &low)) {
        return false;
    }
    return (low >= 0xDC00 && low <= 0xDFFF) || json_scan_fail(scan, "a surrogate without its pair");
}

static bool scan_escape(struct json_scanner *scan)
{
    if (scan->at >= scan->end || *scan->at == 0 || strchr("\"\\/bfnrtu", *scan->at) == NULL) {
        return json_scan_fail(scan, "an unknown escape");
    }
    bool unicode = *scan->at == 'u';
    scan->at++;
    return !unicode || scan_unicode_escape(scan);
}

/* Eight bytes at a time. */
const uint8_t *json_scan_plain(const uint8_t *at, const uint8_t *end)
{
    const uint64_t ones = 0x0101010101010101U;
    const uint64_t tops = 0x8080808080808080U;
    while (end - at >= 8) {
        uint64_t word = 0;
        memcpy(&word, at, sizeof(word));
        uint64_t quote = word ^ (ones * '"');
        uint64_t slash = word ^ (ones * '\\');
        uint64_t found = (word - ones * 0x20) | (quote - ones) | (slash - ones) | word;
        if ((found & tops) != 0) {
            break;
        }
        at += 8;
    }
    while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

bool json_scan_text(struct json_scanner *scan)
{
    for (;;) {
        scan->at = json_scan_plain(scan->at, scan->end);
        if (scan->at >= scan->end) {
            return json_scan_fail(scan, "text without its closing quote");
        }
        uint8_t c = *scan->at;
        if (c == '"') {
            scan->at++;
            return true;
        }
        if (c == '\\') {
            scan->at++;
            if (!scan_escape(scan)) {
                return false;
            }
            continue;
        }
        size_t len = c < 0x20 ? 0 : json_scan_character(scan->at, scan->end);
        if (len == 0) {
            return json_scan_fail(scan, c < 0x20 ? "a control character in text"
                                                 : "text that is not UTF-8");
        }
        scan->at += len;
    }
}
