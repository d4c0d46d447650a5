/* judged: what a quorum has decided about one request, as of now. */
#ifndef HSMGATE_GATEWAY_JUDGED_H
#define HSMGATE_GATEWAY_JUDGED_H

#include "gateway/gateway.h"

struct judged {
    const struct roster_view *view;
    struct docket docket; /* borrows from the request */
    struct decision decision;
    enum vote_verdict verdicts[QUORUM_VOTES_MAX]; /* of each vote, under the newest roster */
};

/* Who must agree now: about a version, by its CKA_ID, whom its material is bound to; about the key
 * (`cka_id` empty) its own rule. For what has none (and `key` NULL) the group that may change the
 * roster. ERR_INVALID_FIELD: the roster has no such group. */
MUST_USE struct err judged_rule(const struct roster *roster, const struct key *key,
                                struct span cka_id, struct quorum_rule *out);
/* The roster that was the newest when the request ended; of one that has not, the newest. */
const struct roster *judged_roster(const struct roster_view *view,
                                   const struct quorum_request *request,
                                   const struct statement *says);
/* Reads the request's row and decides; one that has ended as of when it did, whoever came or left
 * since. `key` is the one that it is about, or NULL. ok says that it
 * could be judged: look at the decision. ERR_APPROVAL_REQUIRED: row or rosters are not what we
 * wrote, ERR_INVALID_STATE: no roster. Clear with judged_clear; the request must outlive it. */
MUST_USE struct err judged_open(const struct gateway *gateway, const struct quorum_request *request,
                                const struct key *key, int64_t now, struct judged *out);
void judged_clear(struct judged *judged);

#endif
