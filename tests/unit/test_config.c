/* hsmgated.yaml: what stands in for options left out, and each finding with file, line and option.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "gateway/config.h"
#include "gateway/vault/vault.h"
#include "keystore/keystore.h"

#define BASE  "database: /d/db\naudit: /d/audit\nworker: /bin/sh\n"
#define TOKEN "tokens:\n  - name: main\n    config: /dev/null\n"

#define TLS(certificate, key)                                                           \
    "listeners:\n  - address: 192.0.2.1:443\n    tls:\n      certificate: " certificate \
    "\n      key: " key "\n"
#define TLS_GOOD                TLS("/dev/null", "/dev/null")
#define MOUNT(mount, namespace) "    - mount: " mount "\n      namespace: " namespace "\n"
#define MOUNTS                  "vault:\n  mounts:\n"
#define XKS(prefix)             "xks:\n  prefix: " prefix "\n  namespace: xks\n"
#define ISSUER(issuer)          "issuers:\n  - issuer: \"" issuer "\"\n    audiences: [a]\n"

static char path[64];

static struct err load(const char *text, struct config **out, struct buf *message)
{
    assert_int_equal(file_write(path, span_text(text), 0600).code, ERR_OK);
    return config_load(path, out, message);
}

static void test_defaults(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf message = {0};
    struct config *config = NULL;
    assert_int_equal(load(BASE TOKEN, &config, &message).code, ERR_OK);
    assert_string_equal(config->listeners[0].host, "127.0.0.1");
    assert_int_equal(config->listeners[0].port, 8200);
    assert_null(config->socket_path);
    assert_string_equal(config->public_url, "http://127.0.0.1:8200");
    assert_int_equal(config->administrator_count, 0);
    assert_int_equal(config->token_count, 1);
    assert_string_equal(config->tokens[0].name, "main");
    assert_int_equal(config->tokens[0].channels, 16);
    assert_int_equal(config->tokens[0].operation_ms, 10000);
    assert_string_equal(config->default_token, "main");
    assert_int_equal(config->io_threads, 1);
    assert_int_equal(config->request_threads, 64);
    assert_int_equal(config->calls_max, 0);
    assert_int_equal(config->receive_ms, 30000);
    assert_int_equal(config->request_ms, 30000);
    assert_int_equal(config->jwks_max_age_s, 300);
    assert_null(config->listeners[0].tls);
    assert_null(config->audit.second_folder);
    assert_int_equal(config->audit.file_max, UINT64_C(256) << 20);
    assert_int_equal(config->audit.checkpoint_every_s, 60);
    assert_int_equal(config->audit.checkpoint_records, 1000);
    assert_non_null(config->audit.origin);
    assert_int_equal(config->limits.principal.per_second, 0);
    assert_int_equal(config->limits.connections_per_address, 0);
    assert_int_equal(config->lint.age_s[CLASS_PUBLIC], 0);
    assert_int_equal(config->lint.age_s[CLASS_REGULATED], 90 * 86400);
    assert_string_equal(config->lint.production[0], "prod");
    assert_int_equal(config->rotation.defaults[CLASS_REGULATED].every, 0);
    assert_int_equal(config->rotation.rules.clock_skew, 60);
    assert_int_equal(config->rotation.rules.look_back, 30 * 86400);
    assert_int_equal(config->rotation.rules.jwks_max_age, 300);
    assert_null(config->events.webhook);
    assert_null(config->backups);
    assert_int_equal(config->vault_mount_count, 0);
    config_free(config);
}

static void test_xks(void **state)
{
    (void)state;
    static const char *const good[] = {"/prod", "/prod/eu", "/v11", "/a/v1", "/v2"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        CLEANUP(buf_clear) struct buf message = {0};
        CLEANUP(mem_free_at) char *text = mem_format("%s" XKS("%s"), BASE TOKEN, good[i]);
        struct config *config = NULL;
        struct err err = load(text, &config, &message);
        assert_int_equal(err.code, ERR_OK);
        assert_string_equal(config->xks.prefix, good[i]);
        assert_string_equal(config->xks.namespace, "xks");
        config_free(config);
    }
}

static void test_mounts(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf message = {0};
    struct config *config = NULL;
    struct err err =
        load(BASE TOKEN MOUNTS MOUNT("transit", "transit") MOUNT("team/kms", "payments/prod")
                 MOUNT("team/kms2", "payments/prod") MOUNT("keys2/auth", "a/b/c/d/e"),
             &config, &message);
    assert_int_equal(err.code, ERR_OK);
    assert_int_equal(config->vault_mount_count, 4);
    assert_string_equal(config->vault_mounts[0].mount, "transit");
    assert_string_equal(config->vault_mounts[0].namespace, "transit");
    assert_string_equal(config->vault_mounts[1].mount, "team/kms");
    assert_string_equal(config->vault_mounts[1].namespace, "payments/prod");
    assert_string_equal(config->vault_mounts[3].mount, "keys2/auth");
    assert_string_equal(config->vault_mounts[3].namespace, "a/b/c/d/e");
    config_free(config);
}

/* The first segment behind /v1/ of a route, without its verb; empty for other paths. */
static struct span native_segment(const struct route *route)
{
    struct span segment = span_text(route->path);
    if (!span_starts(segment, "/v1/")) {
        return span_of(NULL, 0);
    }
    segment = span_of(segment.data + 4, segment.len - 4);
    segment.len = strcspn((const char *)segment.data, "/:");
    return segment;
}

