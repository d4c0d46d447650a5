/* adopt_facts: which material a request wants to take over. */
#ifndef HSMGATE_GATEWAY_OPS_ADOPT_FACTS_H
#define HSMGATE_GATEWAY_OPS_ADOPT_FACTS_H

#include "base/json.h"
#include "rotation/rotation.h"

/* What a request says; the bytes stand here. Clear with adopt_facts_clear. */
struct adopt_facts {
    struct rotation_adoption adoption;
    struct span cka_id; /* as it was written, borrowed */
    struct buf as_hex;
    struct buf as_base64;
};
/* Reads `{"cka_id"|"label","allow"?}`. ERR_INVALID_FIELD. */
MUST_USE struct err adopt_facts_read(const struct json_value *node, struct adopt_facts *out);
/* What was asked for, as the audit log keeps it. */
void adopt_facts_put(struct json_writer *writer, const struct adopt_facts *facts);
void adopt_facts_clear(struct adopt_facts *facts);

#endif
