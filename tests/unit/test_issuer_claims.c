/* What a JWT must say to name a caller; and that a name that does not fit is refused whole. */
#include "base_test.h"

#include "gateway/issuer_claims.h"

#define NOW_S    INT64_C(1800000000)
#define ISSUER   "https://issuer.example"
#define TIMES    "\"exp\":1800000060"
#define AUDIENCE "\"aud\":\"hsmgate\""
#define GOOD     AUDIENCE "," TIMES ",\"sub\":\"repo:acme\""

static const char *const audiences[] = {"hsmgate", "https://keys.example"};
static const struct config_claim claims_asked[] = {{"repository", "acme/app"},
                                                   {"protected", "true"}};

static struct err check(const struct config_issuer *issuer, const char *claims, char *out)
{
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(mem_free_at) char *text = mem_format("{%s}", claims);
    assert_ok(json_parse(span_text(text), &json));
    return issuer_claims_check(issuer, json.root, NOW_S * 1000, out);
}

struct row {
    const char *claims;
    enum err_code code;
};

static void check_rows(const struct config_issuer *issuer, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char principal[PRINCIPAL_MAX] = "untouched";
        assert_code_of(rows[i].claims, check(issuer, rows[i].claims, principal), rows[i].code);
        assert_int_equal(strcmp(principal, "untouched") == 0, rows[i].code != ERR_OK);
    }
}

static const struct config_issuer plain = {.issuer = ISSUER,
                                           .audiences = audiences,
                                           .audience_count = ARRAY_LEN(audiences),
                                           .principal_claim = "sub"};

static void audiences_and_times_are_checked(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {GOOD, ERR_OK},
        /* aud */
        {"\"aud\":\"https://keys.example\"," TIMES ",\"sub\":\"a\"", ERR_OK},
        {"\"aud\":[\"other\",\"hsmgate\"]," TIMES ",\"sub\":\"a\"", ERR_OK},
        {TIMES ",\"sub\":\"a\"", ERR_UNAUTHENTICATED},
        {"\"aud\":\"\"," TIMES ",\"sub\":\"a\"", ERR_UNAUTHENTICATED},
        {"\"aud\":\"other\"," TIMES ",\"sub\":\"a\"", ERR_UNAUTHENTICATED},
        {"\"aud\":\"hsmgate2\"," TIMES ",\"sub\":\"a\"", ERR_UNAUTHENTICATED},
        {"\"aud\":\"HSMGATE\"," TIMES ",\"sub\":\"a\"", ERR_UNAUTHENTICATED},
        {"\"aud\":\"hsmgat\"," TIMES ",\"sub\":\"a\"", ERR_UNAUTHENTICATED},
        {"\"aud\":[]," TIMES ",\"sub\":\"a\"", ERR_UNAUTHENTICATED},
        {"\"aud\":[\"hsmgate\",7]," TIMES ",\"sub\":\"a\"", ERR_UNAUTHENTICATED},
        {"\"aud\":[[\"hsmgate\"]]," TIMES ",\"sub\":\"a\"", ERR_UNAUTHENTICATED},
        {"\"aud\":{\"a\":\"hsmgate\"}," TIMES ",\"sub\":\"a\"", ERR_UNAUTHENTICATED},
        {"\"aud\":null," TIMES ",\"sub\":\"a\"", ERR_UNAUTHENTICATED},
        {"\"aud\":true," TIMES ",\"sub\":\"a\"", ERR_UNAUTHENTICATED},
        /* exp */
        {AUDIENCE ",\"sub\":\"a\"", ERR_UNAUTHENTICATED},
        {AUDIENCE ",\"sub\":\"a\",\"exp\":1800000001", ERR_OK},
        {AUDIENCE ",\"sub\":\"a\",\"exp\":1800000000", ERR_UNAUTHENTICATED},
        {AUDIENCE ",\"sub\":\"a\",\"exp\":1799999990", ERR_UNAUTHENTICATED},
        {AUDIENCE ",\"sub\":\"a\",\"exp\":0", ERR_UNAUTHENTICATED},
        {AUDIENCE ",\"sub\":\"a\",\"exp\":-1", ERR_UNAUTHENTICATED},
        {AUDIENCE ",\"sub\":\"a\",\"exp\":null", ERR_UNAUTHENTICATED},
        {AUDIENCE ",\"sub\":\"a\",\"exp\":\"1800000060\"", ERR_UNAUTHENTICATED},
        {AUDIENCE ",\"sub\":\"a\",\"exp\":1800000060.5", ERR_UNAUTHENTICATED},
        {AUDIENCE ",\"sub\":\"a\",\"exp\":1e300", ERR_UNAUTHENTICATED},
        {AUDIENCE ",\"sub\":\"a\",\"exp\":9007199254740992", ERR_OK},
        /* nbf, iat */
        {GOOD ",\"nbf\":1800000000,\"iat\":1800000000", ERR_OK},
        {GOOD ",\"nbf\":1800000030", ERR_OK},
        {GOOD ",\"nbf\":1800000031", ERR_UNAUTHENTICATED},
        {GOOD ",\"nbf\":null", ERR_UNAUTHENTICATED},
        {GOOD ",\"nbf\":\"0\"", ERR_UNAUTHENTICATED},
        {GOOD ",\"iat\":1800000030", ERR_OK},
        {GOOD ",\"iat\":1800000031", ERR_UNAUTHENTICATED},
        {GOOD ",\"iat\":true", ERR_UNAUTHENTICATED},
    };
    check_rows(&plain, rows, ARRAY_LEN(rows));
}

