/* key_facts: what a request says of a key, read and checked. */
#ifndef HSMGATE_GATEWAY_OPS_KEY_FACTS_H
#define HSMGATE_GATEWAY_OPS_KEY_FACTS_H

#include "gateway/ops/key_policy.h"

#define KEY_LABELS_MAX    32
#define KEY_AUDIENCES_MAX 32

/* The body of create or update; empty spans and NULL nodes are absent members, all borrowed from
 * the JSON. */
struct key_request {
    struct span owner, description, contact, classification;
    const struct json_value *labels, *rotation, *jwt;
    bool has_owner, has_description, has_contact, has_classification;
    bool is_new;
    /* create only */
    struct span name, algorithm, token, purpose;
    const struct json_value *approval, *adopt;
    bool has_token, has_purpose;
};

/* Facts in the making; the arrays stand here, the strings in the JSON or in the key they come from.
 */
struct key_draft {
    struct key_facts facts;
    struct label labels[KEY_LABELS_MAX];
    const char *audiences[KEY_AUDIENCES_MAX];
};

/* ERR_UNKNOWN_FIELD, ERR_INVALID_FIELD by member. */
MUST_USE struct err key_request_read_create(const struct json_value *body, struct key_request *out);
MUST_USE struct err key_request_read_update(const struct json_value *body, struct key_request *out);
/* Puts what the request says over draft->facts (zeroed, or those of the key) and checks the whole:
 * an owner, lengths, and a rotation that verifiers can follow; what a new key's rotation leaves out
 * is its classification's. ERR_INVALID_FIELD. */
MUST_USE struct err key_draft_apply(struct key_draft *draft, const struct key_request *request,
                                    enum purpose purpose, const struct config_rotation *config);

#endif
