/* What is done once a quorum has said yes. Each check looks at the key as it is now: it may have
 * been frozen, moved or replaced since people voted. Each run happens at most once. */
#include "gateway/ops/quorum_act.h"

#include <assert.h>

#include "base/mem.h"
#include "gateway/ops/choice.h"

#define UPDATE_TRIES 100 /* each that fails is a change by somebody else */

void act_clear(struct act *act)
{
    buf_clear(&act->sealed);
    judged_clear(&act->judged);
    request_free(act->request);
    act->request = NULL;
}

struct err act_judge(const struct call *call, const struct quorum_request **request,
                     struct act *act)
{
    struct judged judged;
    TRY(judged_open(call->gateway, *request, call->key, call->now_ms, &judged));
    judged_clear(&act->judged);
    request_free(act->request);
    act->request = TAKE(*request);
    act->judged = judged;
    memcpy(act->roster, judged.view->newest->digest, SHA256_LEN);
    return err_ok();
}

static const struct statement *says_of(const struct act *act)
{
    return &act->judged.docket.statement.is;
}

/* A name may be another key by now. */
struct err quorum_act_check_key(struct call *call, struct act *act)
{
    ENSURE(uuid_equal(call->key->id, says_of(act)->key_id), ERR_INVALID_STATE,
           "The key of this name is another one than people voted on.");
    return err_ok();
}

static struct err check_version(struct call *call, const struct act *act,
                                const struct version **out)
{
    const struct statement *says = says_of(act);
    const struct version *version = key_version(call->key, says->version);
    bool same = version != NULL &&
                span_equal(says->cka_id, span_of(version->cka_id, version->cka_id_len)) &&
                span_equal(says->identity, span_of(version->identity, version->identity_len));
    ENSURE(same, ERR_INVALID_STATE, "The version is another one than people voted on.");
    *out = version;
    return err_ok();
}

/* --- open --- */

struct err quorum_act_check_open(struct call *call, struct act *act)
{
    const struct version *version = NULL;
    struct token *token = NULL;
    struct token_status status;
    TRY(quorum_act_check_key(call, act));
    ENSURE(call->key->frozen.at == 0, ERR_INVALID_STATE,
           "The key is frozen: nothing of it opens until a quorum unfreezes it.");
    TRY(check_version(call, act, &version));
    assert(version != NULL);
    ENSURE(lifecycle_opens(version->state) || version->state == VERSION_COMPROMISED,
           ERR_INVALID_STATE, "Version %u is %s.", version->number,
           version_state_name(version->state));
    TRY(choice_token(call, &token));
    token_status(token, &status);
    ENSURE(status.state == TOKEN_READY, ERR_TOKEN_UNAVAILABLE, "the key's token is not ready");
    return err_ok();
}

static struct err write_sealed(struct call *call, const struct act *act, struct json_writer *writer)
{
    (void)call;
    json_put_span(writer, "sealed", buf_span(&act->sealed));
    return writer->err;
}

static struct err note_use(const struct call *call, const struct version *version)
{
    const struct use use = {
        .kind = USE_OPEN, .principal = span_text(call->principal), .now = call->now_ms};
    return keystore_note_use(call->gateway->store, version, &use);
}

static struct err open_once(struct call *call, struct act *act, struct token *token,
                            const struct roster_view *view, struct token_opening opening)
{
    CLEANUP(buf_clear) struct buf bundle = {.max = BUNDLE_MAX};
    TRY(docket_bundle(view, act->request, &bundle));
    opening.bundle = buf_span(&bundle);
    return token_open_sealed(token, &opening, call->deadline_ns, &act->sealed);
}

/* The people may change between our judgement and the token's, which then refuses the older roster,
 * with nothing spent. That must not cost an approval: it is asked again with the newer one. */
static struct err open_by_newest(struct call *call, struct act *act, struct token *token,
                                 const struct token_opening *opening)
{
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    TRY(roster_book_view(call->gateway->rotation.rosters, &view));
    for (;;) {
        CLEANUP(roster_view_release_at) const struct roster_view *newer = NULL;
        struct err err = open_once(call, act, token, view, *opening);
        if (err.code != ERR_APPROVAL_REQUIRED) {
            memcpy(act->roster, view->newest->digest, SHA256_LEN);
            return err;
        }
        TRY(roster_book_view(call->gateway->rotation.rosters, &newer));
        if (newer->newest->number == view->newest->number) {
            return err;
        }
        const struct roster_view *older = view;
        view = TAKE(newer);
        roster_view_release_at(&older);
    }
}

