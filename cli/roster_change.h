/* roster_change: two rosters held against each other, in lines for people. */
#ifndef HSMGATE_CLI_ROSTER_CHANGE_H
#define HSMGATE_CLI_ROSTER_CHANGE_H

#include "quorum/quorum.h"

/* Appends a line for each difference: `+` came, `-` went, `~` changed. `before` NULL: all is new.
 */
MUST_USE struct err roster_change_lines(const struct roster *before, const struct roster *after,
                                        struct buf *out);
/* Appends `ann, bob, group:eu`. */
MUST_USE struct err roster_members(const struct roster_group *group, struct buf *out);

#endif
