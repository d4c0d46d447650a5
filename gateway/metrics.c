/* Counters and histograms of requests, callers and refusals; figures that others keep are read in
 * gauges.c when somebody asks.
 *
 * Counting takes no lock: a label's series is found in a table that only grows to a fixed size
 * (series.h), from then on it is a few relaxed additions. Statuses, kinds and limits are fixed
 * words, operations come from the route table, tokens from the configuration, and principals are
 * those that proved who they are, up to a number: nothing else that a caller sends can make new
 * series, and never a context, a path or a header. */
#include "gateway/metrics.h"

#include <assert.h>
#include <stdio.h>

#include "base/mem.h"
#include "gateway/gateway.h"
#include "gateway/gauges.h"
#include "gateway/pipeline.h"
#include "gateway/series.h"

#define OPERATIONS_MAX 128
#define DURATIONS_MAX  2048 /* operation and token */
#define LIMITS_MAX     16
#define STEPS_MAX      16
#define PRINCIPALS_MAX 1000u
/* A principal's operations; more than the grant words that anybody counts. */
#define PRINCIPAL_SERIES_MAX ((size_t)PRINCIPALS_MAX * 16)
#define OTHER_PRINCIPALS     "other"

static const int statuses[] = {200, 201, 204, 304, 400, 401, 403, 404,
                               405, 409, 413, 415, 429, 500, 503, 0};
#define STATUS_COUNT ARRAY_LEN(statuses)

/* Upper bounds of the buckets in microseconds. */
static const int64_t bounds[] = {100,   250,   500,    1000,   2500,    5000,    10000,
                                 25000, 50000, 100000, 250000, 1000000, 5000000, 10000000};
#define BUCKET_COUNT   ARRAY_LEN(bounds)
#define OVER_BOUNDS    BUCKET_COUNT /* counters of a duration: buckets, not cumulative, then these */
#define MICROSECONDS   (BUCKET_COUNT + 1)
#define DURATION_COUNT (BUCKET_COUNT + 2)

static const char *const auth_kinds[AUTH_FAILURE_COUNT] = {
    [AUTH_MISSING] = "missing",       [AUTH_MALFORMED] = "malformed",
    [AUTH_UNKNOWN] = "unknown",       [AUTH_CONFLICT] = "conflict",
    [AUTH_JWT_SHAPE] = "jwt_shape",   [AUTH_JWT_ISSUER] = "jwt_issuer",
    [AUTH_JWT_KEY] = "jwt_key",       [AUTH_JWT_SIGNATURE] = "jwt_signature",
    [AUTH_JWT_CLAIMS] = "jwt_claims",
};

static const char *const known_limits[] = {"principal", "key", "token"};

struct metrics {
    struct series_table *requests;  /* operation; a counter per status */
    struct series_table *durations; /* operation, token or NULL */
    struct series_table *denied;    /* operation */
    struct series_table *limited;   /* limit */
    struct series_table *steps;     /* action, outcome */
    struct series_table *principals;
    struct series_table *uses; /* principal, operation */
    atomic_uint_fast64_t auth_failures[AUTH_FAILURE_COUNT];
};

/* A counter that is there before its first event shows that event to increase(). */
static void begin(struct metrics *metrics)
{
    for (size_t i = 0; i < ARRAY_LEN(known_limits); i++) {
        (void)series_get(metrics->limited, known_limits[i], NULL);
    }
    for (enum plan_action action = PLAN_MAKE; action <= PLAN_DESTROY; action++) {
        (void)series_get(metrics->steps, plan_action_name(action), "ok");
        (void)series_get(metrics->steps, plan_action_name(action), "failed");
    }
    for (size_t i = 0; i < route_count; i++) {
        (void)series_get(metrics->requests, routes[i].operation, NULL);
        if (routes[i].access == ACCESS_GRANT) {
            (void)series_get(metrics->denied, routes[i].operation, NULL);
        }
    }
}

