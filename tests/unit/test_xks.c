/* Which requests are AWS KMS's to an external key store, and from method and path to route and key.
 */
#include "base_test.h"

#include "gateway/aws/xks.h"
#include "gateway/problem.h"

#define SEGMENT_63 "a12345678901234567890123456789012345678901234567890123456789012"
#define ARRIVED    INT64_C(1000000000)

static const struct config config = {.xks = {.prefix = "/store", .namespace = "xks/eu"}};
static const struct config not_served = {0};

struct scene {
    struct gateway gateway;
    struct exchange exchange;
    struct call call;
};

static void set(struct scene *scene, enum method method, const char *path)
{
    *scene = (struct scene){.gateway = {.config = &config}};
    scene->exchange.request = (struct request){
        .method = method, .path = span_text(path), .arrived_ns = ARRIVED, .deadline_ns = INT64_MAX};
    scene->call = (struct call){
        .gateway = &scene->gateway, .exchange = &scene->exchange, .deadline_ns = INT64_MAX};
}

static struct err find(struct scene *scene, enum method method, const char *path)
{
    set(scene, method, path);
    return dialect_xks.find(&scene->call);
}

static void takes_what_is_under_the_prefix(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool taken;
    } rows[] = {
        {"/store/kms/xks/v1/health", true},
        {"/store/kms/xks/v1/keys/k/encrypt", true},
        {"/store/kms/xks/v1/", true}, /* to be refused in its words */
        {"/store/kms/xks/v1", false},
        {"/store/kms/xks/v2/health", false},
        {"/kms/xks/v1/health", false},
        {"/stor", false},
        {"/v1/keys", false},
    };
    struct scene scene;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("%s\n", rows[i].path);
        set(&scene, METHOD_POST, rows[i].path);
        assert_int_equal(dialect_xks.takes(&scene.gateway, &scene.exchange.request), rows[i].taken);
        scene.gateway.config = &not_served;
        assert_false(dialect_xks.takes(&scene.gateway, &scene.exchange.request));
    }
}

static void finds_route_and_key(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        route_handler *handler;
        const char *target;
    } rows[] = {
        {"/store/kms/xks/v1/keys/k1/metadata", xks_metadata, "xks/eu/k1"},
        {"/store/kms/xks/v1/keys/k1/encrypt", xks_encrypt, "xks/eu/k1"},
        {"/store/kms/xks/v1/keys/k-2/decrypt", xks_decrypt, "xks/eu/k-2"},
        {"/store/kms/xks/v1/health", xks_health, ""},
    };
    struct scene scene;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_code_of(rows[i].path, find(&scene, METHOD_POST, rows[i].path), ERR_OK);
        assert_ptr_equal(scene.call.route->handler, rows[i].handler);
        assert_span_is(scene.call.target, rows[i].target);
        assert_string_equal(scene.exchange.request.amz_service, "kms-xks-proxy");
        assert_null(scene.exchange.reply.allow);
    }
}

static void refuses_what_is_no_path_of_it(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum err_code code;
    } rows[] = {
        {"/store/kms/xks/v1/", ERR_INVALID_PATH},
        {"/store/kms/xks/v1/healthy", ERR_INVALID_PATH},
        {"/store/kms/xks/v1/keys/", ERR_INVALID_PATH},
        {"/store/kms/xks/v1/keys/k", ERR_INVALID_PATH},
        {"/store/kms/xks/v1/keys/k/", ERR_INVALID_PATH},
        {"/store/kms/xks/v1/keys/k/destroy", ERR_INVALID_PATH},
        {"/store/kms/xks/v1/keys/k/encrypt/", ERR_INVALID_PATH},
        {"/store/kms/xks/v1/keys/a/b/encrypt", ERR_INVALID_PATH},
        {"/store/kms/xks/v1/keys//encrypt", ERR_INVALID_NAME},
        {"/store/kms/xks/v1/keys/../encrypt", ERR_INVALID_NAME},
        {"/store/kms/xks/v1/keys/K/encrypt", ERR_INVALID_NAME},
        {"/store/kms/xks/v1/keys/" SEGMENT_63 "0/encrypt", ERR_INVALID_NAME},
        {"/store/kms/xks/v1/keys/" SEGMENT_63 SEGMENT_63 SEGMENT_63 SEGMENT_63 "/encrypt",
         ERR_INVALID_NAME},
    };
    struct scene scene;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_code_of(rows[i].path, find(&scene, METHOD_POST, rows[i].path), rows[i].code);
    }
    assert_code(find(&scene, METHOD_GET, "/store/kms/xks/v1/health"), ERR_METHOD_NOT_ALLOWED);
    assert_string_equal(scene.exchange.reply.allow, "POST");
}

static void is_due_in_250_ms(void **state)
{
    (void)state;
    struct scene scene;
    assert_ok(find(&scene, METHOD_POST, "/store/kms/xks/v1/health"));
    assert_true(scene.call.deadline_ns == ARRIVED + 250000000);
    assert_true(scene.exchange.request.deadline_ns == scene.call.deadline_ns);
    set(&scene, METHOD_POST, "/store/kms/xks/v1/health");
    scene.call.deadline_ns = ARRIVED + 1; /* a shorter one stays */
    assert_ok(dialect_xks.find(&scene.call));
    assert_true(scene.call.deadline_ns == ARRIVED + 1);
}

static void refusals_have_its_words(void **state)
{
    (void)state;
    static const struct {
        enum err_code code;
        int status;
        const char *name;
    } rows[] = {
        {ERR_FORBIDDEN, 403, "{\"errorName\":\"AccessDeniedException\""},
        {ERR_NOT_FOUND, 404, "{\"errorName\":\"KeyNotFoundException\""},
        {ERR_INVALID_CIPHERTEXT, 400, "{\"errorName\":\"InvalidCiphertextException\""},
        {ERR_RATE_LIMITED, 429, "{\"errorName\":\"ThrottlingException\""},
        {ERR_TOKEN_UNAVAILABLE, 503, "{\"errorName\":\"DependencyTimeoutException\""},
        {ERR_INVALID_FIELD, 400, "{\"errorName\":\"ValidationException\""},
        {ERR_INTERNAL, 500, "{\"errorName\":\"InternalException\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene scene;
        set(&scene, METHOD_POST, "/store/kms/xks/v1/health");
        struct err err = err_new(rows[i].code, __func__, "words");
        xks_refuse(&scene.exchange, NULL, &err);
        struct reply *reply = &scene.exchange.reply;
        print_message("%.*s\n", (int)reply->body.len, (const char *)reply->body.data);
        assert_int_equal(reply->status, rows[i].status);
        assert_true(span_starts(buf_span(&reply->body), rows[i].name));
        assert_string_equal(reply->content_type, "application/json");
        buf_clear(&reply->body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_under_the_prefix), cmocka_unit_test(finds_route_and_key),
        cmocka_unit_test(refuses_what_is_no_path_of_it),  cmocka_unit_test(is_due_in_250_ms),
        cmocka_unit_test(refusals_have_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
