/* One of the two rules of a decision, under one roster: how many must agree, and who has. Inner to
 * quorum/. */
#ifndef HSMGATE_QUORUM_SIDE_H
#define HSMGATE_QUORUM_SIDE_H

#include "quorum/quorum.h"

struct side {
    const struct roster *roster;
    const struct roster_group *group; /* or NULL */
    uint32_t needed;
    int64_t approved_at[QUORUM_PEOPLE_MAX]; /* 0: has not */
    bool denied[QUORUM_PEOPLE_MAX];
};

void side_open(struct side *side, const struct quorum_case *about, const struct roster *roster,
               const struct quorum_rule *rule);
/* Why the side can never be met; ok when it can. */
MUST_USE struct err side_check(const struct side *side, const struct quorum_case *about,
                               const struct quorum_rule *rule);
/* Judges a vote and counts it; VOTE_TWICE when the person has voted so already. */
enum vote_verdict side_count(struct side *side, const struct quorum_case *about, int64_t now_ms,
                             const struct vote *vote);
/* When the last needed approval was signed; 0 when it is not met. For a side that was checked. */
int64_t side_met_at(const struct side *side);

#endif