static void refuse_mount(struct span mount)
{
    CLEANUP(buf_clear) struct buf message = {0};
    CLEANUP(mem_free_at) char *name = span_to_text(mount);
    CLEANUP(mem_free_at)
    char *text = mem_format("%s" MOUNTS "    - {mount: %s/more, namespace: a}\n", BASE TOKEN, name);
    struct config *config = NULL;
    print_message("%s\n", name);
    assert_int_equal(load(text, &config, &message).code, ERR_CONFIG);
    CLEANUP(mem_free_at) char *told = span_to_text(buf_span(&message));
    assert_non_null(
        strstr(told, "vault.mounts[0].mount: must not begin with a path of the native"));
}

/* Whatever is served under /v1/ already, and what Vault has for itself. */
static void test_mounts_hide_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        struct span segment = native_segment(&routes[i]);
        if (segment.len > 0) {
            refuse_mount(segment);
        }
    }
    for (size_t i = 0; i < vault_system_route_count; i++) {
        const char *pattern = vault_system_routes[i].path;
        refuse_mount(span_of(pattern, strcspn(pattern, "/")));
    }
}

static void test_schedules(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf message = {0};
    struct config *config = NULL;
    struct err err = load(BASE TOKEN "rotation:\n  clock_skew: 5s\n  look_back: 90d\n"
                                     "  regulated: {every: 30d, overlap: 1d, publish_ahead: 1h}\n"
                                     "  public: {max_uses: 9, mode: automatic}\n"
                                     "events: {webhook: \"https://e/x\", secret_file: /dev/null}\n"
                                     "backups: /b\n",
                          &config, &message);
    assert_int_equal(err.code, ERR_OK);
    const struct rotation_policy *regulated = &config->rotation.defaults[CLASS_REGULATED];
    assert_int_equal(regulated->every, 30 * 86400);
    assert_int_equal(regulated->overlap, 86400);
    assert_int_equal(regulated->publish_ahead, 3600);
    assert_int_equal(regulated->mode, ROTATION_AUTOMATIC);
    assert_int_equal(config->rotation.defaults[CLASS_PUBLIC].max_uses, 9);
    assert_int_equal(config->rotation.defaults[CLASS_PUBLIC].mode, ROTATION_AUTOMATIC);
    assert_int_equal(config->rotation.defaults[CLASS_INTERNAL].mode, ROTATION_MANUAL);
    assert_int_equal(config->rotation.rules.clock_skew, 5);
    assert_int_equal(config->rotation.rules.look_back, 90 * 86400);
    assert_string_equal(config->events.webhook, "https://e/x");
    assert_string_equal(config->backups, "/b");
    config_free(config);
}

