/* token_inner: what the files of the face share. */
#ifndef HSMGATE_PKCS11_TOKEN_INNER_H
#define HSMGATE_PKCS11_TOKEN_INNER_H

#include <stdatomic.h>

#include "pkcs11/call.h"
#include "pkcs11/convoy.h"

struct token {
    struct supervisor supervisor;
    struct convoy convoy;
    atomic_uint_fast64_t calls;
    atomic_uint_fast64_t failures;
};

/* Makes the convoy ready; the supervisor is. */
void token_run_open(struct token *token);
/* The same error, counted. */
struct err token_counted(struct token *token, struct err err);
/* A request of one item (or NULL) that is no operation with a key. */
struct call token_call(struct token *token, enum frame_kind kind, const struct frame_item *item,
                       int64_t deadline_ns);

#endif
