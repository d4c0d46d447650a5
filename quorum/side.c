/* One of the two rules of a decision, under one roster: how many must agree, and who has.
 *
 * A person is one place in an array, so neither a second key nor a second group nor the same vote
 * again makes two of them. */
#include "quorum/side.h"

#include "quorum/verdict.h"

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

void side_open(struct side *side, const struct quorum_case *about, const struct roster *roster,
               const struct quorum_rule *rule)
{
    side->roster = roster;
    side->group = roster_group(roster, rule->group);
    uint32_t own = side->group != NULL ? side->group->m : 0;
    side->needed = larger(larger(about->says->rule.m, rule->m), own);
}

struct err side_check(const struct side *side, const struct quorum_case *about,
                      const struct quorum_rule *rule)
{
    /* the group's own m must not hide a rule that asks for nobody */
    ENSURE(rule->m >= QUORUM_M_MIN, ERR_INVALID_FIELD, "a rule with %u approvals is none", rule->m);
    const struct quorum_rule whole = {.group = rule->group, .m = side->needed};
    return roster_check_rule(side->roster, &whole, about->says->requester);
}

/* Notes a vote that counts; VOTE_TWICE when the person has voted so already. */
static enum vote_verdict note(struct side *side, const struct vote *vote, int64_t at)
{
    size_t person = (size_t)(roster_person(side->roster, vote->voter) - side->roster->people);
    bool twice =
        vote->choice == VOTE_APPROVE ? side->approved_at[person] != 0 : side->denied[person];
    if (vote->choice != VOTE_APPROVE) {
        side->denied[person] = true;
    } else if (!twice || at < side->approved_at[person]) {
        side->approved_at[person] = at;
    }
    return twice ? VOTE_TWICE : VOTE_COUNTS;
}

enum vote_verdict side_count(struct side *side, const struct quorum_case *about, int64_t now_ms,
                             const struct vote *vote)
{
    const struct statement *says = about->says;
    const struct ballot ballot = {about->statement, says, side->roster, side->group, now_ms};
    int64_t signed_at = 0;
    enum vote_verdict verdict = verdict_of(&ballot, vote, &signed_at);
    if (verdict != VOTE_COUNTS) {
        return verdict;
    }
    /* A clock that is a little behind must not make a wait begin before the request. */
    return note(side, vote, signed_at > says->created_at ? signed_at : says->created_at);
}

static int compare_times(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;
    return (*left > *right) - (*left < *right);
}

int64_t side_met_at(const struct side *side)
{
    int64_t times[QUORUM_PEOPLE_MAX];
    size_t count = 0;
    for (size_t i = 0; i < side->roster->person_count; i++) {
        if (side->approved_at[i] != 0) {
            times[count++] = side->approved_at[i];
        }
    }
    if (count < side->needed) {
        return 0;
    }
    qsort(times, count, sizeof(*times), compare_times);
    return times[side->needed - 1];
}
