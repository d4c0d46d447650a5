/* Rules as JSON: {"group","m","wait_s","use_within_s"}. Inner to quorum/. */
#ifndef HSMGATE_QUORUM_RULE_H
#define HSMGATE_QUORUM_RULE_H

#include "quorum/quorum.h"

void rule_put(struct json_writer *writer, const char *name, const struct quorum_rule *rule);
/* Borrows from the JSON; ranges are rule_is_valid's business. ERR_INVALID_FIELD and json_read's. */
MUST_USE struct err rule_read(const struct json_value *object, struct quorum_rule *out);
/* Whether all of it is in its range, and m at least QUORUM_M_MIN. */
bool rule_is_valid(const struct quorum_rule *rule);
/* The part {"group","m"}. */
void rule_put_wanted(struct json_writer *writer, const char *name, const struct quorum_rule *rule);
MUST_USE struct err rule_read_wanted(const struct json_value *object, struct quorum_rule *out);
/* A valid group and m, or neither: the rule is taken away. */
bool rule_is_valid_wanted(const struct quorum_rule *rule);

#endif