struct err quorum_act_open(struct call *call, struct act *act)
{
    const struct version *version = NULL;
    struct token *token = NULL;
    struct token_key key;
    TRY(check_version(call, act, &version));
    TRY(choice_token(call, &token));
    rotation_token_key(call->key, version, &key);
    const struct token_opening opening = {
        .key = &key, .ciphertext = act->request->ciphertext, .context = act->request->context};
    TRY(note_use(call, version)); /* before it is one: after it nothing may fail any more */
    TRY(open_by_newest(call, act, token, &opening));
    struct span sealed = buf_span(&act->sealed);
    digest_sha256_parts(&sealed, 1, act->result);
    act->has_result = true;
    act->write = write_sealed;
    return err_ok();
}

/* --- destroy --- */

struct err quorum_act_check_destroy(struct call *call, struct act *act)
{
    const struct version *version = NULL;
    enum version_state to;
    TRY(quorum_act_check_key(call, act));
    TRY(check_version(call, act, &version));
    return lifecycle_target(call->key, version, MOVE_SCHEDULE_DESTROY, &to);
}

static struct err write_destroy(struct call *call, const struct act *act,
                                struct json_writer *writer)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(call->gateway->store, span_text(act->request->key));
    const struct version *version = key != NULL ? key_version(key, act->request->version) : NULL;
    ENSURE(version != NULL, ERR_INTERNAL, "The version is gone right after it was scheduled.");
    json_put_text(writer, "version_state", version_state_name(version->state));
    json_put_time(writer, "destroy_at", version->destroy_at);
    return writer->err;
}

struct err quorum_act_destroy(struct call *call, struct act *act)
{
    const struct statement *says = says_of(act);
    CLEANUP(mem_free_at) char *reason = span_to_text(says->reason);
    const struct move_request move = {.verb = MOVE_SCHEDULE_DESTROY,
                                      .reason = reason,
                                      .after_s = says->after_s,
                                      .despite_use = true,
                                      .permission = &act->request->id};
    struct moment moment;
    rotation_moment(&call->gateway->rotation, &moment);
    act->write = write_destroy;
    return rotation_move(&call->gateway->rotation, span_text(act->request->key), says->version,
                         &move, &moment, call->deadline_ns);
}

/* --- rule --- */

static struct err write_rule(struct call *call, const struct act *act, struct json_writer *writer)
{
    const struct quorum_rule *wanted = &says_of(act)->wanted;
    (void)call;
    if (wanted->m == 0) {
        json_put_null(writer, "approval");
        return writer->err;
    }
    json_begin_object(writer, "approval");
    json_put_span(writer, "group", wanted->group);
    json_put_integer(writer, "m", wanted->m);
    json_end_object(writer);
    return writer->err;
}

/* Over the key as it is at that moment; ERR_CONFLICT when somebody else changed it meanwhile. */
static struct err set_rule_once(const struct call *call, const struct act *act,
                                const struct approval_rule *rule)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(call->gateway->store, span_text(act->request->key));
    ENSURE(key != NULL && uuid_equal(key->id, says_of(act)->key_id), ERR_NOT_FOUND,
           "There is no key with this name.");
    struct key_facts facts = key->facts;
    facts.approval = *rule;
    return keystore_update(call->gateway->store, key, &facts, key->cached_until);
}

/* Versions that are made from now on have the new rule in their material; those that are there keep
 * theirs, which the worker demands. */
struct err quorum_act_rule(struct call *call, struct act *act)
{
    const struct quorum_rule *wanted = &says_of(act)->wanted;
    CLEANUP(mem_free_at) char *group = span_to_text(wanted->group);
    struct approval_rule rule = {0};
    if (wanted->m != 0) {
        rule = (struct approval_rule){.group = group, .m = wanted->m};
    }
    act->write = write_rule;
    struct err err = set_rule_once(call, act, &rule);
    for (unsigned i = 1; i < UPDATE_TRIES && err.code == ERR_CONFLICT; i++) {
        err = set_rule_once(call, act, &rule);
    }
    return err;
}

/* --- unfreeze --- */

static struct err write_nothing(struct call *call, const struct act *act,
                                struct json_writer *writer)
{
    (void)call;
    (void)act;
    return writer->err;
}

struct err quorum_act_unfreeze(struct call *call, struct act *act)
{
    act->write = write_nothing;
    return keystore_freeze(call->gateway->store, span_text(act->request->key), NULL);
}
