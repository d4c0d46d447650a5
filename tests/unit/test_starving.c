/* Memory runs out at every single allocation of what reads things from outside: the process ends in
 * mem's abort, or the call gives an error, or the right result; never a crash, never another
 * result, and never yes to what is refused otherwise. What is read by fuzz targets is starved by
 * them (tests/fuzz/starve.c). */
#include "base_test.h"

#include <unistd.h>

#include "audit/record.h"
#include "base/file.h"
#include "base/json.h"
#include "gateway/config.h"
#include "gateway/jws.h"
#include "jwt_fixture.h"
#include "starving.h"

#define SOME_ALLOCATIONS 60

/* What is read, and whether it is good: then what came out of it is compared by the run itself. */
struct meal {
    const char *name;
    struct span bytes;
    struct span more; /* a JWT's key, a file's path */
    bool good;
};

/* An error is always fine; success only for what is good, and with the right values. */
static bool expected(const struct meal *meal, struct err err, bool right)
{
    return err.code != ERR_OK || (meal->good && right);
}

static bool read_json(void *arg)
{
    const struct meal *meal = arg;
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(buf_clear) struct buf bytes = {.max = 64};
    struct span name = {0};
    int64_t number = 0;
    struct err err = json_parse(meal->bytes, &json);
    struct json_field fields[] = {{"name", JSON_TEXT, JSON_REQUIRED, 0, &name, NULL},
                                  {"bytes", JSON_BYTES, JSON_REQUIRED, 64, &bytes, NULL},
                                  {"number", JSON_INTEGER, JSON_REQUIRED, 0, &number, NULL}};
    if (err.code == ERR_OK) {
        err = json_read(json.root, fields, ARRAY_LEN(fields));
    }
    return expected(meal, err,
                    number == 7 && span_is(name, "Zoë") && span_is(buf_span(&bytes), "plain"));
}

static bool read_jwt(void *arg)
{
    const struct meal *meal = arg;
    CLEANUP(jws_clear) struct jws jws = {0};
    struct err err = jws_open(meal->bytes, &jws);
    if (err.code == ERR_OK) {
        err = jws_verify(&jws, meal->more);
    }
    return expected(meal, err, span_is(jws.kid, "1"));
}

static bool read_config(void *arg)
{
    const struct meal *meal = arg;
    CLEANUP(buf_clear) struct buf message = {0};
    struct config *config = NULL;
    struct err err = config_load((const char *)meal->more.data, &config, &message);
    bool right = err.code == ERR_OK && config->token_count == 1 &&
                 strcmp(config->tokens[0].name, "main") == 0 && config->tokens[0].channels == 3 &&
                 config->administrator_count == 1 &&
                 strcmp(config->administrators[0], "token:admin") == 0;
    if (err.code == ERR_OK) {
        config_free(config);
    }
    return expected(meal, err, right);
}

/* A line is whole or it is none. */
static bool write_record(void *arg)
{
    const struct meal *meal = arg;
    CLEANUP(buf_clear) struct buf tail = {.max = RECORD_TAIL_MAX};
    CLEANUP(buf_clear) struct buf line = {0};
    const struct audit_record record = {.time = 1767323045678,
                                        .kind = "request",
                                        .principal = meal->bytes,
                                        .operation = span_text("sign"),
                                        .key = span_text("payments/prod/jwt"),
                                        .outcome = "ok",
                                        .detail = meal->more};
    struct err err = record_write_tail(&record, &tail);
    if (err.code == ERR_OK) {
        err = record_write_line(7, buf_span(&tail), &line);
    }
    CLEANUP(json_clear) struct json json = {0};
    bool whole = err.code == ERR_OK && line.len > 0 && line.data[line.len - 1] == '\n';
    return expected(meal, err,
                    whole && json_parse(span_of(line.data, line.len - 1), &json).code == ERR_OK);
}

