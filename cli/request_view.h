/* request_view: how a request stands, for people: state, votes, and what comes next. */
#ifndef HSMGATE_CLI_REQUEST_VIEW_H
#define HSMGATE_CLI_REQUEST_VIEW_H

#include "cli/asked.h"

/* One line: `ID: pending, 1 of 2 approvals, until …`. Free it. */
char *request_line(const struct json_value *view, int64_t now_ms);
/* The votes as a table, with the verdicts. */
void request_print_votes(const struct json_value *view);
/* What whoever looks can do now. `key_file`: where the answer's key lies, or NULL. */
void request_print_next(const struct json_value *view, const char *key_file);
/* Whether it is decided (approved or any later state), and whether for the good. */
bool request_is_decided(const struct json_value *view);
bool request_is_approved(const struct json_value *view);
/* Ids of those who may vote and have not, joined by `, `. */
MUST_USE struct err request_missing(const struct json_value *view, struct buf *out);

#endif
