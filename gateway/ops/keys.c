/* Keys as resources: make, list, show, change, rotate. Changes write an intent record before they
 * touch store or token; states of versions move in rotation/ alone. */
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/events.h"
#include "gateway/ops/adopt_facts.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/key_facts.h"
#include "gateway/ops/key_view.h"
#include "gateway/ops/key_walk.h"
#include "gateway/policy.h"
#include "gateway/query.h"

#define PAGE_DEFAULT    100
#define PAGE_MAX        1000
#define PAGE_BYTES_SOFT ((size_t)1 << 20) /* a page ends early above this */
#define UPDATE_TRIES    100               /* each that fails is a change by somebody else */

/* For calls about the key as a whole. */
static struct err refuse_version(const struct call *call)
{
    ENSURE(call->version_asked == 0, ERR_INVALID_NAME,
           "This call is about the key as a whole: leave @%u out.", call->version_asked);
    return err_ok();
}

static struct err reply_key(struct call *call, int status, const struct key *key)
{
    struct json_writer writer = call_reply_json(call, status);
    TRY(key_view_put(&writer, NULL, key));
    return json_finish(&writer);
}

/* Shows the key as it is now, after a change. */
static struct err reply_key_now(struct call *call, int status)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(call->gateway->store, call->target);
    ENSURE(key != NULL, ERR_INTERNAL, "The key is gone right after its change.");
    return reply_key(call, status, key);
}

/* --- create --- */

/* The name is read and the grant asked before anything else of the body is looked at. */
static struct err grant_create(struct call *call)
{
    struct span name;
    const struct json_value *member = json_member(call->json.root, "name");
    ENSURE(member != NULL && json_as_text(member, &name), ERR_INVALID_FIELD,
           "name is required and is text.");
    TRY(name_check(name));
    call->target = name;
    return pipeline_grant(call, call->route->operation, name);
}

static struct err choose_algorithm(const struct key_request *request, struct key_spec *spec)
{
    ENSURE(algorithm_by_name(request->algorithm, &spec->algorithm), ERR_INVALID_FIELD,
           "algorithm is not known.");
    spec->purpose = algorithm_info(spec->algorithm)->purpose;
    if (!request->has_purpose) {
        return err_ok();
    }
    ENSURE(purpose_by_name(request->purpose, &spec->purpose), ERR_INVALID_FIELD,
           "purpose must be encrypt, mac, sign or decrypt.");
    ENSURE(algorithm_allows(spec->algorithm, spec->purpose), ERR_INVALID_FIELD,
           "A key of %s cannot have the purpose %s.", algorithm_info(spec->algorithm)->name,
           purpose_name(spec->purpose));
    return err_ok();
}

static struct err choose_token(const struct call *call, const struct key_request *request,
                               struct key_spec *spec)
{
    const struct config *config = call->gateway->config;
    const char *wanted =
        request->has_token ? (const char *)request->token.data : config->default_token;
    struct token *token = gateway_token(call->gateway, wanted);
    ENSURE(token != NULL, ERR_INVALID_FIELD, "There is no token with this name.");
    ENSURE(token_supports(token, spec->algorithm, spec->purpose), ERR_UNSUPPORTED_BY_TOKEN,
           "The token %s does not support %s for %s.", token_name(token),
           algorithm_info(spec->algorithm)->name, purpose_name(spec->purpose));
    spec->token = token_name(token);
    return err_ok();
}

static struct err refuse_taken_name(const struct call *call)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(call->gateway->store, call->target);
    ENSURE(key == NULL, ERR_CONFLICT, "There is a key with this name.");
    return err_ok();
}

/* Material on a token may be anybody's, so who takes it over must manage the gateway, too. */
static struct err read_adoption(struct call *call, const struct json_value *node,
                                struct adopt_facts *out)
{
    if (node == NULL) {
        return err_ok();
    }
    TRY(adopt_facts_read(node, out));
    struct json_writer writer = json_writer_on(&call->detail);
    json_begin_object(&writer, NULL);
    adopt_facts_put(&writer, out);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return pipeline_grant(call, operation_name(OPERATION_MANAGE_GATEWAY), span_of(NULL, 0));
}

