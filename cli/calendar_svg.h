/* calendar_svg: the calendar as a picture: one row for each key, time from left to right. */
#ifndef HSMGATE_CLI_CALENDAR_SVG_H
#define HSMGATE_CLI_CALENDAR_SVG_H

#include "cli/calendar.h"

/* Appends an SVG 1.1 document, the same bytes for the same calendar. ERR_TOO_LARGE over the buf's
 * maximum. */
MUST_USE struct err calendar_svg(const struct calendar *calendar, struct buf *out);

#endif
