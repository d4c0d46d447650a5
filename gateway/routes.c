/* Everything that is served, as one table, and the search in it.
 *
 * A path is exact, or a prefix that names a key (`/v1/keys/NAME[@N][:verb]`) or something for the
 * handler to check. Verbs that the table does not have are not found, methods that a known path
 * does not take are named in Allow. */
#include "base/mem.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/data_ops.h"

#define KEYS_PREFIX "/v1/keys/"
#define BREAK_GLASS "/v1/break-glass/"
#define DATA_VERB(verb, operation, handler)                                                     \
    {                                                                                           \
        METHOD_POST, KEYS_PREFIX, verb, operation, ACCESS_GRANT, TARGET_KEY, BODY_JSON, handler \
    }

#define KEY_MOVE(verb, operation, body)                                                        \
    {                                                                                          \
        METHOD_POST, KEYS_PREFIX, verb, operation, ACCESS_GRANT, TARGET_KEY, body, op_key_move \
    }

/* clang-format off */
const struct route routes[] = {
    DATA_VERB("sign", "sign", op_sign),
    DATA_VERB("encrypt", "encrypt", op_encrypt),
    DATA_VERB("decrypt", "decrypt", op_decrypt),
    DATA_VERB("unwrap", "unwrap", op_unwrap),
    {METHOD_POST, KEYS_PREFIX, "data-key", "data-key", ACCESS_GRANT, TARGET_KEY, BODY_JSON_OPTIONAL, op_data_key},
    DATA_VERB("rewrap", "rewrap", op_rewrap),
    DATA_VERB("verify", "verify", op_verify),
    DATA_VERB("mac", "mac", op_mac),
    DATA_VERB("verify-mac", "verify", op_verify_mac),
    DATA_VERB("jwt", "jwt", op_jwt),

    {METHOD_POST, "/v1/random", NULL, "random", ACCESS_GRANT, TARGET_NONE, BODY_JSON_OPTIONAL, op_random},

    {METHOD_POST, "/v1/keys", NULL, "create", ACCESS_GRANT, TARGET_NEW_KEY, BODY_JSON, op_key_create},
    {METHOD_GET, "/v1/keys", NULL, "read", ACCESS_CALLER, TARGET_NONE, BODY_NONE, op_key_list},
    {METHOD_GET, KEYS_PREFIX, NULL, "read", ACCESS_GRANT, TARGET_KEY, BODY_NONE, op_key_get},
    {METHOD_PATCH, KEYS_PREFIX, NULL, "update", ACCESS_GRANT, TARGET_KEY, BODY_JSON, op_key_update},
    {METHOD_GET, KEYS_PREFIX, "public-key", "read", ACCESS_GRANT, TARGET_KEY, BODY_NONE, op_key_public},
    {METHOD_POST, KEYS_PREFIX, "rotate", "rotate", ACCESS_GRANT, TARGET_KEY, BODY_JSON_OPTIONAL, op_key_rotate},

    KEY_MOVE("promote", "rotate", BODY_JSON_OPTIONAL),
    KEY_MOVE("retire", "retire", BODY_JSON_OPTIONAL),
    KEY_MOVE("disable", "disable", BODY_JSON_OPTIONAL),
    KEY_MOVE("enable", "disable", BODY_JSON_OPTIONAL),
    KEY_MOVE("compromise", "compromise", BODY_JSON),
    KEY_MOVE("schedule-destroy", "destroy", BODY_JSON),
    KEY_MOVE("cancel-destroy", "destroy", BODY_JSON_OPTIONAL),
    KEY_MOVE("confirm-destroy", "destroy", BODY_JSON),
    {METHOD_GET, KEYS_PREFIX, "plan", "read", ACCESS_GRANT, TARGET_KEY, BODY_NONE, op_key_plan},
    {METHOD_GET, KEYS_PREFIX, "retire-check", "read", ACCESS_GRANT, TARGET_KEY, BODY_NONE, op_key_retire_check},
    {METHOD_POST, KEYS_PREFIX, "freeze", "disable", ACCESS_GRANT, TARGET_KEY, BODY_JSON, op_key_freeze},
    {METHOD_GET, "/v1/rotation/calendar", NULL, "read", ACCESS_CALLER, TARGET_NONE, BODY_NONE, op_calendar},

    {METHOD_POST, "/v1/break-glass", NULL, "request-break-glass", ACCESS_GRANT, TARGET_NEW_KEY, BODY_JSON, op_break_glass_ask},
    {METHOD_GET, "/v1/break-glass", NULL, "break-glass", ACCESS_CALLER, TARGET_NONE, BODY_NONE, op_break_glass_list},
    {METHOD_GET, BREAK_GLASS, NULL, "break-glass", ACCESS_CALLER, TARGET_ITEM, BODY_NONE, op_break_glass_get},
    {METHOD_POST, BREAK_GLASS, "vote", "vote", ACCESS_CALLER, TARGET_ITEM, BODY_JSON, op_break_glass_vote},
    {METHOD_POST, BREAK_GLASS, "open", "open-break-glass", ACCESS_CALLER, TARGET_ITEM, BODY_JSON_OPTIONAL, op_break_glass_open},
    {METHOD_POST, BREAK_GLASS, "cancel", "request-break-glass", ACCESS_CALLER, TARGET_ITEM, BODY_JSON_OPTIONAL, op_break_glass_cancel},
    {METHOD_GET, BREAK_GLASS, "evidence", "break-glass", ACCESS_CALLER, TARGET_ITEM, BODY_NONE, op_break_glass_evidence},
    {METHOD_GET, "/v1/roster", NULL, "roster", ACCESS_CALLER, TARGET_NONE, BODY_NONE, op_roster_get},
    {METHOD_POST, "/v1/roster", NULL, "publish-roster", ACCESS_CALLER, TARGET_NONE, BODY_JSON, op_roster_publish},
    {METHOD_GET, "/v1/roster:report", NULL, "roster", ACCESS_CALLER, TARGET_NONE, BODY_NONE, op_roster_report},

    {METHOD_GET, "/jwks/", NULL, "jwks", ACCESS_PUBLIC, TARGET_REST, BODY_NONE, op_jwks},
    {METHOD_GET, "/oidc/", NULL, "oidc", ACCESS_PUBLIC, TARGET_REST, BODY_NONE, op_oidc},

    {METHOD_POST, "/v1/auth/tokens", NULL, "manage-tokens", ACCESS_GRANT, TARGET_NONE, BODY_JSON, op_bearer_create},
    {METHOD_POST, "/v1/auth/access-keys", NULL, "manage-tokens", ACCESS_GRANT, TARGET_NONE, BODY_JSON, op_access_key_create},
    {METHOD_GET, "/v1/auth/tokens", NULL, "manage-tokens", ACCESS_GRANT, TARGET_NONE, BODY_NONE, op_bearer_list},
    {METHOD_DELETE, "/v1/auth/tokens/", NULL, "manage-tokens", ACCESS_GRANT, TARGET_REST, BODY_NONE, op_bearer_delete},
    {METHOD_GET, "/v1/auth/whoami", NULL, "whoami", ACCESS_CALLER, TARGET_NONE, BODY_NONE, op_whoami},

    {METHOD_GET, "/v1/grants", NULL, "manage-grants", ACCESS_GRANT, TARGET_NONE, BODY_NONE, op_grant_list},
    {METHOD_POST, "/v1/grants:apply", NULL, "manage-grants", ACCESS_GRANT, TARGET_NONE, BODY_JSON, op_grants_apply},
    {METHOD_GET, "/v1/grants/", NULL, "manage-grants", ACCESS_GRANT, TARGET_REST, BODY_NONE, op_grant_get},
    {METHOD_PUT, "/v1/grants/", NULL, "manage-grants", ACCESS_GRANT, TARGET_REST, BODY_JSON, op_grant_put},
    {METHOD_DELETE, "/v1/grants/", NULL, "manage-grants", ACCESS_GRANT, TARGET_REST, BODY_NONE, op_grant_delete},
    {METHOD_POST, "/v1/authorize", NULL, "authorize", ACCESS_CALLER, TARGET_NONE, BODY_JSON, op_authorize},

    {METHOD_GET, "/v1/audit", NULL, "read-audit", ACCESS_GRANT, TARGET_NONE, BODY_NONE, op_audit_list},
    {METHOD_GET, "/v1/audit/checkpoint", NULL, "read-audit", ACCESS_GRANT, TARGET_NONE, BODY_NONE, op_audit_checkpoint},
    {METHOD_GET, "/v1/lint", NULL, "read-audit", ACCESS_GRANT, TARGET_NONE, BODY_NONE, op_lint},
    {METHOD_GET, "/v1/tokens", NULL, "read", ACCESS_GRANT, TARGET_NONE, BODY_NONE, op_tokens},
    {METHOD_GET, "/v1/tokens/", NULL, "read", ACCESS_GRANT, TARGET_REST, BODY_NONE, op_inventory},
    {METHOD_POST, "/v1/backups", NULL, "manage-gateway", ACCESS_GRANT, TARGET_NONE, BODY_JSON_OPTIONAL, op_backup_start},
    {METHOD_GET, "/v1/backups", NULL, "manage-gateway", ACCESS_GRANT, TARGET_NONE, BODY_NONE, op_backup_list},
    {METHOD_GET, "/v1/backups/", NULL, "manage-gateway", ACCESS_GRANT, TARGET_REST, BODY_NONE, op_backup_get},
    {METHOD_GET, "/v1/clock", NULL, "read", ACCESS_GRANT, TARGET_NONE, BODY_NONE, op_clock},
    {METHOD_POST, "/v1/clock:accept", NULL, "manage-gateway", ACCESS_GRANT, TARGET_NONE, BODY_JSON, op_clock_accept},
    {METHOD_GET, "/v1/version", NULL, "version", ACCESS_CALLER, TARGET_NONE, BODY_NONE, op_version},
    {METHOD_GET, "/v1/openapi.json", NULL, "openapi", ACCESS_PUBLIC, TARGET_NONE, BODY_NONE, op_openapi},

    {METHOD_GET, "/healthz", NULL, "healthz", ACCESS_HEALTH, TARGET_NONE, BODY_NONE, op_healthz},
    {METHOD_GET, "/readyz", NULL, "readyz", ACCESS_HEALTH, TARGET_NONE, BODY_NONE, op_readyz},
    {METHOD_GET, "/metrics", NULL, "metrics", ACCESS_HEALTH, TARGET_NONE, BODY_NONE, op_metrics},
};
/* clang-format on */
const size_t route_count = ARRAY_LEN(routes);

