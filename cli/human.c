/* Rounded for reading, never read back. */
#include "cli/human.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void human_span(int64_t seconds, char out[HUMAN_MAX])
{
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    const char *sign = seconds < 0 ? "-" : "";
    const uint64_t all = seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds;
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(units) && all < units[i].seconds) {
        i++;
    }
    const uint64_t large = all / units[i].seconds;
    const uint64_t rest = all % units[i].seconds;
    const uint64_t small = i + 1 < ARRAY_LEN(units) ? rest / units[i + 1].seconds : 0;
    if (small == 0) {
        (void)snprintf(out, HUMAN_MAX, "%s%" PRIu64 "%c", sign, large, units[i].letter);
        return;
    }
    (void)snprintf(out, HUMAN_MAX, "%s%" PRIu64 "%c %" PRIu64 "%c", sign, large, units[i].letter,
                   small, units[i + 1].letter);
}

void human_bytes(uint64_t bytes, char out[HUMAN_MAX])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) {
        (void)snprintf(out, HUMAN_MAX, "%" PRIu64 " bytes", bytes);
        return;
    }
    double size = (double)bytes / 1024;
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(units) && size >= 1024) {
        size /= 1024;
        i++;
    }
    (void)snprintf(out, HUMAN_MAX, "%.1f %s", size, units[i]);
}

void human_time(struct span time, char out[HUMAN_MAX])
{
    const uint8_t *point = time.len > 0 ? memchr(time.data, '.', time.len) : NULL;
    const size_t whole = point != NULL ? (size_t)(point - time.data) : time.len;
    (void)snprintf(out, HUMAN_MAX, "%.*s%s", (int)whole, (const char *)time.data,
                   point != NULL ? "Z" : "");
}

void human_distance(int64_t now_ms, int64_t time_ms, char out[HUMAN_MAX])
{
    char span[HUMAN_MAX];
    const int64_t seconds = (time_ms - now_ms) / 1000;
    if (seconds == 0) {
        (void)snprintf(out, HUMAN_MAX, "now");
        return;
    }
    human_span(seconds < 0 ? -seconds : seconds, span);
    (void)snprintf(out, HUMAN_MAX, "%s%.40s%s", seconds > 0 ? "in " : "", span,
                   seconds > 0 ? "" : " ago");
}

void human_hex(struct span bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        *out++ = digits[bytes.data[i] >> 4];
        *out++ = digits[bytes.data[i] & 0x0f];
    }
    *out = '\0';
}

void human_digest(const char *hex, char out[HUMAN_DIGEST_MAX])
{
    size_t len = 0;
    for (size_t i = 0; hex[i] != '\0' && len + 8 < HUMAN_DIGEST_MAX; i++) {
        if (i % 16 == 0) {
            len += (size_t)snprintf(out + len, HUMAN_DIGEST_MAX - len, "%s    ", i > 0 ? "\n" : "");
        } else if (i % 4 == 0) {
            out[len++] = ' ';
        }
        out[len++] = hex[i];
    }
    out[len] = '\0';
}
