/* What is served under a mount and under the system's paths, and how a path finds it.
 *
 * Doubled slashes count as one, PUT is POST, and LIST is its own method or GET with a true `list`,
 * because the clients differ. The first route whose segments fit is taken. */
#include "base/mem.h"
#include "gateway/query.h"
#include "gateway/vault/vault.h"

#define ROOT "/v1/"

/* clang-format off */
#define KEY_ROUTE(method, path, operation, handler) \
    {method, path, NULL, operation, ACCESS_GRANT, TARGET_KEY, BODY_JSON_OPTIONAL, handler}
#define NO_KEY_ROUTE(method, path, operation, access, handler) \
    {method, path, NULL, operation, access, TARGET_NONE, BODY_JSON_OPTIONAL, handler}

const struct route vault_mount_routes[] = {
    KEY_ROUTE(METHOD_POST, "encrypt/{key}", "encrypt", vault_encrypt),
    KEY_ROUTE(METHOD_POST, "decrypt/{key}", "decrypt", vault_decrypt),
    KEY_ROUTE(METHOD_POST, "rewrap/{key}", "rewrap", vault_rewrap),
    KEY_ROUTE(METHOD_POST, "datakey/{argument}/{key}", "data-key", vault_data_key),
    KEY_ROUTE(METHOD_POST, "sign/{key}/{argument?}", "sign", vault_sign),
    KEY_ROUTE(METHOD_POST, "verify/{key}/{argument?}", "verify", vault_verify),
    KEY_ROUTE(METHOD_POST, "hmac/{key}/{argument?}", "mac", vault_hmac),

    {METHOD_POST, "keys/{key}", NULL, "create", ACCESS_GRANT, TARGET_NEW_KEY, BODY_JSON_OPTIONAL, vault_key_create},
    KEY_ROUTE(METHOD_GET, "keys/{key}", "read", vault_key_read),
    KEY_ROUTE(METHOD_DELETE, "keys/{key}", "destroy", vault_key_delete),
    NO_KEY_ROUTE(METHOD_LIST, "keys", "read", ACCESS_CALLER, vault_key_list),
    KEY_ROUTE(METHOD_POST, "keys/{key}/config", "update", vault_key_config),
    KEY_ROUTE(METHOD_POST, "keys/{key}/rotate", "rotate", vault_key_rotate),
    KEY_ROUTE(METHOD_POST, "keys/{key}/trim", "destroy", vault_key_trim),
    KEY_ROUTE(METHOD_POST, "keys/{key}/csr", "sign", vault_csr),
    KEY_ROUTE(METHOD_POST, "keys/{key}/set-certificate", "update", vault_set_certificate),
    KEY_ROUTE(METHOD_GET, "export/public-key/{key}/{argument?}", "read", vault_export_public),
    KEY_ROUTE(METHOD_GET, "export/certificate-chain/{key}/{argument?}", "read", vault_export_chain),

    NO_KEY_ROUTE(METHOD_POST, "random/{argument?}/{argument?}", "random", ACCESS_GRANT, vault_random),
    NO_KEY_ROUTE(METHOD_POST, "hash/{argument?}", "hash", ACCESS_CALLER, vault_hash),

    NO_KEY_ROUTE(METHOD_GET, "export/{argument}/{argument}/{argument?}", "export", ACCESS_CALLER, vault_never),
    NO_KEY_ROUTE(METHOD_GET, "backup/{argument}", "export", ACCESS_CALLER, vault_never),
    NO_KEY_ROUTE(METHOD_GET, "byok-export/{argument}/{argument}", "export", ACCESS_CALLER, vault_never),
    NO_KEY_ROUTE(METHOD_POST, "restore/{argument?}", "import", ACCESS_CALLER, vault_no_import),
    NO_KEY_ROUTE(METHOD_POST, "keys/{argument}/import", "import", ACCESS_CALLER, vault_no_import),
    NO_KEY_ROUTE(METHOD_POST, "keys/{argument}/import_version", "import", ACCESS_CALLER, vault_no_import),
    NO_KEY_ROUTE(METHOD_GET, "wrapping_key", "import", ACCESS_CALLER, vault_no_import),
};
const size_t vault_mount_route_count = ARRAY_LEN(vault_mount_routes);