/* A path taken apart once, before it meets the table. */
struct split {
    struct span path;
    bool is_key;      /* starts with KEYS_PREFIX */
    struct span name; /* NAME[@N] */
    struct span verb; /* after the colon; NULL without one */
};

static bool span_has(struct span text, const char *part)
{
    return text.len > 0 && memmem(text.data, text.len, part, strlen(part)) != NULL;
}

/* Cuts `:verb` off the item and returns it, a span of NULL when there is no colon. */
static struct span cut_verb(struct span *item)
{
    const uint8_t *colon = item->len == 0 ? NULL : memchr(item->data, ':', item->len);
    if (colon == NULL) {
        return span_of(NULL, 0);
    }
    size_t len = (size_t)(colon - item->data);
    struct span verb = span_of(colon + 1, item->len - len - 1);
    item->len = len;
    return verb;
}

static struct split split_path(struct span path)
{
    struct split split = {.path = path, .is_key = span_starts(path, KEYS_PREFIX)};
    if (!split.is_key) {
        return split;
    }
    size_t prefix = sizeof(KEYS_PREFIX) - 1;
    split.name = span_of(path.data + prefix, path.len - prefix);
    split.verb = cut_verb(&split.name);
    return split;
}

/* One segment behind the route's prefix and the verb behind its colon; no item: another path. */
static void cut_item(const struct route *route, struct span path, struct span *out_item,
                     struct span *out_verb)
{
    size_t prefix = strlen(route->path);
    *out_item = *out_verb = span_of(NULL, 0);
    if (!span_starts(path, route->path) || path.len == prefix) {
        return;
    }
    struct span rest = span_of(path.data + prefix, path.len - prefix);
    if (memchr(rest.data, '/', rest.len) != NULL) {
        return;
    }
    *out_verb = cut_verb(&rest);
    *out_item = rest;
}

