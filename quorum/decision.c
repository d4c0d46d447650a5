/* Decisions: what follows from rule, votes, rosters and time, and from nothing else.
 *
 * There are two sides, the rule at asking time under the roster then and the rule now under the
 * roster now, and each must be met on its own: so neither lowering a rule nor changing people
 * afterwards helps, and who was removed has lost their vote. Every doubt leaves the request
 * waiting until it expires. */
#include "quorum/quorum.h"

#include <stdarg.h>

#include "base/mem.h"
#include "quorum/canonical.h"
#include "quorum/side.h"

/* A destruction is approved long before it is due; from the due time on, so long is left for it. */
#define DESTROY_GRACE_S ((int64_t)30 * 86400)

struct count {
    const struct quorum_case *about;
    int64_t now_ms;
    struct side then;
    struct side now;
    /* who asks, under each roster, or NULL */
    const struct roster_person *asks_then;
    const struct roster_person *asks_now;
    struct span denier; /* empty: nobody */
};

const char *decision_state_name(enum decision_state state)
{
    static const char *const names[DECISION_STATE_COUNT] = {
        [DECISION_WAITING] = "waiting",
        [DECISION_MET] = "met",
        [DECISION_DENIED] = "denied",
        [DECISION_EXPIRED] = "expired",
    };
    return (size_t)state < DECISION_STATE_COUNT ? names[state] : "unknown";
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* --- the two sides --- */

static struct err check_sides(const struct count *count)
{
    const struct quorum_case *about = count->about;
    const struct statement *says = about->says;
    ENSURE(says->roster_number == about->then->number &&
               span_equal(span_of(says->roster_sha256, SHA256_LEN),
                          span_of(about->then->digest, SHA256_LEN)),
           ERR_INVALID_FIELD, "the roster is not the one that the statement names");
    ENSURE(about->now->number >= about->then->number, ERR_INVALID_FIELD,
           "the newest roster is older than the one that the statement names");
    TRY(side_check(&count->then, about, &says->rule));
    return side_check(&count->now, about, &about->rule_now);
}

/* --- counting --- */

static bool is_person(const struct roster_person *person, struct span id)
{
    return person != NULL && span_equal(person->id, id);
}

/* Whoever asks under one roster approves under neither, if a principal was moved meanwhile. */
static bool is_own_approval(const struct count *count, const struct vote *vote)
{
    return vote->choice == VOTE_APPROVE &&
           (is_person(count->asks_then, vote->voter) || is_person(count->asks_now, vote->voter));
}

static enum vote_verdict count_vote(struct count *count, const struct vote *vote)
{
    if (is_own_approval(count, vote)) {
        return VOTE_REQUESTER;
    }
    enum vote_verdict then = side_count(&count->then, count->about, count->now_ms, vote);
    enum vote_verdict now = side_count(&count->now, count->about, count->now_ms, vote);
    if (vote->choice != VOTE_APPROVE && (then == VOTE_COUNTS || now == VOTE_COUNTS)) {
        count->denier = vote->voter;
    }
    return now;
}

/* People who have approved under both rosters, found by their ids. */
static uint32_t count_both(const struct count *count)
{
    uint32_t both = 0;
    for (size_t i = 0; i < count->now.roster->person_count; i++) {
        const struct roster_person *then =
            roster_person(count->then.roster, count->now.roster->people[i].id);
        both += then != NULL && count->now.approved_at[i] != 0 &&
                count->then.approved_at[then - count->then.roster->people] != 0;
    }
    return both;
}

/* --- when --- */

/* The shorter of two times where 0 stands for none. */
static int64_t shorter_set(int64_t a, int64_t b)
{
    if (a == 0 || b == 0) {
        return a + b;
    }
    return a < b ? a : b;
}

static void set_times(const struct count *count, struct decision *out)
{
    const struct statement *says = count->about->says;
    const struct roster_group *group = count->now.group;
    int64_t wait_s = larger(says->rule.wait_s, group->wait_s);
    int64_t within_s = shorter_set(says->rule.use_within_s, group->use_within_s);
    out->usable_from = out->met_at + wait_s * QUORUM_MS_PER_S;
    if (says->kind == STATEMENT_DESTROY) {
        out->usable_until = out->met_at + (says->after_s + DESTROY_GRACE_S) * QUORUM_MS_PER_S;
        return;
    }
    int64_t until = out->usable_from + within_s * QUORUM_MS_PER_S;
    out->usable_until = within_s != 0 && until < says->expires_at ? until : says->expires_at;
}

/* --- the outcome --- */

__attribute__((format(printf, 3, 4))) static void
conclude(struct decision *out, enum decision_state state, const char *format, ...)
{
    out->state = state;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(out->reason, sizeof(out->reason), format, args);
    va_end(args);
}

static void conclude_met(int64_t now_ms, struct decision *out)
{
    char from[CLOCK_TEXT_MAX];
    char until[CLOCK_TEXT_MAX];
    canonical_time(out->usable_from, from);
    canonical_time(out->usable_until, until);
    if (now_ms > out->usable_until) {
        conclude(out, DECISION_EXPIRED, "approved, but the time to use it ended at %s", until);
    } else if (now_ms < out->usable_from) {
        conclude(out, DECISION_WAITING, "approved; waits until %s", from);
    } else {
        conclude(out, DECISION_MET, "approved; may be used until %s", until);
    }
}

static void conclude_unmet(const struct count *count, const char *hindrance, struct decision *out)
{
    char expires[CLOCK_TEXT_MAX];
    canonical_time(count->about->says->expires_at, expires);
    bool expired = count->now_ms >= count->about->says->expires_at;
    if (expired && hindrance[0] != '\0') {
        conclude(out, DECISION_EXPIRED, "expired at %s; could not be met: %.100s", expires,
                 hindrance);
    } else if (expired) {
        conclude(out, DECISION_EXPIRED, "expired at %s with %u of %u approvals", expires,
                 out->approvals, out->needed);
    } else if (hindrance[0] != '\0') {
        conclude(out, DECISION_WAITING, "cannot be met: %.130s", hindrance);
    } else {
        conclude(out, DECISION_WAITING, "%u of %u approvals", out->approvals, out->needed);
    }
}

static void open_count(struct count *count, const struct quorum_case *about, int64_t now_ms)
{
    count->about = about;
    count->now_ms = now_ms;
    side_open(&count->then, about, about->then, &about->says->rule);
    side_open(&count->now, about, about->now, &about->rule_now);
    count->asks_then = roster_person_of(about->then, about->says->requester);
    count->asks_now = roster_person_of(about->now, about->says->requester);
}

void quorum_decide(const struct quorum_case *about, int64_t now_ms, struct decision *out,
                   enum vote_verdict *verdicts)
{
    struct count count = {0};
    open_count(&count, about, now_ms);
    for (size_t i = 0; i < about->vote_count; i++) {
        enum vote_verdict verdict = count_vote(&count, &about->votes[i]);
        if (verdicts != NULL) {
            verdicts[i] = verdict;
        }
    }
    *out = (struct decision){.needed = (uint32_t)larger(count.then.needed, count.now.needed),
                             .approvals = count_both(&count)};
    if (count.denier.len > 0) {
        conclude(out, DECISION_DENIED, "%.*s denied it", (int)count.denier.len,
                 (const char *)count.denier.data);
        return;
    }
    struct err hindrance = check_sides(&count);
    int64_t then_at = hindrance.code == ERR_OK ? side_met_at(&count.then) : 0;
    int64_t now_at = hindrance.code == ERR_OK ? side_met_at(&count.now) : 0;
    if (then_at == 0 || now_at == 0) {
        conclude_unmet(&count, hindrance.detail, out);
        return;
    }
    out->met_at = larger(then_at, now_at);
    set_times(&count, out);
    conclude_met(now_ms, out);
}
