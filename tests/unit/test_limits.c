/* Rates by principal and by key: which rule holds, both buckets or none, and memory that crowds
 * cannot grow or use to reset somebody's bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/sync.h"
#include "gateway/bucket_table.h"
#include "gateway/limits.h"

#define SECOND ((int64_t)1000000000)
#define NOW    (1000 * SECOND)

static const struct config_rate_rule principal_rules[] = {
    {"token:ci-deploy", {.per_second = 1, .burst = 7}},
    {"token:ci-*", {.per_second = 1, .burst = 2}},
    {"token:free", {0}},
};
static const struct config_rate_rule key_rules[] = {
    {"payments/prod/*", {.per_second = 2, .burst = 4}},
};
static const struct config_limits both = {
    .principal = {.per_second = 10, .burst = 3},
    .principals = principal_rules,
    .principal_count = ARRAY_LEN(principal_rules),
    .keys = key_rules,
    .key_count = ARRAY_LEN(key_rules),
};

static bool take(struct limits *limits, const char *principal, const char *key, uint32_t items,
                 int64_t now_ns)
{
    unsigned retry_after_s = 0;
    const char *limit = NULL;
    struct err err = limits_take(limits, span_text(principal), span_text(key), items, now_ns,
                                 &retry_after_s, &limit);
    assert_true(err.code == ERR_OK || err.code == ERR_RATE_LIMITED);
    assert_int_equal(limit != NULL, err.code != ERR_OK); /* untouched when all is well */
    assert_int_equal(retry_after_s > 0, err.code != ERR_OK);
    return err.code == ERR_OK;
}

static unsigned take_until_refused(struct limits *limits, const char *principal, const char *key)
{
    unsigned taken = 0;
    while (taken < 100 && take(limits, principal, key, 1, NOW)) {
        taken++;
    }
    return taken;
}

static void test_rules(void **state)
{
    (void)state;
    static const struct {
        const char *principal;
        const char *key;
        unsigned passes;
    } cases[] = {
        {"token:ci-deploy", "a/b", 7},
        {"token:ci-deploy2", "a/b", 2},
        {"token:ci-", "a/b", 2},
        {"token:ci", "a/b", 3},
        {"token:CI-x", "a/b", 3},
        {"token:free", "a/b", 100},
        {"token:free", "payments/prod/x", 4},
        {"token:free", "payments/prod/x/y", 100},
        {"token:free", "payments/test/x", 100},
        {"", "payments/prod/y", 4},
        {"token:someone", "", 3},
        {"", "", 100},
    };
    struct limits *limits = limits_open(&both);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(take_until_refused(limits, cases[i].principal, cases[i].key),
                         cases[i].passes);
    }
    assert_int_equal(take_until_refused(limits, "token:ci-deploy2", "a/b"), 0);
    assert_int_equal(take_until_refused(limits, "token:ci-other", "a/b"), 2);
    limits_close(limits);
}

static void test_both_or_none(void **state)
{
    (void)state;
    struct limits *limits = limits_open(&both);
    assert_int_equal(take_until_refused(limits, "token:free", "payments/prod/k"), 4);
    for (unsigned i = 0; i < 10; i++) { /* refused for the key: costs the principal nothing */
        assert_false(take(limits, "token:ci-deploy", "payments/prod/k", 1, NOW));
    }
    assert_int_equal(take_until_refused(limits, "token:ci-deploy", "a/b"), 7);
    for (unsigned i = 0; i < 10; i++) { /* and the other way round */
        assert_false(take(limits, "token:ci-deploy", "payments/prod/other", 1, NOW));
    }
    assert_int_equal(take_until_refused(limits, "token:free", "payments/prod/other"), 4);
    limits_close(limits);
}

static void test_what_is_told(void **state)
{
    (void)state;
    struct limits *limits = limits_open(&both);
    unsigned retry_after_s = 0;
    const char *limit = NULL;
    struct span principal = span_text("token:ci-x"), key = span_text("payments/prod/k");
    assert_true(take(limits, "token:ci-x", "", 2, NOW));
    struct err err = limits_take(limits, principal, key, 2, NOW, &retry_after_s, &limit);
    assert_int_equal(err.code, ERR_RATE_LIMITED);
    assert_string_equal(limit, "principal");
    assert_int_equal(retry_after_s, 2);
    assert_false(take(limits, "token:ci-x", "payments/prod/k", 2, NOW + 2 * SECOND - 1));
    assert_true(take(limits, "token:ci-x", "payments/prod/k", 2, NOW + 2 * SECOND));
    /* of two that refuse, the one that takes longer is told */
    assert_true(take(limits, "token:free", "payments/prod/k", 40, NOW + 3 * SECOND));
    err = limits_take(limits, principal, key, 1, NOW + 2 * SECOND, &retry_after_s, &limit);
    assert_int_equal(err.code, ERR_RATE_LIMITED);
    assert_string_equal(limit, "key");
    assert_int_equal(retry_after_s, 19); /* 40 taken of 4, two a second: 18.5 s */
    limits_close(limits);
}

