/* vault: the HTTP API of Vault's transit secrets engine, spoken to its unmodified clients.
 *
 * Paths are `/v1/MOUNT/…`; the configuration maps each mount to a namespace of ours. Requests use
 * the same operations as the native API, under its rules; only the words are others. Source: the
 * published API documentation of the engine, and what its clients send and read. */
#ifndef HSMGATE_GATEWAY_VAULT_VAULT_H
#define HSMGATE_GATEWAY_VAULT_VAULT_H

#include "gateway/dialect.h"
#include "gateway/loose.h"
#include "gateway/ops/batch.h"

extern const struct dialect dialect_vault;

/* --- routes --- */

/* Every segment of the paths under a mount, or under `/v1/` for the system's; `{key}` takes a key's
 * name, `{argument}` any one segment, which may be absent when it ends in `?`. */
extern const struct route vault_mount_routes[];
extern const size_t vault_mount_route_count;
extern const struct route vault_system_routes[];
extern const size_t vault_system_route_count;

bool vault_takes(const struct gateway *gateway, const struct request *request);
/* ERR_NOT_FOUND, ERR_METHOD_NOT_ALLOWED, ERR_INVALID_NAME. */
MUST_USE struct err vault_find(struct call *call);
/* The mount that the request is under, or NULL. */
const struct config_mount *vault_mount(const struct gateway *gateway,
                                       const struct request *request);
/* What the query says for the name, as it stands there; empty when it is absent. */
struct span vault_parameter(const struct request *request, const char *name);
/* Whether the state of the gateway is asked, which is answered ahead of other work. */
bool vault_is_urgent(const struct request *request);
/* A key's name as clients of the mount know it: what follows the namespace, in `out`. */
struct span vault_key_name(const struct call *call, const struct key *key,
                           char out[NAME_MAX_LEN + 1]);
/* A name of Vault's in the alphabet of ours, and back. ERR_INVALID_NAME for one that would not come
 * back, ERR_TOO_LARGE. */
MUST_USE struct err vault_name_encode(struct span name, struct buf *out);
struct span vault_name_decode(struct span name, char out[NAME_MAX_LEN + 1]);

/* --- reading --- */

/* `sha2-256`, `sha2-384`, `sha2-512`: ERR_INVALID_FIELD for others. */
MUST_USE struct err vault_hash_by_name(struct span name, enum digest *out);
/* Refuses whatever would take a key out of the token, or would make another kind of key than the
 * token keeps: ERR_UNSUPPORTED_OPERATION. */
MUST_USE struct err vault_refuse_flags(const struct json_value *object);

/* `vault:vN:REST`: N from 1 to 2^31-1 without leading zero. ERR_INVALID_CIPHERTEXT with what is
 * wrong. */
MUST_USE struct err vault_text_parse(struct span text, uint32_t *out_version,
                                     struct span *out_rest);

/* --- answering --- */

/* Starts the reply: the envelope, open, up to where `data` stands. */
struct json_writer vault_envelope(struct call *call);
/* The same, and the open object `data`. */
struct json_writer vault_begin(struct call *call);
/* Closes `data` and the envelope; `warning` may be NULL. */
MUST_USE struct err vault_end(const struct call *call, struct json_writer *writer,
                              const char *warning);
/* 204 without a body. */
MUST_USE struct err vault_nothing(struct call *call);
/* `vault:vN:` and base64, or base64url without padding for `jws`. */
void vault_put_text(struct json_writer *writer, const char *name, uint32_t version,
                    struct span bytes, enum signature_encoding encoding);

void vault_refuse(struct exchange *exchange, const struct route *route, const struct err *err);
MUST_USE struct err vault_reply_one(const struct batch *batch, const struct item *item);
MUST_USE struct err vault_reply_many(const struct batch *batch);

/* associated_data, as the native context {"associated_data":BASE64}; none for an empty one. */
MUST_USE struct err vault_context(const struct json_value *item, struct json *made,
                                  const struct json_value **out);

/* --- operations --- */

/* vault_data.c */
route_handler vault_encrypt, vault_decrypt, vault_rewrap, vault_data_key;
/* vault_sign.c */
route_handler vault_sign, vault_verify, vault_hmac;
/* vault_certificates.c */
route_handler vault_csr, vault_set_certificate;
/* vault_keys.c */
route_handler vault_key_create, vault_key_read, vault_key_list, vault_key_delete;
route_handler vault_key_config, vault_key_rotate, vault_key_trim;
route_handler vault_export_public, vault_export_chain;
route_handler vault_never, vault_no_import;
/* vault_system.c */
route_handler vault_random, vault_hash, vault_mounts;
route_handler vault_health, vault_seal_status, vault_init, vault_leader;
/* vault_self.c */
route_handler vault_lookup_self, vault_renew_self, vault_revoke_self, vault_no_login;

#endif
