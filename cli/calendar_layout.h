/* Between the calendar_*.c files only: where things stand in the picture. */
#ifndef HSMGATE_CLI_CALENDAR_LAYOUT_H
#define HSMGATE_CLI_CALENDAR_LAYOUT_H

#include "cli/calendar.h"

#define LAYOUT_WIDTH     1200.0
#define LAYOUT_TOP       112.0 /* of the first row */
#define LAYOUT_BOTTOM    40.0  /* below the last row */
#define LAYOUT_RIGHT     24.0
#define LAYOUT_LANE      16.0 /* a version in a row */
#define LAYOUT_BAR       12.0
#define LAYOUT_PADDING   7.0 /* above and below the lanes of a row */
#define LAYOUT_LANES_MAX 6
#define LAYOUT_NAME_MAX  46 /* characters of a key's name; longer ones are shortened */

struct layout_lane {
    int64_t version;
    size_t lane;
};

struct layout_row {
    double y;
    double height;
    struct layout_lane *versions; /* those that are drawn */
    size_t count;
    size_t left_out; /* older ones that there is no room for */
};

struct layout {
    const struct calendar *calendar;
    int64_t start_ms; /* of the axis; as far before now as the end is behind it, or less */
    double left;      /* of the axis */
    double width;
    double height;           /* of the picture */
    struct layout_row *rows; /* one for each key */
};
void layout_make(const struct calendar *calendar, struct layout *out);
void layout_clear(struct layout *layout);
double layout_x(const struct layout *layout, int64_t at_ms);
/* The middle of a version's lane; false when it is not drawn. */
bool layout_lane_y(const struct layout *layout, size_t row, int64_t version, double *out);
/* The name as it fits, with an ellipsis in the middle; free with mem_free. */
char *layout_name(struct span name);

#endif
