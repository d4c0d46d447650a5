/* facts: labels and audiences as the JSON text of their columns, in both directions. */
#ifndef HSMGATE_KEYSTORE_FACTS_H
#define HSMGATE_KEYSTORE_FACTS_H

#include "base/json.h"
#include "keystore/keystore.h"

MUST_USE struct err facts_write_labels(const struct key_facts *facts, struct buf *out);
MUST_USE struct err facts_write_audiences(const struct key_facts *facts, struct buf *out);

/* What decoded labels and audiences borrow from. */
struct facts_text {
    struct json labels_json;
    struct json audiences_json;
    struct label *labels;
    const char **audiences;
};
/* Sets labels and audiences of `facts`, which live as long as `text`. ERR_CORRUPT. */
MUST_USE struct err facts_read(struct span labels, struct span audiences, struct facts_text *text,
                               struct key_facts *facts);
/* For CLEANUP. */
void facts_text_clear(struct facts_text *text);

#endif
