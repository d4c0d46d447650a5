/* checkpoint: a tree head as C2SP tlog-checkpoint, signed as C2SP signed-note, in both directions.
 *
 *   ORIGIN\nSIZE\nBASE64(root)\n\n— NAME BASE64(key id ‖ signature)\n
 *
 * Ed25519 (algorithm byte 0x01) or ECDSA P-256 (0x02, over SHA-256, DER). Pure. */
#ifndef HSMGATE_AUDIT_CHECKPOINT_H
#define HSMGATE_AUDIT_CHECKPOINT_H

#include "audit/tree.h"

#define CHECKPOINT_MAX        ((size_t)4096)
#define CHECKPOINT_ORIGIN_MAX 128

/* Who signs: NAME and the public half as DER SubjectPublicKeyInfo, borrowed. */
struct checkpoint_key {
    const char *name; /* no blank, no `+`, as the note's key name; also the origin */
    struct span public_key;
};

/* The bytes that are signed: `ORIGIN\nSIZE\nROOT\n`. */
MUST_USE struct err checkpoint_body(const char *origin, const struct tree_head *head,
                                    struct buf *out);
/* The whole note: body, empty line, signature line. The signature is 64 bytes, Ed25519 or ECDSA as
 * r‖s, or DER for ECDSA; an ECDSA one stands in the note as DER. Not judged. ERR_INVALID_FIELD for
 * a key or signature of another shape. */
MUST_USE struct err checkpoint_note(const struct checkpoint_key *key, const struct tree_head *head,
                                    struct span signature, struct buf *out);
/* The key as one line of text, the verifier key of signed-note: `NAME+HEX(key id)+BASE64(algorithm
 * ‖ key)`; without newline. */
MUST_USE struct err checkpoint_key_text(const struct checkpoint_key *key, struct buf *out);

/* A verifier key as read from text. */
struct checkpoint_verifier {
    char name[CHECKPOINT_ORIGIN_MAX];
    struct buf public_key; /* DER SubjectPublicKeyInfo */
};
/* ERR_CORRUPT. Clear with checkpoint_verifier_clear. */
MUST_USE struct err checkpoint_verifier_read(struct span text, struct checkpoint_verifier *out);
void checkpoint_verifier_clear(struct checkpoint_verifier *verifier);

/* Reads a note without judging its signatures. ERR_CORRUPT. */
MUST_USE struct err checkpoint_read(struct span note, char out_origin[CHECKPOINT_ORIGIN_MAX],
                                    struct tree_head *out);
/* Reads it and demands one good signature of the verifier. ERR_CORRUPT for a bad shape,
 * ERR_FORBIDDEN for a missing or wrong signature. */
MUST_USE struct err checkpoint_open(struct span note, const struct checkpoint_verifier *verifier,
                                    struct tree_head *out);

#endif