const struct route vault_system_routes[] = {
    NO_KEY_ROUTE(METHOD_GET, "auth/token/lookup-self", "whoami", ACCESS_CALLER, vault_lookup_self),
    NO_KEY_ROUTE(METHOD_POST, "auth/token/lookup-self", "whoami", ACCESS_CALLER, vault_lookup_self),
    NO_KEY_ROUTE(METHOD_POST, "auth/token/renew-self", "whoami", ACCESS_CALLER, vault_renew_self),
    NO_KEY_ROUTE(METHOD_POST, "auth/token/revoke-self", "revoke-self", ACCESS_CALLER, vault_revoke_self),
    NO_KEY_ROUTE(METHOD_POST, "auth/{argument}/login/{argument?}", "login", ACCESS_HEALTH, vault_no_login),
    NO_KEY_ROUTE(METHOD_GET, "sys/mounts", "mounts", ACCESS_CALLER, vault_mounts),
    NO_KEY_ROUTE(METHOD_GET, "sys/health", "healthz", ACCESS_HEALTH, vault_health),
    NO_KEY_ROUTE(METHOD_GET, "sys/seal-status", "healthz", ACCESS_HEALTH, vault_seal_status),
    NO_KEY_ROUTE(METHOD_GET, "sys/init", "healthz", ACCESS_HEALTH, vault_init),
    NO_KEY_ROUTE(METHOD_GET, "sys/leader", "healthz", ACCESS_HEALTH, vault_leader),
};
const size_t vault_system_route_count = ARRAY_LEN(vault_system_routes);
/* clang-format on */

/* --- segments --- */

/* Cuts the next segment off, over any number of slashes; empty at the end. */
static struct span next_segment(struct span *rest)
{
    while (rest->len > 0 && rest->data[0] == '/') {
        *rest = span_of(rest->data + 1, rest->len - 1);
    }
    size_t len = 0;
    while (len < rest->len && rest->data[len] != '/') {
        len++;
    }
    struct span segment = span_of(rest->data, len);
    *rest = span_of(rest->data + len, rest->len - len);
    return segment;
}

/* Whether `path` begins with all segments of `prefix`; `out_rest` is what follows. */
static bool cut_segments(struct span path, struct span prefix, struct span *out_rest)
{
    for (struct span wanted = next_segment(&prefix); wanted.len > 0;
         wanted = next_segment(&prefix)) {
        if (!span_equal(next_segment(&path), wanted)) {
            return false;
        }
    }
    *out_rest = path;
    return true;
}

/* What a pattern took out of a path. */
struct match {
    struct span key;
    struct span arguments[CALL_ARGUMENTS_MAX];
    size_t argument_count;
};

static bool match_segment(struct span wanted, struct span segment, struct match *out)
{
    if (span_is(wanted, "{key}")) {
        out->key = segment;
        return segment.len > 0;
    }
    if (span_is(wanted, "{argument}") || span_is(wanted, "{argument?}")) {
        if (segment.len > 0 && out->argument_count < CALL_ARGUMENTS_MAX) {
            out->arguments[out->argument_count++] = segment;
        }
        return segment.len > 0 || span_is(wanted, "{argument?}");
    }
    return span_equal(wanted, segment);
}

static bool match_path(const char *pattern, struct span path, struct match *out)
{
    struct span wanted_rest = span_text(pattern);
    *out = (struct match){0};
    for (struct span wanted = next_segment(&wanted_rest); wanted.len > 0;
         wanted = next_segment(&wanted_rest)) {
        if (!match_segment(wanted, next_segment(&path), out)) {
            return false;
        }
    }
    return next_segment(&path).len == 0;
}

/* --- mounts --- */

/* With X-Vault-Namespace, which clients may also write in front of the mount. */
static bool is_under(const struct request *request, const struct config_mount *mount,
                     struct span *out_rest)
{
    struct span path = request->path;
    struct span wanted = span_text(mount->mount);
    if (!cut_segments(path, span_text(ROOT), &path)) {
        return false;
    }
    struct span inside = request->vault_namespace;
    if (inside.len > 0) {
        struct span after;
        if (!cut_segments(wanted, inside, &after)) {
            return false;
        }
        struct span left = after;
        if (next_segment(&left).len > 0 && cut_segments(path, after, out_rest)) {
            return true;
        }
    }
    return cut_segments(path, wanted, out_rest);
}

static const struct config_mount *find_mount(const struct gateway *gateway,
                                             const struct request *request, struct span *out_rest)
{
    const struct config *config = gateway->config;
    for (size_t i = 0; i < config->vault_mount_count; i++) {
        if (is_under(request, &config->vault_mounts[i], out_rest)) {
            return &config->vault_mounts[i];
        }
    }
    return NULL;
}

const struct config_mount *vault_mount(const struct gateway *gateway, const struct request *request)
{
    struct span rest;
    return find_mount(gateway, request, &rest);
}

/* `auth/METHOD/login`, which the native API has nothing like. */
static bool is_login(struct span path)
{
    if (!cut_segments(path, span_text(ROOT "auth"), &path)) {
        return false;
    }
    (void)next_segment(&path);
    return span_is(next_segment(&path), "login");
}

static bool is_system(const struct request *request, struct span *out_rest)
{
    struct span rest;
    bool is = cut_segments(request->path, span_text(ROOT "sys"), &rest) ||
              cut_segments(request->path, span_text(ROOT "auth/token"), &rest) ||
              is_login(request->path);
    return is && cut_segments(request->path, span_text(ROOT), out_rest);
}

/* A namespace that has no such mount is told so in Vault's words; the native API's own paths are
 * left alone. */
static bool is_lost(const struct request *request)
{
    struct span rest = {0};
    return request->vault_namespace.len > 0 &&
           cut_segments(request->path, span_text(ROOT), &rest) &&
           !config_is_native(next_segment(&rest));
}

