/* What every unit test of base/ includes: cmocka in its order, and assertions on struct err. */
#ifndef HSMGATE_TESTS_UNIT_BASE_TEST_H
#define HSMGATE_TESTS_UNIT_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

/* Sanitizers bring their own allocator and make mlock do nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER true
#elif defined(__has_feature) /* clang */
#define UNDER_SANITIZER (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define UNDER_SANITIZER false
#endif

/* The call ends in this code; shows code and detail when not. `label` names a table's row. */
#define assert_code_of(label, call, expected)                                           \
    do {                                                                                \
        struct err checked_ = (call);                                                   \
        if (checked_.code != (expected)) {                                              \
            fail_msg("%s: %s instead of %s: %s (%s)", (label), err_word(checked_.code), \
                     err_word(expected), checked_.detail,                               \
                     checked_.where != NULL ? checked_.where : "-");                    \
        }                                                                               \
    } while (0)
#define assert_code(call, expected) assert_code_of(#call, call, expected)
#define assert_ok(call)             assert_code_of(#call, call, ERR_OK)

/* The span holds exactly this text. */
#define assert_span_is(bytes, expected)                                                      \
    do {                                                                                     \
        struct span seen_ = (bytes);                                                         \
        if (!span_is(seen_, (expected))) {                                                   \
            fail_msg("\"%.*s\" instead of \"%s\"", (int)seen_.len, (const char *)seen_.data, \
                     (expected));                                                            \
        }                                                                                    \
    } while (0)

#endif
