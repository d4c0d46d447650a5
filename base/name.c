/* The rules of key names, in one place for URLs, bodies, the CLI and the store.
 *
 * `..` is refused though the segment's alphabet would allow it: such a name could be stored but
 * never be asked for, because no path may hold `..`. */
#include "base/name.h"

#define SEGMENT_MAX 63

static bool first_ok(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool inner_ok(uint8_t c)
{
    return first_ok(c) || c == '.' || c == '_' || c == '-';
}

static struct err check_segment(struct span segment)
{
    ENSURE(segment.len > 0, ERR_INVALID_NAME, "the name has an empty segment");
    ENSURE(segment.len <= SEGMENT_MAX, ERR_INVALID_NAME,
           "a segment of the name has more than %d characters", SEGMENT_MAX);
    ENSURE(first_ok(segment.data[0]), ERR_INVALID_NAME,
           "a segment of the name does not begin with a-z or 0-9");
    for (size_t i = 1; i < segment.len; i++) {
        ENSURE(inner_ok(segment.data[i]), ERR_INVALID_NAME,
               "the name has a character other than a-z, 0-9, '.', '_', '-'");
        ENSURE(segment.data[i] != '.' || segment.data[i - 1] != '.', ERR_INVALID_NAME,
               "the name has two dots in a row");
    }
    return err_ok();
}

/* `least` and `most` bound the number of segments. */
static struct err check_segments(struct span name, unsigned least, unsigned most)
{
    ENSURE(name.len <= NAME_MAX_LEN, ERR_INVALID_NAME, "the name has more than %d characters",
           NAME_MAX_LEN);
    unsigned segments = 0;
    for (size_t start = 0; start <= name.len;) {
        size_t end = start;
        while (end < name.len && name.data[end] != '/') {
            end++;
        }
        struct span segment = {end > start ? name.data + start : NULL, end - start};
        TRY(check_segment(segment));
        segments++;
        start = end + 1;
    }
    ENSURE(segments >= least && segments <= most, ERR_INVALID_NAME,
           "the name has %u segments instead of %u to %u", segments, least, most);
    return err_ok();
}

struct err name_check(struct span name)
{
    return check_segments(name, 2, NAME_SEGMENTS_MAX);
}

struct err name_check_namespace(struct span name)
{
    return check_segments(name, 1, NAME_SEGMENTS_MAX - 1);
}

static struct err parse_version(struct span digits, uint32_t *out_version)
{
    ENSURE(digits.len > 0 && digits.data[0] != '0', ERR_INVALID_NAME,
           "the version is not a number from 1");
    uint64_t version = 0;
    for (size_t i = 0; i < digits.len; i++) {
        uint8_t c = digits.data[i];
        ENSURE(c >= '0' && c <= '9', ERR_INVALID_NAME, "the version is not a number from 1");
        version = version * 10 + (uint64_t)(c - '0');
        ENSURE(version <= INT32_MAX, ERR_INVALID_NAME, "the version is over %d", INT32_MAX);
    }
    *out_version = (uint32_t)version;
    return err_ok();
}

struct err name_split_version(struct span text, struct span *out_name, uint32_t *out_version)
{
    struct span name = text;
    uint32_t version = 0;
    const uint8_t *at = text.len > 0 ? memchr(text.data, '@', text.len) : NULL;
    if (at != NULL) {
        name.len = (size_t)(at - text.data);
        TRY(parse_version(span_of(at + 1, text.len - name.len - 1), &version));
    }
    TRY(name_check(name));
    *out_name = name;
    *out_version = version;
    return err_ok();
}

struct span name_namespace(struct span name)
{
    const uint8_t *slash = name.len > 0 ? memrchr(name.data, '/', name.len) : NULL;
    return span_of(name.data, slash != NULL ? (size_t)(slash - name.data) : 0);
}
