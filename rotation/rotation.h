/* rotation: the one writer of version states. It makes versions on a token in steps that a crash
 * cannot tear, and moves them by one table of transitions (NIST SP 800-57 part 1 §7). It sees the
 * token's face and the keystore's, which never see each other. */
#ifndef HSMGATE_ROTATION_ROTATION_H
#define HSMGATE_ROTATION_ROTATION_H

#include "keystore/keystore.h"
#include "pkcs11/token.h"

/* --- lifecycle: pure --- */
bool lifecycle_allows(enum version_state from, enum version_state to);
/* Writes the names of the states that `from` may move to, as `retired, disabled`, for messages. */
void lifecycle_allowed(enum version_state from, struct buf *out);
/* What a version in this state may still do. */
bool lifecycle_protects(enum version_state state);  /* sign, encrypt, mac new data: active only */
bool lifecycle_opens(enum version_state state);     /* decrypt, unwrap, verify, verify-mac */
bool lifecycle_published(enum version_state state); /* in key sets: pending, active, retiring */

/* --- making versions: reserve a pending row -> generate -> record -> use once and check in
 * software -> activate --- */
struct rotation {
    struct keystore *store;
    struct token *const *tokens;
    size_t token_count;
};
/* NULL when no token has the name. */
struct token *rotation_token(const struct rotation *rotation, const char *name);
/* The token_key of a version, as token_run wants it. */
void rotation_token_key(const struct key *key, const struct version *version,
                        struct token_key *out);

/* Makes the key with its first version active. ERR_CONFLICT, ERR_UNSUPPORTED_BY_TOKEN,
 * ERR_TOKEN_UNAVAILABLE, ERR_STORE_UNAVAILABLE; after an error nothing of it stays, or reconcile
 * removes it. */
MUST_USE struct err rotation_create_key(const struct rotation *rotation,
                                        const struct key_spec *spec, int64_t now,
                                        int64_t deadline_ns);
/* Makes the next version and promotes it at once: pending -> active, the old primary -> retiring.
 * One rotation of a key at a time (ERR_CONFLICT). */
MUST_USE struct err rotation_rotate(const struct rotation *rotation, struct span name, int64_t now,
                                    int64_t deadline_ns, uint32_t *out_version);

/* At start, per token when it is ready: undoes versions that a crash left pending without ever
 * being acknowledged, and counts objects on the token that no row knows (reported in the log with
 * their CKA_ID, never used, never destroyed). */
struct reconcile_report {
    size_t undone;
    size_t orphans;
    size_t missing; /* rows whose material is not on the token */
};
MUST_USE struct err rotation_reconcile(const struct rotation *rotation, struct token *token,
                                       int64_t deadline_ns, struct reconcile_report *out);

#endif
