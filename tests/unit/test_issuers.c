/* Who a JWT names: the negative matrix with the kind of each refusal, and key sets that change, go
 * away or hang while requests go on. */
#include "base_test.h"

#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/sync.h"
#include "gateway/issuers.h"
#include "http_stub.h"
#include "jwt_fixture.h"

#define ISSUER  "https://issuer.example"
#define OTHER   "https://other.example"
#define NOW_MS  (clock_wall_ms())
#define ES(kid) "{\"alg\":\"ES256\",\"kid\":\"" kid "\",\"typ\":\"JWT\"}"
#define CLAIMS  "{\"iss\":\"" ISSUER "\",\"aud\":\"hsmgate\",\"exp\":9000000000,\"sub\":\"ci\"}"
#define KINDS   AUTH_FAILURE_COUNT /* no failure */

static const char *const audiences[] = {"hsmgate"};
static const char *const usual[] = {"RS256", "PS256", "ES256"};

static struct {
    EVP_PKEY *rsa, *ec, *new_ec, *foreign;
} keys;
static struct http_stub *stub;
static char folder[] = "/tmp/hsmgate-test-XXXXXX";
static char set_file[64], other_file[64];

/* --- what the tests stand on --- */

static void write_set(EVP_PKEY *rsa, EVP_PKEY *ec, const char *ec_kid, struct buf *out)
{
    CLEANUP(mem_free_at) char *kid = mem_format("\"kid\":\"%s\",\"use\":\"sig\"", ec_kid);
    assert_ok(buf_append_text(out, "{\"keys\":["));
    jwt_put_jwk(rsa, "\"kid\":\"rsa\"", out);
    assert_ok(buf_append_text(out, ","));
    jwt_put_jwk(ec, kid, out);
    assert_ok(buf_append_text(out, "]}"));
}

static void serve_set(EVP_PKEY *ec, const char *ec_kid)
{
    CLEANUP(buf_clear) struct buf set = {0};
    write_set(keys.rsa, ec, ec_kid, &set);
    http_stub_serve(stub, buf_span(&set));
}

static void write_files(void)
{
    CLEANUP(buf_clear) struct buf set = {0}, other = {0};
    write_set(keys.rsa, keys.ec, "ec", &set);
    assert_ok(file_write(set_file, buf_span(&set), 0600));
    write_set(keys.rsa, keys.foreign, "ec", &other);
    assert_ok(file_write(other_file, buf_span(&other), 0600));
}

static int group_setup(void **state)
{
    (void)state;
    keys.rsa = jwt_rsa_key(2048);
    keys.ec = jwt_ec_key("P-256");
    keys.new_ec = jwt_ec_key("P-256");
    keys.foreign = jwt_ec_key("P-256");
    assert_non_null(mkdtemp(folder));
    snprintf(set_file, sizeof(set_file), "%s/set", folder);
    snprintf(other_file, sizeof(other_file), "%s/other", folder);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(keys.rsa);
    EVP_PKEY_free(keys.ec);
    EVP_PKEY_free(keys.new_ec);
    EVP_PKEY_free(keys.foreign);
    unlink(set_file);
    unlink(other_file);
    return rmdir(folder);
}

static int setup(void **state)
{
    (void)state;
    stub = http_stub_open();
    write_files();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (stub != NULL) {
        http_stub_close(stub);
    }
    return 0;
}

static struct config_issuer from_file(const char *name, const char *path)
{
    return (struct config_issuer){.issuer = name,
                                  .audiences = audiences,
                                  .audience_count = ARRAY_LEN(audiences),
                                  .jwks_file = path,
                                  .algorithms = usual,
                                  .algorithm_count = ARRAY_LEN(usual),
                                  .principal_claim = "sub",
                                  .refresh_s = 3600};
}

static struct config_issuer from_url(void)
{
    struct config_issuer issuer = from_file(ISSUER, NULL);
    issuer.jwks_url = http_stub_url(stub);
    return issuer;
}

