/* The front's side of what a quorum decides: what it carries there and back, and what it does not
 * believe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/lib/token_fixture.h"

#define LONG_MS 30000

static int64_t late(void)
{
    return clock_deadline(LONG_MS);
}

static void ready_with(struct token_fixture *fixture, const char *script)
{
    const struct token_wish wish = {.script = script, .channels = 2, .operation_ms = LONG_MS};
    token_fixture_ready(fixture, &wish);
}

static struct err open_sealed(struct token *token, struct buf *out)
{
    static const struct token_key key = {.cka_id = {1}, .cka_id_len = 1};
    const struct token_opening opening = {.key = &key,
                                          .bundle = span_text("bundle"),
                                          .ciphertext = span_text("ciphertext"),
                                          .context = span_text("context")};
    return token_open_sealed(token, &opening, late(), out);
}

/* A worker that dies, lies or refuses; how often it was started then. */
static const struct {
    const char *script;
    enum err_code code;
    const char *detail; /* or NULL */
    size_t starts;
} openings[] = {
    {"", ERR_OK, NULL, 1},
    {"1 1 die\n", ERR_TOKEN_UNAVAILABLE, NULL, 2}, /* never sent again */
    {"1 1 lost\n", ERR_TOKEN_UNAVAILABLE, NULL, 2},
    {"1 1 item-lost\n", ERR_TOKEN_UNAVAILABLE, NULL, 2},
    {"1 1 unapproved\n", ERR_APPROVAL_REQUIRED, "two people are missing", 1},
    {"1 1 item-unapproved\n", ERR_APPROVAL_REQUIRED, "two people are missing", 1},
    {"1 1 unapproved-mute\n", ERR_INTERNAL, NULL, 2},
    {"1 1 item-unapproved-mute\n", ERR_INTERNAL, NULL, 2},
    {"1 1 unapproved-odd\n", ERR_INTERNAL, NULL, 2},
    {"1 1 spent\n", ERR_CONFLICT, NULL, 1},
    {"1 1 unpinned\n", ERR_INVALID_STATE, NULL, 1},
    {"1 1 short\n", ERR_INTERNAL, NULL, 2}, /* without its tag it is no JWE */
    {"1 1 garbage\n", ERR_INTERNAL, NULL, 2},
    {"1 1 missing\n", ERR_INTERNAL, NULL, 2},
    {"1 1 capacity\n", ERR_OVERLOADED, NULL, 1},
};

static void test_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(openings); i++) {
        CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
        CLEANUP(buf_clear) struct buf jwe = {0};
        ready_with(&fixture, openings[i].script);
        struct err err = open_sealed(fixture.token, &jwe);
        if (err.code != openings[i].code ||
            (openings[i].detail != NULL && strcmp(err.detail, openings[i].detail) != 0)) {
            fail_msg("%s: %s %s", openings[i].script, err_word(err.code), err.detail);
        }
        bool opened = span_is(buf_span(&jwe), "J..I.CCCCCCCCCC.T");
        assert_true(err.code == ERR_OK ? opened : jwe.len == 0);
        token_fixture_await(&fixture, TOKEN_READY);
        assert_int_equal(token_fixture_starts(&fixture), openings[i].starts);
    }
}

static void test_too_large(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    CLEANUP(buf_clear) struct buf large = {.max = (size_t)8 << 20};
    CLEANUP(buf_clear) struct buf jwe = {0};
    uint8_t *place = NULL;
    static const struct token_key key = {.cka_id = {1}, .cka_id_len = 1};
    ready_with(&fixture, "");
    assert_int_equal(buf_extend(&large, (size_t)5 << 20, &place).code, ERR_OK);
    const struct token_opening opening = {.key = &key, .bundle = buf_span(&large)};
    struct err err = token_open_sealed(fixture.token, &opening, late(), &jwe);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    err = token_show_rosters(fixture.token, buf_span(&large), late());
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_int_equal(open_sealed(fixture.token, &jwe).code, ERR_OK);
}

/* Showing rosters and destroying may be tried twice: nothing is lost with it. */
static void test_rosters_and_destroying(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        enum err_code code;
        size_t starts;
    } cases[] = {
        {"", ERR_OK, 1},
        {"1 1 die\n", ERR_OK, 2},
        {"1 1 unapproved\n", ERR_APPROVAL_REQUIRED, 1},
        {"1 1 unapproved-odd\n", ERR_INTERNAL, 2},
        {"1 1 unpinned\n", ERR_INVALID_STATE, 1},
    };
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
        size_t at = i / 2;
        ready_with(&fixture, cases[at].script);
        struct err err = i % 2 == 0 ? token_show_rosters(fixture.token, span_text("b"), late())
                                    : token_destroy_approved(fixture.token, span_text("id"),
                                                             span_text("b"), late());
        if (err.code != cases[at].code) {
            fail_msg("%s: %s %s", cases[at].script, err_word(err.code), err.detail);
        }
        token_fixture_await(&fixture, TOKEN_READY);
        assert_int_equal(token_fixture_starts(&fixture), cases[at].starts);
    }
}

/* An operation with a key that only a quorum opens. */
static void test_run(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    ready_with(&fixture, "1 1 item-unapproved\n1 2 item-unapproved-mute\n");
    struct err err = token_fixture_sign(&fixture, 1, late());
    assert_int_equal(err.code, ERR_APPROVAL_REQUIRED);
    assert_string_equal(err.detail, "two people are missing");
    struct token_status status;
    token_status(fixture.token, &status);
    for (size_t i = 0; i < TOKEN_ERROR_COUNT; i++) {
        bool mine = strcmp(token_error_name(i), "unapproved") == 0;
        assert_int_equal(status.errors[i], mine ? 1 : 0);
    }
    assert_int_equal(token_fixture_sign(&fixture, 1, late()).code, ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_rosters_and_destroying),
        cmocka_unit_test(test_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