struct metrics *metrics_open(void)
{
    struct metrics *metrics = mem_alloc(sizeof(*metrics));
    metrics->requests = series_open(OPERATIONS_MAX, STATUS_COUNT);
    metrics->durations = series_open(DURATIONS_MAX, DURATION_COUNT);
    metrics->denied = series_open(OPERATIONS_MAX, 1);
    metrics->limited = series_open(LIMITS_MAX, 1);
    metrics->steps = series_open(STEPS_MAX, 1);
    metrics->principals = series_open(PRINCIPALS_MAX, 1);
    metrics->uses = series_open(PRINCIPAL_SERIES_MAX, 1);
    begin(metrics);
    return metrics;
}

void metrics_close(struct metrics *metrics)
{
    if (metrics != NULL) {
        series_close(metrics->requests);
        series_close(metrics->durations);
        series_close(metrics->denied);
        series_close(metrics->limited);
        series_close(metrics->steps);
        series_close(metrics->principals);
        series_close(metrics->uses);
        mem_free(metrics);
    }
}

/* --- counting --- */

/* A full table counts no more; the sizes above rule it out for all but principals. */
static void count_one(struct series_table *table, const char *first, const char *second,
                      size_t counter, uint64_t n)
{
    struct series *series = series_get(table, first, second);
    if (series != NULL) {
        series_add(series, counter, n);
    }
}

static size_t status_index(int status)
{
    size_t which = 0;
    while (which + 1 < STATUS_COUNT && statuses[which] != status) {
        which++;
    }
    return which;
}

void metrics_count(struct metrics *metrics, const char *operation, const char *token, int status,
                   int64_t microseconds)
{
    size_t bucket = 0;
    while (bucket < BUCKET_COUNT && microseconds > bounds[bucket]) {
        bucket++;
    }
    count_one(metrics->requests, operation, NULL, status_index(status), 1);
    struct series *duration = series_get(metrics->durations, operation, token);
    if (duration != NULL) {
        series_add(duration, bucket, 1);
        series_add(duration, MICROSECONDS, microseconds > 0 ? (uint64_t)microseconds : 0);
    }
}

void metrics_auth_failed(struct metrics *metrics, enum auth_failure kind)
{
    assert(kind < AUTH_FAILURE_COUNT);
    atomic_fetch_add_explicit(&metrics->auth_failures[kind], 1, memory_order_relaxed);
}

void metrics_rotation(struct metrics *metrics, const char *action, const char *outcome)
{
    count_one(metrics->steps, action, outcome, 0, 1);
}

void metrics_denied(struct metrics *metrics, const char *operation)
{
    count_one(metrics->denied, operation, NULL, 0, 1);
}

void metrics_limited(struct metrics *metrics, const char *limit)
{
    count_one(metrics->limited, limit, NULL, 0, 1);
}

void metrics_principal(struct metrics *metrics, const char *principal, const char *operation,
                       uint64_t items)
{
    bool known = series_get(metrics->principals, principal, NULL) != NULL;
    count_one(metrics->uses, known ? principal : OTHER_PRINCIPALS, operation, 0, items);
}

/* --- writing --- */

static struct err write_statuses(struct series *series, const char *name, struct buf *out)
{
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        uint64_t count = series_value(series, i);
        char status[16] = "other";
        if (statuses[i] != 0) {
            snprintf(status, sizeof(status), "%d", statuses[i]);
        }
        if (count > 0 || statuses[i] == 200) {
            TRY(buf_printf(out, "%s{operation=\"%s\",status=\"%s\"} %llu\n", name, series->first,
                           status, (unsigned long long)count));
        }
    }
    return err_ok();
}

/* `operation="sign",token="main"`: without the token where no key was involved. */
static struct err put_duration_labels(const struct series *series, struct buf *out)
{
    TRY(buf_printf(out, "operation=\"%s\"", series->first));
    return series->second == NULL ? err_ok() : gauges_label(out, ",token", series->second);
}

static struct err write_bucket(struct series *series, const char *name, size_t i, uint64_t total,
                               struct buf *out)
{
    char bound[32] = "+Inf";
    if (i < BUCKET_COUNT) {
        snprintf(bound, sizeof(bound), "%g", (double)bounds[i] / 1e6);
    }
    TRY(buf_printf(out, "%s_bucket{", name));
    TRY(put_duration_labels(series, out));
    return buf_printf(out, ",le=\"%s\"} %llu\n", bound, (unsigned long long)total);
}