/* The kind of the refusal, or KINDS. */
static enum auth_failure verify_at(struct issuers *issuers, struct span token, int64_t now_ms)
{
    enum auth_failure kind = KINDS;
    char principal[PRINCIPAL_MAX] = "";
    struct err err = issuers_verify(issuers, token, now_ms, &kind, principal);
    if (err.code == ERR_OK) {
        assert_int_equal(kind, KINDS);
        assert_true(span_starts(span_text(principal), "oidc:https://"));
        return KINDS;
    }
    assert_int_equal(err.code, ERR_UNAUTHENTICATED);
    assert_string_equal(principal, "");
    assert_true(err.detail[0] != '\0');
    return kind;
}

static enum auth_failure verify_signed(struct issuers *issuers, EVP_PKEY *key, const char *done,
                                       const char *header, const char *claims)
{
    CLEANUP(buf_clear) struct buf token = {0};
    jwt_make(key, span_of(NULL, 0), done, header, claims, &token);
    return verify_at(issuers, buf_span(&token), NOW_MS);
}

static uint64_t failures(struct issuers *issuers, size_t *out_keys)
{
    size_t count = 0;
    CLEANUP(mem_free_at) struct issuer_status *status = issuers_status(issuers, &count);
    assert_int_equal(count, 1);
    *out_keys = status[0].keys;
    return status[0].failures;
}

/* --- the matrix --- */

