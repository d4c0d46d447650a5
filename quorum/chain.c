/* The chain of rosters, from a pinned root: who may vote now follows from who might vote before.
 *
 * Each roster but the root needs a statement that names it and the votes of its predecessor's
 * authority, counted by the same decision as everything else. So a roster from a database, a backup
 * or a message is worth nothing by itself, and an older one shows its age by its number. Nothing is
 * trusted but the root's digest. */
#include "quorum/roster.h"

#include "base/mem.h"

struct roster_chain {
    const struct roster **rosters; /* the root first */
    size_t count;
};

void roster_chain_free(struct roster_chain *chain)
{
    for (size_t i = 0; chain != NULL && i < chain->count; i++) {
        roster_free(chain->rosters[i]);
    }
    if (chain != NULL) {
        mem_free(chain->rosters);
    }
    mem_free(chain);
}

void roster_chain_free_at(struct roster_chain **chain)
{
    roster_chain_free(*chain);
    *chain = NULL;
}

static bool is_digest(const uint8_t digest[SHA256_LEN], const uint8_t other[SHA256_LEN])
{
    return span_equal(span_of(digest, SHA256_LEN), span_of(other, SHA256_LEN));
}

static struct err check_root(const struct roster_link *link, const struct roster *roster,
                             const uint8_t root[SHA256_LEN])
{
    ENSURE(is_digest(roster->digest, root), ERR_FORBIDDEN,
           "roster 1 is not the root that is pinned");
    ENSURE(roster->number == 1, ERR_FORBIDDEN, "the root's number is not 1");
    ENSURE(link->statement.len == 0 && link->vote_count == 0, ERR_FORBIDDEN,
           "the root is pinned, not voted for");
    return err_ok();
}

static struct err check_order(const struct roster *before, const struct roster *roster)
{
    unsigned long long number = before->number + 1;
    ENSURE(roster->number == before->number + 1, ERR_FORBIDDEN,
           "the roster behind number %llu is number %llu", (unsigned long long)before->number,
           (unsigned long long)roster->number);
    ENSURE(is_digest(roster->previous, before->digest), ERR_FORBIDDEN,
           "roster %llu does not follow from the one before", number);
    ENSURE(roster->created_at >= before->created_at, ERR_FORBIDDEN,
           "roster %llu is older than the one before", number);
    return err_ok();
}

/* Whether the statement asks the predecessor's authority for exactly this roster. */
static struct err check_statement(const struct statement *says, const struct roster *before,
                                  const struct roster *roster)
{
    unsigned long long number = roster->number;
    ENSURE(says->kind == STATEMENT_ROSTER, ERR_FORBIDDEN,
           "the statement of roster %llu is about something else", number);
    ENSURE(says->next_number == roster->number && is_digest(says->next_sha256, roster->digest),
           ERR_FORBIDDEN, "the statement of roster %llu names another one", number);
    ENSURE(says->roster_number == before->number && is_digest(says->roster_sha256, before->digest),
           ERR_FORBIDDEN, "the statement of roster %llu names another one to change", number);
    ENSURE(span_equal(says->rule.group, before->authority), ERR_FORBIDDEN,
           "the statement of roster %llu does not ask the authority", number);
    return err_ok();
}

/* Whether there was a time at which the votes allowed it. */
static struct err check_votes(const struct roster_link *link, const struct statement *says,
                              const struct roster *before)
{
    const struct quorum_case about = {.statement = link->statement,
                                      .says = says,
                                      .votes = link->votes,
                                      .vote_count = link->vote_count,
                                      .then = before,
                                      .now = before,
                                      .rule_now = says->rule};
    /* At its end every vote that was in time is seen, a late deny among them; then the moment
     * from which the approval could be used is asked for itself. */
    struct decision decision;
    quorum_decide(&about, says->expires_at, &decision, NULL);
    if (decision.met_at != 0) {
        quorum_decide(&about, decision.usable_from, &decision, NULL);
    }
    ENSURE(decision.state == DECISION_MET, ERR_FORBIDDEN, "roster %llu is not approved: %.100s",
           (unsigned long long)says->next_number, decision.reason);
    return err_ok();
}

static struct err check_link(const struct roster_link *link, const struct roster *before,
                             const struct roster *roster)
{
    CLEANUP(statement_clear) struct statement_read statement = {0};
    TRY(check_order(before, roster));
    TRY(statement_parse(link->statement, &statement));
    TRY(check_statement(&statement.is, before, roster));
    return check_votes(link, &statement.is, before);
}

struct err roster_chain_open(const struct roster_link *links, size_t count,
                             const uint8_t root[SHA256_LEN], struct roster_chain **out)
{
    ENSURE(count > 0 && count <= QUORUM_CHAIN_MAX, ERR_FORBIDDEN, "%zu rosters instead of 1 to %d",
           count, QUORUM_CHAIN_MAX);
    CLEANUP(roster_chain_free_at) struct roster_chain *chain = mem_alloc(sizeof(*chain));
    chain->rosters = mem_array(count, sizeof(*chain->rosters));
    for (size_t i = 0; i < count; i++) {
        const struct roster *roster = NULL;
        TRY(roster_parse(links[i].roster, &roster));
        chain->rosters[chain->count++] = roster;
        TRY(i == 0 ? check_root(&links[i], roster, root)
                   : check_link(&links[i], chain->rosters[i - 1], roster));
    }
    *out = TAKE(chain);
    return err_ok();
}

const struct roster *roster_chain_newest(const struct roster_chain *chain)
{
    return chain->rosters[chain->count - 1];
}

const struct roster *roster_chain_find(const struct roster_chain *chain,
                                       const uint8_t digest[SHA256_LEN])
{
    for (size_t i = 0; i < chain->count; i++) {
        if (is_digest(chain->rosters[i]->digest, digest)) {
            return chain->rosters[i];
        }
    }
    return NULL;
}

const struct roster *roster_chain_number(const struct roster_chain *chain, uint64_t number)
{
    return number >= 1 && number <= chain->count ? chain->rosters[number - 1] : NULL;
}
