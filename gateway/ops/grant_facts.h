/* grant_facts: a grant as clients write and see it, JSON both ways. */
#ifndef HSMGATE_GATEWAY_OPS_GRANT_FACTS_H
#define HSMGATE_GATEWAY_OPS_GRANT_FACTS_H

#include "base/json.h"
#include "keystore/keystore.h"

#define GRANT_PAIRS_MAX         16
#define GRANT_JUSTIFICATION_MAX 512
/* Of one grant as JSON: what was before and what is after fit together into an audit record. */
#define GRANT_JSON_MAX ((size_t)3584)

/* A grant that was read; its texts are the document's, its lists stand here, so it does not move.
 */
struct grant_draft {
    struct grant grant;
    char id[GRANT_ID_MAX];
    struct label context[GRANT_PAIRS_MAX];
    struct network sources[GRANT_SOURCES_MAX];
};

/* `[a-z0-9][a-z0-9._-]{0,62}`; ERR_INVALID_FIELD. */
MUST_USE struct err grant_check_id(struct span id);
/* Reads and checks everything but the end date; an empty `id`: the object has it as a member.
 * Errors name the member. */
MUST_USE struct err grant_read(const struct json_value *object, struct span id,
                               struct grant_draft *out);
/* ERR_INVALID_FIELD for an end that is not in the future. */
MUST_USE struct err grant_check_end(const struct grant *grant, int64_t now);

/* What a client may write, with the id. */
void grant_put_content(struct json_writer *writer, const char *name, const struct grant *grant);
/* That, and what the gateway knows of it: dates, last use, whether it has expired. */
void grant_put_facts(struct json_writer *writer, const char *name, const struct grant *grant,
                     int64_t now);
/* The members in which the content of the two differs, as an array of their names; how many. */
size_t grant_put_difference(struct json_writer *writer, const char *name, const struct grant *a,
                            const struct grant *b);
bool grant_is_same(const struct grant *a, const struct grant *b);

#endif