static void each_refusal_has_its_kind(void **state)
{
    (void)state;
    const struct config_issuer list[] = {from_file(ISSUER, set_file), from_file(OTHER, other_file)};
    const struct config config = {.issuers = list, .issuer_count = ARRAY_LEN(list)};
    struct issuers *issuers = NULL;
    assert_ok(issuers_open(&config, &issuers));
    const struct {
        EVP_PKEY *key;
        const char *done, *header, *claims;
        enum auth_failure kind;
    } rows[] = {
        {keys.ec, "ES256", ES("ec"), CLAIMS, KINDS},
        {keys.rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", CLAIMS, KINDS},
        {keys.rsa, "PS256", "{\"alg\":\"PS256\",\"kid\":\"rsa\"}", CLAIMS, KINDS},
        {keys.ec, "none", "{\"alg\":\"none\",\"kid\":\"ec\"}", CLAIMS, AUTH_JWT_SHAPE},
        {keys.ec, "ES256", "{\"alg\":\"ES256\"}", CLAIMS, AUTH_JWT_SHAPE},
        {keys.ec, "ES256", ES("ec"), "{\"iss\":\"" ISSUER "\",\"iss\":\"x\"}", AUTH_JWT_SHAPE},
        {keys.ec, "ES256", ES("ec"), "[]", AUTH_JWT_SHAPE},
        /* good algorithms that this issuer may not use */
        {keys.rsa, "RS512", "{\"alg\":\"RS512\",\"kid\":\"rsa\"}", CLAIMS, AUTH_JWT_SHAPE},
        {keys.ec, "ES384", "{\"alg\":\"ES384\",\"kid\":\"ec\"}", CLAIMS, AUTH_JWT_SHAPE},
        {keys.ec, "ES256", ES("ec"), "{}", AUTH_JWT_ISSUER},
        {keys.ec, "ES256", ES("ec"), "{\"iss\":7}", AUTH_JWT_ISSUER},
        {keys.ec, "ES256", ES("ec"), "{\"iss\":\"" ISSUER "/\"}", AUTH_JWT_ISSUER},
        {keys.ec, "ES256", ES("ec"), "{\"iss\":\"HTTPS://issuer.example\"}", AUTH_JWT_ISSUER},
        {keys.ec, "ES256", ES("ec"), "{\"iss\":\"\"}", AUTH_JWT_ISSUER},
        {keys.ec, "ES256", ES("no"), CLAIMS, AUTH_JWT_KEY},
        {keys.ec, "ES256", ES("EC"), CLAIMS, AUTH_JWT_KEY},
        {keys.ec, "ES256", ES("rsa"), CLAIMS, AUTH_JWT_KEY},
        {keys.rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"ec\"}", CLAIMS, AUTH_JWT_KEY},
        {keys.foreign, "ES256", ES("ec"), CLAIMS, AUTH_JWT_SIGNATURE},
        {keys.ec, "none", ES("ec"), CLAIMS, AUTH_JWT_SHAPE},
        {keys.rsa, "RS256", "{\"alg\":\"PS256\",\"kid\":\"rsa\"}", CLAIMS, AUTH_JWT_SIGNATURE},
        /* one issuer's key for another's name */
        {keys.ec, "ES256", ES("ec"),
         "{\"iss\":\"" OTHER "\",\"aud\":\"hsmgate\",\"exp\":9000000000,\"sub\":\"ci\"}",
         AUTH_JWT_SIGNATURE},
        {keys.foreign, "ES256", ES("ec"),
         "{\"iss\":\"" OTHER "\",\"aud\":\"hsmgate\",\"exp\":9000000000,\"sub\":\"ci\"}", KINDS},
        {keys.ec, "ES256", ES("ec"), "{\"iss\":\"" ISSUER "\"}", AUTH_JWT_CLAIMS},
        {keys.ec, "ES256", ES("ec"),
         "{\"iss\":\"" ISSUER "\",\"aud\":\"hsmgate\",\"exp\":1,\"sub\":\"ci\"}", AUTH_JWT_CLAIMS},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum auth_failure kind =
            verify_signed(issuers, rows[i].key, rows[i].done, rows[i].header, rows[i].claims);
        if (kind != rows[i].kind) {
            fail_msg("row %zu: kind %d instead of %d: %s %s", i, (int)kind, (int)rows[i].kind,
                     rows[i].header, rows[i].claims);
        }
    }
    issuers_close(issuers);
}

/* The public key as an HMAC secret, in every form in which it can be had. */
static void hmac_with_the_public_key_is_refused(void **state)
{
    (void)state;
    const struct config_issuer issuer = from_file(ISSUER, set_file);
    const struct config config = {.issuers = &issuer, .issuer_count = 1};
    struct issuers *issuers = NULL;
    CLEANUP(buf_clear) struct buf jwk = {0}, set = {0};
    char *pem_text = NULL;
    uint8_t *der = NULL;
    BIO *pem = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(pem, keys.rsa), 1);
    long pem_len = BIO_get_mem_data(pem, &pem_text);
    int der_len = i2d_PUBKEY(keys.rsa, &der);
    jwt_put_jwk(keys.rsa, "", &jwk);
    write_set(keys.rsa, keys.ec, "ec", &set);
    const struct span secrets[] = {
        span_of(pem_text, (size_t)pem_len),
        span_of(pem_text, (size_t)pem_len - 1),
        span_of(der, (size_t)der_len),
        buf_span(&jwk),
        buf_span(&set),
        span_text(""),
    };
    assert_ok(issuers_open(&config, &issuers));
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        static const char *const headers[] = {
            "{\"alg\":\"HS256\",\"kid\":\"rsa\"}",
            "{\"alg\":\"RS256\",\"kid\":\"rsa\"}",
        };
        for (size_t j = 0; j < ARRAY_LEN(headers); j++) {
            CLEANUP(buf_clear) struct buf token = {0};
            jwt_make(NULL, secrets[i], "HS256", headers[j], CLAIMS, &token);
            assert_int_equal(verify_at(issuers, buf_span(&token), NOW_MS),
                             j == 0 ? AUTH_JWT_SHAPE : AUTH_JWT_SIGNATURE);
        }
    }
    issuers_close(issuers);
    BIO_free(pem);
    OPENSSL_free(der);
}

/* --- key sets that change --- */

