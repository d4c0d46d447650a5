/* A stand-in for pkcs11/token.h that tests link instead of the real face: software keys in a
 * folder, so that they outlive the process as a token's objects do, and one scripted fault. */
#ifndef HSMGATE_TESTS_LIB_FAKE_TOKEN_FACE_H
#define HSMGATE_TESTS_LIB_FAKE_TOKEN_FACE_H

#include "pkcs11/token.h"

enum fake_call {
    FAKE_NONE,
    FAKE_GENERATE,
    FAKE_DESTROY,
    FAKE_RUN,
    FAKE_INVENTORY,
    FAKE_ADOPT,
    FAKE_OPEN,
    FAKE_ROSTERS
};
enum fake_action {
    FAKE_REFUSE,  /* the call does nothing and gives the fault's code */
    FAKE_LOSE,    /* the call does its work and gives the fault's code all the same */
    FAKE_CORRUPT, /* the call flips a bit in what it made */
    FAKE_BREAK,   /* each item of the call gives the fault's code */
    FAKE_DIE,     /* the process ends before the call, as by kill -9 */
    FAKE_DIE_DONE /* the process ends after the call */
};
struct fake_fault {
    enum fake_call call;
    enum fake_action action;
    unsigned countdown; /* calls that go well before it; then it stays until it is replaced */
    enum err_code code;
    void (*hook)(void *arg); /* or NULL: runs when the fault is due, after the call's work */
    void *arg;
};

/* What a sealed answer of its looks like: it opens for nobody. */
#define FAKE_TOKEN_JWE "eyJhbGciOiJFQ0RILUVTIn0..aXY.Y2lwaGVydGV4dA.dGFn"

/* The folder must exist. Free with fake_token_close. */
struct token *fake_token_open(const char *name, const char *folder);
void fake_token_close(struct token *token);
void fake_token_fault(struct token *token, struct fake_fault fault);
/* The algorithms that it says it supports; all at first. */
void fake_token_only(struct token *token, uint32_t algorithms);
void fake_token_offer_oaep_sha256(struct token *token);
/* RSA signs with PSS and SHA-384, and in no other way. */
void fake_token_sign_with_pss_only(struct token *token);
/* Puts a key on the token that somebody else made: `attributes` (1u << enum token_attribute) are
 * those of its secret or private object, with its roles. The CKA_ID must be free; labels may be
 * shared. token_adopt takes it as the worker would: one match, algorithm, role, not leaky. */
void fake_token_import(struct token *token, struct span cka_id, const char *label,
                       enum algorithm algorithm, uint32_t attributes);
/* Keys in the folder; a key pair is one. */
size_t fake_token_count(struct token *token);
/* Calls so far, those that failed too. */
unsigned fake_token_calls(struct token *token, enum fake_call call);
unsigned fake_token_decryptions(struct token *token);
/* The permission that the last destruction came with; empty: none did. Lives until the next. */
struct span fake_token_permission(struct token *token);
/* The label that the key was made with, in a buffer of TOKEN_TEXT_MAX + 1 bytes; fails the test
 * when there is none. */
void fake_token_label(struct token *token, struct span cka_id, char *out);

#endif
