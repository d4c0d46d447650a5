/* Which requests are in Vault's dialect, and from method and path to route, key name and arguments.
 */
#include "base_test.h"

#include "gateway/policy.h"
#include "gateway/vault/vault.h"

#define SEGMENT_63  "a12345678901234567890123456789012345678901234567890123456789012"
#define SEGMENT_252 SEGMENT_63 SEGMENT_63 SEGMENT_63 SEGMENT_63
/* 191 characters, which leave 8 for the key's own name */
#define LONG_NAMESPACE SEGMENT_63 "/" SEGMENT_63 "/" SEGMENT_63

static const struct config_mount mounts[] = {
    {"transit", "transit"},
    {"team/kms", "payments/prod"},
    {"long", LONG_NAMESPACE},
};
static const struct config config = {.vault_mounts = mounts,
                                     .vault_mount_count = ARRAY_LEN(mounts)};
static const struct config no_mounts = {0};

struct asked {
    enum method method;
    const char *path;
    const char *namespace; /* X-Vault-Namespace, or NULL, likewise the others */
    const char *query;
    const char *wrap_ttl;
};

/* A call on its way into the dialect. */
struct scene {
    struct gateway gateway;
    struct exchange exchange;
    struct call call;
};

static struct span span_or_none(const char *text)
{
    return text != NULL ? span_text(text) : span_of(NULL, 0);
}

static void set(struct scene *scene, const struct config *from, const struct asked *asked)
{
    *scene = (struct scene){.gateway = {.config = from}};
    scene->exchange.request = (struct request){
        .method = asked->method,
        .path = span_text(asked->path),
        .query = span_or_none(asked->query),
        .vault_namespace = span_or_none(asked->namespace),
        .vault_wrap_ttl = span_or_none(asked->wrap_ttl),
    };
    scene->call = (struct call){.gateway = &scene->gateway, .exchange = &scene->exchange};
}

static bool takes(const struct config *from, const struct asked *asked)
{
    struct scene scene;
    set(&scene, from, asked);
    return vault_takes(&scene.gateway, &scene.exchange.request);
}

static struct err find(struct scene *scene, const struct asked *asked)
{
    set(scene, &config, asked);
    return vault_find(&scene->call);
}

/* --- every route --- */

#define ARGUMENTS_SEEN_MAX 3

/* A path made from a pattern, and what it says. */
struct made {
    char path[128];
    bool key;
    const char *arguments[ARGUMENTS_SEEN_MAX];
    size_t argument_count;
};

static void add_segment(struct made *made, struct span segment)
{
    size_t len = strlen(made->path);
    snprintf(made->path + len, sizeof(made->path) - len, "/%.*s", (int)segment.len,
             (const char *)segment.data);
}

static void add_argument(struct made *made)
{
    static const char *const values[ARGUMENTS_SEEN_MAX] = {"first", "second", "third"};
    const char *value = values[made->argument_count];
    made->arguments[made->argument_count++] = value;
    add_segment(made, span_text(value));
}

static void make_path(const char *root, const char *pattern, bool whole, struct made *out)
{
    *out = (struct made){0};
    snprintf(out->path, sizeof(out->path), "%s", root);
    for (const char *at = pattern; *at != '\0'; at += *at == '/' ? 1 : 0) {
        struct span segment = span_of(at, strcspn(at, "/"));
        at += segment.len;
        if (span_is(segment, "{key}")) {
            out->key = true;
            add_segment(out, span_text("card-dek"));
        } else if (span_is(segment, "{argument}")) {
            add_argument(out);
        } else if (!span_is(segment, "{argument?}")) {
            add_segment(out, segment);
        } else if (whole) {
            add_argument(out);
        }
    }
}

static void assert_arguments(const struct call *call, const struct made *made)
{
    for (size_t i = 0; i < CALL_ARGUMENTS_MAX; i++) {
        if (i < made->argument_count) {
            assert_span_is(call->arguments[i], made->arguments[i]);
        } else {
            assert_int_equal(call->arguments[i].len, 0);
        }
    }
}