static bool verb_matches(const struct route *route, struct span verb)
{
    return route->verb != NULL ? span_is(verb, route->verb) : verb.data == NULL;
}

static bool path_matches(const struct route *route, const struct split *split)
{
    if (route->target == TARGET_KEY) {
        return split->is_key && verb_matches(route, split->verb);
    }
    if (route->target == TARGET_ITEM) {
        struct span item, verb;
        cut_item(route, split->path, &item, &verb);
        return item.len > 0 && verb_matches(route, verb);
    }
    if (route->target == TARGET_REST) {
        return span_starts(split->path, route->path) && split->path.len > strlen(route->path);
    }
    return span_is(split->path, route->path);
}

/* The text of Allow (RFC 9110 §10.2.1) for a set of methods, one bit each. */
static const char *allow_text(unsigned methods)
{
    static const struct {
        unsigned methods;
        const char *text;
    } texts[] = {
        {1u << METHOD_GET, "GET"},
        {1u << METHOD_POST, "POST"},
        {1u << METHOD_DELETE, "DELETE"},
        {1u << METHOD_GET | 1u << METHOD_POST, "GET, POST"},
        {1u << METHOD_GET | 1u << METHOD_PATCH, "GET, PATCH"},
        {1u << METHOD_GET | 1u << METHOD_PUT | 1u << METHOD_DELETE, "GET, PUT, DELETE"},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].methods == methods) {
            return texts[i].text;
        }
    }
    return "GET, POST, PUT, PATCH, DELETE";
}

