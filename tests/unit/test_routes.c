/* From method and path to route, key name and version. */
#include "base_test.h"

#include "gateway/ops/core_ops.h"
#include "gateway/ops/data_ops.h"

struct found {
    const struct route *route;
    struct span target;
    uint32_t version;
    const char *allow;
};

static struct err find(enum method method, const char *path, struct found *found)
{
    const struct request request = {.method = method, .path = span_text(path)};
    *found = (struct found){0};
    return route_find(&request, &found->route, &found->target, &found->version, &found->allow);
}

static void paths_lead_to_handlers(void **state)
{
    (void)state;
    static const struct {
        enum method method;
        const char *path;
        route_handler *handler;
        const char *target;
        uint32_t version;
    } rows[] = {
        {METHOD_POST, "/v1/keys", op_key_create, "", 0},
        {METHOD_GET, "/v1/keys", op_key_list, "", 0},
        {METHOD_GET, "/v1/keys/a/b", op_key_get, "a/b", 0},
        {METHOD_PATCH, "/v1/keys/a/b/c", op_key_update, "a/b/c", 0},
        {METHOD_GET, "/v1/keys/a/b:public-key", op_key_public, "a/b", 0},
        {METHOD_GET, "/v1/keys/a/b@7:public-key", op_key_public, "a/b", 7},
        {METHOD_POST, "/v1/keys/a/b:rotate", op_key_rotate, "a/b", 0},
        {METHOD_POST, "/v1/keys/a/b:sign", op_sign, "a/b", 0},
        {METHOD_POST, "/v1/keys/a/b@2147483647:sign", op_sign, "a/b", 2147483647},
        {METHOD_POST, "/v1/keys/a/b:verify", op_verify, "a/b", 0},
        {METHOD_POST, "/v1/keys/a/b:encrypt", op_encrypt, "a/b", 0},
        {METHOD_POST, "/v1/keys/a/b:decrypt", op_decrypt, "a/b", 0},
        {METHOD_POST, "/v1/keys/a/b:data-key", op_data_key, "a/b", 0},
        {METHOD_POST, "/v1/keys/a/b:unwrap", op_unwrap, "a/b", 0},
        {METHOD_POST, "/v1/keys/a/b:rewrap", op_rewrap, "a/b", 0},
        {METHOD_POST, "/v1/keys/a/b:mac", op_mac, "a/b", 0},
        {METHOD_POST, "/v1/keys/a/b:verify-mac", op_verify_mac, "a/b", 0},
        {METHOD_POST, "/v1/keys/a/b:jwt", op_jwt, "a/b", 0},
        {METHOD_POST, "/v1/random", op_random, "", 0},
        {METHOD_GET, "/jwks/a/b", op_jwks, "a/b", 0},
        {METHOD_GET, "/jwks/a/", op_jwks, "a/", 0},
        {METHOD_GET, "/oidc/a/.well-known/openid-configuration", op_oidc,
         "a/.well-known/openid-configuration", 0},
        {METHOD_POST, "/v1/auth/tokens", op_bearer_create, "", 0},
        {METHOD_GET, "/v1/auth/tokens", op_bearer_list, "", 0},
        {METHOD_DELETE, "/v1/auth/tokens/ci", op_bearer_delete, "ci", 0},
        {METHOD_GET, "/v1/auth/whoami", op_whoami, "", 0},
        {METHOD_GET, "/v1/audit", op_audit_list, "", 0},
        {METHOD_GET, "/v1/tokens", op_tokens, "", 0},
        {METHOD_GET, "/v1/break-glass", op_break_glass_list, "", 0},
        {METHOD_GET, "/v1/break-glass/1f", op_break_glass_get, "1f", 0},
        {METHOD_POST, "/v1/break-glass/1f:vote", op_break_glass_vote, "1f", 0},
        {METHOD_POST, "/v1/break-glass/1f:open", op_break_glass_open, "1f", 0},
        {METHOD_GET, "/v1/break-glass/1f:evidence", op_break_glass_evidence, "1f", 0},
        {METHOD_GET, "/v1/roster:report", op_roster_report, "", 0},
        {METHOD_POST, "/v1/keys/a/b:freeze", op_key_freeze, "a/b", 0},
        {METHOD_GET, "/v1/version", op_version, "", 0},
        {METHOD_GET, "/v1/openapi.json", op_openapi, "", 0},
        {METHOD_GET, "/healthz", op_healthz, "", 0},
        {METHOD_GET, "/readyz", op_readyz, "", 0},
        {METHOD_GET, "/metrics", op_metrics, "", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct found found;
        assert_code_of(rows[i].path, find(rows[i].method, rows[i].path, &found), ERR_OK);
        assert_ptr_equal(found.route->handler, rows[i].handler);
        assert_span_is(found.target, rows[i].target);
        assert_int_equal(found.version, rows[i].version);
    }
}

static void other_paths_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum method method;
        const char *path;
        enum err_code code;
        const char *allow;
    } rows[] = {
        {METHOD_GET, "/", ERR_NOT_FOUND, NULL},
        {METHOD_GET, "", ERR_NOT_FOUND, NULL},
        {METHOD_GET, "/v1", ERR_NOT_FOUND, NULL},
        {METHOD_GET, "/v2/keys/a/b", ERR_NOT_FOUND, NULL},
        {METHOD_GET, "/v1/random/", ERR_NOT_FOUND, NULL},
        {METHOD_GET, "/healthz/", ERR_NOT_FOUND, NULL},
        {METHOD_GET, "/jwks/", ERR_NOT_FOUND, NULL},
        {METHOD_DELETE, "/v1/auth/tokens/", ERR_NOT_FOUND, NULL},
        {METHOD_POST, "/v1/keys/a/b:", ERR_NOT_FOUND, NULL},
        {METHOD_POST, "/v1/keys/a/b:explode", ERR_NOT_FOUND, NULL},
        {METHOD_POST, "/v1/keys/a/b:sign:sign", ERR_NOT_FOUND, NULL},
        {METHOD_POST, "/v1/keys/a/b@1:demote", ERR_NOT_FOUND, NULL},
        {METHOD_GET, "/v1/keys/a/b@1:promote", ERR_METHOD_NOT_ALLOWED, "POST"},
        {METHOD_GET, "/v1/backups/", ERR_NOT_FOUND, NULL},
        {METHOD_GET, "/v1/clock:accept", ERR_METHOD_NOT_ALLOWED, "POST"},
        {METHOD_GET, "/v1/keys/a/b:sign", ERR_METHOD_NOT_ALLOWED, "POST"},
        {METHOD_DELETE, "/v1/keys/a/b", ERR_METHOD_NOT_ALLOWED, "GET, PATCH"},
        {METHOD_PUT, "/v1/keys", ERR_METHOD_NOT_ALLOWED, "GET, POST"},
        {METHOD_POST, "/healthz", ERR_METHOD_NOT_ALLOWED, "GET"},
        {METHOD_GET, "/v1/auth/tokens/ci", ERR_METHOD_NOT_ALLOWED, "DELETE"},
        {METHOD_GET, "/v1/keys/a", ERR_INVALID_NAME, NULL},
        {METHOD_GET, "/v1/break-glass/", ERR_NOT_FOUND, NULL},
        {METHOD_GET, "/v1/break-glass/a/b", ERR_NOT_FOUND, NULL},
        {METHOD_GET, "/v1/break-glass/a:b", ERR_NOT_FOUND, NULL},
        {METHOD_GET, "/v1/break-glass/:evidence", ERR_NOT_FOUND, NULL},
        {METHOD_GET, "/v1/break-glass/a:vote", ERR_METHOD_NOT_ALLOWED, "POST"},
        {METHOD_GET, "/v1/keys/", ERR_INVALID_NAME, NULL},
        {METHOD_GET, "/v1/keys/a/B", ERR_INVALID_NAME, NULL},
        {METHOD_GET, "/v1/keys/a/b/", ERR_INVALID_NAME, NULL},
        {METHOD_POST, "/v1/keys/a/b@:sign", ERR_INVALID_NAME, NULL},
        {METHOD_POST, "/v1/keys/a/b@0:sign", ERR_INVALID_NAME, NULL},
        {METHOD_POST, "/v1/keys/a/b@01:sign", ERR_INVALID_NAME, NULL},
        {METHOD_POST, "/v1/keys/a/b@2147483648:sign", ERR_INVALID_NAME, NULL},
        {METHOD_GET, "/v1/keys/a%2fb", ERR_INVALID_PATH, NULL},
        {METHOD_GET, "/v1/keys//a/b", ERR_INVALID_PATH, NULL},
        {METHOD_GET, "/v1/keys/a/../b", ERR_INVALID_PATH, NULL},
        {METHOD_GET, "/v1/keys/a..b/c", ERR_INVALID_PATH, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct found found;
        assert_code_of(rows[i].path, find(rows[i].method, rows[i].path, &found), rows[i].code);
        assert_null(found.route);
        if (rows[i].allow != NULL) {
            assert_string_equal(found.allow, rows[i].allow);
        }
    }
}

