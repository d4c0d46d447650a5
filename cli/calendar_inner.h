/* Between the calendar*.c files only. */
#ifndef HSMGATE_CLI_CALENDAR_INNER_H
#define HSMGATE_CLI_CALENDAR_INNER_H

#include "cli/calendar.h"

/* The member's time in unix ms; 0 when it is not there or no time. */
int64_t calendar_time(const struct json_value *object, const char *member);
bool calendar_state_by_name(struct span name, enum calendar_state *out);
/* Fills phases: those of the past from the times of each version, those to come by taking the
 * steps one after the other until `to_ms`. `versions` is the array of the answer. */
void calendar_find_phases(struct calendar_key *key, const struct json_value *versions,
                          int64_t now_ms, int64_t to_ms);

#endif