static void assert_found(const struct route *route, const struct made *made, const char *key)
{
    struct scene scene;
    const struct asked asked = {.method = route->method, .path = made->path};
    assert_true(takes(&config, &asked));
    assert_code_of(made->path, find(&scene, &asked), ERR_OK);
    assert_ptr_equal(scene.call.route, route);
    assert_span_is(scene.call.target, made->key ? key : "");
    assert_arguments(&scene.call, made);
    assert_int_equal(scene.call.version_asked, 0);
    assert_true(scene.exchange.request.vault);
    bool decrypts = route->handler == vault_decrypt;
    assert_true(decrypts == (scene.call.also != NULL));
    if (decrypts) {
        assert_string_equal(scene.call.also, "unwrap");
    }
}

static void routes_of_mounts_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < vault_mount_route_count; i++) {
        const struct route *route = &vault_mount_routes[i];
        for (unsigned whole = 0; whole < 2; whole++) {
            struct made made;
            make_path("/v1/transit", route->path, whole == 1, &made);
            assert_found(route, &made, "transit/card-dek");
            make_path("/v1/team/kms", route->path, whole == 1, &made);
            assert_found(route, &made, "payments/prod/card-dek");
        }
    }
}

static void routes_of_the_system_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < vault_system_route_count; i++) {
        struct made made;
        make_path("/v1", vault_system_routes[i].path, true, &made);
        assert_found(&vault_system_routes[i], &made, "");
    }
}

static void check_route(const struct route *route)
{
    bool key = strstr(route->path, "{key}") != NULL;
    bool creates = route->handler == vault_key_create;
    assert_non_null(route->handler);
    assert_non_null(route->operation);
    assert_null(route->verb);
    assert_int_equal(route->body, BODY_JSON_OPTIONAL);
    assert_int_equal(route->target, creates ? TARGET_NEW_KEY : key ? TARGET_KEY : TARGET_NONE);
    /* whatever names a key, or takes of the token, asks for a grant */
    enum operation operation;
    bool granted = route->access == ACCESS_GRANT;
    assert_true(granted || !key);
    assert_true(!granted || operation_by_name(span_text(route->operation), &operation));
    assert_true(route->access != ACCESS_PUBLIC);
}

static void the_tables_are_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < vault_mount_route_count; i++) {
        print_message("%s\n", vault_mount_routes[i].path);
        check_route(&vault_mount_routes[i]);
        assert_true(vault_mount_routes[i].access != ACCESS_HEALTH);
    }
    for (size_t i = 0; i < vault_system_route_count; i++) {
        print_message("%s\n", vault_system_routes[i].path);
        check_route(&vault_system_routes[i]);
    }
}

/* --- how clients differ --- */