static struct err search(enum method method, const struct split *split, const struct route **out,
                         const char **out_allow)
{
    unsigned methods = 0;
    for (size_t i = 0; i < route_count; i++) {
        if (path_matches(&routes[i], split)) {
            if (routes[i].method == method) {
                *out = &routes[i];
                return err_ok();
            }
            methods |= 1u << routes[i].method;
        }
    }
    ENSURE(methods != 0, ERR_NOT_FOUND, "Nothing is served under this path.");
    *out_allow = allow_text(methods);
    return err_new(ERR_METHOD_NOT_ALLOWED, __func__, "This path takes other methods: %s.",
                   *out_allow);
}

struct err route_find(const struct request *request, const struct route **out_route,
                      struct span *out_target, uint32_t *out_version, const char **out_allow)
{
    ENSURE(!span_has(request->path, "%") && !span_has(request->path, "//") &&
               !span_has(request->path, ".."),
           ERR_INVALID_PATH, "The path must not have `%%`, `//` or `..`.");
    struct split split = split_path(request->path);
    const struct route *route = NULL;
    TRY(search(request->method, &split, &route, out_allow));
    struct span target = {0};
    uint32_t version = 0;
    if (route->target == TARGET_KEY) {
        TRY(name_split_version(split.name, &target, &version));
    }
    if (route->target == TARGET_REST) {
        size_t prefix = strlen(route->path);
        target = span_of(split.path.data + prefix, split.path.len - prefix);
    }
    if (route->target == TARGET_ITEM) {
        struct span verb;
        cut_item(route, split.path, &target, &verb);
    }
    *out_route = route;
    *out_target = target;
    *out_version = version;
    return err_ok();
}

bool route_is_urgent(const struct request *request)
{
    for (size_t i = 0; i < route_count; i++) {
        if (routes[i].access == ACCESS_HEALTH && routes[i].method == request->method &&
            span_is(request->path, routes[i].path)) {
            return true;
        }
    }
    return false;
}
