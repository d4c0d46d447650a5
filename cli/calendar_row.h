/* Between the calendar_*.c files only: a key's row. */
#ifndef HSMGATE_CLI_CALENDAR_ROW_H
#define HSMGATE_CLI_CALENDAR_ROW_H

#include "cli/calendar_layout.h"
#include "cli/svg.h"

void calendar_row_put(struct svg *svg, const struct layout *layout, size_t row);

#endif
