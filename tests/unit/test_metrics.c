/* Counters by label, from several threads at once; and what /metrics says of them. */
#include <pthread.h>
#include <stdio.h>

#include "gateway/gauges.h"
#include "gateway/series.h"
#include "gateway_fixture.h"

static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

/* --- series --- */

static void a_table_gives_each_pair_of_labels_one_series(void **state)
{
    (void)state;
    struct series_table *table = series_open(4, 2);
    char text[] = "sign";
    struct series *sign = series_get(table, text, NULL);
    text[0] = 'S'; /* the table has a copy */
    assert_ptr_equal(series_get(table, "sign", NULL), sign);
    struct series *main_token = series_get(table, "sign", "main");
    assert_ptr_not_equal(main_token, sign);
    assert_ptr_not_equal(series_get(table, "sig", "nmain"), main_token);
    series_add(sign, 0, 3);
    series_add(sign, 1, 4);
    series_add(sign, 1, 5);
    assert_int_equal(series_value(sign, 0), 3);
    assert_int_equal(series_value(sign, 1), 9);
    assert_int_equal(series_value(main_token, 0), 0);
    series_close(table);
    series_close(NULL);
}

static void a_full_table_takes_no_new_series(void **state)
{
    (void)state;
    struct series_table *table = series_open(3, 1);
    assert_non_null(series_get(table, "a", NULL));
    assert_non_null(series_get(table, "b", NULL));
    assert_non_null(series_get(table, "c", NULL));
    assert_null(series_get(table, "d", NULL));
    assert_non_null(series_get(table, "c", NULL));
    size_t at = 0;
    size_t count = 0;
    while (series_next(table, &at) != NULL) {
        count++;
    }
    assert_int_equal(count, 3);
    series_close(table);
}

#define THREADS 4
#define ROUNDS  20000
#define NAMES   50

static void *count_all(void *arg)
{
    struct series_table *table = arg;
    for (int i = 0; i < ROUNDS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "name-%d", i % NAMES);
        series_add(series_get(table, name, "x"), 0, 1);
    }
    return NULL;
}

static void threads_lose_no_count_and_make_no_double(void **state)
{
    (void)state;
    struct series_table *table = series_open(NAMES, 1);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_all, table), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    size_t at = 0;
    size_t count = 0;
    for (struct series *one = series_next(table, &at); one != NULL; one = series_next(table, &at)) {
        assert_int_equal(series_value(one, 0), THREADS * ROUNDS / NAMES);
        count++;
    }
    assert_int_equal(count, NAMES);
    series_close(table);
}

/* --- the text --- */

static void assert_text(const char *part, bool there)
{
    CLEANUP(buf_clear) struct buf out = {.max = (size_t)32 << 20};
    assert_ok(metrics_write(&fixture.gateway, &out));
    if ((memmem(out.data, out.len, part, strlen(part)) != NULL) != there) {
        fail_msg("%s: %s in\n%.*s", there ? "not there" : "there", part, (int)out.len,
                 (const char *)out.data);
    }
}

static void requests_and_durations(void **state)
{
    (void)state;
    struct metrics *metrics = fixture.gateway.metrics;
    metrics_count(metrics, "sign", "main", 200, 700);
    metrics_count(metrics, "sign", "main", 200, 700000);
    metrics_count(metrics, "sign", NULL, 403, 60000000);
    metrics_count(metrics, "sign", "second", 299, -1);
    assert_text("\nhsmgate_requests_total{operation=\"sign\",status=\"200\"} 2\n", true);
    assert_text("\nhsmgate_requests_total{operation=\"sign\",status=\"403\"} 1\n", true);
    assert_text("\nhsmgate_requests_total{operation=\"sign\",status=\"other\"} 1\n", true);
    assert_text("_bucket{operation=\"sign\",token=\"main\",le=\"0.0005\"} 0\n", true);
    assert_text("_bucket{operation=\"sign\",token=\"main\",le=\"0.001\"} 1\n", true);
    assert_text("_bucket{operation=\"sign\",token=\"main\",le=\"1\"} 2\n", true);
    assert_text("_bucket{operation=\"sign\",token=\"main\",le=\"+Inf\"} 2\n", true);
    assert_text("_sum{operation=\"sign\",token=\"main\"} 0.700700\n", true);
    assert_text("_count{operation=\"sign\",token=\"main\"} 2\n", true);
    assert_text("_bucket{operation=\"sign\",le=\"10\"} 0\n", true);
    assert_text("_bucket{operation=\"sign\",le=\"+Inf\"} 1\n", true);
    assert_text("_bucket{operation=\"sign\",token=\"second\",le=\"0.0001\"} 1\n", true);
}

