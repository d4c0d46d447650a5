/* Signature Version 4 against the example that AWS publishes, its requests of the suite
 * `aws-sig-v4` in the query form, and what is refused. */
#include "base_test.h"

#include "base/encoding.h"
#include "gateway/aws/sigv4.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
/* AWS General Reference, "Examples of the complete Signature Version 4 signing process" */
#define SCOPE     "AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request"
#define SIGNED    "content-type;host;x-amz-date"
#define SIGNATURE "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
#define AUTHORIZATION(scope, signed, signature) \
    "AWS4-HMAC-SHA256 Credential=" scope ", SignedHeaders=" signed ", Signature=" signature
#define GOOD AUTHORIZATION(SCOPE, SIGNED, SIGNATURE)

struct example {
    struct http_header headers[8];
    struct sigv4_request request;
};

static struct http_header header(const char *name, const char *value)
{
    return (struct http_header){.name = span_text(name), .value = span_text(value)};
}

static void make(struct example *out)
{
    *out = (struct example){
        .headers = {header("Host", "iam.amazonaws.com"),
                    header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
                    header("X-Amz-Date", "20150830T123600Z")},
        .request = {.method = "GET",
                    .path = span_text("/"),
                    .query = span_text("Version=2010-05-08&Action=ListUsers"),
                    .header_count = 3},
    };
    out->request.headers = out->headers;
}

static struct err check(const struct example *example, const char *authorization,
                        const char *secret)
{
    struct sigv4_request request = example->request;
    struct sigv4 signature;
    uint8_t key[SHA256_LEN];
    request.authorization = span_text(authorization);
    TRY(sigv4_parse(&request, &signature));
    sigv4_signing_key(&signature, span_text(secret), key);
    return sigv4_verify(&request, &signature, key);
}