bool vault_takes(const struct gateway *gateway, const struct request *request)
{
    struct span rest;
    return gateway->config->vault_mount_count > 0 &&
           (find_mount(gateway, request, &rest) != NULL || is_system(request, &rest) ||
            is_lost(request));
}

/* --- the search --- */

struct span vault_parameter(const struct request *request, const char *name)
{
    struct span rest = request->query, value = {0};
    while (rest.len > 0) {
        struct span pair = query_cut(&rest, '&');
        if (span_is(query_cut(&pair, '='), name)) {
            value = pair;
        }
    }
    return value;
}

bool vault_is_urgent(const struct request *request)
{
    struct match match;
    struct span rest;
    if (request->method != METHOD_GET || !is_system(request, &rest)) {
        return false;
    }
    for (size_t i = 0; i < vault_system_route_count; i++) {
        const struct route *route = &vault_system_routes[i];
        if (route->method == METHOD_GET && route->access == ACCESS_HEALTH &&
            match_path(route->path, rest, &match)) {
            return true;
        }
    }
    return false;
}

static enum method method_asked(const struct request *request)
{
    if (request->method == METHOD_PUT) {
        return METHOD_POST;
    }
    bool lists = request->method == METHOD_GET && loose_is_true(vault_parameter(request, "list"));
    return lists ? METHOD_LIST : request->method;
}

struct table {
    const struct route *routes;
    size_t count;
};

static struct err search(const struct table *table, enum method method, struct span path,
                         const struct route **out, struct match *match, const char **out_allow)
{
    bool known = false;
    for (size_t i = 0; i < table->count; i++) {
        if (match_path(table->routes[i].path, path, match)) {
            known = true;
            if (table->routes[i].method == method) {
                *out = &table->routes[i];
                return err_ok();
            }
        }
    }
    ENSURE(known, ERR_NOT_FOUND, "no handler for this route: nothing is served under this path");
    *out_allow = "GET, POST, PUT, DELETE, LIST";
    return err_new(ERR_METHOD_NOT_ALLOWED, __func__, "unsupported operation");
}

/* Puts the namespace before the name that the client uses. */
static struct err join_name(struct call *call, const char *namespace, struct span key)
{
    CLEANUP(buf_clear) struct buf name = {.max = NAME_MAX_LEN};
    struct err err = buf_append_text(&name, namespace);
    if (err.code == ERR_OK) {
        err = buf_append_text(&name, "/");
    }
    if (err.code == ERR_OK) {
        err = vault_name_encode(key, &name);
    }
    ENSURE(err.code != ERR_TOO_LARGE, ERR_INVALID_NAME, "a name has at most %d characters",
           NAME_MAX_LEN);
    TRY(err);
    memcpy(call->name, name.data, name.len);
    call->name[name.len] = '\0';
    call->target = span_of(call->name, name.len);
    return name_check(call->target);
}

struct span vault_key_name(const struct call *call, const struct key *key,
                           char out[NAME_MAX_LEN + 1])
{
    const struct config_mount *mount = vault_mount(call->gateway, &call->exchange->request);
    size_t skip = strlen(mount->namespace) + 1;
    struct span name = span_text(key->name);
    return vault_name_decode(span_of(name.data + skip, name.len - skip), out);
}

struct err vault_find(struct call *call)
{
    const struct request *request = &call->exchange->request;
    const struct table mounted = {vault_mount_routes, vault_mount_route_count};
    const struct table system = {vault_system_routes, vault_system_route_count};
    struct span rest = {0};
    struct match match = {0};
    call->exchange->request.vault = true;
    const struct config_mount *mount = find_mount(call->gateway, request, &rest);
    ENSURE(mount != NULL || is_system(request, &rest), ERR_NOT_FOUND,
           "no handler for this route: the namespace has no such mount");
    ENSURE(request->vault_wrap_ttl.len == 0, ERR_UNSUPPORTED_OPERATION,
           "response wrapping is not done here: leave X-Vault-Wrap-TTL out");
    TRY(search(mount != NULL ? &mounted : &system, method_asked(request), rest, &call->route,
               &match, &call->exchange->reply.allow));
    call->also = call->route->handler == vault_decrypt ? "unwrap" : NULL;
    for (size_t i = 0; i < match.argument_count; i++) {
        call->arguments[i] = match.arguments[i];
    }
    return match.key.len > 0 ? join_name(call, mount->namespace, match.key) : err_ok();
}

static struct err context(const struct call *call, const struct json_value *item, struct json *made,
                          const struct json_value **out)
{
    (void)call;
    return vault_context(item, made, out);
}

const struct dialect dialect_vault = {
    .name = "vault",
    .takes = vault_takes,
    .find = vault_find,
    .any_media_type = true,
    .items = "batch_input",
    .items_win = true,
    .context = context,
    .reply_one = vault_reply_one,
    .reply_many = vault_reply_many,
    .refuse = vault_refuse,
};
