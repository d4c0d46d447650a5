/* A token in software: the whole face of pkcs11/token.h over OpenSSL, linked instead of the real
 * one. Secret keys follow from the CKA_ID, key pairs are made by fake_token_pair. */
#ifndef HSMGATE_TESTS_LIB_FAKE_TOKEN_RUN_H
#define HSMGATE_TESTS_LIB_FAKE_TOKEN_RUN_H

#include "pkcs11/token.h"

struct token *fake_token_open(const char *name);
void fake_token_close(struct token *token);
/* Makes a key pair for the CKA_ID; appends its DER SubjectPublicKeyInfo. */
void fake_token_pair(struct token *token, struct span cka_id, enum algorithm algorithm,
                     struct buf *public_key);

/* How it behaves from now on; zero is well. */
struct fake_script {
    enum err_code fail;      /* of every call as a whole */
    enum err_code fail_item; /* of every item */
    bool short_output;       /* outputs lose their last byte */
    uint32_t without;        /* mechanisms that the probe did not pass */
};
void fake_token_script(struct token *token, const struct fake_script *script);

/* What it was asked for. */
struct fake_counts {
    size_t runs;
    size_t items;
};
struct fake_counts fake_token_counts(const struct token *token);

#endif