static void a_new_key_is_fetched_when_its_kid_is_met(void **state)
{
    (void)state;
    const struct config_issuer issuer = from_url();
    const struct config config = {.issuers = &issuer, .issuer_count = 1};
    struct issuers *issuers = NULL;
    serve_set(keys.ec, "ec");
    assert_ok(issuers_open(&config, &issuers));
    while (verify_signed(issuers, keys.ec, "ES256", ES("ec"), CLAIMS) != KINDS) {
        assert_true(http_stub_wait(stub, 1)); /* until the first fetch is taken over */
    }
    unsigned before = http_stub_count(stub);
    serve_set(keys.new_ec, "new");
    /* the request that meets it is refused, and is not held up */
    assert_int_equal(verify_signed(issuers, keys.new_ec, "ES256", ES("new"), CLAIMS), AUTH_JWT_KEY);
    issuers_reload(issuers); /* may be one fetch with the early one */
    assert_true(http_stub_wait(stub, before + 1));
    while (verify_signed(issuers, keys.new_ec, "ES256", ES("new"), CLAIMS) != KINDS) {
    }
    assert_int_equal(verify_signed(issuers, keys.ec, "ES256", ES("ec"), CLAIMS), AUTH_JWT_KEY);
    issuers_close(issuers);
}

/* Only a kid that is unknown leads to the second fetch here, and a thousand more lead to no other.
 */
static void unknown_kids_bring_one_fetch_forward(void **state)
{
    (void)state;
    const struct config_issuer issuer = from_url();
    const struct config config = {.issuers = &issuer, .issuer_count = 1};
    struct issuers *issuers = NULL;
    serve_set(keys.ec, "ec");
    assert_ok(issuers_open(&config, &issuers));
    assert_true(http_stub_wait(stub, 1));
    while (verify_signed(issuers, keys.ec, "ES256", ES("ec"), CLAIMS) != KINDS) {
    }
    for (size_t i = 0; i < 1000; i++) {
        CLEANUP(buf_clear) struct buf token = {0};
        CLEANUP(mem_free_at) char *header = mem_format("{\"alg\":\"ES256\",\"kid\":\"%zu\"}", i);
        jwt_make(keys.ec, span_of(NULL, 0), "ES256", header, CLAIMS, &token);
        assert_int_equal(verify_at(issuers, buf_span(&token), NOW_MS), AUTH_JWT_KEY);
    }
    assert_true(http_stub_wait(stub, 2));
    issuers_close(issuers);
    /* the wait for the very first fetch may have used the one that is free */
    assert_in_range(http_stub_count(stub), 2, 2);
}

static void an_issuer_that_is_down_keeps_its_keys_for_a_day(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    };
    const struct config_issuer issuer = from_url();
    const struct config config = {.issuers = &issuer, .issuer_count = 1};
    struct issuers *issuers = NULL;
    CLEANUP(buf_clear) struct buf token = {0};
    size_t count = 0;
    jwt_make(keys.ec, span_of(NULL, 0), "ES256", ES("ec"), CLAIMS, &token);
    serve_set(keys.ec, "ec");
    assert_ok(issuers_open(&config, &issuers));
    while (verify_at(issuers, buf_span(&token), NOW_MS) != KINDS) {
    }
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        uint64_t before = failures(issuers, &count);
        http_stub_say(stub, span_text(replies[i]));
        issuers_reload(issuers);
        while (failures(issuers, &count) == before) {
        }
        assert_int_equal(count, 2);
        assert_int_equal(verify_at(issuers, buf_span(&token), NOW_MS), KINDS);
    }
    const int64_t day_ms = INT64_C(24) * 3600 * 1000;
    assert_int_equal(verify_at(issuers, buf_span(&token), NOW_MS + day_ms - 60000), KINDS);
    assert_int_equal(verify_at(issuers, buf_span(&token), NOW_MS + day_ms), AUTH_JWT_KEY);
    issuers_close(issuers);
}

