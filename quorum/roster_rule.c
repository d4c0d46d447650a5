/* Who counts in which group, and which rules can be met.
 *
 * Groups may hold groups. Each is resolved once, so that many groups that hold each other cost no
 * more than their members; a person whom several of them hold is still one. */
#include "quorum/roster.h"

#include "base/mem.h"
#include "quorum/canonical.h"

#define GROUP_MARK "group:"

enum progress { NOT_BEGUN, UNDER_WAY, RESOLVED };

struct resolving {
    struct roster_held *held;
    enum progress progress[QUORUM_GROUPS_MAX];
    unsigned nesting[QUORUM_GROUPS_MAX]; /* 0: people alone */
};

static struct err resolve_group(struct resolving *all, size_t i);

/* Adds the people of the group `id` to group i. */
static struct err add_group(struct resolving *all, size_t i, struct span id)
{
    struct roster_group *groups = all->held->groups;
    const struct roster_group *inner = roster_group(&all->held->is, id);
    ENSURE(inner != NULL, ERR_INVALID_FIELD, "a group has a member that is not in the roster");
    size_t at = (size_t)(inner - groups);
    ENSURE(all->progress[at] != UNDER_WAY, ERR_INVALID_FIELD, "groups are nested in a circle");
    TRY(resolve_group(all, at));
    for (size_t k = 0; k < all->held->is.person_count; k++) {
        groups[i].eligible[k] |= inner->eligible[k];
    }
    unsigned nesting = all->nesting[at] + 1;
    ENSURE(nesting <= QUORUM_NESTING_MAX, ERR_INVALID_FIELD, "groups are nested more than %d deep",
           QUORUM_NESTING_MAX);
    all->nesting[i] = nesting > all->nesting[i] ? nesting : all->nesting[i];
    return err_ok();
}

static struct err add_member(struct resolving *all, size_t i, struct span member)
{
    size_t mark = sizeof(GROUP_MARK) - 1;
    if (span_starts(member, GROUP_MARK)) {
        return add_group(all, i, span_of(member.data + mark, member.len - mark));
    }
    const struct roster_person *person = roster_person(&all->held->is, member);
    ENSURE(person != NULL, ERR_INVALID_FIELD, "a group has a member that is not in the roster");
    all->held->groups[i].eligible[person - all->held->people] = true;
    return err_ok();
}

static struct err resolve_group(struct resolving *all, size_t i)
{
    struct roster_group *group = &all->held->groups[i];
    if (all->progress[i] == RESOLVED) {
        return err_ok();
    }
    all->progress[i] = UNDER_WAY;
    for (size_t k = 0; k < group->member_count; k++) {
        TRY(add_member(all, i, group->members[k]));
    }
    for (size_t k = 0; k < all->held->is.person_count; k++) {
        group->eligible_count += group->eligible[k];
    }
    all->progress[i] = RESOLVED;
    return err_ok();
}

struct err roster_resolve(struct roster_held *held)
{
    struct resolving all = {.held = held};
    for (size_t i = 0; i < held->is.group_count; i++) {
        TRY(resolve_group(&all, i));
        const struct roster_group *group = &held->groups[i];
        const struct quorum_rule rule = {group->id, group->m, group->wait_s, group->use_within_s};
        TRY(roster_check_rule(&held->is, &rule, (struct span){0}));
    }
    return err_ok();
}

size_t roster_eligible(const struct roster *roster, struct span group, struct span requester,
                       bool out[QUORUM_PEOPLE_MAX])
{
    memset(out, 0, QUORUM_PEOPLE_MAX * sizeof(*out));
    const struct roster_group *of = roster_group(roster, group);
    const struct roster_person *asks = roster_person_of(roster, requester);
    size_t count = 0;
    for (size_t i = 0; of != NULL && i < roster->person_count; i++) {
        out[i] = of->eligible[i] && &roster->people[i] != asks;
        count += out[i];
    }
    return count;
}

static bool is_seconds(int64_t seconds)
{
    return seconds >= 0 && seconds <= QUORUM_SECONDS_MAX;
}

struct err roster_check_rule(const struct roster *roster, const struct quorum_rule *rule,
                             struct span requester)
{
    const struct roster_group *group = roster_group(roster, rule->group);
    int len = (int)rule->group.len;
    const char *id = (const char *)rule->group.data;
    ENSURE(group != NULL, ERR_INVALID_FIELD, "the roster has no group %.*s", len, id);
    ENSURE(rule->m >= QUORUM_M_MIN && rule->m <= QUORUM_M_MAX, ERR_INVALID_FIELD,
           "%u approvals are not between %d and %d", rule->m, QUORUM_M_MIN, QUORUM_M_MAX);
    ENSURE(rule->m >= group->m, ERR_INVALID_FIELD, "group %.*s wants %u approvals, the rule %u",
           len, id, group->m, rule->m);
    ENSURE(is_seconds(rule->wait_s) && is_seconds(rule->use_within_s), ERR_INVALID_FIELD,
           "a time of the rule or of group %.*s is out of range", len, id);
    bool eligible[QUORUM_PEOPLE_MAX];
    size_t count = roster_eligible(roster, rule->group, requester, eligible);
    ENSURE(rule->m <= count, ERR_INVALID_FIELD,
           "%u approvals are needed, and only %zu people of group %.*s may vote", rule->m, count,
           len, id);
    return err_ok();
}

struct err roster_rule(const struct roster *roster, struct span group, uint32_t m,
                       struct quorum_rule *out)
{
    const struct roster_group *of = roster_group(roster, group);
    ENSURE(of != NULL, ERR_INVALID_FIELD, "the roster has no group %.*s", (int)group.len,
           (const char *)group.data);
    ENSURE(m <= QUORUM_M_MAX, ERR_INVALID_FIELD, "%u approvals are more than %d", m, QUORUM_M_MAX);
    *out = (struct quorum_rule){of->id, m > of->m ? m : of->m, of->wait_s, of->use_within_s};
    return err_ok();
}
