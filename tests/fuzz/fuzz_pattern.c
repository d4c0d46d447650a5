/* fuzz_pattern: patterns of key names, in three lines: two patterns and a name. The decisions about
 * patterns agree with each other and with the names that they match. */
#include <assert.h>

#include "base/mem.h"
#include "gateway/policy.h"
#include "gateway/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_pattern(struct span text)
{
    struct err err = policy_check_pattern(text);
    assert(err.code == ERR_OK || err.code == ERR_INVALID_FIELD);
    return err.code == ERR_OK;
}

static void check_one(const char *pattern, struct span name)
{
    assert(policy_patterns_meet(pattern, pattern) && policy_pattern_holds(pattern, pattern));
    assert(policy_pattern_holds("**", pattern));
    assert(policy_matches("**", name));
    bool plain = strchr(pattern, '*') == NULL;
    assert(!plain || policy_matches(pattern, name) == span_is(name, pattern));
}

static void check_two(const char *a, const char *b, struct span name)
{
    bool in_a = policy_matches(a, name), in_b = policy_matches(b, name);
    assert(!(in_a && in_b) || policy_patterns_meet(a, b));
    assert(!policy_pattern_holds(a, b) || !in_b || in_a);
    assert(policy_patterns_meet(a, b) == policy_patterns_meet(b, a));
    assert(!policy_pattern_holds(a, b) || policy_patterns_meet(a, b));
    assert(!(policy_pattern_holds(a, b) && policy_pattern_holds(b, a)) || strcmp(a, b) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_of(data, size);
    struct span first = query_cut(&rest, '\n');
    struct span second = query_cut(&rest, '\n');
    bool good = is_pattern(first), good_second = is_pattern(second);
    if (!good || !good_second || name_check(rest).code != ERR_OK) {
        return 0;
    }
    CLEANUP(mem_free_at) char *a = span_to_text(first);
    CLEANUP(mem_free_at) char *b = span_to_text(second);
    check_one(a, rest);
    check_one(b, rest);
    check_two(a, b, rest);
    check_two(b, a, rest);
    return 0;
}
