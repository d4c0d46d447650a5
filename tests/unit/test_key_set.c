/* Of a JWK set stays what can verify a signature, named by its kid; the rest is left out. */
#include "base_test.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "gateway/key_set.h"
#include "jwt_fixture.h"

static struct {
    EVP_PKEY *rsa, *weak, *p256, *p521;
} keys;

static int make_keys(void **state)
{
    (void)state;
    keys.rsa = jwt_rsa_key(2048);
    keys.weak = jwt_rsa_key(1024);
    keys.p256 = jwt_ec_key("P-256");
    keys.p521 = jwt_ec_key("P-521");
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(keys.rsa);
    EVP_PKEY_free(keys.weak);
    EVP_PKEY_free(keys.p256);
    EVP_PKEY_free(keys.p521);
    return 0;
}

/* A set of one key. */
static struct key_set *set_of(EVP_PKEY *key, const char *members)
{
    struct key_set *set = NULL;
    CLEANUP(buf_clear) struct buf text = {0};
    assert_ok(buf_append_text(&text, "{\"keys\":["));
    jwt_put_jwk(key, members, &text);
    assert_ok(buf_append_text(&text, "]}"));
    assert_ok(key_set_parse("test", buf_span(&text), &set));
    return set;
}

static enum err_code find(const struct key_set *set, const char *kid, const char *algorithm)
{
    CLEANUP(buf_clear) struct buf jwk = {0};
    return key_set_find(set, span_text(kid), jws_algorithm_find(span_text(algorithm)), &jwk).code;
}

static void a_key_serves_the_algorithms_that_fit_it(void **state)
{
    (void)state;
    static const char *const algorithms[] = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                             "PS512", "ES256", "ES384", "ES512"};
    static const struct {
        EVP_PKEY **key;
        const char *members;
        const char *fits; /* algorithms, each with a blank behind it */
    } rows[] = {
        {&keys.rsa, "\"kid\":\"k\"", "RS256 RS384 RS512 PS256 PS384 PS512 "},
        {&keys.rsa, "\"kid\":\"k\",\"alg\":\"PS256\"", "PS256 "},
        {&keys.rsa, "\"kid\":\"k\",\"alg\":\"RSA-OAEP\"", ""},
        {&keys.rsa, "\"kid\":\"k\",\"alg\":\"HS256\"", ""},
        {&keys.p256, "\"kid\":\"k\",\"use\":\"sig\"", "ES256 "},
        {&keys.p256, "\"kid\":\"k\",\"alg\":\"ES384\"", ""},
        {&keys.p521, "\"kid\":\"k\",\"key_ops\":[\"verify\"]", "ES512 "},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct key_set *set = set_of(*rows[i].key, rows[i].members);
        assert_int_equal(key_set_count(set), 1);
        for (size_t j = 0; j < ARRAY_LEN(algorithms); j++) {
            bool fits = strstr(rows[i].fits, algorithms[j]) != NULL;
            assert_int_equal(find(set, "k", algorithms[j]), fits ? ERR_OK : ERR_NOT_FOUND);
            assert_int_equal(find(set, "K", algorithms[j]), ERR_NOT_FOUND);
        }
        key_set_free(set);
    }
}

static void keys_that_must_not_verify_are_left_out(void **state)
{
    (void)state;
    const struct {
        EVP_PKEY *key;
        const char *members;
    } rows[] = {
        {keys.p256, ""},
        {keys.p256, "\"kid\":\"\""},
        {keys.p256, "\"kid\":7"},
        {keys.p256, "\"kid\":\"k\",\"use\":\"enc\""},
        {keys.p256, "\"kid\":\"k\",\"use\":null"},
        {keys.p256, "\"kid\":\"k\",\"key_ops\":[\"sign\"]"},
        {keys.p256, "\"kid\":\"k\",\"key_ops\":[]"},
        {keys.p256, "\"kid\":\"k\",\"key_ops\":\"verify\""},
        {keys.p256, "\"kid\":\"k\",\"d\":\"AAAA\""},
        {keys.weak, "\"kid\":\"k\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct key_set *set = set_of(rows[i].key, rows[i].members);
        if (key_set_count(set) != 0) {
            fail_msg("row %zu was kept: %s", i, rows[i].members);
        }
        key_set_free(set);
    }
}

static void numbers_out_of_range_are_left_out(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"kty\":\"oct\",\"kid\":\"k\",\"k\":\"AAAA\"}",
        "{\"kty\":\"OKP\",\"kid\":\"k\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
        "{\"kty\":\"rsa\",\"kid\":\"k\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"kid\":\"k\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":7,\"e\":\"AQAB\"}",
        "{\"kty\":\"EC\",\"kid\":\"k\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
        "{\"kty\":\"EC\",\"kid\":\"k\",\"crv\":\"P-256\"}",
        "{\"kty\":\"EC\",\"kid\":\"k\",\"crv\":\"secp256k1\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
        "{\"kty\":\"EC\",\"kid\":\"k\"}",
        "{\"kid\":\"k\"}",
        "{}",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct key_set *set = NULL;
        CLEANUP(mem_free_at) char *text = mem_format("{\"keys\":[%s]}", rows[i]);
        assert_ok(key_set_parse("test", span_text(text), &set));
        assert_int_equal(key_set_count(set), 0);
        key_set_free(set);
    }
}

