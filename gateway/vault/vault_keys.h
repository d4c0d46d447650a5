/* vault_keys: how Vault's key types and version numbers stand to ours. */
#ifndef HSMGATE_GATEWAY_VAULT_VAULT_KEYS_H
#define HSMGATE_GATEWAY_VAULT_VAULT_KEYS_H

#include "gateway/vault/vault.h"

/* Holds `true` on keys that a client may delete. */
#define VAULT_LABEL_DELETION "vault-deletion-allowed"

/* False for types that no token keeps here. */
bool vault_type_algorithm(struct span type, enum algorithm *out);
const char *vault_type_name(enum algorithm algorithm);
/* The primary, or the newest when there is none. */
uint32_t vault_latest(const struct key *key);
/* The least version that opens and verifies; the latest when none does. */
uint32_t vault_min_decryption(const struct key *key);
bool vault_deletion_allowed(const struct key *key);
/* Whether every version is destroyed or going to be. */
bool vault_key_is_gone(const struct key *key);
/* PEM, or base64 of the bare key for Ed25519. */
MUST_USE struct err vault_public_text(const struct key *key, const struct version *version,
                                      struct buf *out);
/* The members of a key into the open object. */
MUST_USE struct err vault_put_key(struct call *call, struct json_writer *writer,
                                  const struct key *key);
/* Answers with the key of call->target as it is now, in place of what a native handler answered;
 * `warning` may be NULL. */
MUST_USE struct err vault_reply_key(struct call *call, const char *warning);
/* Makes `text` the body, as a native handler reads it. */
MUST_USE struct err vault_take_body(struct call *call, struct span text);

#endif