#define ROOT "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void test_quorum(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf message = {0};
    struct config *config = NULL;
    assert_int_equal(load(BASE TOKEN, &config, &message).code, ERR_OK);
    assert_false(config->quorum.has_root);
    assert_null(config->quorum.roster_file);
    assert_int_equal(config->quorum.window_s, 3600);
    assert_int_equal(config->quorum.window_max_s, 7 * 86400);
    config_free(config);
    assert_int_equal(load(BASE TOKEN "quorum: {roster_root: " ROOT "}\n", &config, &message).code,
                     ERR_OK);
    assert_true(config->quorum.has_root);
    assert_int_equal(config->quorum.root[0], 0);
    assert_int_equal(config->quorum.root[31], 31);
    assert_null(config->quorum.roster_file);
    config_free(config);
    assert_int_equal(load(BASE TOKEN "quorum:\n  roster_root: " ROOT
                                     "\n  roster_file: /dev/null\n  window: 30m\n"
                                     "  window_max: 2h\n",
                          &config, &message)
                         .code,
                     ERR_OK);
    assert_string_equal(config->quorum.roster_file, "/dev/null");
    assert_int_equal(config->quorum.window_s, 1800);
    assert_int_equal(config->quorum.window_max_s, 7200);
    config_free(config);
    assert_int_equal(
        load(BASE TOKEN "quorum: {roster_root: " ROOT ", window_max: 30m}\n", &config, &message)
            .code,
        ERR_OK);
    assert_int_equal(config->quorum.window_s, 1800); /* the usual hour would be too long */
    config_free(config);
}

static void test_doors_and_issuers(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf message = {0};
    struct config *config = NULL;
    struct err err =
        load(BASE TOKEN TLS_GOOD
             "      client_ca: /dev/null\n      client_crl: /dev/null\n"
             "      client_certificates: required\n"
             "  - address: 127.0.0.1:8200\n" ISSUER(
                 "https://i") "    jwks_url: http://127.0.0.1:1/k\n    people: true\n"
                              "    algorithms: [ES256]\n    principal_claim: email\n"
                              "    claims: [{name: repo, value: a/b}]\n    refresh: 1m\n"
                              "administrators: [\"spiffe://d/a\", \"oidc:https://i#me\"]\n",
             &config, &message);
    assert_int_equal(err.code, ERR_OK);
    assert_int_equal(config->listener_count, 2);
    assert_string_equal(config->listeners[0].host, "192.0.2.1");
    assert_int_equal(config->listeners[0].tls->client_certificates, CLIENT_CERTIFICATES_REQUIRED);
    assert_null(config->listeners[1].tls);
    assert_string_equal(config->public_url, "https://192.0.2.1:443");
    assert_int_equal(config->issuer_count, 1);
    const struct config_issuer *issuer = &config->issuers[0];
    assert_string_equal(issuer->issuer, "https://i");
    assert_string_equal(issuer->audiences[0], "a");
    assert_int_equal(issuer->algorithm_count, 1);
    assert_string_equal(issuer->principal_claim, "email");
    assert_string_equal(issuer->claims[0].value, "a/b");
    assert_int_equal(issuer->refresh_s, 60);
    assert_true(issuer->people);
    config_free(config);
}