static void a_set_that_was_emptied_is_believed(void **state)
{
    (void)state;
    const struct config_issuer issuer = from_file(ISSUER, set_file);
    const struct config config = {.issuers = &issuer, .issuer_count = 1};
    struct issuers *issuers = NULL;
    size_t count = 0;
    assert_ok(issuers_open(&config, &issuers));
    assert_int_equal(verify_signed(issuers, keys.ec, "ES256", ES("ec"), CLAIMS), KINDS);
    assert_ok(file_write(set_file, span_text("{\"keys\":[]}"), 0600));
    issuers_reload(issuers);
    while (verify_signed(issuers, keys.ec, "ES256", ES("ec"), CLAIMS) == KINDS) {
    }
    assert_int_equal(failures(issuers, &count), 0);
    assert_int_equal(count, 0);
    issuers_close(issuers);
}

static void a_set_that_hangs_holds_up_no_request(void **state)
{
    (void)state;
    const struct config_issuer list[] = {from_url(), from_file(OTHER, other_file)};
    const struct config config = {.issuers = list, .issuer_count = ARRAY_LEN(list)};
    struct issuers *issuers = NULL;
    http_stub_say(stub, span_of(NULL, 0));
    assert_ok(issuers_open(&config, &issuers));
    assert_true(http_stub_wait(stub, 1));
    assert_int_equal(verify_signed(issuers, keys.ec, "ES256", ES("ec"), CLAIMS), AUTH_JWT_KEY);
    assert_int_equal(verify_signed(issuers, keys.foreign, "ES256", ES("ec"),
                                   "{\"iss\":\"" OTHER
                                   "\",\"aud\":\"hsmgate\",\"exp\":9000000000,\"sub\":\"a\"}"),
                     KINDS);
    http_stub_close(TAKE(stub)); /* ends the hanging fetch */
    issuers_close(issuers);
}

static void *verify_often(void *arg)
{
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(verify_signed(arg, keys.ec, "ES256", ES("ec"), CLAIMS), KINDS);
    }
    return NULL;
}

static void requests_go_on_while_sets_are_read(void **state)
{
    (void)state;
    const struct config_issuer issuer = from_file(ISSUER, set_file);
    const struct config config = {.issuers = &issuer, .issuer_count = 1};
    struct issuers *issuers = NULL;
    pthread_t threads[4];
    assert_ok(issuers_open(&config, &issuers));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        threads[i] = sync_thread("verify", verify_often, issuers);
    }
    for (size_t i = 0; i < 200; i++) {
        size_t keys_there = 0;
        issuers_reload(issuers);
        assert_int_equal(failures(issuers, &keys_there), 0);
        assert_int_equal(keys_there, 2);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    issuers_close(issuers);
}

static void bad_configurations_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"HS256", "none", "EdDSA"};
    struct config_issuer rows[7];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rows[i] = from_file(ISSUER, set_file);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        rows[i].algorithms = &bad[i];
        rows[i].algorithm_count = 1;
    }
    rows[3].jwks_file = NULL;
    rows[4].jwks_url = "https://issuer.example/";
    rows[5].jwks_file = NULL;
    rows[5].jwks_url = "http://issuer.example/";
    rows[6].audience_count = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct config config = {.issuers = &rows[i], .issuer_count = 1};
        struct issuers *issuers = NULL;
        assert_code(issuers_open(&config, &issuers), ERR_CONFIG);
        assert_null(issuers);
    }
    issuers_close(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_refusal_has_its_kind),
        TEST(hmac_with_the_public_key_is_refused),
        TEST(a_new_key_is_fetched_when_its_kid_is_met),
        TEST(unknown_kids_bring_one_fetch_forward),
        TEST(an_issuer_that_is_down_keeps_its_keys_for_a_day),
        TEST(a_set_that_was_emptied_is_believed),
        TEST(a_set_that_hangs_holds_up_no_request),
        TEST(requests_go_on_while_sets_are_read),
        TEST(bad_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
