/* tls: the TLS side of one listener: what it trusts now, read again when asked and when its files
 * change, and what became of its handshakes. */
#ifndef HSMGATE_GATEWAY_TLS_H
#define HSMGATE_GATEWAY_TLS_H

#include "gateway/server.h"
#include "gateway/tls_trust.h"

/* TLS 1.3 and 1.2; forward secrecy and authenticated encryption only; in certificates no RSA under
 * 2048 bits and no SHA-1. GnuTLS's own language. */
#define TLS_PRIORITIES                                                           \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA" \
    ":-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD"   \
    ":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"                \
    ":-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:-SIGN-DSA-SHA1:%PROFILE_MEDIUM"

struct tls;

/* Reads the files, which must be good, and watches them. `config` is borrowed until tls_close.
 * ERR_CONFIG. */
MUST_USE struct err tls_open(const struct config_tls *config, struct tls **out);
/* No session may be left. Takes NULL. */
void tls_close(struct tls *tls);
/* Asks for the files to be read again now, in a thread of its own. */
void tls_reload(struct tls *tls);
/* What holds now; give it back with tls_trust_drop. */
struct tls_trust *tls_current(struct tls *tls);
/* The generation of what holds now: cheap, to see whether something has changed. */
uint64_t tls_generation(struct tls *tls);
enum client_certificates tls_demand(const struct tls *tls);
void tls_count_handshake(struct tls *tls);
void tls_count_refusal(struct tls *tls, enum tls_refusal refusal);
/* Adds this listener's counts, and takes its ends where they are earlier. */
void tls_add_status(struct tls *tls, struct server_status *status);

#endif
