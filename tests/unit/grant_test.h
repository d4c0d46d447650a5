/* Grants for tests of keystore/ and gateway/: short ways to a grant and to a snapshot of some. */
#ifndef HSMGATE_TESTS_UNIT_GRANT_TEST_H
#define HSMGATE_TESTS_UNIT_GRANT_TEST_H

#include "keystore/grant.h"
#include "keystore/grants.h"
#include "tests/unit/base_test.h"

#define BIT(word) OPERATION_BIT(OPERATION_##word)

static inline struct grant grant_of(const char *id, const char *principal, const char *keys,
                                    uint32_t operations)
{
    return (struct grant){.id = id,
                          .principal = principal,
                          .keys = keys,
                          .operations = operations,
                          .justification = "a test",
                          .created_at = 1,
                          .updated_at = 1,
                          .updated_by = "unix:0"};
}

/* A snapshot of these, which stand in any order. */
static inline const struct grants *grants_from(const struct grant *grants, size_t count)
{
    const struct grant_change change = {.put = grants, .put_count = count};
    const struct grants *made = NULL;
    const struct grants *empty = grants_make(NULL, 0);
    assert_ok(grants_after(empty, &change, &made));
    grants_release(empty);
    return made;
}

#endif