static void other_spellings_are_found(void **state)
{
    (void)state;
    static const struct {
        struct asked asked;
        route_handler *handler;
        const char *target;
    } rows[] = {
        {{METHOD_PUT, "/v1/transit/encrypt/a", NULL, NULL, NULL}, vault_encrypt, "transit/a"},
        {{METHOD_PUT, "/v1/transit/keys/a", NULL, NULL, NULL}, vault_key_create, "transit/a"},
        {{METHOD_PUT, "/v1/auth/token/renew-self", NULL, NULL, NULL}, vault_renew_self, ""},
        {{METHOD_POST, "/v1//transit//encrypt///a", NULL, NULL, NULL}, vault_encrypt, "transit/a"},
        {{METHOD_POST, "//v1/transit/encrypt/a//", NULL, NULL, NULL}, vault_encrypt, "transit/a"},
        {{METHOD_POST, "/v1/team//kms/sign/a/", NULL, NULL, NULL}, vault_sign, "payments/prod/a"},
        {{METHOD_GET, "/v1/sys//health/", NULL, NULL, NULL}, vault_health, ""},
        {{METHOD_LIST, "/v1/transit/keys", NULL, NULL, NULL}, vault_key_list, ""},
        {{METHOD_LIST, "/v1/transit/keys/", NULL, NULL, NULL}, vault_key_list, ""},
        {{METHOD_GET, "/v1/transit/keys", NULL, "list=true", NULL}, vault_key_list, ""},
        {{METHOD_GET, "/v1/transit/keys/", NULL, "list=true", NULL}, vault_key_list, ""},
        {{METHOD_GET, "/v1/transit/keys", NULL, "after=a&list=True&limit=2", NULL},
         vault_key_list,
         ""},
        {{METHOD_GET, "/v1/transit/keys", NULL, "list=1", NULL}, vault_key_list, ""},
        {{METHOD_GET, "/v1/transit/keys", NULL, "list=false&list=t", NULL}, vault_key_list, ""},
        {{METHOD_GET, "/v1/transit/keys/a", NULL, "list=false", NULL}, vault_key_read, "transit/a"},
        {{METHOD_GET, "/v1/sys/health", NULL, "standbyok=true", NULL}, vault_health, ""},
        {{METHOD_POST, "/v1/transit/keys/a", NULL, "list=true", NULL},
         vault_key_create,
         "transit/a"},
        /* what is a word in one place is a name in another */
        {{METHOD_GET, "/v1/transit/keys/keys", NULL, NULL, NULL}, vault_key_read, "transit/keys"},
        {{METHOD_POST, "/v1/transit/keys/config/config", NULL, NULL, NULL},
         vault_key_config,
         "transit/config"},
        {{METHOD_GET, "/v1/transit/export/public-key/a", NULL, NULL, NULL},
         vault_export_public,
         "transit/a"},
        {{METHOD_GET, "/v1/transit/export/encryption-key/a", NULL, NULL, NULL}, vault_never, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene scene;
        const struct asked *asked = &rows[i].asked;
        assert_true(takes(&config, asked));
        assert_code_of(asked->path, find(&scene, asked), ERR_OK);
        assert_ptr_equal(scene.call.route->handler, rows[i].handler);
        assert_span_is(scene.call.target, rows[i].target);
    }
}

static void arguments_are_taken(void **state)
{
    (void)state;
    static const struct {
        enum method method;
        const char *path;
        const char *arguments[CALL_ARGUMENTS_MAX];
    } rows[] = {
        {METHOD_POST, "/v1/transit/datakey/plaintext/a", {"plaintext", ""}},
        {METHOD_POST, "/v1/transit/datakey/wrapped/a", {"wrapped", ""}},
        {METHOD_POST, "/v1/transit/sign/a", {"", ""}},
        {METHOD_POST, "/v1/transit/sign/a/sha2-512", {"sha2-512", ""}},
        {METHOD_POST, "/v1/transit/verify//a//sha2-384/", {"sha2-384", ""}},
        {METHOD_POST, "/v1/transit/hmac/a/sha2-256", {"sha2-256", ""}},
        {METHOD_GET, "/v1/transit/export/public-key/a/7", {"7", ""}},
        {METHOD_POST, "/v1/transit/random", {"", ""}},
        {METHOD_POST, "/v1/transit/random/platform", {"platform", ""}},
        {METHOD_POST, "/v1/transit/random/all/64", {"all", "64"}},
        {METHOD_POST, "/v1/transit/hash/sha2-512", {"sha2-512", ""}},
        {METHOD_GET, "/v1/transit/export/encryption-key/a/1", {"encryption-key", "a"}},
        {METHOD_GET, "/v1/transit/backup/a", {"a", ""}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene scene;
        assert_code_of(
            rows[i].path,
            find(&scene, &(struct asked){.method = rows[i].method, .path = rows[i].path}), ERR_OK);
        for (size_t j = 0; j < CALL_ARGUMENTS_MAX; j++) {
            assert_span_is(scene.call.arguments[j], rows[i].arguments[j]);
        }
    }
}

/* --- namespaces of Vault --- */

static void namespaces_stand_before_mounts(void **state)
{
    (void)state;
    static const struct {
        const char *namespace;
        const char *path;
        const char *target; /* NULL: the namespace has no such mount */
    } rows[] = {
        {"team", "/v1/kms/keys/a", "payments/prod/a"},
        {"team/", "/v1/kms/keys/a", "payments/prod/a"},
        {"/team/", "/v1/kms/keys/a", "payments/prod/a"},
        {"team", "/v1/team/kms/keys/a", "payments/prod/a"},
        {"", "/v1/team/kms/keys/a", "payments/prod/a"},
        {"/", "/v1/team/kms/keys/a", "payments/prod/a"},
        {"team/kms", "/v1/team/kms/keys/a", "payments/prod/a"},
        {"transit", "/v1/transit/keys/a", "transit/a"},
        {"team", "/v1/transit/keys/a", NULL},
        {"tea", "/v1/kms/keys/a", NULL},
        {"teams", "/v1/kms/keys/a", NULL},
        {"Team", "/v1/kms/keys/a", NULL},
        {"team/kms/more", "/v1/kms/keys/a", NULL},
        {"team/kms/more", "/v1/team/kms/keys/a", NULL},
        {"other", "/v1/transit/keys/a", NULL},
        {"other", "/v1/other/transit/keys/a", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene scene;
        const struct asked asked = {
            .method = METHOD_GET, .path = rows[i].path, .namespace = rows[i].namespace};
        bool found = rows[i].target != NULL;
        assert_true(takes(&config, &asked));
        assert_code_of(rows[i].path, find(&scene, &asked), found ? ERR_OK : ERR_NOT_FOUND);
        assert_span_is(scene.call.target, found ? rows[i].target : "");
        const struct config_mount *mount = vault_mount(&scene.gateway, &scene.exchange.request);
        assert_true(found == (mount != NULL));
        assert_true(found == (scene.call.route != NULL));
    }
}

static void the_system_is_in_every_namespace(void **state)
{
    (void)state;
    static const char *const namespaces[] = {"", "team", "team/kms", "transit", "other"};
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
        struct scene scene;
        const struct asked asked = {METHOD_GET, "/v1/auth/token/lookup-self", namespaces[i], NULL,
                                    NULL};
        assert_true(takes(&config, &asked));
        assert_code_of(namespaces[i], find(&scene, &asked), ERR_OK);
        assert_ptr_equal(scene.call.route->handler, vault_lookup_self);
    }
}

/* --- names --- */

static void names_are_joined(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *target;
        const char *shown;
    } rows[] = {
        {"/v1/transit/keys/card-dek", "transit/card-dek", "card-dek"},
        {"/v1/transit/keys/1.2_3", "transit/1.2_3", "1.2_3"},
        {"/v1/team/kms/keys/card-dek", "payments/prod/card-dek", "card-dek"},
        {"/v1/transit/keys/x509-CA", "transit/x509--_c-_a", "x509-CA"},
        {"/v1/transit/keys/" SEGMENT_63, "transit/" SEGMENT_63, SEGMENT_63},
        {"/v1/long/keys/12345678", LONG_NAMESPACE "/12345678", "12345678"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene scene;
        char shown[NAME_MAX_LEN + 1];
        const struct asked asked = {.method = METHOD_GET, .path = rows[i].path};
        assert_code_of(rows[i].path, find(&scene, &asked), ERR_OK);
        assert_span_is(scene.call.target, rows[i].target);
        assert_string_equal(scene.call.name, rows[i].target);
        const struct key key = {.name = scene.call.name};
        assert_span_is(vault_key_name(&scene.call, &key, shown), rows[i].shown);
    }
}

static void bad_names_are_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/v1/transit/keys/Card",
        "/v1/transit/keys/-card",
        "/v1/transit/keys/.card",
        "/v1/transit/keys/_card",
        "/v1/transit/keys/a..b",
        "/v1/transit/keys/a:b",
        "/v1/transit/keys/a@1",
        "/v1/transit/keys/a b",
        "/v1/transit/keys/a%2fb",
        "/v1/transit/keys/\xc3\xa4",
        "/v1/transit/keys/a-_b",
        "/v1/transit/keys/" SEGMENT_63 "x",
        ("/v1/transit/keys/" SEGMENT_252),
        "/v1/long/keys/123456789",
        "/v1/long/keys/1234567A",
        "/v1/long/keys/" SEGMENT_63,
    };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct scene scene;
        const struct asked asked = {.method = METHOD_GET, .path = paths[i]};
        assert_true(takes(&config, &asked));
        assert_code_of(paths[i], find(&scene, &asked), ERR_INVALID_NAME);
        assert_true(scene.call.target.len <= NAME_MAX_LEN);
    }
}