/* A key that nobody can ever open is not made. */
static struct err check_quorum(const struct call *call, const struct approval_rule *approval)
{
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    struct quorum_rule rule;
    if (approval->m == 0) {
        return err_ok();
    }
    struct err err = roster_book_view(call->gateway->rotation.rosters, &view);
    ENSURE(err.code == ERR_OK, ERR_INVALID_FIELD, "approval cannot be demanded: %.110s",
           err.detail);
    TRY(roster_rule(view->newest, span_text(approval->group), approval->m, &rule));
    return roster_check_rule(view->newest, &rule, span_of(NULL, 0));
}

struct err op_key_create(struct call *call)
{
    CLEANUP(adopt_facts_clear) struct adopt_facts adopt = {0};
    struct key_request request;
    struct key_draft draft = {.facts.classification = CLASS_CONFIDENTIAL};
    struct key_spec spec = {0};
    TRY(grant_create(call));
    TRY(key_request_read_create(call->json.root, &request));
    spec.name = (const char *)request.name.data;
    TRY(choose_algorithm(&request, &spec));
    TRY(key_draft_apply(&draft, &request, spec.purpose, &call->gateway->config->rotation));
    TRY(check_quorum(call, &draft.facts.approval));
    TRY(choose_token(call, &request, &spec));
    TRY(refuse_taken_name(call));
    spec.facts = draft.facts;
    TRY(read_adoption(call, request.adopt, &adopt));
    TRY(call_intent(call));
    struct moment moment;
    rotation_moment(&call->gateway->rotation, &moment);
    TRY(rotation_adopt_key(&call->gateway->rotation, &spec,
                           request.adopt != NULL ? &adopt.adoption : NULL, &moment,
                           call->deadline_ns));
    call->version = 1;
    return reply_key_now(call, 201);
}

/* --- show and change --- */

struct err op_key_get(struct call *call)
{
    TRY(refuse_version(call));
    return reply_key(call, 200, call->key);
}

/* Key sets that were sent with a longer max-age than from now on are still about. */
static int64_t stale_until(const struct call *call, const struct key *key,
                           const struct key_facts *next)
{
    const struct rotation *rotation = &call->gateway->rotation;
    int64_t before = plan_cache_age(&key->facts.rotation, rotation->rules.jwks_max_age);
    int64_t after = plan_cache_age(&next->rotation, rotation->rules.jwks_max_age);
    struct moment moment;
    rotation_moment(rotation, &moment);
    return after < before ? moment.lived + before * 1000 : 0;
}

/* Puts what is asked for over the key as it is at that moment: of two changes at one time neither
 * undoes the other. */
static struct err update_once(struct call *call, const struct key_request *request)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(call->gateway->store, call->target);
    ENSURE(key != NULL, ERR_NOT_FOUND, "There is no key with this name.");
    struct key_draft draft = {.facts = key->facts};
    TRY(key_draft_apply(&draft, request, key->purpose, &call->gateway->config->rotation));
    return keystore_update(call->gateway->store, key, &draft.facts,
                           stale_until(call, key, &draft.facts));
}

struct err op_key_update(struct call *call)
{
    struct key_request request;
    struct key_draft draft = {.facts = call->key->facts};
    TRY(refuse_version(call));
    TRY(key_request_read_update(call->json.root, &request));
    TRY(key_draft_apply(&draft, &request, call->key->purpose, &call->gateway->config->rotation));
    TRY(call_intent(call));
    struct err err = update_once(call, &request);
    for (unsigned i = 1; i < UPDATE_TRIES && err.code == ERR_CONFLICT; i++) {
        err = update_once(call, &request);
    }
    TRY(err);
    return reply_key_now(call, 200);
}

/* --- rotate --- */

struct rotate_request {
    bool immediate;
    const struct json_value *adopt; /* or NULL */
};

static struct err read_rotate(const struct call *call, struct rotate_request *out)
{
    const struct json_field fields[] = {
        {"immediate", JSON_FLAG, JSON_OPTIONAL, 0, &out->immediate, NULL},
        {"adopt", JSON_OBJECT, JSON_OPTIONAL, 0, &out->adopt, NULL},
    };
    return call->json.root != NULL ? json_read(call->json.root, fields, ARRAY_LEN(fields))
                                   : err_ok();
}

static struct err reply_rotated(struct call *call, uint32_t number)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(call->gateway->store, call->target);
    const struct version *version = key != NULL ? key_version(key, number) : NULL;
    ENSURE(version != NULL, ERR_INTERNAL, "The version is gone right after it was made.");
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "key", key->name);
    json_put_integer(&writer, "version", number);
    json_put_text(&writer, "state", version_state_name(version->state));
    if (key->primary != 0) {
        json_put_integer(&writer, "primary", key->primary);
    }
    if (version->state == VERSION_PENDING) {
        json_put_time(&writer, "promote_at", version->promote_at);
    }
    json_end_object(&writer);
    return json_finish(&writer);
}

