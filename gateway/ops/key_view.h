/* key_view: keys and their public halves as JSON. */
#ifndef HSMGATE_GATEWAY_OPS_KEY_VIEW_H
#define HSMGATE_GATEWAY_OPS_KEY_VIEW_H

#include "base/json.h"
#include "keystore/keystore.h"

#define KID_MAX (NAME_MAX_LEN + 16)

/* Writes `NAME@N`. */
void kid_format(const struct key *key, uint32_t version, char out[KID_MAX]);
/* The whole key with its versions, as an object of the writer; absent members are left out. */
MUST_USE struct err key_view_put(struct json_writer *writer, const char *member,
                                 const struct key *key);
/* One version without its public half: how it came to be what it is. */
void key_view_put_history(struct json_writer *writer, const struct key *key,
                          const struct version *version);
/* The public half of a version as a JWK (RFC 7517 §4) with kid, use and, for keys that sign, alg;
 * an object of the writer. The version has a public key. */
MUST_USE struct err key_view_put_jwk(struct json_writer *writer, const struct key *key,
                                     const struct version *version);

/* `attributes`: the words of 1u << enum token_attribute. */
void key_view_put_attributes(struct json_writer *writer, uint32_t attributes);

#endif
