#include "gateway_fixture.h"

#include <ftw.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/sync.h"

#define ANSWER_WITHIN_MS 20000
#define HOUR_MS          ((int64_t)3600 * 1000)

/* An exchange and what the test waits on; the exchange comes first, so one address is both. */
struct waiting {
    struct exchange exchange;
    pthread_mutex_t mutex;
    pthread_cond_t sent;
    bool is_sent; /* guarded by mutex */
};

/* --- what server.c gives elsewhere --- */

void exchange_send(struct exchange *exchange)
{
    struct waiting *waiting = (struct waiting *)(void *)exchange;
    sync_lock(&waiting->mutex);
    assert_false(waiting->is_sent);
    waiting->is_sent = true;
    sync_wake_one(&waiting->sent);
    sync_unlock(&waiting->mutex);
}

void server_status(struct server *server, struct server_status *out)
{
    (void)server;
    *out = (struct server_status){.connections = 7, .refused_shape = 5};
}

const char *method_name(enum method method)
{
    static const char *const names[METHOD_COUNT] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    return names[method];
}

/* --- open and close --- */

static void put_bearer(struct fixture *fixture, const char *name, const char *token)
{
    struct bearer bearer = {.created_at = clock_wall_ms()};
    uint8_t hash[DIGEST_MAX];
    bearer.expires_at = bearer.created_at + HOUR_MS;
    snprintf(bearer.name, sizeof(bearer.name), "%s", name);
    digest_of(DIGEST_SHA256, span_text(token), hash);
    memcpy(bearer.hash, hash, SHA256_LEN);
    assert_ok(keystore_put_bearer(fixture->gateway.store, &bearer, bearer.created_at));
}

