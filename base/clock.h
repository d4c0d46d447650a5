/* The one owner of time: wall clock for records, monotonic clock for deadlines. Code that decides
 * takes `now`. */
#ifndef HSMGATE_BASE_CLOCK_H
#define HSMGATE_BASE_CLOCK_H

#include "base/buf.h"

/* Milliseconds since 1970 UTC. */
int64_t clock_wall_ms(void);
/* Nanoseconds on the monotonic clock. */
int64_t clock_mono_ns(void);
/* Nanoseconds that the calling thread has been running. */
int64_t clock_thread_ns(void);
/* mono now + milliseconds: a deadline in monotonic nanoseconds. */
int64_t clock_deadline(int64_t milliseconds);
/* Milliseconds left to a deadline, 0 when it has passed. */
int64_t clock_left_ms(int64_t deadline_ns);

#define CLOCK_TEXT_MAX 32
/* RFC 3339 UTC, `2026-01-02T03:04:05.678Z` (always milliseconds). `out` has CLOCK_TEXT_MAX bytes.
 */
void clock_format(int64_t unix_ms, char out[CLOCK_TEXT_MAX]);
/* RFC 3339 with `Z` or an offset; ERR_INVALID_FIELD. */
MUST_USE struct err clock_parse(struct span text, int64_t *out_unix_ms);
/* `90s`, `5m`, `12h`, `30d` to seconds, 1 s to 36500d; ERR_INVALID_FIELD. */
MUST_USE struct err clock_parse_duration(struct span text, int64_t *out_seconds);
/* The shortest form that parses back to the same seconds. */
void clock_format_duration(int64_t seconds, char out[CLOCK_TEXT_MAX]);

#endif
