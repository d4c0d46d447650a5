/* The fixture of tests of operations on data; see data_fixture.h. */
#include "tests/lib/data_fixture.h"
#include "gateway/dialect.h"

#include <unistd.h>

#include "base/clock.h"

#define NOW_MS ((int64_t)1767323045000) /* 2026-01-02T03:04:05Z */

/* Stands for the pipeline's. */
struct json_writer call_reply_json(struct call *call, int status)
{
    call->exchange->reply.status = status;
    return json_writer_on(&call->exchange->reply.body);
}

void data_fixture_open(struct data_fixture *fixture)
{
    *fixture = (struct data_fixture){0};
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/hsmgate-data-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    CLEANUP(mem_free_at) char *path = mem_format("%s/keys.db", fixture->folder);
    assert_ok(keystore_open(path, &fixture->gateway.store));
    fixture->token = fake_token_open("main");
    fixture->tokens[0] = fixture->token;
    fixture->config.default_token = "main";
    fixture->config.public_url = "https://keys.example";
    fixture->gateway.config = &fixture->config;
    fixture->gateway.tokens = fixture->tokens;
    fixture->gateway.token_count = 1;
    fixture->gateway.rotation = (struct rotation){
        .store = fixture->gateway.store, .tokens = fixture->tokens, .token_count = 1};
}

void data_fixture_close(struct data_fixture *fixture)
{
    static const char *const files[] = {"keys.db", "keys.db-wal", "keys.db-shm", "keys.db.lock"};
    keystore_close(fixture->gateway.store);
    fake_token_close(fixture->token);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        CLEANUP(mem_free_at) char *path = mem_format("%s/%s", fixture->folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(fixture->folder);
}

static void record_material(struct data_fixture *fixture, const char *name,
                            enum algorithm algorithm, uint32_t number, struct span cka_id)
{
    CLEANUP(buf_clear) struct buf public_key = {0};
    enum family family = algorithm_info(algorithm)->family;
    if (family != FAMILY_AES && family != FAMILY_HMAC) {
        fake_token_pair(fixture->token, cka_id, algorithm, &public_key);
    }
    assert_ok(keystore_record_material(fixture->gateway.store, span_text(name), number,
                                       span_text("identity"), buf_span(&public_key)));
}

void data_fixture_move(struct data_fixture *fixture, const char *name, uint32_t number,
                       enum version_state from, enum version_state to)
{
    struct version_move move = {.number = number, .from = from, .to = to};
    assert_ok(keystore_move(fixture->gateway.store, span_text(name), &move, 1, NOW_MS));
}

void data_fixture_key(struct data_fixture *fixture, const char *name, enum algorithm algorithm,
                      enum purpose purpose, const struct key_facts *facts)
{
    struct uuid cka_id = uuid_make();
    struct span id = span_of(cka_id.bytes, UUID_LEN);
    struct key_spec spec = {
        .name = name, .algorithm = algorithm, .purpose = purpose, .token = "main"};
    if (facts != NULL) {
        spec.facts = *facts;
    }
    spec.facts.owner = "tests";
    assert_ok(keystore_reserve_key(fixture->gateway.store, &spec,
                                   &(struct version_source){.cka_id = id}, NOW_MS));
    record_material(fixture, name, algorithm, 1, id);
    data_fixture_move(fixture, name, 1, VERSION_PENDING, VERSION_ACTIVE);
}

void data_fixture_rotate(struct data_fixture *fixture, const char *name)
{
    struct uuid cka_id = uuid_make();
    struct span id = span_of(cka_id.bytes, UUID_LEN);
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(fixture->gateway.store, span_text(name));
    assert_non_null(key);
    uint32_t number = 0;
    assert_ok(keystore_reserve_version(fixture->gateway.store, span_text(name),
                                       &(struct version_source){.cka_id = id}, NOW_MS, &number));
    record_material(fixture, name, key->algorithm, number, id);
    struct version_move moves[] = {
        {.number = key->primary, .from = VERSION_ACTIVE, .to = VERSION_RETIRING},
        {.number = number, .from = VERSION_PENDING, .to = VERSION_ACTIVE},
    };
    assert_ok(keystore_move(fixture->gateway.store, span_text(name), moves, 2, NOW_MS));
}

static void take_reply(struct call *call, struct reply_seen *seen)
{
    seen->version = call->version;
    seen->items = call->items;
    seen->items_failed = call->items_failed;
    seen->has_digest = call->has_digest;
    memcpy(seen->digest, call->digest, SHA256_LEN);
    if (seen->err.code == ERR_OK) {
        assert_int_equal(call->exchange->reply.status, 200);
        assert_ok(json_parse(buf_span(&call->exchange->reply.body), &seen->json));
    }
}

struct reply_seen data_fixture_call(struct data_fixture *fixture, route_handler *handler,
                                    const char *target, const char *body)
{
    struct exchange exchange = {.dialect = &dialect_native};
    struct reply_seen seen = {0};
    struct call call = {.gateway = &fixture->gateway,
                        .exchange = &exchange,
                        .now_ms = NOW_MS,
                        .wall_ms = NOW_MS,
                        .deadline_ns = clock_deadline(60000)};
    CLEANUP(key_release_at) const struct key *key = NULL;
    if (target != NULL) {
        assert_ok(name_split_version(span_text(target), &call.target, &call.version_asked));
        key = keystore_find(fixture->gateway.store, call.target);
        assert_non_null(key);
        call.key = key;
    }
    if (body != NULL) {
        assert_ok(json_parse(span_text(body), &call.json));
    }
    seen.err = handler(&call);
    take_reply(&call, &seen);
    buf_clear(&exchange.reply.body);
    json_clear(&call.json);
    return seen;
}

void reply_clear(struct reply_seen *reply)
{
    json_clear(&reply->json);
}

void data_fixture_refused(struct data_fixture *fixture, route_handler *handler, const char *target,
                          const char *body, enum err_code code)
{
    CLEANUP(reply_clear)
    struct reply_seen seen = data_fixture_call(fixture, handler, target, body);
    assert_code_of(body != NULL ? body : "no body", seen.err, code);
}

static const struct json_value *member_of(const struct json_value *object, const char *name)
{
    assert_non_null(object);
    const struct json_value *value = json_member(object, name);
    if (value == NULL) {
        fail_msg("the answer has no '%s'", name);
    }
    return value;
}

struct span reply_text(const struct json_value *object, const char *name)
{
    struct span text = {0};
    assert_true(json_as_text(member_of(object, name), &text));
    return text;
}

int64_t reply_integer(const struct json_value *object, const char *name)
{
    int64_t value = 0;
    assert_true(json_as_integer(member_of(object, name), &value));
    return value;
}

bool reply_flag(const struct json_value *object, const char *name)
{
    bool value = false;
    assert_true(json_as_flag(member_of(object, name), &value));
    return value;
}

const struct json_value *reply_result(const struct reply_seen *reply, size_t i)
{
    const struct json_value *at = json_first(member_of(reply->json.root, "results"));
    while (i > 0 && at != NULL) {
        at = json_next(at);
        i--;
    }
    assert_non_null(at);
    return at;
}

struct span reply_error(const struct json_value *result)
{
    const struct json_value *error = json_member(result, "error");
    return error != NULL ? reply_text(error, "code") : span_text("");
}
