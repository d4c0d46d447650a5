/* The smallest step that gives no more ticks than wanted; months and years have their own length.
 */
#include "cli/axis.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define WEEK_MS   (7 * DAY_MS)
#define MONDAY_MS (4 * DAY_MS) /* 1970-01-05 */
#define MONTH_MS  (INT64_C(30) * DAY_MS)

struct step {
    int64_t ms;      /* about, for months */
    int64_t base_ms; /* ticks stand at whole multiples from here */
    int months;      /* 0: a fixed length */
};

static const struct step steps[] = {
    {MINUTE_MS, 0, 0},           {5 * MINUTE_MS, 0, 0},
    {15 * MINUTE_MS, 0, 0},      {HOUR_MS, 0, 0},
    {3 * HOUR_MS, 0, 0},         {6 * HOUR_MS, 0, 0},
    {12 * HOUR_MS, 0, 0},        {DAY_MS, 0, 0},
    {2 * DAY_MS, 0, 0},          {WEEK_MS, MONDAY_MS, 0},
    {2 * WEEK_MS, MONDAY_MS, 0}, {MONTH_MS, 0, 1},
    {3 * MONTH_MS, 0, 3},        {6 * MONTH_MS, 0, 6},
    {12 * MONTH_MS, 0, 12},      {60 * MONTH_MS, 0, 60},
    {240 * MONTH_MS, 0, 240},    {1200 * MONTH_MS, 0, 1200},
};

/* Year, month and day of a time. */
struct day {
    int year;
    int month;
    int day;
    int hour;
    int minute;
};

static int number_at(const char *text, size_t digits)
{
    int value = 0;
    for (size_t i = 0; i < digits; i++) {
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static struct day day_of(int64_t at_ms)
{
    char text[CLOCK_TEXT_MAX]; /* 2026-01-02T03:04:05.678Z */
    clock_format(at_ms, text);
    return (struct day){.year = number_at(text, 4),
                        .month = number_at(text + 5, 2),
                        .day = number_at(text + 8, 2),
                        .hour = number_at(text + 11, 2),
                        .minute = number_at(text + 14, 2)};
}

/* The first of a month, counted from year 0; 0 when that is no time of the clock's. */
static int64_t month_ms(int months)
{
    int64_t at_ms = 0;
    char text[CLOCK_TEXT_MAX];
    (void)snprintf(text, sizeof text, "%04d-%02d-01T00:00:00Z", months / 12 % 10000,
                   months % 12 + 1);
    return clock_parse(span_text(text), &at_ms).code == ERR_OK ? at_ms : 0;
}

static const struct step *choose(int64_t span_ms, size_t wanted)
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(steps) && span_ms / steps[i].ms > (int64_t)wanted) {
        i++;
    }
    return &steps[i];
}

/* The first tick needs its year, and so does the first of a year; a day its name when hours do. */
static void set_label(struct axis_tick *tick, const struct step *step, bool first)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const struct day day = day_of(tick->at_ms);
    const char *month = months[(day.month + 11) % 12];
    if (step->months > 0) {
        (void)snprintf(tick->label, AXIS_LABEL_MAX, "%s %d", month, day.year);
    } else if (step->ms < DAY_MS && !first && day.hour + day.minute > 0) {
        (void)snprintf(tick->label, AXIS_LABEL_MAX, "%02d:%02d", day.hour, day.minute);
    } else if (step->ms < DAY_MS && day.hour + day.minute > 0) {
        (void)snprintf(tick->label, AXIS_LABEL_MAX, "%d %s %02d:%02d", day.day, month, day.hour,
                       day.minute);
    } else if (first) {
        (void)snprintf(tick->label, AXIS_LABEL_MAX, "%d %s %d", day.day, month, day.year);
    } else {
        (void)snprintf(tick->label, AXIS_LABEL_MAX, "%d %s", day.day, month);
    }
}

static void add_tick(struct axis *axis, int64_t at_ms, const struct step *step)
{
    struct axis_tick *tick = &axis->ticks[axis->count];
    tick->at_ms = at_ms;
    set_label(tick, step, axis->count == 0);
    axis->count++;
}

static void fill_months(struct axis *axis, int64_t from_ms, int64_t to_ms, const struct step *step)
{
    const struct day start = day_of(from_ms);
    int months = (start.year * 12 + start.month - 1) / step->months * step->months;
    for (; axis->count < AXIS_TICKS_MAX; months += step->months) {
        const int64_t at_ms = month_ms(months);
        if (at_ms > to_ms || months >= 120000) {
            return;
        }
        if (at_ms >= from_ms) {
            add_tick(axis, at_ms, step);
        }
    }
}

void axis_fill(struct axis *axis, int64_t from_ms, int64_t to_ms, size_t wanted)
{
    const struct step *step = choose(to_ms - from_ms, wanted);
    axis->count = 0;
    if (step->months > 0) {
        fill_months(axis, from_ms, to_ms, step);
        return;
    }
    const int64_t behind = (from_ms - step->base_ms) % step->ms;
    int64_t at_ms = behind > 0 ? from_ms + step->ms - behind : from_ms - behind;
    for (; at_ms <= to_ms && axis->count < AXIS_TICKS_MAX; at_ms += step->ms) {
        add_tick(axis, at_ms, step);
    }
}
