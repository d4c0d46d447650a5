/* fuzz_name: key names with versions, times and durations. What is taken is within its bounds and
 * has one form: put together again, or formatted and parsed, it is the same. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(struct span text)
{
    struct span name = {0};
    uint32_t version = 7;
    struct err err = name_split_version(text, &name, &version);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_NAME && version == 7 && name.len == 0);
        return;
    }
    char again[NAME_MAX_LEN + 16];
    int len = version == 0 ? snprintf(again, sizeof(again), "%.*s", (int)name.len, name.data)
                           : snprintf(again, sizeof(again), "%.*s@%" PRIu32, (int)name.len,
                                      name.data, version);
    assert(span_equal(text, span_of(again, (size_t)len)) && version <= INT32_MAX);
    assert(name.len <= NAME_MAX_LEN && name_check(name).code == ERR_OK);
    struct span above = name_namespace(name);
    assert(name_check_namespace(above).code == ERR_OK && above.len < name.len);
    assert(name.data[above.len] == '/' && name.data + name.len > above.data + above.len + 1);
    for (size_t i = 0; i < name.len; i++) {
        assert(strchr("abcdefghijklmnopqrstuvwxyz0123456789._-/", name.data[i]) != NULL);
    }
    assert(memmem(name.data, name.len, "..", 2) == NULL);
}

static void check_time(struct span text)
{
    char again[CLOCK_TEXT_MAX];
    int64_t time = 0, back = 0;
    struct err err = clock_parse(text, &time);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_FIELD && time == 0);
        return;
    }
    clock_format(time, again);
    assert(clock_parse(span_text(again), &back).code == ERR_OK && back == time);
}

static void check_duration(struct span text)
{
    char again[CLOCK_TEXT_MAX];
    int64_t seconds = 0, back = 0;
    struct err err = clock_parse_duration(text, &seconds);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_FIELD && seconds == 0);
        return;
    }
    assert(seconds >= 1 && seconds <= INT64_C(36500) * 86400);
    clock_format_duration(seconds, again);
    assert(strlen(again) <= text.len || text.data[0] == '0');
    assert(clock_parse_duration(span_text(again), &back).code == ERR_OK && back == seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_name(span_of(data, size));
    check_time(span_of(data, size));
    check_duration(span_of(data, size));
    return 0;
}