static void test_log_and_limits(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf message = {0};
    struct config *config = NULL;
    struct err err =
        load(BASE TOKEN "audit_rotation: {megabytes: 8, daily: true}\n"
                        "audit_second: {folder: /e/audit, need: any}\n"
                        "checkpoints:\n  origin: keys.example\n  every: 1s\n  records: 10\n"
                        "  copy_files: [/e/checkpoint]\n  copy_command: [/bin/sh, -c, x]\n"
                        "  copy_webhook: http://127.0.0.1:1/\n"
                        "limits:\n  principal: {per_second: 5}\n"
                        "  keys:\n    - {pattern: \"a/**\", per_second: 2, burst: 9}\n"
                        "  connections_per_address: 7\n  token_queue: 3\n"
                        "lint: {age_internal: 10d, production: [live]}\n",
             &config, &message);
    assert_int_equal(err.code, ERR_OK);
    assert_int_equal(config->audit.file_max, 8 << 20);
    assert_true(config->audit.daily);
    assert_string_equal(config->audit.second_folder, "/e/audit");
    assert_int_equal(config->audit.need, AUDIT_NEED_ANY);
    assert_string_equal(config->audit.origin, "keys.example");
    assert_int_equal(config->audit.checkpoint_every_s, 1);
    assert_int_equal(config->audit.checkpoint_records, 10);
    assert_int_equal(config->audit.copy_file_count, 1);
    assert_int_equal(config->audit.copy_command_count, 3);
    assert_string_equal(config->audit.copy_webhook, "http://127.0.0.1:1/");
    assert_int_equal(config->limits.principal.per_second, 5);
    assert_int_equal(config->limits.principal.burst, 5);
    assert_int_equal(config->limits.key_count, 1);
    assert_string_equal(config->limits.keys[0].pattern, "a/**");
    assert_int_equal(config->limits.keys[0].rate.burst, 9);
    assert_int_equal(config->limits.connections_per_address, 7);
    assert_int_equal(config->limits.token_queue, 3);
    assert_int_equal(config->lint.age_s[CLASS_INTERNAL], 864000);
    assert_string_equal(config->lint.production[0], "live");
    config_free(config);
}

static void test_request_threads_follow_tokens(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf message = {0};
    struct config *config = NULL;
    struct err err = load(BASE TOKEN "    channels: 40\n  - name: other\n    config: /dev/null\n",
                          &config, &message);
    assert_int_equal(err.code, ERR_OK);
    assert_int_equal(config->request_threads, 32 + 40 + 32);
    assert_int_equal(config->calls_max, 40 + 32);
    config_free(config);
}

static void test_everything_given(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf message = {0};
    struct config *config = NULL;
    struct err err =
        load(BASE "listen: \"[::1]:9000\"\nsocket: /d/s\npublic_url: https://keys.example\n"
                  "administrators: [unix:0, token:admin]\n" TOKEN
                  "    channels: 32\n    operation_timeout: 2s\n"
                  "  - name: other\n    config: /dev/null\ndefault_token: other\n"
                  "io_threads: 2\nrequest_threads: 8\nconnections: 10\nreceive_timeout: 1m\n"
                  "request_timeout: 5s\njwks_max_age: 10m\n",
             &config, &message);
    assert_int_equal(err.code, ERR_OK);
    assert_string_equal(config->listeners[0].host, "::1");
    assert_int_equal(config->listeners[0].port, 9000);
    assert_string_equal(config->socket_path, "/d/s");
    assert_string_equal(config->database, "/d/db");
    assert_string_equal(config->audit.folder, "/d/audit");
    assert_string_equal(config->worker, "/bin/sh");
    assert_string_equal(config->public_url, "https://keys.example");
    assert_int_equal(config->administrator_count, 2);
    assert_string_equal(config->administrators[1], "token:admin");
    assert_int_equal(config->tokens[0].channels, 32);
    assert_int_equal(config->tokens[0].operation_ms, 2000);
    assert_int_equal(config->token_count, 2);
    assert_string_equal(config->default_token, "other");
    assert_int_equal(config->io_threads, 2);
    assert_int_equal(config->request_threads, 8);
    assert_int_equal(config->connections_max, 10);
    assert_int_equal(config->receive_ms, 60000);
    assert_int_equal(config->request_ms, 5000);
    assert_int_equal(config->jwks_max_age_s, 600);
    config_free(config);
}