/* The text of Allow names exactly the methods that the path takes, for every path of the table. */
static void allow_names_what_is_served(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        char path[96];
        bool key = routes[i].target == TARGET_KEY;
        snprintf(path, sizeof(path), "%s%s%s%s", routes[i].path,
                 key                                                                  ? "a/b"
                 : routes[i].target == TARGET_REST || routes[i].target == TARGET_ITEM ? "x"
                                                                                      : "",
                 routes[i].verb != NULL ? ":" : "", routes[i].verb != NULL ? routes[i].verb : "");
        struct found refused;
        enum method other = strcmp(routes[i].path, "/v1/grants/") == 0 ? METHOD_PATCH : METHOD_PUT;
        assert_code_of(path, find(other, path, &refused), ERR_METHOD_NOT_ALLOWED);
        for (unsigned method = 0; method < METHOD_COUNT; method++) {
            struct found found;
            struct err err = find((enum method)method, path, &found);
            bool named = strstr(refused.allow, method_name((enum method)method)) != NULL;
            assert_int_equal(named, err.code == ERR_OK);
        }
    }
}

static void the_table_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        const struct route *route = &routes[i];
        assert_non_null(route->handler);
        assert_non_null(route->operation);
        assert_true((route->target == TARGET_KEY) == (strcmp(route->path, "/v1/keys/") == 0));
        /* whatever names a key or changes something asks for a grant; authorize changes nothing,
         * votes speak for themselves, and the key of a request is known when that is read */
        bool asks = strcmp(route->path, "/v1/authorize") == 0 ||
                    strcmp(route->path, "/v1/roster") == 0 || route->target == TARGET_ITEM;
        if (route->target == TARGET_KEY || (route->method != METHOD_GET && !asks)) {
            assert_int_equal(route->access, ACCESS_GRANT);
        }
    }
}

static void only_health_is_urgent(void **state)
{
    (void)state;
    static const struct {
        enum method method;
        const char *path;
        bool urgent;
    } rows[] = {
        {METHOD_GET, "/healthz", true},          {METHOD_GET, "/readyz", true},
        {METHOD_GET, "/metrics", true},          {METHOD_POST, "/healthz", false},
        {METHOD_GET, "/healthz/", false},        {METHOD_GET, "/health", false},
        {METHOD_GET, "/v1/version", false},      {METHOD_GET, "/v1/keys/a/b", false},
        {METHOD_GET, "/v1/keys/healthz", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct request request = {.method = rows[i].method, .path = span_text(rows[i].path)};
        assert_int_equal(route_is_urgent(&request), rows[i].urgent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_to_handlers),     cmocka_unit_test(other_paths_are_refused),
        cmocka_unit_test(allow_names_what_is_served), cmocka_unit_test(the_table_is_whole),
        cmocka_unit_test(only_health_is_urgent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