static void starve(starving_run *run, struct meal *meal, size_t most)
{
    size_t count = 0;
    assert_true(starving_each(meal->name, run, meal, most, &count));
    assert_true(count > 0 || !meal->good); /* what is refused may cost nothing */
}

static void json_bodies(void **state)
{
    (void)state;
    struct meal meals[] = {
        {"json", .bytes = span_text("{\"name\":\"Zo\\u00eb\",\"bytes\":\"cGxhaW4=\",\"number\":7}"),
         .good = true},
        {"json, doubled", .bytes = span_text("{\"name\":\"a\",\"name\":\"Zoë\"}")},
        {"json, cut", .bytes = span_text("{\"name\":\"Zoë\",\"bytes\":\"cGxhaW4=\",\"number\":7")},
        {"json, unknown",
         .bytes =
             span_text("{\"name\":\"Zoë\",\"bytes\":\"cGxhaW4=\",\"number\":7,\"more\":[[1]]}")},
        {"json, not base64",
         .bytes = span_text("{\"name\":\"Zoë\",\"bytes\":\"cGxhaW4\",\"number\":7}")},
    };
    for (size_t i = 0; i < ARRAY_LEN(meals); i++) {
        starve(read_json, &meals[i], 0);
    }
}

static void bearer_jwts(void **state)
{
    (void)state;
    EVP_PKEY *ours = jwt_ec_key("P-256");
    EVP_PKEY *theirs = jwt_ec_key("P-256");
    CLEANUP(buf_clear) struct buf jwk = {0};
    CLEANUP(buf_clear) struct buf good = {0};
    CLEANUP(buf_clear) struct buf forged = {0};
    static const char header[] = "{\"alg\":\"ES256\",\"kid\":\"1\"}";
    jwt_put_jwk(ours, "\"kid\":\"1\",\"alg\":\"ES256\"", &jwk);
    jwt_make(ours, (struct span){0}, "ES256", header, "{\"sub\":\"a\"}", &good);
    jwt_make(theirs, (struct span){0}, "ES256", header, "{\"sub\":\"a\"}", &forged);
    struct meal meals[] = {{"jwt", buf_span(&good), buf_span(&jwk), true},
                           {"jwt, forged", buf_span(&forged), buf_span(&jwk), false}};
    for (size_t i = 0; i < ARRAY_LEN(meals); i++) {
        starve(read_jwt, &meals[i], SOME_ALLOCATIONS);
    }
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
}

static void configurations(void **state)
{
    (void)state;
    static const char good[] = "database: /d/db\naudit: /d/audit\nworker: /bin/sh\n"
                               "administrators: [\"token:admin\"]\n"
                               "tokens:\n  - name: main\n    config: /dev/null\n    channels: 3\n";
    static const char bad[] = "database: /d/db\naudit: /d/audit\nworker: /bin/sh\nunknown: 1\n"
                              "tokens:\n  - name: main\n    config: /dev/null\n";
    char path[] = "/tmp/hsmgate-starving-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    struct meal meals[] = {{"config", span_text(good), span_text(path), true},
                           {"config, unknown option", span_text(bad), span_text(path), false}};
    for (size_t i = 0; i < ARRAY_LEN(meals); i++) {
        assert_int_equal(file_write(path, meals[i].bytes, 0600).code, ERR_OK);
        starve(read_config, &meals[i], SOME_ALLOCATIONS);
    }
    (void)unlink(path);
}

static void audit_lines(void **state)
{
    (void)state;
    struct meal meals[] = {
        {"record", span_text("token:ci"), span_text("{\"a\":1}"), true},
        {"record of two lines", span_text("token:ci"), span_text("{\n}"), false}};
    for (size_t i = 0; i < ARRAY_LEN(meals); i++) {
        starve(write_record, &meals[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_bodies),
        cmocka_unit_test(bearer_jwts),
        cmocka_unit_test(configurations),
        cmocka_unit_test(audit_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
