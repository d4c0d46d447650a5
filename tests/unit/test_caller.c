/* Who sent a request: one principal from what it presents, or the reason why there is none. */
#include "gateway_fixture.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "gateway/caller.h"
#include "gateway/issuers.h"
#include "jwt_fixture.h"

#define ISSUER "https://issuer.example"
#define NOBODY AUTH_FAILURE_COUNT

static struct fixture fixture;
static struct config_issuer issuer;
static struct config config;
static char set_file[128];
static struct buf jwt;

static int setup(void **state)
{
    static const char *const audiences[] = {"hsmgate"};
    static const char *const algorithms[] = {"ES256"};
    (void)state;
    CLEANUP(buf_clear) struct buf set = {0};
    EVP_PKEY *key = jwt_ec_key("P-256");
    fixture_open(&fixture);
    snprintf(set_file, sizeof(set_file), "%s/set", fixture.folder);
    assert_ok(buf_append_text(&set, "{\"keys\":["));
    jwt_put_jwk(key, "\"kid\":\"k\"", &set);
    assert_ok(buf_append_text(&set, "]}"));
    assert_ok(file_write(set_file, buf_span(&set), 0600));
    issuer = (struct config_issuer){.issuer = ISSUER,
                                    .audiences = audiences,
                                    .audience_count = 1,
                                    .jwks_file = set_file,
                                    .algorithms = algorithms,
                                    .algorithm_count = 1,
                                    .principal_claim = "sub",
                                    .refresh_s = 3600};
    config = (struct config){.issuers = &issuer, .issuer_count = 1};
    jwt_make(key, span_of(NULL, 0), "ES256", "{\"alg\":\"ES256\",\"kid\":\"k\"}",
             "{\"iss\":\"" ISSUER "\",\"aud\":\"hsmgate\",\"exp\":9000000000,\"sub\":\"ci\"}",
             &jwt);
    EVP_PKEY_free(key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    issuers_close(TAKE(fixture.gateway.issuers));
    fixture_close(&fixture);
    buf_clear(&jwt);
    return 0;
}

struct row {
    const char *authorization;
    const char *certificate;
    bool local;
    enum auth_failure kind; /* NOBODY: none */
    const char *principal;
};

static void expect(const struct row *row)
{
    const char *header = row->authorization != NULL ? row->authorization : "";
    const char *certificate = row->certificate != NULL ? row->certificate : "";
    struct request request = {.authorization = span_text(header),
                              .certificate = span_text(certificate),
                              .local = row->local,
                              .uid = 1000};
    enum auth_failure kind = NOBODY;
    char principal[PRINCIPAL_MAX] = "untouched";
    struct err err = caller_identify(&fixture.gateway, &request, clock_wall_ms(), &kind, principal);
    if (kind != row->kind) {
        fail_msg("`%s` and `%s`: kind %d instead of %d", header, certificate, (int)kind,
                 (int)row->kind);
    }
    assert_code_of(header, err, row->kind == NOBODY ? ERR_OK : ERR_UNAUTHENTICATED);
    assert_string_equal(principal, row->kind == NOBODY ? row->principal : "untouched");
}

static void each_way_names_its_principal(void **state)
{
    (void)state;
    const struct row rows[] = {
        {"Bearer " ADMIN_TOKEN, NULL, false, NOBODY, "token:admin"},
        {"bearer " ADMIN_TOKEN, NULL, false, NOBODY, "token:admin"},
        {NULL, NULL, true, NOBODY, "unix:1000"},
        {NULL, "spiffe://acme.example/ci", false, NOBODY, "spiffe://acme.example/ci"},
        {NULL, "dns:ci.acme.example", false, NOBODY, "dns:ci.acme.example"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect(&rows[i]);
    }
}

static void what_proves_nobody_is_refused(void **state)
{
    (void)state;
    char long_token[400] = "Bearer hg_";
    char long_name[PRINCIPAL_MAX + 8] = "cn:";
    memset(long_token + 10, 'a', 300);
    memset(long_name + 3, 'a', PRINCIPAL_MAX - 3);
    const struct row rows[] = {
        {NULL, NULL, false, AUTH_MISSING, NULL},
        {"Basic YTpi", NULL, false, AUTH_MALFORMED, NULL},
        {"Bearer", NULL, false, AUTH_MALFORMED, NULL},
        {"Bearer ", NULL, false, AUTH_MALFORMED, NULL},
        {"Bearer secret", NULL, false, AUTH_MALFORMED, NULL},
        {"Bearer  " ADMIN_TOKEN, NULL, false, AUTH_MALFORMED, NULL},
        {ADMIN_TOKEN, NULL, false, AUTH_MALFORMED, NULL},
        {"Bearer hg_", NULL, false, AUTH_UNKNOWN, NULL},
        {"Bearer hg_unknown", NULL, false, AUTH_UNKNOWN, NULL},
        {"Bearer " ADMIN_TOKEN " ", NULL, false, AUTH_UNKNOWN, NULL},
        {"Bearer hg_a.b.c", NULL, false, AUTH_UNKNOWN, NULL},
        {long_token, NULL, false, AUTH_UNKNOWN, NULL},
        {NULL, long_name, false, AUTH_MALFORMED, NULL},
        {"Bearer a.b.c", NULL, false, AUTH_JWT_ISSUER, NULL}, /* without issuers */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect(&rows[i]);
    }
    long_name[PRINCIPAL_MAX - 1] = '\0';
    expect(&(struct row){NULL, long_name, false, NOBODY, long_name});
}

static void a_jwt_of_an_issuer_names_its_subject(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *token = span_to_text(buf_span(&jwt));
    CLEANUP(mem_free_at) char *good = mem_format("Bearer %s", token);
    CLEANUP(mem_free_at) char *bad = mem_format("Bearer %s.", token);
    assert_ok(issuers_open(&config, &fixture.gateway.issuers));
    expect(&(struct row){good, NULL, false, NOBODY, "oidc:" ISSUER "#ci"});
    expect(&(struct row){bad, NULL, false, AUTH_JWT_SHAPE, NULL});
    expect(&(struct row){"Bearer a.b.c", NULL, false, AUTH_JWT_SHAPE, NULL});
}

static void two_identities_must_be_the_same(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *token = span_to_text(buf_span(&jwt));
    CLEANUP(mem_free_at) char *good = mem_format("Bearer %s", token);
    assert_ok(issuers_open(&config, &fixture.gateway.issuers));
    const struct row rows[] = {
        {"Bearer " ADMIN_TOKEN, "spiffe://a/b", false, AUTH_CONFLICT, NULL},
        {good, "spiffe://a/b", false, AUTH_CONFLICT, NULL},
        {"Bearer " ADMIN_TOKEN, NULL, true, AUTH_CONFLICT, NULL},
        {good, NULL, true, AUTH_CONFLICT, NULL},
        /* a bad second proof is never passed over for a good first one */
        {"Bearer hg_unknown", "spiffe://a/b", false, AUTH_UNKNOWN, NULL},
        {"Basic YTpi", "spiffe://a/b", false, AUTH_MALFORMED, NULL},
        {"Bearer hg_unknown", NULL, true, AUTH_UNKNOWN, NULL},
        {"Bearer " ADMIN_TOKEN, "token:admin", false, NOBODY, "token:admin"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect(&rows[i]);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_way_names_its_principal),
        TEST(what_proves_nobody_is_refused),
        TEST(a_jwt_of_an_issuer_names_its_subject),
        TEST(two_identities_must_be_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