static void a_principal_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {AUDIENCE "," TIMES, ERR_UNAUTHENTICATED},
        {AUDIENCE "," TIMES ",\"sub\":\"\"", ERR_UNAUTHENTICATED},
        {AUDIENCE "," TIMES ",\"sub\":7", ERR_UNAUTHENTICATED},
        {AUDIENCE "," TIMES ",\"sub\":null", ERR_UNAUTHENTICATED},
        {AUDIENCE "," TIMES ",\"sub\":[\"a\"]", ERR_UNAUTHENTICATED},
        {AUDIENCE "," TIMES ",\"Sub\":\"a\"", ERR_UNAUTHENTICATED},
        {AUDIENCE "," TIMES ",\"sub\":\"a\\nb\"", ERR_UNAUTHENTICATED},
        {AUDIENCE "," TIMES ",\"sub\":\"a\\u007f\"", ERR_UNAUTHENTICATED},
        {AUDIENCE "," TIMES ",\"sub\":\"a\\u0085\"", ERR_UNAUTHENTICATED},
        {AUDIENCE "," TIMES ",\"sub\":\"a\\u009f\"", ERR_UNAUTHENTICATED},
        {AUDIENCE "," TIMES ",\"sub\":\"a\\u00a0\"", ERR_OK},
        {AUDIENCE "," TIMES ",\"sub\":\"J\\u00fcrgen <j@example>\"", ERR_OK},
    };
    char principal[PRINCIPAL_MAX];
    check_rows(&plain, rows, ARRAY_LEN(rows));
    assert_ok(check(&plain, GOOD, principal));
    assert_string_equal(principal, "oidc:" ISSUER "#repo:acme");
}

static void the_longest_name_fits_and_the_next_is_refused(void **state)
{
    (void)state;
    const size_t room = PRINCIPAL_MAX - 1 - strlen("oidc:" ISSUER "#");
    for (size_t more = 0; more < 2; more++) {
        char subject[PRINCIPAL_MAX] = "";
        char principal[PRINCIPAL_MAX] = "";
        memset(subject, 's', room + more);
        CLEANUP(mem_free_at) char *text = mem_format(AUDIENCE "," TIMES ",\"sub\":\"%s\"", subject);
        assert_code(check(&plain, text, principal), more == 0 ? ERR_OK : ERR_UNAUTHENTICATED);
        assert_int_equal(strlen(principal), more == 0 ? PRINCIPAL_MAX - 1 : 0);
    }
}

static void demanded_claims_must_be_there(void **state)
{
    (void)state;
    struct config_issuer issuer = plain;
    issuer.claims = claims_asked;
    issuer.claim_count = ARRAY_LEN(claims_asked);
    static const struct row rows[] = {
        {GOOD, ERR_UNAUTHENTICATED},
        {GOOD ",\"repository\":\"acme/app\",\"protected\":\"true\"", ERR_OK},
        {GOOD ",\"repository\":\"acme/app\",\"protected\":true", ERR_OK},
        {GOOD ",\"repository\":[\"x\",\"acme/app\"],\"protected\":true", ERR_OK},
        {GOOD ",\"repository\":\"acme/app\"", ERR_UNAUTHENTICATED},
        {GOOD ",\"repository\":\"acme/app\",\"protected\":false", ERR_UNAUTHENTICATED},
        {GOOD ",\"repository\":\"acme/app\",\"protected\":\"TRUE\"", ERR_UNAUTHENTICATED},
        {GOOD ",\"repository\":\"acme/app2\",\"protected\":true", ERR_UNAUTHENTICATED},
        {GOOD ",\"repository\":\"acme/ap\",\"protected\":true", ERR_UNAUTHENTICATED},
        {GOOD ",\"repository\":[\"acme\"],\"protected\":true", ERR_UNAUTHENTICATED},
        {GOOD ",\"repository\":{\"a\":\"acme/app\"},\"protected\":true", ERR_UNAUTHENTICATED},
        {GOOD ",\"repository\":null,\"protected\":true", ERR_UNAUTHENTICATED},
    };
    check_rows(&issuer, rows, ARRAY_LEN(rows));
}

static void another_claim_may_name_the_caller(void **state)
{
    (void)state;
    struct config_issuer issuer = plain;
    char principal[PRINCIPAL_MAX];
    issuer.principal_claim = "email";
    assert_code(check(&issuer, GOOD, principal), ERR_UNAUTHENTICATED);
    assert_ok(check(&issuer, GOOD ",\"email\":\"a@b.example\"", principal));
    assert_string_equal(principal, "oidc:" ISSUER "#a@b.example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audiences_and_times_are_checked),
        cmocka_unit_test(a_principal_is_written_whole_or_not_at_all),
        cmocka_unit_test(the_longest_name_fits_and_the_next_is_refused),
        cmocka_unit_test(demanded_claims_must_be_there),
        cmocka_unit_test(another_claim_may_name_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
