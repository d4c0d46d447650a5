/* pem_key: a private key in a PEM file that votes: Ed25519 or ECDSA P-256. */
#ifndef HSMGATE_CLI_PEM_KEY_H
#define HSMGATE_CLI_PEM_KEY_H

#include <openssl/types.h>

#include "base/buf.h"

/* A new Ed25519 key as PKCS#8 PEM in a new file (0600). ERR_CONFLICT when it is there, ERR_IO. */
MUST_USE struct err pem_key_make(const char *path);
/* Reads one; a passphrase is asked for on the terminal. Refused when others may read the file. */
MUST_USE struct err pem_key_open(const char *path, EVP_PKEY **out);
void pem_key_close(EVP_PKEY **key); /* for CLEANUP */
/* DER SubjectPublicKeyInfo. */
MUST_USE struct err pem_key_public(EVP_PKEY *key, struct buf *out);
/* As VOTE_RAW: Ed25519 over the message; ECDSA P-256 over its SHA-256, as r‖s. */
MUST_USE struct err pem_key_sign(EVP_PKEY *key, struct span message, struct buf *out);

#endif
