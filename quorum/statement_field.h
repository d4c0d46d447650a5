/* The fields of a statement: one table says their order, the kinds that have them, how they are
 * written and read and what is in range. Inner to quorum/. */
#ifndef HSMGATE_QUORUM_STATEMENT_FIELD_H
#define HSMGATE_QUORUM_STATEMENT_FIELD_H

#include "quorum/field_type.h"

#define STATEMENT_FIELDS_MAX 32

struct statement_field;
/* The fields in their order; NULL behind the last, at STATEMENT_FIELDS_MAX or before. */
const struct statement_field *statement_field_at(size_t i);
const char *statement_field_name(const struct statement_field *field);
bool statement_field_is_of(const struct statement_field *field, enum statement_kind kind);
/* How json_read reads it. */
enum json_kind statement_field_kind(const struct statement_field *field);
bool statement_field_is_valid(const struct statement_field *field,
                              const struct statement *statement);
void statement_field_put(const struct statement_field *field, const struct statement *statement,
                         struct json_writer *writer);
/* Converts; decoded bytes go behind `bytes`, which has room for them. ERR_INVALID_FIELD. */
MUST_USE struct err statement_field_take(const struct statement_field *field,
                                         const union field_slot *slot, struct buf *bytes,
                                         struct statement *out);

#endif
