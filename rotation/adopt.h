/* adopt: finds and judges material that is on a token already. */
#ifndef HSMGATE_ROTATION_ADOPT_H
#define HSMGATE_ROTATION_ADOPT_H

#include "rotation/rotation.h"

struct adopting {
    struct token *token;
    const struct rotation_adoption *adoption;
    enum algorithm algorithm;
    enum purpose purpose;
    const struct approval_rule *approval; /* of the key */
    int64_t deadline_ns;
};
struct adopted {
    struct token_key key;
    uint32_t attributes;
};
/* Errors of rotation_adopt_key. */
MUST_USE struct err adopt_find(const struct adopting *adopting, struct adopted *out);

#endif