static void published_example(void **state)
{
    (void)state;
    struct example example;
    struct sigv4 signature;
    uint8_t key[SHA256_LEN];
    CLEANUP(buf_clear) struct buf hex = {0};
    make(&example);
    example.request.authorization = span_text(GOOD);
    assert_ok(sigv4_parse(&example.request, &signature));
    assert_false(signature.in_query);
    assert_true(signature.lasts_ms == SIGV4_SKEW_MS);
    assert_span_is(signature.access_key, "AKIDEXAMPLE");
    assert_span_is(signature.region, "us-east-1");
    assert_span_is(signature.service, "iam");
    assert_int_equal(signature.signed_ms, INT64_C(1440938160000));
    sigv4_signing_key(&signature, span_text(SECRET), key);
    assert_ok(hex_encode(span_of(key, sizeof(key)), &hex));
    assert_span_is(buf_span(&hex),
                   "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    assert_ok(sigv4_verify(&example.request, &signature, key));
}

/* How a header is written does not matter where the canonical form says so. */
static void same_in_canonical_form(void **state)
{
    (void)state;
    struct example example;
    make(&example);
    example.headers[1].value = span_text("  application/x-www-form-urlencoded;   charset=utf-8 ");
    example.headers[0].name = span_text("HOST");
    example.request.query = span_text("Action=ListUsers&Version=2010-05-08");
    assert_ok(check(&example, GOOD, SECRET));
    example.request.query = span_text("Action=%4cistUsers&%56ersion=2010-05-08");
    assert_ok(check(&example, GOOD, SECRET));
    assert_ok(check(&example,
                    "AWS4-HMAC-SHA256 Credential=" SCOPE ",SignedHeaders=" SIGNED
                    ",Signature=" SIGNATURE,
                    SECRET));
}

static void change(struct example *example, int what)
{
    switch (what) {
    case 0:
        example->request.method = "POST";
        break;
    case 1:
        example->request.path = span_text("/a");
        break;
    case 2:
        example->request.query = span_text("Version=2010-05-08&Action=ListRoles");
        break;
    case 3:
        example->headers[0].value = span_text("kms.amazonaws.com");
        break;
    case 4:
        example->headers[1].value = span_text("application/json");
        break;
    case 5:
        example->headers[2].value = span_text("20150830T123601Z");
        break;
    default:
        example->request.body = span_text("{}");
        break;
    }
}

static void each_part_is_signed(void **state)
{
    (void)state;
    for (int what = 0; what < 7; what++) {
        struct example example;
        make(&example);
        change(&example, what);
        assert_int_equal(check(&example, GOOD, SECRET).code, ERR_UNAUTHENTICATED);
    }
    struct example example;
    make(&example);
    assert_int_equal(check(&example, GOOD, SECRET "x").code, ERR_UNAUTHENTICATED);
    assert_int_equal(check(&example, GOOD, "").code, ERR_UNAUTHENTICATED);
}

static void malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "Bearer x",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA512 Credential=" SCOPE ", SignedHeaders=" SIGNED ", Signature=" SIGNATURE,
        "AWS4-HMAC-SHA256 SignedHeaders=" SIGNED ", Credential=" SCOPE ", Signature=" SIGNATURE,
        AUTHORIZATION("AKIDEXAMPLE", SIGNED, SIGNATURE),
        AUTHORIZATION("/20150830/us-east-1/iam/aws4_request", SIGNED, SIGNATURE),
        AUTHORIZATION("AKIDEXAMPLE/2015083/us-east-1/iam/aws4_request", SIGNED, SIGNATURE),
        AUTHORIZATION("AKIDEXAMPLE/20150831/us-east-1/iam/aws4_request", SIGNED, SIGNATURE),
        AUTHORIZATION("AKIDEXAMPLE/20150830//iam/aws4_request", SIGNED, SIGNATURE),
        AUTHORIZATION("AKIDEXAMPLE/20150830/us-east-1/iam/aws4_reques", SIGNED, SIGNATURE),
        AUTHORIZATION("AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request/x", SIGNED, SIGNATURE),
        AUTHORIZATION(SCOPE, "", SIGNATURE),
        AUTHORIZATION(SCOPE, "content-type;x-amz-date", SIGNATURE),
        AUTHORIZATION(SCOPE, "content-type;host", SIGNATURE),
        AUTHORIZATION(SCOPE, "host;content-type;x-amz-date", SIGNATURE),
        AUTHORIZATION(SCOPE, "content-type;host;host;x-amz-date", SIGNATURE),
        AUTHORIZATION(SCOPE, "Content-Type;host;x-amz-date", SIGNATURE),
        AUTHORIZATION(SCOPE, "content-type;host;x-amz-date;x-none", SIGNATURE),
        AUTHORIZATION(SCOPE, SIGNED, "5d67"),
        AUTHORIZATION(SCOPE, SIGNED, SIGNATURE "00"),
        AUTHORIZATION(SCOPE, SIGNED, SIGNATURE " "),
        AUTHORIZATION(SCOPE, SIGNED,
                      "5D672D79C15B13162D9279B0855CFBA6789A8EDB4C82C400E06B5924A6F2B5D7"),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct example example;
        make(&example);
        print_message("%s\n", bad[i]);
        assert_int_equal(check(&example, bad[i], SECRET).code, ERR_UNAUTHENTICATED);
    }
}

static void times_and_hashes(void **state)
{
    (void)state;
    static const char *const dates[] = {"",
                                        "20150830",
                                        "20150830T123600",
                                        "20150830T123600z",
                                        "20151330T123600Z",
                                        "20150830 123600Z",
                                        "20150830T1236:0Z"};
    struct example example;
    for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
        make(&example);
        example.headers[2].value = span_text(dates[i]);
        assert_int_equal(check(&example, GOOD, SECRET).code, ERR_UNAUTHENTICATED);
    }
    /* a header of Amazon's that nobody signed may have been put in on the way */
    make(&example);
    example.headers[example.request.header_count++] =
        header("x-amz-target", "TrentService.Decrypt");
    struct err err = check(&example, GOOD, SECRET);
    assert_int_equal(err.code, ERR_UNAUTHENTICATED);
    assert_non_null(strstr(err.detail, "x-amz-"));
}

/* --- the query form --- */

#define DATE_PART(date)       "&X-Amz-Date=" date
#define EXPIRES_PART(seconds) "&X-Amz-Expires=" seconds
#define ALGORITHM_PART        "X-Amz-Algorithm=AWS4-HMAC-SHA256"
#define CREDENTIAL_PART \
    "&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request"