static void refusals_of_each_kind(void **state)
{
    (void)state;
    static const char *const kinds[] = {"missing",  "malformed",     "unknown",
                                        "conflict", "jwt_shape",     "jwt_issuer",
                                        "jwt_key",  "jwt_signature", "jwt_claims"};
    struct metrics *metrics = fixture.gateway.metrics;
    assert_int_equal(ARRAY_LEN(kinds), AUTH_FAILURE_COUNT);
    assert_text("\nhsmgate_auth_failures_total{kind=\"conflict\"} 0\n", true);
    for (int kind = 0; kind < AUTH_FAILURE_COUNT; kind++) {
        for (int i = 0; i <= kind; i++) {
            metrics_auth_failed(metrics, (enum auth_failure)kind);
        }
    }
    for (int kind = 0; kind < AUTH_FAILURE_COUNT; kind++) {
        char line[96];
        snprintf(line, sizeof(line), "\nhsmgate_auth_failures_total{kind=\"%s\"} %d\n", kinds[kind],
                 kind + 1);
        assert_text(line, true);
    }
    metrics_denied(metrics, "unwrap");
    assert_text("\nhsmgate_denied_total{operation=\"unwrap\"} 1\n", true);
    assert_text("\nhsmgate_limited_total{limit=\"key\"} 0\n", true);
    metrics_limited(metrics, "key");
    assert_text("\nhsmgate_limited_total{limit=\"key\"} 1\n", true);
}

static void figures_are_there_before_their_first_event(void **state)
{
    (void)state;
    assert_text("\nhsmgate_requests_total{operation=\"rotate\",status=\"200\"} 0\n", true);
    assert_text("\nhsmgate_denied_total{operation=\"unwrap\"} 0\n", true);
    assert_text("\nhsmgate_denied_total{operation=\"healthz\"} 0\n", false);
    assert_text("\nhsmgate_token_errors_total{token=\"main\",class=\"caller_data\"} 0\n", true);
}

static void principals_are_counted_by_item_and_escaped(void **state)
{
    (void)state;
    struct metrics *metrics = fixture.gateway.metrics;
    metrics_principal(metrics, "token:a", "unwrap", 3);
    metrics_principal(metrics, "token:a", "unwrap", 4);
    metrics_principal(metrics, "token:a", "sign", 1);
    metrics_principal(metrics, "cn:\"x\"\\\n\xc3", "sign", 1);
    assert_text("{principal=\"token:a\",operation=\"unwrap\"} 7\n", true);
    assert_text("{principal=\"token:a\",operation=\"sign\"} 1\n", true);
    assert_text("{principal=\"cn:\\\"x\\\"\\\\\\\\x0a\\\\xc3\",operation=\"sign\"} 1\n", true);
}

static void principals_beyond_the_bound_are_one(void **state)
{
    (void)state;
    struct metrics *metrics = fixture.gateway.metrics;
    for (int i = 0; i < 1200; i++) {
        char name[32];
        snprintf(name, sizeof(name), "oidc:x#%d", i);
        metrics_principal(metrics, name, "unwrap", 1);
        metrics_principal(metrics, name, "decrypt", 2);
    }
    assert_text("{principal=\"oidc:x#999\",operation=\"decrypt\"} 2\n", true);
    assert_text("{principal=\"oidc:x#1000\"", false);
    assert_text("{principal=\"other\",operation=\"unwrap\"} 200\n", true);
    assert_text("{principal=\"other\",operation=\"decrypt\"} 400\n", true);
}

static void a_label_without_room_is_an_error(void **state)
{
    (void)state;
    for (size_t max = 1; max < sizeof("n=\"a\\\\x01\"") - 1; max++) {
        CLEANUP(buf_clear) struct buf out = {.max = max};
        assert_int_equal(gauges_label(&out, "n", "a\x01").code, ERR_TOO_LARGE);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_gives_each_pair_of_labels_one_series),
        cmocka_unit_test(a_full_table_takes_no_new_series),
        cmocka_unit_test(threads_lose_no_count_and_make_no_double),
        TEST(requests_and_durations),
        TEST(refusals_of_each_kind),
        TEST(figures_are_there_before_their_first_event),
        TEST(principals_are_counted_by_item_and_escaped),
        TEST(principals_beyond_the_bound_are_one),
        cmocka_unit_test(a_label_without_room_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
