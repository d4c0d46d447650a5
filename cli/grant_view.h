/* grant_view: grants and their differences for people. */
#ifndef HSMGATE_CLI_GRANT_VIEW_H
#define HSMGATE_CLI_GRANT_VIEW_H

#include "base/json.h"

/* A member's value on one line: text as it is, the texts of an array with commas, the members of an
 * object as `name=value`, else its JSON; "" for NULL. mem_free. */
char *grant_value_text(const struct json_value *value);
/* What an apply changes, one block for each grant (`+` created, `~` changed with each field's
 * before and after, `-` deleted), then the counts. To standard output. */
void grant_print_changes(const struct json_value *changes);
/* Whether there is anything but `none`. */
bool grant_has_changes(const struct json_value *changes);

#endif