/* --- what is not served --- */

static void unknown_paths_are_not_found(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/v1/transit",
        "/v1/transit/",
        "/v1/transit/nothing",
        "/v1/transit/encrypt",
        "/v1/transit/encrypt/",
        "/v1/transit/encrypt/a/b",
        "/v1/transit/Encrypt/a",
        "/v1/transit/datakey/a",
        "/v1/transit/sign/a/sha2-256/b",
        "/v1/transit/keys/a/nothing",
        "/v1/transit/keys/a/config/b",
        "/v1/transit/random/all/64/b",
        "/v1/transit/{key}",
        "/v1/transit/sys/health",
        "/v1/team/kms",
        "/v1/sys",
        "/v1/sys/",
        "/v1/sys/leases",
        "/v1/sys/health/a",
        "/v1/auth/token",
        "/v1/auth/token/create",
    };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct scene scene;
        const struct asked asked = {.method = METHOD_POST, .path = paths[i]};
        assert_true(takes(&config, &asked));
        assert_code_of(paths[i], find(&scene, &asked), ERR_NOT_FOUND);
        assert_null(scene.call.route);
        assert_null(scene.exchange.reply.allow);
        assert_true(scene.exchange.request.vault);
    }
}

static void refuse_method(enum method method, const char *path, const struct route *route)
{
    struct scene scene;
    assert_code_of(path, find(&scene, &(struct asked){.method = method, .path = path}),
                   ERR_METHOD_NOT_ALLOWED);
    assert_null(scene.call.route);
    assert_int_equal(scene.call.target.len, 0);
    assert_non_null(scene.exchange.reply.allow);
    assert_non_null(strstr(scene.exchange.reply.allow, method_name(route->method)));
}

