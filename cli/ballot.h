/* ballot: one vote as it is signed here, kept in a file and sent. */
#ifndef HSMGATE_CLI_BALLOT_H
#define HSMGATE_CLI_BALLOT_H

#include "base/clock.h"
#include "cli/signing_key.h"

struct ballot {
    struct vote vote; /* borrows from what follows, and the voter from whoever called */
    char signed_at[CLOCK_TEXT_MAX];
    struct buf signature;
    struct json json; /* of one that was read */
};
void ballot_clear(struct ballot *ballot);
/* Signs; what was signed is checked with the signer's public half before it comes out. */
struct ballot_order {
    struct span voter;
    enum vote_choice choice;
    struct span statement;
    int64_t now_ms;
};
MUST_USE struct err ballot_sign(struct signing_key *signer, const struct ballot_order *order,
                                struct ballot *out);
/* Exactly what `POST …:vote` takes. */
MUST_USE struct err ballot_write(const struct vote *vote, struct buf *out);
/* A file with that. ERR_INVALID_FIELD and the like, with the path. */
MUST_USE struct err ballot_read(const char *path, struct ballot *out);

#endif
