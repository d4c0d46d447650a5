/* Patterns of key names, segment by segment. `*` is any one segment and `**`, at the end, one or
 * more; nothing is ever matched inside a segment, so what a pattern reaches can be read off it. */
#include "base/mem.h"
#include "gateway/policy.h"

/* Takes the segment before the next slash off the front. */
static struct span take_segment(struct span *rest)
{
    const uint8_t *slash = memchr(rest->data, '/', rest->len);
    size_t len = slash == NULL ? rest->len : (size_t)(slash - rest->data);
    struct span segment = span_of(rest->data, len);
    size_t used = slash == NULL ? len : len + 1;
    *rest = span_of(rest->data + used, rest->len - used);
    return segment;
}

static struct err check_segment(struct span segment, bool is_last)
{
    bool whole = span_is(segment, "*") || (is_last && span_is(segment, "**"));
    bool stars = segment.len > 0 && memchr(segment.data, '*', segment.len) != NULL;
    ENSURE(whole || !stars, ERR_INVALID_FIELD,
           "keys: `*` must be a whole segment, and `**` the last one.");
    struct err err = whole ? err_ok() : name_check_namespace(segment);
    ENSURE(err.code == ERR_OK, ERR_INVALID_FIELD,
           "keys: a segment must look like [a-z0-9][a-z0-9._-]{0,62}, or be `*` or `**`.");
    return err_ok();
}

struct err policy_check_pattern(struct span pattern)
{
    ENSURE(pattern.len > 0 && pattern.len <= NAME_MAX_LEN, ERR_INVALID_FIELD,
           "keys must be a pattern of 1 to %d characters.", NAME_MAX_LEN);
    ENSURE(pattern.data[pattern.len - 1] != '/', ERR_INVALID_FIELD,
           "keys must not end in a slash: `payments/prod/*` is all keys of a namespace.");
    struct span rest = pattern;
    size_t count = 0;
    bool deep = false;
    while (rest.len > 0) {
        struct span segment = take_segment(&rest);
        TRY(check_segment(segment, rest.len == 0));
        deep = span_is(segment, "**");
        count++;
    }
    ENSURE(count <= NAME_SEGMENTS_MAX && (count >= 2 || deep), ERR_INVALID_FIELD,
           "keys must have 2 to %d segments, as keys have; or be `**`.", NAME_SEGMENTS_MAX);
    return err_ok();
}

bool policy_matches(const char *pattern, struct span name)
{
    struct span left = span_text(pattern), right = name;
    while (left.len > 0 && right.len > 0) {
        struct span want = take_segment(&left);
        if (span_is(want, "**")) {
            return left.len == 0;
        }
        struct span have = take_segment(&right);
        if (!span_is(want, "*") && !span_equal(want, have)) {
            return false;
        }
    }
    return left.len == 0 && right.len == 0 && name.len > 0;
}

bool policy_patterns_meet(const char *a, const char *b)
{
    struct span left = span_text(a), right = span_text(b);
    while (left.len > 0 && right.len > 0) {
        struct span one = take_segment(&left), other = take_segment(&right);
        if (span_is(one, "**") || span_is(other, "**")) {
            return true;
        }
        if (!span_is(one, "*") && !span_is(other, "*") && !span_equal(one, other)) {
            return false;
        }
    }
    return left.len == 0 && right.len == 0;
}

bool policy_pattern_holds(const char *outer, const char *inner)
{
    struct span left = span_text(outer), right = span_text(inner);
    while (left.len > 0 && right.len > 0) {
        struct span one = take_segment(&left), other = take_segment(&right);
        if (span_is(one, "**")) {
            return true;
        }
        bool holds = span_is(one, "*") ? !span_is(other, "**") : span_equal(one, other);
        if (!holds) {
            return false;
        }
    }
    return left.len == 0 && right.len == 0;
}
