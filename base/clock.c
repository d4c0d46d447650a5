/* The one owner of time: the two clocks, RFC 3339 text and durations.
 *
 * Dates are computed here, not by gmtime_r, which takes a lock of the C library for every call.
 * The calendar is the proleptic Gregorian one from 1970 to 9999; days are counted in eras of 400
 * years that begin on 1 March, so that the leap day is the last day of its year. */
#include "base/clock.h"

#define MS_PER_S     1000
#define NS_PER_MS    1000000
#define NS_PER_S     1000000000
#define S_PER_DAY    86400
#define MS_PER_DAY   ((int64_t)S_PER_DAY * MS_PER_S)
#define DAYS_PER_ERA 146097
#define DAYS_TO_1970 719468            /* from 0000-03-01 */
#define LAST_MS      253402300799999LL /* 9999-12-31T23:59:59.999Z */
#define DURATION_MAX ((int64_t)36500 * S_PER_DAY)

int64_t clock_wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

int64_t clock_mono_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t clock_thread_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t clock_deadline(int64_t milliseconds)
{
    int64_t span_ns = 0;
    int64_t deadline = 0;
    if (__builtin_mul_overflow(milliseconds, (int64_t)NS_PER_MS, &span_ns) ||
        __builtin_add_overflow(clock_mono_ns(), span_ns, &deadline)) {
        return milliseconds > 0 ? INT64_MAX : 0;
    }
    return deadline;
}

int64_t clock_left_ms(int64_t deadline_ns)
{
    int64_t now = clock_mono_ns();
    if (deadline_ns <= now) {
        return 0;
    }
    /* Rounded up: a wait of 0 would spin through the last millisecond. */
    int64_t left = deadline_ns - now;
    return left / NS_PER_MS + (left % NS_PER_MS != 0);
}

struct date {
    int year;
    int month;
    int day;
};

static struct date date_of_days(int64_t days_since_1970)
{
    int64_t days = days_since_1970 + DAYS_TO_1970;
    int era = (int)(days / DAYS_PER_ERA);
    int day_of_era = (int)(days % DAYS_PER_ERA);
    int year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int march_month = (5 * day_of_year + 2) / 153;
    int month = march_month < 10 ? march_month + 3 : march_month - 9;
    int year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    return (struct date){year, month, day_of_year - (153 * march_month + 2) / 5 + 1};
}

