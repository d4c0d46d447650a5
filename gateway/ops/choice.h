/* choice: which version, token and mechanism a data call gets, and whether it may. */
#ifndef HSMGATE_GATEWAY_OPS_CHOICE_H
#define HSMGATE_GATEWAY_OPS_CHOICE_H

#include "gateway/pipeline.h"

/* ERR_UNSUPPORTED_OPERATION unless the key is of the purpose. */
MUST_USE struct err choice_purpose(const struct call *call, enum purpose purpose);
/* The version for new data: the primary, or the pinned one when it may protect. ERR_NOT_FOUND for a
 * pinned version that does not exist, ERR_INVALID_STATE. Sets call->version. */
MUST_USE struct err choice_protecting(struct call *call, const struct version **out);
/* The primary, whatever is pinned. ERR_INVALID_STATE; sets call->version. */
MUST_USE struct err choice_primary(struct call *call, const struct version **out);
/* The pinned version when it may open, NULL when none is pinned. Errors likewise. */
MUST_USE struct err choice_pinned(struct call *call, const struct version **out);
/* The version that a failed check is answered with: the pinned one, else the primary, else the
 * newest that may verify. Errors likewise, and ERR_INVALID_STATE when none may. */
MUST_USE struct err choice_checking(struct call *call, const struct version **out);
/* ERR_INVALID_STATE unless data of this version may be opened and verified. */
MUST_USE struct err choice_may_open(const struct version *version);
/* Candidates for a check without a pinned version: newest first those that may open; starts with
 * `before` NULL, ends with NULL. */
const struct version *choice_next_opening(const struct key *key, const struct version *before);
/* The token of the call's key. ERR_TOKEN_UNAVAILABLE when the configuration has it no more. */
MUST_USE struct err choice_token(const struct call *call, struct token **out);
/* ERR_UNSUPPORTED_BY_TOKEN when the token's probe did not pass the mechanism. */
MUST_USE struct err choice_mechanism(struct token *token, enum token_mechanism mechanism);
/* The OAEP that the token can undo, SHA-256 before SHA-1. ERR_UNSUPPORTED_BY_TOKEN, and
 * ERR_TOKEN_UNAVAILABLE before its probe. */
MUST_USE struct err choice_oaep(struct token *token, enum token_mechanism *out);
/* Counts `n` uses of the version before the token is touched. ERR_KEY_EXHAUSTED. */
MUST_USE struct err choice_count_uses(const struct call *call, const struct version *version,
                                      size_t n);

#endif