static void other_methods_are_not_allowed(void **state)
{
    (void)state;
    struct made made;
    for (size_t i = 0; i < vault_mount_route_count; i++) {
        make_path("/v1/transit", vault_mount_routes[i].path, true, &made);
        refuse_method(METHOD_PATCH, made.path, &vault_mount_routes[i]);
    }
    for (size_t i = 0; i < vault_system_route_count; i++) {
        make_path("/v1", vault_system_routes[i].path, true, &made);
        refuse_method(METHOD_PATCH, made.path, &vault_system_routes[i]);
    }
}

static void each_path_has_its_methods(void **state)
{
    (void)state;
    static const struct {
        enum method method;
        const char *path;
        const char *query;
    } rows[] = {
        {METHOD_GET, "/v1/transit/encrypt/a", NULL},
        {METHOD_DELETE, "/v1/transit/sign/a", NULL},
        {METHOD_LIST, "/v1/transit/keys/a", NULL},
        {METHOD_GET, "/v1/transit/keys/a", "list=true"},
        {METHOD_GET, "/v1/transit/keys", NULL},
        {METHOD_GET, "/v1/transit/keys", "list=false"},
        {METHOD_POST, "/v1/transit/keys", "list=true"},
        {METHOD_GET, "/v1/transit/keys/a/rotate", NULL},
        {METHOD_POST, "/v1/transit/export/public-key/a", NULL},
        {METHOD_POST, "/v1/transit/backup/a", NULL},
        {METHOD_PUT, "/v1/sys/health", NULL},
        {METHOD_GET, "/v1/auth/token/renew-self", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene scene;
        const struct asked asked = {
            .method = rows[i].method, .path = rows[i].path, .query = rows[i].query};
        assert_true(takes(&config, &asked));
        assert_code_of(rows[i].path, find(&scene, &asked), ERR_METHOD_NOT_ALLOWED);
        assert_non_null(scene.exchange.reply.allow);
    }
}

static void answers_are_not_wrapped(void **state)
{
    (void)state;
    static const char *const paths[] = {"/v1/transit/decrypt/a", "/v1/sys/health"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct scene scene;
        const struct asked asked = {.method = METHOD_POST, .path = paths[i], .wrap_ttl = "60"};
        assert_true(takes(&config, &asked));
        assert_code_of(paths[i], find(&scene, &asked), ERR_UNSUPPORTED_OPERATION);
        assert_null(scene.call.route);
        assert_true(scene.exchange.request.vault);
    }
}

/* --- what is in other dialects --- */

/* A path that the native API serves is its own, whatever Vault's headers say. */
static void native_paths_are_not_taken(void **state)
{
    (void)state;
    static const char *const namespaces[] = {"", "team", "team/kms", "transit", "other"};
    for (size_t i = 0; i < route_count; i++) {
        char path[96];
        bool prefix = routes[i].path[strlen(routes[i].path) - 1] == '/';
        snprintf(path, sizeof(path), "%s%s%s%s", routes[i].path, prefix ? "transit/a" : "",
                 routes[i].verb != NULL ? ":" : "", routes[i].verb != NULL ? routes[i].verb : "");
        for (size_t j = 0; j < ARRAY_LEN(namespaces); j++) {
            print_message("%s in '%s'\n", path, namespaces[j]);
            assert_false(takes(&config, &(struct asked){.method = routes[i].method,
                                                        .path = path,
                                                        .namespace = namespaces[j]}));
        }
    }
}

static void other_paths_are_not_taken(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "",
        "/",
        "/v1",
        "/v1/",
        "/transit/encrypt/a",
        "/v2/transit/encrypt/a",
        "/v1transit/encrypt/a",
        "/v1/transit2/encrypt/a",
        "/v1/transi/encrypt/a",
        "/v1/Transit/encrypt/a",
        "/v1/x/transit/encrypt/a",
        "/v1/team/encrypt/a",
        "/v1/kms/encrypt/a",
        "/v1/team/kms2/encrypt/a",
        "/v1/system/health",
        "/sys/health",
        "/v1/auth/tokens",
        "/v1/auth/whoami",
    };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        print_message("%s\n", paths[i]);
        assert_false(takes(&config, &(struct asked){.method = METHOD_POST, .path = paths[i]}));
    }
}