void fixture_open(struct fixture *fixture)
{
    static const char *const administrators[] = {"token:admin", "unix:0"};
    *fixture = (struct fixture){
        .folder = "/tmp/hsmgate-test-XXXXXX",
        .config = {.public_url = "https://keys.example",
                   .administrators = administrators,
                   .administrator_count = ARRAY_LEN(administrators),
                   .default_token = "main",
                   .jwks_max_age_s = 300},
    };
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->database, sizeof(fixture->database), "%s/db", fixture->folder);
    snprintf(fixture->audit_folder, sizeof(fixture->audit_folder), "%s/audit", fixture->folder);
    fake_token_fail(ERR_OK);
    fixture->tokens[0] = fake_token_make("main");

    struct gateway *gateway = &fixture->gateway;
    struct audit_config audit = {.folder = fixture->audit_folder, .queue_max = 256};
    gateway->config = &fixture->config;
    gateway->tokens = fixture->tokens;
    gateway->token_count = 1;
    gateway->started_ms = clock_wall_ms();
    gateway->metrics = metrics_open();
    assert_ok(keystore_open(fixture->database, &gateway->store));
    assert_ok(audit_open(&audit, &gateway->audit));
    gateway->rotation =
        (struct rotation){.store = gateway->store, .tokens = fixture->tokens, .token_count = 1};
    put_bearer(fixture, "admin", ADMIN_TOKEN);
    put_bearer(fixture, "other", OTHER_TOKEN);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void fixture_close(struct fixture *fixture)
{
    audit_close(fixture->gateway.audit);
    keystore_close(fixture->gateway.store);
    metrics_close(fixture->gateway.metrics);
    fake_token_free(fixture->tokens[0]);
    nftw(fixture->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- asking --- */

static struct span text_or_empty(const char *text)
{
    return text != NULL ? span_text(text) : span_of(NULL, 0);
}

static void fill_request(const struct asking *asking, struct request *request,
                         const char *authorization)
{
    request->method = asking->method;
    request->path = span_text(asking->path);
    request->query = text_or_empty(asking->query);
    request->authorization = text_or_empty(authorization);
    request->content_type = text_or_empty(asking->content_type);
    request->if_none_match = text_or_empty(asking->if_none_match);
    request->body = text_or_empty(asking->body);
    request->local = asking->local;
    request->uid = asking->uid;
    request->arrived_ms = clock_wall_ms();
    request->arrived_ns = clock_mono_ns();
    request->deadline_ns = asking->late ? clock_mono_ns() - 1 : clock_deadline(ANSWER_WITHIN_MS);
    snprintf(request->id, sizeof(request->id), "request-1");
    snprintf(request->source, sizeof(request->source), "%s", asking->local ? "unix" : "127.0.0.1");
}

static void take_reply(struct reply *reply, struct answer *answer)
{
    answer->status = reply->status;
    answer->retry_after_s = reply->retry_after_s;
    answer->public_max_age_s = reply->public_max_age_s;
    snprintf(answer->etag, sizeof(answer->etag), "%s", reply->etag);
    snprintf(answer->allow, sizeof(answer->allow), "%s", reply->allow != NULL ? reply->allow : "");
    snprintf(answer->content_type, sizeof(answer->content_type), "%s",
             reply->content_type != NULL ? reply->content_type : "");
    buf_move(&answer->body, &reply->body);
    if (strstr(answer->content_type, "json") != NULL && answer->body.len > 0) {
        assert_ok(json_parse(buf_span(&answer->body), &answer->json));
    }
}

struct answer fixture_ask(struct fixture *fixture, const struct asking *asking)
{
    struct waiting waiting = {.is_sent = false};
    struct answer answer = {0};
    char authorization[256];
    snprintf(authorization, sizeof(authorization), "Bearer %s",
             asking->bearer != NULL ? asking->bearer : "");
    sync_init(&waiting.mutex, &waiting.sent);
    fill_request(asking, &waiting.exchange.request, asking->bearer != NULL ? authorization : NULL);
    pipeline_run(&fixture->gateway, &waiting.exchange);

    int64_t deadline = clock_deadline(ANSWER_WITHIN_MS);
    bool in_time = true;
    sync_lock(&waiting.mutex);
    while (!waiting.is_sent && in_time) {
        in_time = sync_wait(&waiting.sent, &waiting.mutex, deadline);
    }
    sync_unlock(&waiting.mutex);
    assert_true(in_time);
    sync_destroy(&waiting.mutex, &waiting.sent);
    take_reply(&waiting.exchange.reply, &answer);
    return answer;
}

struct answer fixture_admin(struct fixture *fixture, enum method method, const char *path,
                            const char *body)
{
    const struct asking asking = {
        .method = method, .path = path, .body = body, .bearer = ADMIN_TOKEN};
    return fixture_ask(fixture, &asking);
}

void answer_clear(struct answer *answer)
{
    buf_clear(&answer->body);
    json_clear(&answer->json);
}

/* --- looking --- */

struct span answer_text(const struct answer *answer, const char *name)
{
    struct span text = {0};
    const struct json_value *member = json_member(answer->json.root, name);
    assert_non_null(member);
    assert_true(json_as_text(member, &text));
    return text;
}

int64_t answer_integer(const struct answer *answer, const char *name)
{
    int64_t value = 0;
    const struct json_value *member = json_member(answer->json.root, name);
    assert_non_null(member);
    assert_true(json_as_integer(member, &value));
    return value;
}

void assert_problem(const struct answer *answer, int status, const char *code)
{
    if (answer->status != status) {
        fail_msg("status %d instead of %d: %.*s", answer->status, status, (int)answer->body.len,
                 (const char *)answer->body.data);
    }
    assert_string_equal(answer->content_type, "application/problem+json");
    assert_int_equal(answer_integer(answer, "status"), status);
    assert_span_is(answer_text(answer, "code"), code);
    assert_span_is(answer_text(answer, "request_id"), "request-1");
}

static void read_log(struct fixture *fixture, struct buf *lines)
{
    uint64_t last = 0;
    assert_ok(audit_read(fixture->gateway.audit, 0, 10000, lines, &last));
    assert_ok(buf_append_u8(lines, 0));
}

void fixture_last_record(struct fixture *fixture, struct json *out)
{
    CLEANUP(buf_clear) struct buf lines = {0};
    read_log(fixture, &lines);
    assert_true(lines.len > 2);
    const uint8_t *end = lines.data + lines.len - 2; /* at the last newline */
    const uint8_t *before = memrchr(lines.data, '\n', (size_t)(end - lines.data));
    const uint8_t *start = before != NULL ? before + 1 : lines.data;
    assert_ok(json_parse(span_of(start, (size_t)(end - start)), out));
}

size_t fixture_count_records(struct fixture *fixture, const char *needle)
{
    CLEANUP(buf_clear) struct buf lines = {0};
    size_t count = 0;
    read_log(fixture, &lines);
    for (const char *at = (const char *)lines.data; (at = strstr(at, needle)) != NULL; at++) {
        count++;
    }
    return count;
}

void fixture_make_key(struct fixture *fixture, const char *name, const char *members)
{
    CLEANUP(mem_free_at)
    char *body = mem_format("{\"name\":\"%s\",\"algorithm\":\"ecdsa-p256\",\"owner\":\"team\"%s%s}",
                            name, members[0] != '\0' ? "," : "", members);
    CLEANUP(answer_clear)
    struct answer answer = fixture_admin(fixture, METHOD_POST, "/v1/keys", body);
    if (answer.status != 201) {
        fail_msg("no key: %.*s", (int)answer.body.len, (const char *)answer.body.data);
    }
}
