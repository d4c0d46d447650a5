/* What becomes of one vote. Inner to quorum/. */
#ifndef HSMGATE_QUORUM_VERDICT_H
#define HSMGATE_QUORUM_VERDICT_H

#include "quorum/quorum.h"

/* What votes are held against. */
struct ballot {
    struct span statement; /* bytes */
    const struct statement *says;
    const struct roster *roster;
    const struct roster_group *group; /* NULL: there is none, and nobody is eligible */
    int64_t now_ms;
};
/* `out_signed_at` is set when the vote counts. Never VOTE_TWICE. */
enum vote_verdict verdict_of(const struct ballot *ballot, const struct vote *vote,
                             int64_t *out_signed_at);

#endif
