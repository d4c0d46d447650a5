/* Voters' keys with their private halves, and SSHSIG blobs of any shape, made with OpenSSL alone:
 * FIDO keys have no hardware here, so what an authenticator would sign is put together by
 * PROTOCOL.u2f. */
#ifndef HSMGATE_TESTS_UNIT_VOTER_FIXTURE_H
#define HSMGATE_TESTS_UNIT_VOTER_FIXTURE_H

#include <openssl/evp.h>

#include "quorum/quorum.h"

#define VOTER_MESSAGE "hsmgate/v1/vote/approve\nann\n2026-01-02T03:04:05Z\n{}"

struct voter_fixture {
    EVP_PKEY *pair;
    struct voter_key key; /* without proof */
    struct buf bytes;     /* of the key */
};
/* A fresh key; sk kinds have the application `ssh:`. */
void voter_make(struct voter_fixture *voter, enum voter_key_kind kind);
void voter_clear(struct voter_fixture *voter);
/* Ed25519, or ECDSA with SHA-256 as DER. */
void voter_sign(const struct voter_fixture *voter, struct span message, struct buf *out);

/* An SSHSIG whose every part can be made wrong; the signature is right for what it says. */
struct sshsig_recipe {
    const char *magic;
    uint32_t version;
    const char *key_type;
    const char *curve;
    struct span point;
    const char *application;
    const char *name_space;
    const char *reserved;
    const char *hash_name;
    enum digest hash;
    const char *type;
    uint8_t flags;
    uint32_t counter;
    /* left-over bytes behind the parts */
    const char *after_key;
    const char *after_numbers;
    const char *after_signature;
    const char *after_all;
    bool has_zero_in_front; /* of r */
};
struct sshsig_recipe sshsig_recipe_of(const struct voter_fixture *voter, const char *name_space);
void sshsig_make(const struct voter_fixture *voter, const struct sshsig_recipe *recipe,
                 struct span message, struct buf *out);
/* As `ssh-keygen -Y sign` writes it. */
void sshsig_armor(struct span blob, struct buf *out);
/* `TYPE BASE64 COMMENT\n`. */
void ssh_public_line(const struct voter_fixture *voter, const char *comment, struct buf *out);

#endif