#define SIGNED_PART       "&X-Amz-SignedHeaders=host"
#define SIGNATURE_PART(x) "&X-Amz-Signature=" x
#define VANILLA           "4a3602dfae68eb3ec2f12f7b26ea9c1f382eb4ec09b477fd962e789af186d525"
#define PRESIGNED(before, signature)                                                        \
    before ALGORITHM_PART CREDENTIAL_PART DATE_PART("20150830T123600Z") EXPIRES_PART("300") \
        SIGNED_PART                                                                         \
        SIGNATURE_PART(signature)

static struct err check_query(const char *query)
{
    struct example example;
    make(&example);
    example.headers[0].value = span_text("example.amazonaws.com");
    example.request.header_count = 1;
    example.request.query = span_text(query);
    return check(&example, "", SECRET);
}

static void presigned(void **state)
{
    (void)state;
    static const char *const good[] = {
        PRESIGNED("", VANILLA),
        PRESIGNED("Param1=value1&",
                  "2ac32bba0ab7c4af81f658cc3084eec077c2e9e3a136fe8ed0553c11e2a9c6c0"),
        PRESIGNED("Param2=value2&Param1=value1&",
                  "b388359ba0bab4ac783fa0d0753b5e0ddcbd9e3883c359db1828eee0505b0848"),
        PRESIGNED("%E1%88%B4=bar&",
                  "854ba9f529bb8535ef8b2b7bbe7ef72cdf0e0ee4144e4a030a5fabe16798fef3"),
        PRESIGNED("-._~0123=abc&",
                  "facd73cb4b19b973d706c9fd6985db637d6131725666ebffc3b836a0effd253f"),
        PRESIGNED("a=%2Fb%20c&",
                  "9bbbc6017a5f3700e62b3176c537c93bc30bc20d2757ec4d438614ebf0fd21f2"),
        /* the same in other spellings, and in another order */
        PRESIGNED("a=/b%20c&", "9bbbc6017a5f3700e62b3176c537c93bc30bc20d2757ec4d438614ebf0fd21f2"),
        PRESIGNED("%61=%2fb%20%63&",
                  "9bbbc6017a5f3700e62b3176c537c93bc30bc20d2757ec4d438614ebf0fd21f2"),
        "X-Amz-Signature=" VANILLA SIGNED_PART EXPIRES_PART("300")
            DATE_PART("20150830T123600Z") "&X-Amz-Credential=AKIDEXAMPLE/20150830/us-east-1/"
                                          "service/aws4_request&" ALGORITHM_PART,
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        print_message("%s\n", good[i]);
        assert_ok(check_query(good[i]));
    }
}

static void presigned_but_not_so(void **state)
{
    (void)state;
    static const char *const bad[] = {
        PRESIGNED("a=b&", VANILLA),
        PRESIGNED("a=+b&", "9bbbc6017a5f3700e62b3176c537c93bc30bc20d2757ec4d438614ebf0fd21f2"),
        PRESIGNED("", "4A3602DFAE68EB3EC2F12F7B26EA9C1F382EB4EC09B477FD962E789AF186D525"),
        PRESIGNED("", "4a3602dfae68eb3ec2f12f7b26ea9c1f382eb4ec09b477fd962e789af186d5"),
        PRESIGNED("", VANILLA) SIGNATURE_PART(VANILLA),
        PRESIGNED("", VANILLA) SIGNED_PART,
        PRESIGNED("", VANILLA) "&a=%",
        PRESIGNED("", VANILLA) "&a=%4",
        PRESIGNED("", VANILLA) "&a=%4g",
        "X-Amz-Signature=" VANILLA,
        ALGORITHM_PART,
        ALGORITHM_PART CREDENTIAL_PART DATE_PART("20150830T123600Z")
            SIGNED_PART SIGNATURE_PART(VANILLA),
        "X-Amz-Algorithm=AWS4-HMAC-SHA512" CREDENTIAL_PART DATE_PART("20150830T123600Z")
            EXPIRES_PART("300") SIGNED_PART SIGNATURE_PART(VANILLA),
        ALGORITHM_PART CREDENTIAL_PART DATE_PART("20150831T123600Z") EXPIRES_PART("300")
            SIGNED_PART SIGNATURE_PART(VANILLA),
        ALGORITHM_PART CREDENTIAL_PART DATE_PART("20150830T123600Z") EXPIRES_PART("301")
            SIGNED_PART SIGNATURE_PART(VANILLA),
        ALGORITHM_PART CREDENTIAL_PART DATE_PART("20150830T123600Z")
            EXPIRES_PART("300") "&X-Amz-SignedHeaders=content-type" SIGNATURE_PART(VANILLA),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        print_message("%s\n", bad[i]);
        assert_int_equal(check_query(bad[i]).code, ERR_UNAUTHENTICATED);
    }
}