static struct err write_duration(struct series *series, const char *name, struct buf *out)
{
    uint64_t total = 0;
    for (size_t i = 0; i <= OVER_BOUNDS; i++) {
        total += series_value(series, i);
        TRY(write_bucket(series, name, i, total, out));
    }
    TRY(buf_printf(out, "%s_sum{", name));
    TRY(put_duration_labels(series, out));
    TRY(buf_printf(out, "} %.6f\n%s_count{", (double)series_value(series, MICROSECONDS) / 1e6,
                   name));
    TRY(put_duration_labels(series, out));
    return buf_printf(out, "} %llu\n", (unsigned long long)total);
}

static struct err write_by_operation(struct series *series, const char *name, struct buf *out)
{
    return buf_printf(out, "%s{operation=\"%s\"} %llu\n", name, series->first,
                      (unsigned long long)series_value(series, 0));
}

static struct err write_step(struct series *series, const char *name, struct buf *out)
{
    return buf_printf(out, "%s{action=\"%s\",outcome=\"%s\"} %llu\n", name, series->first,
                      series->second, (unsigned long long)series_value(series, 0));
}

static struct err write_by_limit(struct series *series, const char *name, struct buf *out)
{
    return buf_printf(out, "%s{limit=\"%s\"} %llu\n", name, series->first,
                      (unsigned long long)series_value(series, 0));
}

static struct err write_use(struct series *series, const char *name, struct buf *out)
{
    TRY(buf_printf(out, "%s{", name));
    TRY(gauges_label(out, "principal", series->first));
    return buf_printf(out, ",operation=\"%s\"} %llu\n", series->second,
                      (unsigned long long)series_value(series, 0));
}

typedef struct err series_writer(struct series *series, const char *name, struct buf *out);

struct counted_family {
    const char *name;
    const char *type;
    const char *help;
    series_writer *write;
};

static struct err write_family(struct series_table *table, const struct counted_family *family,
                               struct buf *out)
{
    size_t at = 0;
    TRY(gauges_head(out, family->name, family->type, family->help));
    for (struct series *series = series_next(table, &at); series != NULL;
         series = series_next(table, &at)) {
        TRY(family->write(series, family->name, out));
    }
    return err_ok();
}

static struct err write_auth_failures(struct metrics *metrics, struct buf *out)
{
    static const char name[] = "hsmgate_auth_failures_total";
    TRY(gauges_head(out, name, "counter", "Callers that did not prove who they are, by kind."));
    for (size_t i = 0; i < AUTH_FAILURE_COUNT; i++) {
        uint64_t count = atomic_load_explicit(&metrics->auth_failures[i], memory_order_relaxed);
        TRY(buf_printf(out, "%s{kind=\"%s\"} %llu\n", name, auth_kinds[i],
                       (unsigned long long)count));
    }
    return err_ok();
}

static const struct counted_family requests = {"hsmgate_requests_total", "counter",
                                               "Requests answered, by operation and HTTP status.",
                                               write_statuses};
static const struct counted_family durations = {
    "hsmgate_request_duration_seconds", "histogram",
    "From the whole request to its reply, the audit record included.", write_duration};
static const struct counted_family denied = {"hsmgate_denied_total", "counter",
                                             "Known callers without the grant, by operation.",
                                             write_by_operation};
static const struct counted_family limited = {"hsmgate_limited_total", "counter",
                                              "Requests and connections over a limit, by limit.",
                                              write_by_limit};
static const struct counted_family steps = {"hsmgate_rotation_steps_total", "counter",
                                            "Steps that the scheduler took, by outcome.",
                                            write_step};
static const struct counted_family uses = {
    "hsmgate_principal_operations_total", "counter",
    "Items that a principal had processed, by operation; principals beyond the first 1000 as one.",
    write_use};

struct err metrics_write(struct gateway *gateway, struct buf *out)
{
    struct metrics *metrics = gateway->metrics;
    TRY(write_family(metrics->requests, &requests, out));
    TRY(write_family(metrics->durations, &durations, out));
    TRY(write_auth_failures(metrics, out));
    TRY(write_family(metrics->denied, &denied, out));
    TRY(write_family(metrics->limited, &limited, out));
    TRY(write_family(metrics->steps, &steps, out));
    TRY(write_family(metrics->uses, &uses, out));
    return gauges_write(gateway, out);
}