static void test_no_token_may_hold_every_thread(void **state)
{
    (void)state;
    static const struct {
        const char *threads;
        unsigned calls_max;
    } cases[] = {{"1", 1}, {"2", 1}, {"33", 17}, {"63", 32}, {"64", 32}, {"65", 33}, {"100", 68}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf message = {0};
        CLEANUP(mem_free_at)
        char *text = mem_format("%s  - name: other\n    config: /dev/null\nrequest_threads: %s\n",
                                BASE TOKEN, cases[i].threads);
        struct config *config = NULL;
        assert_int_equal(load(text, &config, &message).code, ERR_OK);
        assert_int_equal(config->calls_max, cases[i].calls_max);
        config_free(config);
    }
}

struct finding {
    const char *text;
    const char *message; /* behind the file's name */
};

static void test_findings(void **state)
{
    (void)state;
    static const struct finding cases[] = {
        {BASE TOKEN "listen: 0.0.0.0:80\n", ":7: listen: must be a loopback address"},
        {BASE TOKEN "listen: 127.0.0.1\n", ":7: listen: must be HOST:PORT"},
        {BASE TOKEN "listen: 127.0.0.1:0\n", ":7: listen: must be HOST:PORT"},
        {BASE TOKEN "listen: 127.0.0.1:80x\n", ":7: listen: must be HOST:PORT"},
        {BASE TOKEN "listen: 127.0.0.1:65536\n", ":7: listen: must be HOST:PORT"},
        {BASE TOKEN "socket: here\n", ":7: socket: must be an absolute path"},
        {"database: db\naudit: /a\nworker: /bin/sh\n" TOKEN,
         ":1: database: must be an absolute path"},
        {"database: /d\naudit: a\nworker: /bin/sh\n" TOKEN, ":2: audit: must be an absolute path"},
        {"database: /d\naudit: /a\nworker: /nowhere\n" TOKEN, ":3: worker: the program /nowhere"},
        {BASE TOKEN "quorum: {roster_root: \"\"}\n", "quorum.roster_root: the text is too short"},
        {BASE TOKEN "quorum: {roster_root: " ROOT "00}\n",
         "quorum.roster_root: must be the SHA-256"},
        {BASE TOKEN "quorum: {roster_root: nonsense}\n", "quorum.roster_root: must be the SHA-256"},
        {BASE TOKEN "quorum: {roster_root: " ROOT ", roster_file: /nowhere}\n",
         "quorum.roster_file: "},
        {BASE TOKEN "quorum: {roster_root: " ROOT ", window: soon}\n", "quorum.window: "},
        {BASE TOKEN "quorum: {roster_root: " ROOT ", window: 3h, window_max: 2h}\n",
         "quorum.window: "},
        {BASE TOKEN "quorum: {roster_root: " ROOT ", window_max: 31d}\n", "quorum.window_max: "},
        {BASE TOKEN "public_url: https://h/\n", ":7: public_url: must begin"},
        {BASE TOKEN "public_url: ftp://h\n", ":7: public_url: must begin"},
        {BASE TOKEN "administrators: [root]\n", "administrators[0]: must be unix:UID"},
        {BASE TOKEN "administrators: [unix:0, \"unix:x\"]\n",
         "administrators[1]: must be unix:UID"},
        {BASE TOKEN "default_token: x\n", ":7: default_token: no token has this name"},
        {BASE TOKEN "    channels: 0\n", ":7: tokens[0].channels: must be from 1 to 256"},
        {BASE TOKEN "    channels: 257\n", ":7: tokens[0].channels: must be from 1 to 256"},
        {BASE TOKEN "    operation_timeout: soon\n", ":7: tokens[0].operation_timeout: must be a"},
        {BASE TOKEN "  - name: main\n    config: /dev/null\n", "tokens: two tokens have the name"},
        {BASE "tokens:\n  - name: A\n    config: /dev/null\n", ":5: tokens[0].name: must be"},
        {BASE "tokens:\n  - name: a/b\n    config: /dev/null\n", ":5: tokens[0].name: must be"},
        {BASE "tokens:\n  - name: a\n    config: x\n", ":6: tokens[0].config: must be an absolute"},
        {BASE "tokens:\n  - name: a\n    config: /nowhere\n", ":6: tokens[0].config: cannot be"},
        {BASE TOKEN "io_threads: 0\n", ":7: io_threads: must be from 1 to 64"},
        {BASE TOKEN "request_threads: 5000\n", ":7: request_threads: must be"},
        {BASE TOKEN "connections: 0\n", ":7: connections: must be"},
        {BASE TOKEN "receive_timeout: 2h\n", ":7: receive_timeout: must be at most 3600s"},
        {BASE TOKEN "jwks_max_age: -1\n", ":7: jwks_max_age: must be a duration"},
        {BASE TOKEN "colour: red\n", ":7: colour: "},
        {BASE TOKEN "listen: [a]\n", "listen: "},
        {BASE TOKEN "listen: 127.0.0.1:1\nlisteners:\n  - address: 127.0.0.1:2\n",
         ":7: listen: is short for one entry of `listeners`"},
        {BASE TOKEN "listeners:\n  - address: 192.0.2.1:80\n",
         ":8: listeners[0].address: must be a loopback address"},
        {BASE TOKEN TLS("/nowhere", "/dev/null"), ":10: listeners[0].tls.certificate: cannot be"},
        {BASE TOKEN TLS("/dev/null", "key.pem"), ":11: listeners[0].tls.key: must be an absolute"},
        {BASE TOKEN TLS_GOOD "      client_certificates: required\n",
         ":12: listeners[0].tls.client_certificates: needs client_ca"},
        {BASE TOKEN TLS_GOOD "      client_crl: /dev/null\n",
         ":12: listeners[0].tls.client_crl: needs client_ca"},
        {BASE TOKEN TLS_GOOD "      client_ca: /dev/null\n      client_certificates: maybe\n",
         ":13: listeners[0].tls.client_certificates: must be optional, required or none"},
        {BASE TOKEN "administrators: [\"oidc:https://i\"]\n",
         "administrators[0]: must be unix:UID"},
        {BASE TOKEN "administrators: [\"spiffe://\"]\n", "administrators[0]: must be unix:UID"},
        {BASE TOKEN ISSUER("https://i") "", ":8: issuers[0].issuer: needs one of jwks_file"},
        {BASE TOKEN ISSUER("https://i") "    jwks_file: /f\n    jwks_url: https://u\n",
         ":8: issuers[0].issuer: needs one of jwks_file"},
        {BASE TOKEN ISSUER("https://i#x") "    jwks_file: /f\n",
         ":8: issuers[0].issuer: must have"},
        {BASE TOKEN ISSUER("https://i") "    jwks_url: http://example.com/k\n",
         ":10: issuers[0].jwks_url: must begin with https://"},
        {BASE TOKEN ISSUER("https://i") "    jwks_url: https://a@b/k\n",
         ":10: issuers[0].jwks_url: must have no user"},
        {BASE TOKEN ISSUER("https://i") "    jwks_file: /f\n    algorithms: [HS256]\n",
         ":11: issuers[0].algorithms: HS256 cannot be used"},
        {BASE TOKEN ISSUER("https://i") "    jwks_file: /f\n    algorithms: [none]\n",
         ":11: issuers[0].algorithms: none cannot be used"},
        {BASE TOKEN ISSUER("https://i") "    jwks_file: /f\n    refresh: 2d\n",
         ":11: issuers[0].refresh: must be at most"},
        {BASE TOKEN "limits:\n  principal: {per_second: 5, burst: 0}\n",
         "limits.principal: a burst of 0"},
        {BASE TOKEN "limits:\n  key: {burst: 5}\n", "limits.key: a burst needs per_second"},
        {BASE TOKEN "limits:\n  keys:\n    - {pattern: a/*, per_second: 2000000}\n",
         "limits.keys[0].pattern: must be at most 1000000"},
        {BASE TOKEN "limits:\n  token_queue: 0\n", ":8: limits.token_queue: must be from 1"},
        {BASE TOKEN "audit_second:\n  folder: /d/audit\n",
         ":8: audit_second.folder: is the folder of `audit`"},
        {BASE TOKEN "audit_second:\n  folder: /e\n  need: one\n",
         ":9: audit_second.need: must be all or any"},
        {BASE TOKEN "audit_rotation:\n  megabytes: 0\n",
         ":8: audit_rotation.megabytes: must be from 1"},
        {BASE TOKEN "checkpoints:\n  origin: a b\n", ":8: checkpoints.origin: must be"},
        {BASE TOKEN "checkpoints:\n  copy_files: [here]\n",
         "checkpoints.copy_files[0]: must be an absolute path"},
        {BASE TOKEN "checkpoints:\n  copy_command: [/nowhere]\n",
         "checkpoints.copy_command: the program cannot be run"},
        {BASE TOKEN "checkpoints:\n  copy_webhook: http://example.com\n",
         ":8: checkpoints.copy_webhook: must begin with https://"},
        {BASE TOKEN "lint:\n  age_regulated: never\n", ":8: lint.age_regulated: must be a"},
        {BASE TOKEN "rotation:\n  public: {every: soon}\n", "rotation.public.every: must be a"},
        {BASE TOKEN "rotation:\n  internal: {mode: often}\n",
         "rotation.internal.mode: must be automatic or manual"},
        {BASE TOKEN "rotation:\n  regulated: {every: 1h, publish_ahead: 1h}\n",
         "rotation.regulated: publish_ahead must be shorter"},
        {BASE TOKEN "rotation:\n  clock_skew: 2h\n", ":8: rotation.clock_skew: must be at most"},
        {BASE TOKEN "rotation:\n  secret: {every: 1h}\n", "rotation"},
        {BASE TOKEN "events:\n  webhook: http://example.com\n",
         ":8: events.webhook: must begin with https://"},
        {BASE TOKEN "events:\n  webhook: https://e\n  secret_file: /nowhere\n",
         ":9: events.secret_file: cannot be read"},
        {BASE TOKEN "backups: here\n", ":7: backups: must be an absolute path"},
        {BASE TOKEN XKS("/v1"), ":8: xks.prefix: must not begin with /v1"},
        {BASE TOKEN XKS("/v1/keys"), ":8: xks.prefix: must not begin with /v1"},
        {BASE TOKEN XKS("/v1/transit/x"), ":8: xks.prefix: must not begin with /v1"},
        {BASE TOKEN XKS("/"), ":8: xks.prefix: must be a path such as /prod"},
        {BASE TOKEN XKS("//"), ":8: xks.prefix: must be a path such as /prod"},
        {BASE TOKEN XKS("//v1"), ":8: xks.prefix: must be a path such as /prod"},
        {BASE TOKEN XKS("/prod/"), ":8: xks.prefix: must be a path such as /prod"},
        {BASE TOKEN XKS("prod"), ":8: xks.prefix: must be a path such as /prod"},
        {BASE TOKEN XKS("/prod/../v1"), ":8: xks.prefix: must be a path such as /prod"},
        {BASE TOKEN XKS("/V1"), ":8: xks.prefix: must be a path such as /prod"},
        {BASE TOKEN MOUNTS MOUNT("keys", "a"), ":9: vault.mounts[0].mount: must not begin"},
        {BASE TOKEN MOUNTS MOUNT("auth", "a"), ":9: vault.mounts[0].mount: must not begin"},
        {BASE TOKEN MOUNTS MOUNT("sys", "a"), ":9: vault.mounts[0].mount: must not begin"},
        {BASE TOKEN MOUNTS MOUNT("t", "a") MOUNT("keys/t", "a"),
         ":11: vault.mounts[1].mount: must not begin"},
        {BASE TOKEN MOUNTS MOUNT("Transit", "a"), ":9: vault.mounts[0].mount: must be a path"},
        {BASE TOKEN MOUNTS MOUNT("/transit", "a"), ":9: vault.mounts[0].mount: must be a path"},
        {BASE TOKEN MOUNTS MOUNT("transit/", "a"), ":9: vault.mounts[0].mount: must be a path"},
        {BASE TOKEN MOUNTS MOUNT("a/b/c/d/e/f", "a"), ":9: vault.mounts[0].mount: must be a path"},
        {BASE TOKEN MOUNTS MOUNT("transit", "Prod"), ":10: vault.mounts[0].namespace: must be"},
        {BASE TOKEN MOUNTS MOUNT("transit", "prod/"), ":10: vault.mounts[0].namespace: must be"},
        {BASE TOKEN MOUNTS MOUNT("transit", "prod/*"), ":10: vault.mounts[0].namespace: must be"},
        {BASE TOKEN MOUNTS MOUNT("t", "a") MOUNT("transit", "a/b/c/d/e/f"),
         ":12: vault.mounts[1].namespace: must be"},
        {BASE TOKEN MOUNTS MOUNT("t", "a") MOUNT("t", "b"),
         ":9: vault.mounts[0].mount: must not be another mount"},
        {BASE TOKEN MOUNTS MOUNT("t", "a") MOUNT("t/u", "b"),
         ":11: vault.mounts[1].mount: must not be another mount"},
        {BASE TOKEN MOUNTS MOUNT("t/u/v", "a") MOUNT("t", "b"),
         ":9: vault.mounts[0].mount: must not be another mount"},
        {BASE TOKEN "vault:\n  mounts: []\n", "vault.mounts: "},
        {BASE TOKEN MOUNTS "    - {mount: transit}\n", ":9: vault.mounts[0].namespace: missing"},
        {BASE, "tokens: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf message = {0};
        struct config *config = NULL;
        assert_int_equal(load(cases[i].text, &config, &message).code, ERR_CONFIG);
        CLEANUP(mem_free_at) char *text = span_to_text(buf_span(&message));
        print_message("%s\n", text);
        assert_null(config);
        assert_memory_equal(text, path, strlen(path));
        assert_non_null(strstr(text, cases[i].message));
    }
}

static void test_all_findings_come_together(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf message = {0};
    struct config *config = NULL;
    struct err err = load(BASE TOKEN "listen: x\nio_threads: 0\nsocket: y\n", &config, &message);
    assert_int_equal(err.code, ERR_CONFIG);
    CLEANUP(mem_free_at) char *text = span_to_text(buf_span(&message));
    assert_non_null(strstr(text, ":7: listen: "));
    assert_non_null(strstr(text, "\n/"));
    assert_non_null(strstr(text, ":8: io_threads: "));
    assert_non_null(strstr(text, ":9: socket: "));
}

static void test_missing_file(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf message = {0};
    struct config *config = NULL;
    assert_int_equal(config_load("/nowhere.yaml", &config, &message).code, ERR_CONFIG);
    config_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_xks),
        cmocka_unit_test(test_mounts_hide_nothing),
        cmocka_unit_test(test_doors_and_issuers),
        cmocka_unit_test(test_log_and_limits),
        cmocka_unit_test(test_quorum),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_request_threads_follow_tokens),
        cmocka_unit_test(test_no_token_may_hold_every_thread),
        cmocka_unit_test(test_everything_given),
        cmocka_unit_test(test_findings),
        cmocka_unit_test(test_all_findings_come_together),
        cmocka_unit_test(test_missing_file),
    };
    (void)snprintf(path, sizeof(path), "/tmp/hsmgate-config-%d.yaml", (int)getpid());
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    return failed;
}
