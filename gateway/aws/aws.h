/* aws: the JSON protocol of AWS KMS, spoken to its unmodified clients.
 *
 * Every request is `POST /` with `X-Amz-Target: TrentService.OPERATION`, signed with Signature
 * Version 4. Keys are named in the body, by id, ARN or alias. Source: the AWS KMS API Reference,
 * and what its clients send and read. */
#ifndef HSMGATE_GATEWAY_AWS_AWS_H
#define HSMGATE_GATEWAY_AWS_AWS_H

#include "gateway/dialect.h"
#include "gateway/loose.h"
#include "gateway/ops/batch.h"

#define AWS_ARN_MAX (NAME_MAX_LEN + 96)
/* How the detail of ERR_INVALID_STATE ends when the exception is DisabledException. */
#define AWS_DISABLED " is disabled."
/* How that of ERR_INVALID_CIPHERTEXT begins when it is IncorrectKeyException, and of
 * ERR_INVALID_FIELD when it is InvalidMarkerException. */
#define AWS_INCORRECT_KEY "The key ID in the request does not identify"
#define AWS_MARKER        "Marker is not one"

extern const struct dialect dialect_aws;
extern const struct route aws_routes[];
extern const size_t aws_route_count;

/* --- keys --- */

/* The key that an id, key ARN, alias (its own name, or one that was made) or alias ARN
 * of our account means, or NULL. Let go with key_release. */
const struct key *aws_resolve(const struct gateway *gateway, struct span id);
/* `arn:aws:kms:REGION:ACCOUNT:key/UUID`, with the region that the request was signed for. */
void aws_arn(const struct call *call, const struct key *key, char out[AWS_ARN_MAX]);
/* `ECC_NIST_P256`; static. */
const char *aws_key_spec(enum algorithm algorithm);
/* `SIGN_VERIFY`; static. */
const char *aws_key_usage(enum purpose purpose);
/* `ECDSA_SHA_256` and the like, of what the key does; the one that is its default first. */
void aws_put_algorithms(const struct gateway *gateway, struct json_writer *writer,
                        const struct key *key);
/* What grants are asked about: the key's name; when there is none, the name that the id's alias
 * would stand for, which a caller with a grant on it may know to be free; else the id itself. */
struct span aws_target(const struct gateway *gateway, const struct key *key, struct span id);
/* SYMMETRIC_DEFAULT, or the OAEP that the key's token does; NULL while that is not known. */
const char *aws_encryption_algorithm(const struct gateway *gateway, const struct key *key);
/* Whether `name`, which may be empty, is that: ERR_UNSUPPORTED_OPERATION, ERR_TOKEN_UNAVAILABLE. */
MUST_USE struct err aws_check_encryption_algorithm(const struct gateway *gateway,
                                                   const struct key *key, struct span name);
/* The scheme that a SigningAlgorithm of AWS names, for the key. ERR_UNSUPPORTED_OPERATION when it
 * does not fit. */
MUST_USE struct err aws_scheme(const struct key *key, struct span name, enum scheme *out);
/* The name of a scheme; static. */
const char *aws_scheme_name(enum scheme scheme);

/* --- answering --- */

/* Epoch seconds, as a number with a fraction. */
void aws_put_time(struct json_writer *writer, const char *name, int64_t unix_ms);
/* Whether every version is destroyed or going to be; *out_at is when the last one goes. */
bool aws_key_is_ending(const struct key *key, int64_t *out_at);
/* ERR_INVALID_STATE for a key that is disabled as a whole, or is to be destroyed, in AWS's words
 * (KMS Developer Guide, "Key states of AWS KMS keys"). */
MUST_USE struct err aws_check_usable(const struct call *call);
/* The same for what may be done to a disabled key. */
MUST_USE struct err aws_check_not_ending(const struct call *call);
/* ERR_INVALID_CIPHERTEXT, in AWS's words, when the blob names another key than the call's, whether
 * there is such a key or not. */
MUST_USE struct err aws_check_key_of(const struct call *call, struct span blob);
/* The answer {"KeyMetadata":…}, in place of what a native handler answered. */
MUST_USE struct err aws_reply_metadata(struct call *call, const struct key *key);
/* An empty answer, likewise. */
MUST_USE struct err aws_reply_nothing(struct call *call);
/* `"KeyId":ARN` of the call's key. */
void aws_put_key_id(const struct call *call, struct json_writer *writer);
/* The member of the input that is an encryption context, in its canonical form; null is none.
 * Errors of context_canonical. */
MUST_USE struct err aws_read_context(const struct json_value *input, const char *member,
                                     struct buf *out);
/* Makes `text` the body, as a native handler reads it. */
MUST_USE struct err aws_take_body(struct call *call, struct span text);
/* ERR_DRY_RUN when the request says so: call it when all is checked that can be. */
MUST_USE struct err aws_refuse_dry(const struct json_value *object);
/* Starts the reply with its open object; ends with aws_end. */
struct json_writer aws_begin(struct call *call);
MUST_USE struct err aws_end(struct json_writer *writer);
void aws_refuse(struct exchange *exchange, const struct route *route, const struct err *err);

/* --- operations --- */

/* aws_data.c */
route_handler aws_encrypt, aws_decrypt, aws_data_key, aws_data_key_wrapped, aws_random;
/* aws_sign.c */
route_handler aws_sign, aws_verify_signature, aws_mac, aws_verify_mac;
/* aws_describe.c */
route_handler aws_describe, aws_public_key;
/* aws_list.c */
route_handler aws_list_keys, aws_list_aliases;
/* aws_create.c */
route_handler aws_create, aws_update_description, aws_tag, aws_untag, aws_list_tags;
/* aws_aliases.c */
route_handler aws_create_alias, aws_update_alias, aws_delete_alias;
/* aws_states.c */
route_handler aws_enable, aws_disable, aws_schedule_deletion, aws_cancel_deletion;
/* aws_rotation.c */
route_handler aws_enable_rotation, aws_disable_rotation, aws_rotation_status;
route_handler aws_rotate_now, aws_list_rotations;
/* aws_reencrypt.c; the destination's side has a route of its own, for the context that it is asked
 * with. */
route_handler aws_reencrypt;
extern const struct route aws_reencrypt_target;
/* aws_pair.c */
route_handler aws_data_key_pair, aws_data_key_pair_wrapped;
/* What AWS has and we do by other means, or not at all. */
route_handler aws_never;

#endif
