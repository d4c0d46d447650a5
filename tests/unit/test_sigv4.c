/* Signature Version 4 against the example that AWS publishes, and what is refused. */
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
    struct sigv4 signature;
    uint8_t key[SHA256_LEN];
    TRY(sigv4_parse(&example->request, span_text(authorization), &signature));
    sigv4_signing_key(&signature, span_text(secret), key);
    return sigv4_verify(&example->request, &signature, key);
}

static void published_example(void **state)
{
    (void)state;
    struct example example;
    struct sigv4 signature;
    uint8_t key[SHA256_LEN];
    CLEANUP(buf_clear) struct buf hex = {0};
    make(&example);
    assert_ok(sigv4_parse(&example.request, span_text(GOOD), &signature));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_example),   cmocka_unit_test(same_in_canonical_form),
        cmocka_unit_test(each_part_is_signed), cmocka_unit_test(malformed),
        cmocka_unit_test(times_and_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
