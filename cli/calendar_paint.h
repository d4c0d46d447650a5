/* Between the calendar_*.c files only: how states and steps look. */
#ifndef HSMGATE_CLI_CALENDAR_PAINT_H
#define HSMGATE_CLI_CALENDAR_PAINT_H

#include "cli/calendar_layout.h"
#include "cli/svg.h"

#define NO_HINT ((struct span){0})

struct paint {
    const char *fill;
    const char *label; /* the colour of text on it */
    double height;
};

const struct paint *paint_of(enum calendar_state state);
/* A bar; hatched when it is expected. */
void paint_bar(struct svg *svg, const struct svg_box *box, const struct paint *paint, bool expected,
               struct span hint);
/* A mark around its middle. */
void paint_mark(struct svg *svg, double x, double y, enum calendar_action action, struct span hint);

#endif
