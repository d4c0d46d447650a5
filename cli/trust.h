/* trust: the key that a checkpoint is judged by, and where it came from, which decides what the
 * verdict is worth. */
#ifndef HSMGATE_CLI_TRUST_H
#define HSMGATE_CLI_TRUST_H

#include "audit/checkpoint.h"

enum key_source {
    KEY_NONE,
    KEY_GIVEN,   /* named on the command line */
    KEY_FOLDER,  /* lay beside the log */
    KEY_GATEWAY, /* asked for */
    KEY_SOURCE_COUNT
};
/* `given`, `log folder` and so on; static. */
const char *key_source_name(enum key_source source);

/* A zeroed one trusts nothing. */
struct trust {
    enum key_source source;
    struct checkpoint_verifier verifier; /* unless KEY_NONE */
};
void trust_clear(struct trust *trust);

/* Takes the key from its text, white space behind it allowed. ERR_CORRUPT. */
MUST_USE struct err trust_text(struct span text, enum key_source source, struct trust *out);
/* Likewise from a file. ERR_NOT_FOUND, ERR_IO, ERR_CORRUPT, with its path. */
MUST_USE struct err trust_file(const char *path, enum key_source source, struct trust *out);

#endif