static void test_no_items_count_as_one(void **state)
{
    (void)state;
    struct limits *limits = limits_open(&both);
    assert_true(take(limits, "token:ci-x", "", 0, NOW));
    assert_true(take(limits, "token:ci-x", "", 0, NOW));
    assert_false(take(limits, "token:ci-x", "", 0, NOW));
    limits_close(limits);
}

static void test_owe(void **state)
{
    (void)state;
    struct limits *limits = limits_open(&both);
    struct span nobody = span_text(""), principal = span_text("token:ci-x");
    assert_true(take(limits, "token:ci-x", "payments/prod/k", 1, NOW));
    limits_owe(limits, principal, span_text("payments/prod/k"), 9, NOW);
    assert_false(take(limits, "token:ci-x", "", 1, NOW + 9 * SECOND - 1));
    assert_true(take(limits, "token:ci-x", "", 1, NOW + 9 * SECOND));
    assert_false(take(limits, "", "payments/prod/k", 1, NOW + 7 * SECOND / 2 - 1));
    assert_true(take(limits, "", "payments/prod/k", 1, NOW + 7 * SECOND / 2));
    limits_owe(limits, nobody, nobody, 1000, NOW); /* nobody's */
    assert_true(take(limits, "token:ci-y", "", 1, NOW));
    limits_close(limits);
}

static void test_nothing_limited(void **state)
{
    (void)state;
    static const struct config_limits none = {.token_queue = 5};
    struct limits *limits = limits_open(&none);
    assert_int_equal(take_until_refused(limits, "token:a", "a/b"), 100);
    limits_close(limits);
    limits_close(NULL);
}

/* A crowd of names, many more than there are buckets: they find limits too, and nobody's bucket is
 * reset by them. */
static void test_crowd(void **state)
{
    (void)state;
    static const struct config_rate_rule rules[] = {{"oidc:*", {.per_second = 1, .burst = 3}}};
    static const struct config_limits config = {.principal = {.per_second = 1, .burst = 2},
                                                .principals = rules,
                                                .principal_count = ARRAY_LEN(rules)};
    struct limits *limits = limits_open(&config);
    assert_int_equal(take_until_refused(limits, "token:me", ""), 2);
    assert_int_equal(take_until_refused(limits, "oidc:me", ""), 3);
    size_t crowd = (size_t)4 * BUCKET_SHARDS * BUCKET_WAYS;
    size_t refused = 0;
    for (size_t i = 0; i < crowd; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "oidc:crowd-%zu", i);
        refused += take(limits, name, "", 3, NOW) ? 0 : 1;
    }
    assert_true(refused >
                crowd / 2); /* one spare bucket in each shard for those without their own */
    assert_false(take(limits, "token:me", "", 1, NOW));
    assert_false(take(limits, "oidc:me", "", 1, NOW));
    /* somebody new under another rule does not share the crowd's spare bucket */
    assert_true(take(limits, "token:new", "", 1, NOW));
    /* full buckets are forgotten: there is room again */
    assert_true(take(limits, "oidc:new", "", 3, NOW + 4 * SECOND));
    assert_false(take(limits, "oidc:new", "", 1, NOW + 4 * SECOND));
    limits_close(limits);
}

struct taker {
    struct limits *limits;
    const char *principal;
    const char *key;
    unsigned taken;
};

static void *take_many(void *arg)
{
    struct taker *taker = arg;
    for (unsigned i = 0; i < 2000; i++) {
        taker->taken += take(taker->limits, taker->principal, taker->key, 1, NOW) ? 1 : 0;
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    static const struct config_limits config = {.principal = {.per_second = 1, .burst = 1000},
                                                .key = {.per_second = 1, .burst = 1500}};
    struct limits *limits = limits_open(&config);
    struct taker takers[4] = {{limits, "token:a", "a/b", 0},
                              {limits, "token:b", "a/b", 0},
                              {limits, "token:a", "a/c", 0},
                              {limits, "token:b", "a/c", 0}};
    pthread_t threads[ARRAY_LEN(takers)];
    unsigned taken = 0;
    for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
        threads[i] = sync_thread("taker", take_many, &takers[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
        (void)pthread_join(threads[i], NULL);
        taken += takers[i].taken;
    }
    assert_int_equal(taken, 2000); /* what the two principals have; the keys would allow more */
    limits_close(limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),        cmocka_unit_test(test_both_or_none),
        cmocka_unit_test(test_what_is_told), cmocka_unit_test(test_no_items_count_as_one),
        cmocka_unit_test(test_owe),          cmocka_unit_test(test_nothing_limited),
        cmocka_unit_test(test_crowd),        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