static void tell_rotated(const struct call *call)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(call->gateway->store, call->target);
    bool active = key != NULL && key->primary == call->version;
    const struct event event = {.name = active ? "version.promoted" : "version.published",
                                .key = call->key->name,
                                .version = call->version,
                                .principal = call->principal};
    events_put(call->gateway->events, &event);
}

struct err op_key_rotate(struct call *call)
{
    CLEANUP(adopt_facts_clear) struct adopt_facts adopt = {0};
    struct rotate_request request = {0};
    uint32_t number = 0;
    TRY(refuse_version(call));
    TRY(read_rotate(call, &request));
    TRY(read_adoption(call, request.adopt, &adopt));
    TRY(call_intent(call));
    struct moment moment;
    rotation_moment(&call->gateway->rotation, &moment);
    TRY(rotation_adopt_version(&call->gateway->rotation, call->target,
                               request.immediate ? ROTATE_AT_ONCE : ROTATE_BY_POLICY,
                               request.adopt != NULL ? &adopt.adoption : NULL, &moment,
                               call->deadline_ns, &number));
    call->version = number;
    tell_rotated(call);
    return reply_rotated(call, number);
}

/* --- list --- */

struct page {
    char prefix[NAME_MAX_LEN + 2];
    int64_t size;
    char after[NAME_MAX_LEN + 1]; /* name of the last key of the page before */
};

static struct err read_page_token(const char *text, char after[NAME_MAX_LEN + 1])
{
    CLEANUP(buf_clear) struct buf name = {0};
    buf_init(&name, NAME_MAX_LEN);
    struct err err = base64url_decode(span_text(text), &name);
    if (err.code == ERR_OK && name.len > 0) {
        err = name_check(buf_span(&name));
    }
    ENSURE(err.code == ERR_OK, ERR_INVALID_FIELD, "page_token is not one that this gateway gave.");
    if (name.len > 0) {
        memcpy(after, name.data, name.len);
    }
    after[name.len] = '\0';
    return err_ok();
}

static struct err read_page(struct span query, struct page *page)
{
    char size[24] = "";
    char token[2 * NAME_MAX_LEN] = "";
    const struct query_field fields[] = {
        {"prefix", page->prefix, sizeof(page->prefix)},
        {"page_size", size, sizeof(size)},
        {"page_token", token, sizeof(token)},
    };
    TRY(query_read(query, fields, ARRAY_LEN(fields)));
    TRY(query_integer("page_size", size, 1, PAGE_MAX, &page->size));
    return read_page_token(token, page->after);
}

struct listing {
    const struct page *page;
    struct json_writer *writer;
};

/* The gateway's own keys are nobody's work: they are listed for those who ask for them by prefix.
 */
static bool is_listed(const struct key *key, void *context)
{
    const struct listing *listing = context;
    return !span_starts(span_text(key->name), POLICY_RESERVED) ||
           span_starts(span_text(listing->page->prefix), POLICY_RESERVED);
}

static bool is_full(void *context)
{
    const struct listing *listing = context;
    return listing->writer->out->len > PAGE_BYTES_SOFT;
}

static struct err put_listed(const struct key *key, void *context)
{
    const struct listing *listing = context;
    return key_view_put(listing->writer, NULL, key);
}

struct err op_key_list(struct call *call)
{
    struct page page = {.size = PAGE_DEFAULT};
    TRY(read_page(call->exchange->request.query, &page));
    struct json_writer writer = call_reply_json(call, 200);
    struct listing listing = {.page = &page, .writer = &writer};
    struct key_walk walk = {.prefix = span_text(page.prefix),
                            .most = (size_t)page.size,
                            .listed = is_listed,
                            .full = is_full,
                            .visit = put_listed,
                            .context = &listing};
    memcpy(walk.after, page.after, sizeof(walk.after));
    json_begin_object(&writer, NULL);
    json_begin_array(&writer, "keys");
    TRY(key_walk(call, &walk));
    json_end_array(&writer);
    if (walk.more) {
        json_put_bytes_url(&writer, "next_page_token", span_text(walk.after));
    }
    json_end_object(&writer);
    return json_finish(&writer);
}