static void presigned_for_so_long(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t lasts_ms; /* 0: refused */
    } rows[] = {{"1", 1000},       {"900", 900000}, {"0060", 60000}, {"0", 0},  {"901", 0},
                {"604800", 0},     {"-1", 0},       {"", 0},         {"1s", 0}, {"%31", 1000},
                {"4294967297", 0}, {"0000060", 0},  {"1.5", 0},      {"+5", 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char query[512];
        struct example example;
        struct sigv4 signature;
        make(&example);
        (void)snprintf(query, sizeof(query), "%s%s%s%s", ALGORITHM_PART CREDENTIAL_PART,
                       DATE_PART("20150830T123600Z") "&X-Amz-Expires=", rows[i].text,
                       SIGNED_PART SIGNATURE_PART(VANILLA));
        example.request.header_count = 1;
        example.request.query = span_text(query);
        struct err err = sigv4_parse(&example.request, &signature);
        assert_code_of(query, err, rows[i].lasts_ms != 0 ? ERR_OK : ERR_UNAUTHENTICATED);
        assert_true(rows[i].lasts_ms == 0 || signature.lasts_ms == rows[i].lasts_ms);
    }
}

/* Whichever is good: the two could be of two callers. */
static void one_form_at_a_time(void **state)
{
    (void)state;
    struct example example;
    make(&example);
    example.headers[0].value = span_text("example.amazonaws.com");
    example.request.header_count = 1;
    example.request.query = span_text(PRESIGNED("", VANILLA));
    assert_ok(check(&example, "", SECRET));
    assert_int_equal(check(&example, GOOD, SECRET).code, ERR_UNAUTHENTICATED);
    assert_int_equal(check(&example, "Bearer x", SECRET).code, ERR_UNAUTHENTICATED);
    make(&example);
    assert_ok(check(&example, GOOD, SECRET));
    example.request.query = span_text("Version=2010-05-08&Action=ListUsers&X-Amz-Expires=5");
    assert_int_equal(check(&example, GOOD, SECRET).code, ERR_UNAUTHENTICATED);
}

/* What is decoded has its place. */
static void long_queries(void **state)
{
    (void)state;
    for (size_t len = 900; len < 1100; len += 25) {
        CLEANUP(buf_clear) struct buf query = {0};
        assert_ok(buf_printf(&query,
                             ALGORITHM_PART DATE_PART("20150830T123600Z") EXPIRES_PART("300")
                                 SIGNED_PART SIGNATURE_PART(VANILLA) "&X-Amz-Credential=%0*d",
                             (int)len, 0));
        assert_ok(buf_append_text(&query, "/20150830/us-east-1/service/aws4_request"));
        assert_ok(buf_append_u8(&query, 0));
        assert_int_equal(check_query((const char *)query.data).code, ERR_UNAUTHENTICATED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_example),    cmocka_unit_test(same_in_canonical_form),
        cmocka_unit_test(each_part_is_signed),  cmocka_unit_test(malformed),
        cmocka_unit_test(times_and_hashes),     cmocka_unit_test(presigned),
        cmocka_unit_test(presigned_but_not_so), cmocka_unit_test(presigned_for_so_long),
        cmocka_unit_test(one_form_at_a_time),   cmocka_unit_test(long_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
