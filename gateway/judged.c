/* A request judged: the front's own opinion, which decides what people are told and whether the
 * worker is asked at all. The worker never takes it for granted. */
#include "gateway/judged.h"

#include "base/mem.h"

/* The group whose name is in the CKA_ID, of which it holds a digest alone. */
static const struct roster_group *bound_group(const struct roster *roster, struct span cka_id)
{
    for (size_t i = 0; i < roster->group_count; i++) {
        if (approval_group_is(cka_id, roster->groups[i].id)) {
            return &roster->groups[i];
        }
    }
    return NULL;
}

/* A key that was moved to another group is not opened by the one before alone; and the one after
 * alone is not believed by the worker. */
static struct err rule_of_material(const struct roster *roster, const struct approval_rule *own,
                                   struct span cka_id, struct quorum_rule *out)
{
    const struct roster_group *group = bound_group(roster, cka_id);
    uint32_t m = approval_m_of(cka_id);
    ENSURE(group != NULL, ERR_INVALID_FIELD,
           "The version is bound to a group that the roster does not have any more.");
    ENSURE(own == NULL || span_is(group->id, own->group), ERR_INVALID_FIELD,
           "The version is bound to group %.*s, and the key's rule asks another: change the rule "
           "to that group first, by request-rule.",
           (int)group->id.len, (const char *)group->id.data);
    return roster_rule(roster, group->id, own != NULL && own->m > m ? own->m : m, out);
}

/* What the worker demands beside the token: the rule in the material, which no later rule of the
 * key's changes; and without one, the group that may change the roster. */
struct err judged_rule(const struct roster *roster, const struct key *key, struct span cka_id,
                       struct quorum_rule *out)
{
    const struct approval_rule *own =
        key != NULL && key->facts.approval.m > 0 ? &key->facts.approval : NULL;
    if (approval_m_of(cka_id) > 0) {
        return rule_of_material(roster, own, cka_id, out);
    }
    if (own != NULL && cka_id.len == 0) {
        return roster_rule(roster, span_text(own->group), own->m, out);
    }
    const struct roster_group *group = roster_group(roster, roster->authority);
    ENSURE(group != NULL, ERR_INVALID_FIELD, "The roster has no authority.");
    bool same = own != NULL && span_is(group->id, own->group);
    return roster_rule(roster, group->id, same && own->m > group->m ? own->m : group->m, out);
}

static bool has_ended(const struct quorum_request *request)
{
    return request->state > REQUEST_OPENING;
}

const struct roster *judged_roster(const struct roster_view *view,
                                   const struct quorum_request *request,
                                   const struct statement *says)
{
    size_t count = says->roster_number; /* a clock may have gone back since */
    if (!has_ended(request)) {
        return view->newest;
    }
    while (count < view->count && view->rows[count].added_at <= request->changed_at) {
        count++;
    }
    const struct roster *then = roster_chain_number(view->chain, count);
    return then != NULL ? then : view->newest;
}

/* The permission to destroy outlives the request, because the worker looks at it on the day. It is
 * scheduled before the request expires all the same, or that day would come after the permission's
 * end, and the version would wait for ever. */
static void end_scheduling(const struct statement *says, int64_t now, struct decision *decision)
{
    if (says->kind != STATEMENT_DESTROY || decision->met_at == 0) {
        return;
    }
    decision->usable_until = says->expires_at;
    if (decision->state != DECISION_DENIED && now > says->expires_at) {
        decision->state = DECISION_EXPIRED;
        (void)snprintf(decision->reason, sizeof(decision->reason),
                       "approved, but not scheduled before it expired");
    }
}

static struct err decide(const struct quorum_request *request, const struct key *key, int64_t now,
                         struct judged *out)
{
    const struct statement *says = &out->docket.statement.is;
    struct quorum_case about = {.statement = request->statement,
                                .says = says,
                                .votes = out->docket.votes,
                                .vote_count = out->docket.vote_count,
                                .then = roster_chain_find(out->view->chain, says->roster_sha256),
                                .now = judged_roster(out->view, request, says),
                                .rule_now = says->rule};
    ENSURE(about.vote_count <= QUORUM_VOTES_MAX && about.then != NULL, ERR_APPROVAL_REQUIRED,
           "The request names a roster that is not in the chain.");
    if (says->kind != STATEMENT_ROSTER && !has_ended(request)) {
        struct err err = judged_rule(out->view->newest, key, says->cka_id, &about.rule_now);
        ENSURE(err.code == ERR_OK, ERR_APPROVAL_REQUIRED, "The rule now cannot be met: %.100s",
               err.detail);
    }
    int64_t at = has_ended(request) ? request->changed_at : now;
    quorum_decide(&about, at, &out->decision, out->verdicts);
    end_scheduling(says, at, &out->decision);
    return err_ok();
}

static struct err judge(const struct gateway *gateway, const struct quorum_request *request,
                        const struct key *key, int64_t now, struct judged *judged)
{
    TRY(roster_book_view(gateway->rotation.rosters, &judged->view));
    struct err err = docket_open(request, &judged->docket);
    ENSURE(err.code == ERR_OK, ERR_APPROVAL_REQUIRED,
           "The stored request is not what was written: %.100s", err.detail);
    return decide(request, key, now, judged);
}

struct err judged_open(const struct gateway *gateway, const struct quorum_request *request,
                       const struct key *key, int64_t now, struct judged *out)
{
    struct judged judged = {0};
    struct err err = judge(gateway, request, key, now, &judged);
    if (err.code != ERR_OK) {
        judged_clear(&judged);
        return err;
    }
    *out = judged;
    return err_ok();
}

void judged_clear(struct judged *judged)
{
    docket_clear(&judged->docket);
    roster_view_release(judged->view);
    judged->view = NULL;
}