static void without_mounts_nothing_is_taken(void **state)
{
    (void)state;
    static const char *const paths[] = {"/v1/transit/encrypt/a", "/v1/kms/encrypt/a",
                                        "/v1/sys/health", "/v1/auth/token/lookup-self", "/v1/"};
    static const char *const namespaces[] = {"", "team", "other"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        for (size_t j = 0; j < ARRAY_LEN(namespaces); j++) {
            print_message("%s in '%s'\n", paths[i], namespaces[j]);
            assert_false(takes(&no_mounts, &(struct asked){.method = METHOD_GET,
                                                           .path = paths[i],
                                                           .namespace = namespaces[j]}));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_of_mounts_are_found),
        cmocka_unit_test(routes_of_the_system_are_found),
        cmocka_unit_test(the_tables_are_whole),
        cmocka_unit_test(other_spellings_are_found),
        cmocka_unit_test(arguments_are_taken),
        cmocka_unit_test(namespaces_stand_before_mounts),
        cmocka_unit_test(the_system_is_in_every_namespace),
        cmocka_unit_test(names_are_joined),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(unknown_paths_are_not_found),
        cmocka_unit_test(other_methods_are_not_allowed),
        cmocka_unit_test(each_path_has_its_methods),
        cmocka_unit_test(answers_are_not_wrapped),
        cmocka_unit_test(native_paths_are_not_taken),
        cmocka_unit_test(other_paths_are_not_taken),
        cmocka_unit_test(without_mounts_nothing_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
