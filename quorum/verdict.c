/* What becomes of one vote under one roster: who, when, and only then whether the signature is
 * theirs, since that costs most.
 *
 * A vote is anybody's word until one of the person's own keys has signed exactly this choice, this
 * time and this statement. */
#include "quorum/verdict.h"

#include "base/clock.h"
#include "base/mem.h"

#define VOTE_NAMESPACE "hsmgate-vote"

const char *vote_verdict_text(enum vote_verdict verdict)
{
    static const char *const texts[VOTE_VERDICT_COUNT] = {
        [VOTE_COUNTS] = "counts",
        [VOTE_UNKNOWN_VOTER] = "the voter is not in the roster",
        [VOTE_NOT_ELIGIBLE] = "the voter is not of the group",
        [VOTE_REQUESTER] = "the voter is who asks",
        [VOTE_BAD_SIGNATURE] = "no key of the voter made the signature",
        [VOTE_TOO_EARLY] = "signed before the statement was made",
        [VOTE_TOO_LATE] = "signed after the statement expired",
        [VOTE_FUTURE] = "signed in the future",
        [VOTE_TWICE] = "the voter has voted so already",
    };
    return (size_t)verdict < VOTE_VERDICT_COUNT ? texts[verdict] : "not known";
}

static enum vote_verdict judge_person(const struct ballot *ballot,
                                      const struct roster_person *person)
{
    if (person == NULL) {
        return VOTE_UNKNOWN_VOTER;
    }
    if (person == roster_person_of(ballot->roster, ballot->says->requester)) {
        return VOTE_REQUESTER;
    }
    bool eligible =
        ballot->group != NULL && ballot->group->eligible[person - ballot->roster->people];
    return eligible ? VOTE_COUNTS : VOTE_NOT_ELIGIBLE;
}

static enum vote_verdict judge_time(const struct ballot *ballot, int64_t signed_at)
{
    if (signed_at < ballot->says->created_at - QUORUM_SKEW_MS) {
        return VOTE_TOO_EARLY;
    }
    if (signed_at > ballot->says->expires_at) {
        return VOTE_TOO_LATE;
    }
    return signed_at - QUORUM_SKEW_MS > ballot->now_ms ? VOTE_FUTURE : VOTE_COUNTS;
}

static bool is_signed(const struct ballot *ballot, const struct vote *vote,
                      const struct roster_person *person)
{
    CLEANUP(buf_clear) struct buf message = {0};
    bool valid = false;
    if (vote_message(vote, ballot->statement, &message).code != ERR_OK) {
        return false;
    }
    for (size_t i = 0; !valid && i < person->key_count; i++) {
        valid = voter_key_verify(&person->keys[i], vote->format, VOTE_NAMESPACE, buf_span(&message),
                                 vote->signature);
    }
    return valid;
}

enum vote_verdict verdict_of(const struct ballot *ballot, const struct vote *vote,
                             int64_t *out_signed_at)
{
    const struct roster_person *person = roster_person(ballot->roster, vote->voter);
    enum vote_verdict verdict = judge_person(ballot, person);
    if (verdict != VOTE_COUNTS) {
        return verdict;
    }
    int64_t signed_at = 0;
    if (clock_parse(vote->signed_at, &signed_at).code != ERR_OK) {
        return VOTE_BAD_SIGNATURE;
    }
    verdict = judge_time(ballot, signed_at);
    if (verdict != VOTE_COUNTS) {
        return verdict;
    }
    *out_signed_at = signed_at;
    return is_signed(ballot, vote, person) ? VOTE_COUNTS : VOTE_BAD_SIGNATURE;
}

enum vote_verdict vote_judge(const struct vote *vote, struct span statement,
                             const struct statement *says, const struct roster *roster,
                             int64_t now_ms)
{
    const struct ballot ballot = {statement, says, roster, roster_group(roster, says->rule.group),
                                  now_ms};
    int64_t signed_at = 0;
    return verdict_of(&ballot, vote, &signed_at);
}
