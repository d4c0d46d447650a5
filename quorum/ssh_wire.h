/* ssh_wire: strings, numbers and public keys as SSH sends them (RFC 4251 §5, RFC 5656 §3.1, RFC
 * 8709 §4, OpenSSH PROTOCOL.u2f). Inner to quorum/. */
#ifndef HSMGATE_QUORUM_SSH_WIRE_H
#define HSMGATE_QUORUM_SSH_WIRE_H

#include "quorum/quorum.h"

/* `ssh-ed25519`, …: the type of a kind's keys and signatures; static. */
const char *ssh_wire_type(enum voter_key_kind kind);
bool ssh_wire_kind(struct span type, enum voter_key_kind *out);

/* Borrows a string: a length of 32 bits and so many bytes. */
bool ssh_wire_string(struct cursor *cursor, struct span *out);
/* A number above zero in its one form, as `len` bytes; false when it needs more. */
bool ssh_wire_number(struct cursor *cursor, uint8_t *out, size_t len);

struct ssh_wire_key {
    enum voter_key_kind kind;
    struct span point;       /* borrowed, of any length */
    struct span application; /* sk kinds; else empty */
};
/* Reads the blob of one of our kinds; false for anything else, or left-over bytes. */
bool ssh_wire_key(struct span blob, struct ssh_wire_key *out);

#endif