static int64_t days_of_date(struct date date)
{
    int year = date.month <= 2 ? date.year - 1 : date.year;
    int era = year / 400;
    int year_of_era = year % 400;
    int march_month = date.month > 2 ? date.month - 3 : date.month + 9;
    int day_of_year = (153 * march_month + 2) / 5 + date.day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static char *put_digits(char *out, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + digits;
}

void clock_format(int64_t unix_ms, char out[CLOCK_TEXT_MAX])
{
    int64_t ms = unix_ms < 0 ? 0 : unix_ms > LAST_MS ? LAST_MS : unix_ms;
    struct date date = date_of_days(ms / MS_PER_DAY);
    int in_day = (int)(ms % MS_PER_DAY);
    int second = in_day / MS_PER_S;
    out = put_digits(out, date.year, 4);
    *out++ = '-';
    out = put_digits(out, date.month, 2);
    *out++ = '-';
    out = put_digits(out, date.day, 2);
    *out++ = 'T';
    out = put_digits(out, second / 3600, 2);
    *out++ = ':';
    out = put_digits(out, second / 60 % 60, 2);
    *out++ = ':';
    out = put_digits(out, second % 60, 2);
    *out++ = '.';
    out = put_digits(out, in_day % MS_PER_S, 3);
    *out++ = 'Z';
    *out = '\0';
}

/* Takes `digits` digits, then `after` unless it is 0; false when they are not there. */
static bool take_number(struct span *text, size_t digits, char after, int *out)
{
    if (text->len < digits + (after != 0)) {
        return false;
    }
    int value = 0;
    for (size_t i = 0; i < digits; i++) {
        uint8_t c = text->data[i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    if (after != 0 && text->data[digits] != (uint8_t)after) {
        return false;
    }
    size_t taken = digits + (after != 0);
    *text = span_of(text->data + taken, text->len - taken);
    *out = value;
    return true;
}

static bool take_one_of(struct span *text, const char *choices, char *out)
{
    if (text->len == 0 || text->data[0] == 0 || strchr(choices, text->data[0]) == NULL) {
        return false;
    }
    *out = (char)text->data[0];
    *text = span_of(text->data + 1, text->len - 1);
    return true;
}

static bool date_exists(struct date date)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (date.year < 1970 || date.month < 1 || date.month > 12) {
        return false;
    }
    bool leap = (date.year % 4 == 0 && date.year % 100 != 0) || date.year % 400 == 0;
    int days = month_days[date.month - 1] + (date.month == 2 && leap ? 1 : 0);
    return date.day >= 1 && date.day <= days;
}

static bool take_date(struct span *text, int64_t *out_ms)
{
    struct date date = {0};
    char mark = 0;
    bool ok = take_number(text, 4, '-', &date.year) && take_number(text, 2, '-', &date.month) &&
              take_number(text, 2, 0, &date.day) && take_one_of(text, "Tt", &mark) &&
              date_exists(date);
    if (ok) {
        *out_ms = days_of_date(date) * MS_PER_DAY;
    }
    return ok;
}

/* Digits after a point, cut to milliseconds; absent is fine. */
static bool take_fraction(struct span *text, int64_t *out_ms)
{
    char mark = 0;
    *out_ms = 0;
    if (!take_one_of(text, ".", &mark)) {
        return true;
    }
    int digit = 0;
    int64_t scale = MS_PER_S;
    bool any = false;
    while (take_number(text, 1, 0, &digit)) {
        scale /= 10;
        *out_ms += digit * scale;
        any = true;
    }
    return any;
}

static bool take_time(struct span *text, int64_t *out_ms)
{
    int hour = 0;
    int minute = 0;
    int second = 0;
    int64_t fraction_ms = 0;
    bool ok = take_number(text, 2, ':', &hour) && take_number(text, 2, ':', &minute) &&
              take_number(text, 2, 0, &second) && take_fraction(text, &fraction_ms) && hour <= 23 &&
              minute <= 59 && second <= 59;
    if (ok) {
        *out_ms = ((int64_t)hour * 3600 + (int64_t)minute * 60 + second) * MS_PER_S + fraction_ms;
    }
    return ok;
}

static bool take_offset(struct span *text, int64_t *out_ms)
{
    char sign = 0;
    int hour = 0;
    int minute = 0;
    *out_ms = 0;
    if (take_one_of(text, "Zz", &sign)) {
        return true;
    }
    bool ok = take_one_of(text, "+-", &sign) && take_number(text, 2, ':', &hour) &&
              take_number(text, 2, 0, &minute) && hour <= 23 && minute <= 59;
    int64_t ms = ((int64_t)hour * 3600 + (int64_t)minute * 60) * MS_PER_S;
    *out_ms = sign == '-' ? -ms : ms;
    return ok;
}

struct err clock_parse(struct span text, int64_t *out_unix_ms)
{
    int64_t date_ms = 0;
    int64_t time_ms = 0;
    int64_t offset_ms = 0;
    bool ok = take_date(&text, &date_ms) && take_time(&text, &time_ms) &&
              take_offset(&text, &offset_ms) && text.len == 0;
    ENSURE(ok, ERR_INVALID_FIELD, "not a time like 2026-01-02T03:04:05Z (RFC 3339)");
    int64_t unix_ms = date_ms + time_ms - offset_ms;
    ENSURE(unix_ms >= 0 && unix_ms <= LAST_MS, ERR_INVALID_FIELD,
           "the time is not between 1970 and 9999");
    *out_unix_ms = unix_ms;
    return err_ok();
}

static const struct {
    char letter;
    int64_t seconds;
} units[] = {{'d', S_PER_DAY}, {'h', 3600}, {'m', 60}, {'s', 1}};

static int64_t unit_seconds(uint8_t letter)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if ((uint8_t)units[i].letter == letter) {
            return units[i].seconds;
        }
    }
    return 0;
}

struct err clock_parse_duration(struct span text, int64_t *out_seconds)
{
    static const char shape[] = "not a duration like 90s, 5m, 12h or 30d";
    ENSURE(text.len >= 2 && text.len <= 11 && text.data[0] != '0', ERR_INVALID_FIELD, "%s", shape);
    int64_t unit = unit_seconds(text.data[text.len - 1]);
    ENSURE(unit > 0, ERR_INVALID_FIELD, "%s", shape);
    int64_t count = 0;
    for (size_t i = 0; i + 1 < text.len; i++) {
        ENSURE(text.data[i] >= '0' && text.data[i] <= '9', ERR_INVALID_FIELD, "%s", shape);
        count = count * 10 + (text.data[i] - '0');
    }
    ENSURE(count <= DURATION_MAX / unit, ERR_INVALID_FIELD, "the duration is over 36500d");
    *out_seconds = count * unit;
    return err_ok();
}

void clock_format_duration(int64_t seconds, char out[CLOCK_TEXT_MAX])
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (seconds % units[i].seconds == 0) {
            (void)snprintf(out, CLOCK_TEXT_MAX, "%lld%c", (long long)(seconds / units[i].seconds),
                           units[i].letter);
            return;
        }
    }
}