/* Exponents of a modulus that is good: 1 and even numbers would let anybody sign. */
static void bad_exponents_are_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *exponent;
        size_t kept;
    } rows[] = {{"AQAB", 1}, {"Aw", 1}, {"AQ", 0}, {"Ag", 0}, {"AAM", 0}, {"AQEBAQEBAQEB", 0}};
    char modulus[343];
    memset(modulus, '_', 342);
    memcpy(modulus + 341, "w", 2); /* 256 bytes of ones */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct key_set *set = NULL;
        CLEANUP(mem_free_at)
        char *text =
            mem_format("{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"%s\",\"e\":\"%s\"}]}",
                       modulus, rows[i].exponent);
        assert_ok(key_set_parse("test", span_text(text), &set));
        assert_int_equal(key_set_count(set), rows[i].kept);
        key_set_free(set);
    }
}

static void a_kid_names_one_key_of_a_kind(void **state)
{
    (void)state;
    struct key_set *set = NULL;
    CLEANUP(buf_clear) struct buf text = {0}, first = {0}, found = {0};
    assert_ok(buf_append_text(&text, "{\"keys\":["));
    jwt_put_jwk(keys.p256, "\"kid\":\"k\"", &text);
    assert_ok(buf_append_text(&text, ","));
    jwt_put_jwk(keys.rsa, "\"kid\":\"k\"", &text);
    assert_ok(buf_append_text(&text, ","));
    EVP_PKEY *other = jwt_ec_key("P-256");
    jwt_put_jwk(other, "\"kid\":\"k\"", &text);
    EVP_PKEY_free(other);
    assert_ok(buf_append_text(&text, "],\"more\":1}"));
    assert_ok(key_set_parse("test", buf_span(&text), &set));
    assert_int_equal(key_set_count(set), 2);
    jwt_put_jwk(keys.p256, "", &first);
    assert_ok(key_set_find(set, span_text("k"), jws_algorithm_find(span_text("ES256")), &found));
    assert_true(span_equal(buf_span(&first), buf_span(&found)));
    key_set_free(set);
}

static void a_set_has_a_largest_size(void **state)
{
    (void)state;
    struct key_set *set = NULL;
    CLEANUP(buf_clear) struct buf text = {0};
    assert_ok(buf_append_text(&text, "{\"keys\":["));
    for (size_t i = 0; i <= KEY_SET_KEYS_MAX; i++) {
        char kid[32];
        snprintf(kid, sizeof(kid), "\"kid\":\"%zu\"", i);
        assert_ok(buf_append_text(&text, i > 0 ? "," : ""));
        jwt_put_jwk(keys.p256, kid, &text);
    }
    assert_ok(buf_append_text(&text, "]}"));
    assert_ok(key_set_parse("test", buf_span(&text), &set));
    assert_int_equal(key_set_count(set), KEY_SET_KEYS_MAX);
    key_set_free(set);
}

static void what_is_no_set_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err_code code;
    } rows[] = {
        {"", ERR_INVALID_JSON},
        {"<html>", ERR_INVALID_JSON},
        {"[]", ERR_INVALID_JSON},
        {"{}", ERR_INVALID_JSON},
        {"{\"keys\":{}}", ERR_INVALID_JSON},
        {"{\"keys\":[1]}", ERR_INVALID_JSON},
        {"{\"keys\":[],\"keys\":[]}", ERR_DUPLICATE_FIELD},
        {"{\"keys\":[{\"kty\":\"EC\",\"kty\":\"RSA\"}]}", ERR_DUPLICATE_FIELD},
        {"{\"keys\":[]}", ERR_OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct key_set *set = NULL;
        assert_code_of(rows[i].text, key_set_parse("test", span_text(rows[i].text), &set),
                       rows[i].code);
        key_set_free(set);
    }
}

static void a_file_is_read_up_to_its_limit(void **state)
{
    (void)state;
    char path[] = "/tmp/hsmgate-test-XXXXXX";
    struct key_set *set = NULL;
    CLEANUP(buf_clear) struct buf large = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    fd_close(&fd);
    int64_t deadline = clock_deadline(1000);
    assert_ok(file_write(path, span_text("{\"keys\":[]}"), 0600));
    assert_ok(key_set_read("test", path, NULL, NULL, deadline, &set));
    key_set_free(TAKE(set));
    uint8_t *place = NULL;
    assert_ok(buf_extend(&large, KEY_SET_BYTES_MAX + 1, &place));
    memset(place, ' ', large.len);
    assert_ok(file_write(path, buf_span(&large), 0600));
    assert_code(key_set_read("test", path, NULL, NULL, deadline, &set), ERR_TOO_LARGE);
    assert_int_equal(unlink(path), 0);
    assert_code(key_set_read("test", path, NULL, NULL, deadline, &set), ERR_NOT_FOUND);
    assert_code(key_set_read("test", NULL, "http://a.example/", NULL, deadline, &set), ERR_CONFIG);
    assert_null(set);
    assert_int_equal(key_set_count(NULL), 0);
    assert_int_equal(find(NULL, "k", "ES256"), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_serves_the_algorithms_that_fit_it),
        cmocka_unit_test(keys_that_must_not_verify_are_left_out),
        cmocka_unit_test(numbers_out_of_range_are_left_out),
        cmocka_unit_test(bad_exponents_are_left_out),
        cmocka_unit_test(a_kid_names_one_key_of_a_kind),
        cmocka_unit_test(a_set_has_a_largest_size),
        cmocka_unit_test(what_is_no_set_is_refused),
        cmocka_unit_test(a_file_is_read_up_to_its_limit),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
