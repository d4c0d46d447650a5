/* Grants over the API: what may be written, who may write it, what it changes at once, and what the
 * log says of it. */
#include "gateway_fixture.h"

#include "gateway/ops/grant_facts.h"
#include "gateway/ops/grant_principal.h"

#define OTHER "\"principal\":\"token:other\""
#define WHY   "\"justification\":\"a test\""

static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static int status_of(const char *bearer, enum method method, const char *path, const char *body)
{
    CLEANUP(answer_clear)
    struct answer answer = fixture_ask(
        &fixture, &(struct asking){.method = method, .path = path, .body = body, .bearer = bearer});
    return answer.status;
}

static void expect(enum method method, const char *path, const char *body, int status,
                   const char *code)
{
    CLEANUP(answer_clear) struct answer answer = fixture_admin(&fixture, method, path, body);
    assert_problem(&answer, status, code);
}

static void put(const char *id, const char *body)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/grants/%s", id);
    CLEANUP(answer_clear) struct answer answer = fixture_admin(&fixture, METHOD_PUT, path, body);
    if (answer.status != 200 && answer.status != 201) {
        fail_msg("%s: %.*s", id, (int)answer.body.len, (const char *)answer.body.data);
    }
}

static void bad_grants_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *code;
    } rows[] = {
        {"{}", "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\"]}", "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\"],\"justification\":\"  \"}",
         "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\"],\"justification\":\"a\\nb\"}",
         "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[]," WHY "}", "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"fly\"]," WHY "}", "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\",\"sign\"]," WHY "}",
         "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[1]," WHY "}", "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":\"sign\"," WHY "}", "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/x*\",\"operations\":[\"sign\"]," WHY "}", "invalid_field"},
        {"{" OTHER ",\"keys\":\"hsmgate/*\",\"operations\":[\"sign\"]," WHY "}", "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\"]," WHY
         ",\"expires_at\":\"2020-01-01T00:00:00Z\"}",
         "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\"]," WHY ",\"expires_at\":\"soon\"}",
         "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\"]," WHY ",\"source\":[]}",
         "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\"]," WHY
         ",\"source\":[\"10.1.0.0/8\"]}",
         "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\"]," WHY ",\"source\":[7]}",
         "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\"]," WHY ",\"context\":{\"a\":1}}",
         "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\"]," WHY ",\"context\":{\"\":\"x\"}}",
         "invalid_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\"]," WHY ",\"id\":\"g\"}",
         "unknown_field"},
        {"{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\"]," WHY ",\"allow_dual_role\":1}",
         "invalid_field"},
        {"{\"principal\":\"token:*\",\"keys\":\"a/*\",\"operations\":[\"sign\"]," WHY "}",
         "invalid_field"},
        {"{\"principal\":\"\",\"keys\":\"a/*\",\"operations\":[\"sign\"]," WHY "}",
         "invalid_field"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect(METHOD_PUT, "/v1/grants/g", rows[i].body, 400, rows[i].code);
    }
    static const char good[] = "{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\"]," WHY "}";
    expect(METHOD_PUT, "/v1/grants/G", good, 400, "invalid_field");
    expect(METHOD_PUT, "/v1/grants/a/b", good, 400, "invalid_field");
    expect(METHOD_GET, "/v1/grants/g", NULL, 404, "not_found");
    expect(METHOD_DELETE, "/v1/grants/g", NULL, 404, "not_found");
    assert_int_equal(fixture_count_records(&fixture, "\"kind\":\"intent\""), 0);
}

static void principals_have_shapes(void **state)
{
    (void)state;
    static const char *const good[] = {"spiffe://example.org/ns/x/sa/y",
                                       "dns:api.example",
                                       "cn:Alice Example",
                                       "token:ci-1",
                                       "oidc:https://issuer.example#system:serviceaccount:a:b",
                                       "unix:0",
                                       "unix:4294967295"};
    static const char *const bad[] = {"",
                                      "alice",
                                      "token:",
                                      "token:a/b",
                                      "token:*",
                                      "unix:",
                                      "unix:01",
                                      "unix:-1",
                                      "unix:*",
                                      "oidc:#x",
                                      "oidc:https://x",
                                      "oidc:https://x#",
                                      "spiffe://",
                                      "spiffe://x",
                                      "spiffe://X/y",
                                      "spiffe://x/",
                                      "spiffe://x/*",
                                      "cn:",
                                      "cn: x",
                                      "dns:",
                                      "dns:A.b",
                                      "dns:.x",
                                      "dns:*.x",
                                      "unix:12345678901"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_code_of(good[i], grant_check_principal(span_text(good[i])), ERR_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_code_of(bad[i], grant_check_principal(span_text(bad[i])), ERR_INVALID_FIELD);
    }
    char longest[GRANT_PRINCIPAL_MAX + 1] = "cn:";
    memset(longest + 3, 'x', GRANT_PRINCIPAL_MAX - 3);
    assert_code(grant_check_principal(span_of(longest, GRANT_PRINCIPAL_MAX)), ERR_INVALID_FIELD);
    assert_ok(grant_check_principal(span_of(longest, GRANT_PRINCIPAL_MAX - 1)));
}

/* The largest grant that is taken, twice, fits one audit record. */
static void the_largest_grant_fits_the_record(void **state)
{
    (void)state;
    char body[8192], why[GRANT_JUSTIFICATION_MAX + 1];
    memset(why, 'w', GRANT_JUSTIFICATION_MAX);
    why[GRANT_JUSTIFICATION_MAX] = '\0';
    int len = snprintf(body, sizeof(body),
                       "{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"encrypt\"],"
                       "\"justification\":\"%s\",\"context\":{",
                       why);
    for (int i = 0; i < GRANT_PAIRS_MAX; i++) {
        len += snprintf(body + len, sizeof(body) - (size_t)len, "%s\"n%02d\":\"%060d\"",
                        i > 0 ? "," : "", i, i);
    }
    len += snprintf(body + len, sizeof(body) - (size_t)len, "},\"source\":[");
    for (int i = 0; i < GRANT_SOURCES_MAX; i++) {
        len +=
            snprintf(body + len, sizeof(body) - (size_t)len,
                     "%s\"2001:db8:1111:2222:3333:4444:5555:%04x\"", i > 0 ? "," : "", 0x1000 + i);
    }
    snprintf(body + len, sizeof(body) - (size_t)len, "]}");
    put("large", body);
    put("large", body);
    CLEANUP(json_clear) struct json record = {0};
    fixture_last_record(&fixture, &record);
    const struct json_value *change = json_member(json_member(record.root, "detail"), "grant");
    assert_int_equal(json_count(json_member(json_member(change, "before"), "source")), 16);
    assert_int_equal(json_count(json_member(json_member(change, "after"), "context")), 16);
}

static void a_grant_lives(void **state)
{
    (void)state;
    static const char key[] = "/v1/keys/pay/prod/jwt:public-key";
    static const char body[] =
        "{" OTHER ",\"keys\":\"pay/prod/*\",\"operations\":[\"read\"]," WHY
        ",\"source\":[\"127.0.0.0/8\"],\"expires_at\":\"2099-01-01T00:00:00Z\"}";
    fixture_make_key(&fixture, "pay/prod/jwt", "");
    assert_int_equal(status_of(OTHER_TOKEN, METHOD_GET, key, NULL), 403);
    CLEANUP(answer_clear)
    struct answer made = fixture_admin(&fixture, METHOD_PUT, "/v1/grants/other-reads", body);
    assert_int_equal(made.status, 201);
    assert_span_is(answer_text(&made, "updated_by"), "token:admin");
    assert_null(json_member(made.json.root, "last_used_at"));
    assert_int_equal(status_of(OTHER_TOKEN, METHOD_GET, key, NULL), 200);
    CLEANUP(json_clear) struct json record = {0};
    fixture_last_record(&fixture, &record);
    struct span grant;
    assert_true(json_as_text(json_member(record.root, "grant"), &grant));
    assert_span_is(grant, "other-reads");
    assert_int_equal(status_of(OTHER_TOKEN, METHOD_POST, "/v1/keys/pay/prod/jwt:sign", "{}"), 403);

    CLEANUP(answer_clear)
    struct answer shown = fixture_admin(&fixture, METHOD_GET, "/v1/grants/other-reads", NULL);
    assert_int_equal(shown.status, 200);
    assert_true(answer_text(&shown, "last_used_at").len > 0);
    assert_span_is(answer_text(&shown, "expires_at"), "2099-01-01T00:00:00Z");
    bool expired = true;
    assert_true(json_as_flag(json_member(shown.json.root, "expired"), &expired));
    assert_false(expired);

    CLEANUP(answer_clear)
    struct answer again =
        fixture_admin(&fixture, METHOD_PUT, "/v1/grants/other-reads",
                      "{" OTHER ",\"keys\":\"pay/prod/*\",\"operations\":[\"verify\"]," WHY "}");
    assert_int_equal(again.status, 200);
    assert_int_equal(status_of(OTHER_TOKEN, METHOD_GET, key, NULL), 403);
    CLEANUP(answer_clear)
    struct answer gone = fixture_admin(&fixture, METHOD_DELETE, "/v1/grants/other-reads", NULL);
    assert_int_equal(gone.status, 204);
    /* intent and record: of the first, of the second with both, of the last */
    assert_int_equal(fixture_count_records(&fixture, "\"change\":\"create\""), 2);
    assert_int_equal(fixture_count_records(&fixture, "\"change\":\"update\",\"before\":{"), 2);
    assert_int_equal(fixture_count_records(&fixture, "\"change\":\"delete\",\"before\":{"), 2);
}

/* Forbidden is one answer, whether the key is there or not, and whatever a context-bound grant
 * asks. */
static void context_bound_refusals_are_alike(void **state)
{
    (void)state;
    fixture_make_key(&fixture, "pay/prod/ec", "");
    put("bound",
        "{" OTHER
        ",\"keys\":\"pay/prod/*\",\"operations\":[\"decrypt\"],\"context\":{\"t\":\"a\"}," WHY "}");
    static const char *const bodies[] = {"{}",
                                         "{\"ciphertext\":\"\",\"context\":{\"t\":\"b\"}}",
                                         "{\"items\":[{\"context\":{\"t\":\"b\"}},{}]}",
                                         "{\"items\":7}",
                                         "{",
                                         "[]",
                                         NULL};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        const struct asking there = {.method = METHOD_POST,
                                     .path = "/v1/keys/pay/prod/ec:decrypt",
                                     .body = bodies[i],
                                     .bearer = OTHER_TOKEN};
        struct asking missing = there;
        missing.path = "/v1/keys/pay/prod/no:decrypt";
        CLEANUP(answer_clear) struct answer one = fixture_ask(&fixture, &there);
        CLEANUP(answer_clear) struct answer other = fixture_ask(&fixture, &missing);
        bool parsed = i < 4;
        assert_problem(&one, parsed ? 403 : 400, parsed ? "forbidden" : "invalid_json");
        assert_int_equal(one.body.len, other.body.len);
        assert_memory_equal(one.body.data, other.body.data, one.body.len);
    }
    /* with the right context the key's own rules answer: this one does not decrypt */
    assert_int_equal(status_of(OTHER_TOKEN, METHOD_POST, "/v1/keys/pay/prod/ec:decrypt",
                               "{\"ciphertext\":\"\",\"context\":{\"t\":\"a\"}}"),
                     400);
}

/* That a key opens with approval only is told to those whose context fits. */
static void an_approval_rule_shows_late(void **state)
{
    (void)state;
    put("bound",
        "{" OTHER
        ",\"keys\":\"pay/prod/*\",\"operations\":[\"decrypt\"],\"context\":{\"t\":\"a\"}," WHY "}");
    struct key_spec spec = {.name = "pay/prod/ruled",
                            .algorithm = ALGORITHM_AES_256_GCM,
                            .purpose = PURPOSE_ENCRYPT,
                            .token = "main",
                            .facts = {.owner = "x", .approval = {.group = "g", .m = 2}}};
    const struct version_move move = {.number = 1, .from = VERSION_PENDING, .to = VERSION_ACTIVE};
    struct keystore *store = fixture.gateway.store;
    struct span name = span_text(spec.name);
    assert_ok(keystore_reserve_key(
        store, &spec, &(struct version_source){.cka_id = span_text("0123456789abcdef12")}, 1));
    assert_ok(keystore_record_material(store, name, 1, span_text("identity"), span_of(NULL, 0)));
    assert_ok(keystore_move(store, name, &move, 1, 1));
    static const struct {
        const char *body;
        const char *code;
        const char *told;
    } rows[] = {
        {"{\"ciphertext\":\"\"}", "forbidden", "no grant"},
        {"{\"ciphertext\":\"\",\"context\":{\"t\":\"a\"}}", "approval_required", "approval of 2"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(answer_clear)
        struct answer answer =
            fixture_ask(&fixture, &(struct asking){.method = METHOD_POST,
                                                   .path = "/v1/keys/pay/prod/ruled:decrypt",
                                                   .body = rows[i].body,
                                                   .bearer = OTHER_TOKEN});
        assert_problem(&answer, 403, rows[i].code);
        struct span detail = answer_text(&answer, "detail");
        assert_non_null(memmem(detail.data, detail.len, rows[i].told, strlen(rows[i].told)));
    }
}

static void lists_show_what_may_be_read(void **state)
{
    (void)state;
    fixture_make_key(&fixture, "pay/prod/a", "");
    fixture_make_key(&fixture, "shop/prod/a", "");
    put("reads", "{" OTHER ",\"keys\":\"pay/**\",\"operations\":[\"read\"]," WHY "}");
    CLEANUP(answer_clear)
    struct answer keys = fixture_ask(
        &fixture,
        &(struct asking){.method = METHOD_GET, .path = "/v1/keys", .bearer = OTHER_TOKEN});
    assert_int_equal(json_count(json_member(keys.json.root, "keys")), 1);
    CLEANUP(answer_clear)
    struct answer self = fixture_ask(
        &fixture,
        &(struct asking){.method = METHOD_GET, .path = "/v1/auth/whoami", .bearer = OTHER_TOKEN});
    assert_int_equal(json_count(json_member(self.json.root, "grants")), 1);
}

static void pages_of_grants(void **state)
{
    (void)state;
    char id[] = "g0";
    for (int i = 0; i < 5; i++) {
        id[1] = (char)('0' + i);
        put(id, i % 2 == 0
                    ? "{" OTHER ",\"keys\":\"a/x\",\"operations\":[\"read\"]," WHY "}"
                    : "{\"principal\":\"unix:7\",\"keys\":\"b/x\",\"operations\":[\"read\"]," WHY
                      "}");
    }
    static const struct {
        const char *query;
        size_t count;
        bool more;
    } rows[] = {
        {"", 5, false},
        {"page_size=2", 2, true},
        {"page_size=2&page_token=ZzE", 2, true}, /* after g1 */
        {"page_size=2&page_token=ZzI", 2, false},
        {"principal=unix:7", 2, false},
        {"principal=unix%3A7&page_size=2", 2, false},
        {"prefix=a/", 3, false},
        {"prefix=c/", 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(answer_clear)
        struct answer page = fixture_ask(&fixture, &(struct asking){.method = METHOD_GET,
                                                                    .path = "/v1/grants",
                                                                    .query = rows[i].query,
                                                                    .bearer = ADMIN_TOKEN});
        assert_int_equal(page.status, 200);
        assert_int_equal(json_count(json_member(page.json.root, "grants")), rows[i].count);
        assert_int_equal(json_member(page.json.root, "next_page_token") != NULL, rows[i].more);
    }
    static const char *const bad[] = {"page_token=!", "page_token=QQ", "page_size=0", "x=1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(answer_clear)
        struct answer page = fixture_ask(&fixture, &(struct asking){.method = METHOD_GET,
                                                                    .path = "/v1/grants",
                                                                    .query = bad[i],
                                                                    .bearer = ADMIN_TOKEN});
        assert_int_equal(page.status, 400);
    }
}

static void dual_roles_are_refused(void **state)
{
    (void)state;
    static const char both[] =
        "{" OTHER ",\"keys\":\"a/k\",\"operations\":[\"sign\",\"rotate\"]," WHY "}";
    static const char manage[] =
        "{" OTHER ",\"keys\":\"a/**\",\"operations\":[\"rotate\"]," WHY "}";
    put("use", "{" OTHER ",\"keys\":\"a/*\",\"operations\":[\"sign\"]," WHY "}");
    expect(METHOD_PUT, "/v1/grants/both", both, 409, "dual_role");
    CLEANUP(answer_clear)
    struct answer refused = fixture_admin(&fixture, METHOD_PUT, "/v1/grants/manage", manage);
    assert_problem(&refused, 409, "dual_role");
    struct span detail = answer_text(&refused, "detail");
    assert_non_null(memmem(detail.data, detail.len, "use", 3));
    put("manage",
        "{" OTHER ",\"keys\":\"a/**\",\"operations\":[\"rotate\"],\"allow_dual_role\":true," WHY
        "}");
    put("apart", "{" OTHER ",\"keys\":\"b/**\",\"operations\":[\"rotate\"]," WHY "}");
}

/* Who manages only a part of the grants sees and writes that part, for others, and hands none of it
 * on. */
static void managers_stay_inside(void **state)
{
    (void)state;
    static const struct {
        enum method method;
        const char *path, *body;
        int status;
    } rows[] = {
        {METHOD_PUT, "/v1/grants/x",
         "{\"principal\":\"token:x\",\"keys\":\"pay/a\",\"operations\":[\"sign\"]," WHY "}", 201},
        {METHOD_PUT, "/v1/grants/y",
         "{\"principal\":\"token:x\",\"keys\":\"shop/a\",\"operations\":[\"sign\"]," WHY "}", 403},
        {METHOD_PUT, "/v1/grants/y",
         "{\"principal\":\"token:x\",\"keys\":\"**\",\"operations\":[\"sign\"]," WHY "}", 403},
        {METHOD_PUT, "/v1/grants/y",
         "{" OTHER ",\"keys\":\"pay/a\",\"operations\":[\"sign\"]," WHY "}", 403},
        {METHOD_PUT, "/v1/grants/y",
         "{\"principal\":\"token:x\",\"keys\":\"pay/a\",\"operations\":[\"manage-grants\"]," WHY
         "}",
         403},
        {METHOD_PUT, "/v1/grants/shop",
         "{\"principal\":\"token:x\",\"keys\":\"pay/a\",\"operations\":[\"sign\"]," WHY "}", 403},
        {METHOD_GET, "/v1/grants/x", NULL, 200},
        {METHOD_GET, "/v1/grants/shop", NULL, 403},
        {METHOD_GET, "/v1/grants/none", NULL, 403},
        {METHOD_DELETE, "/v1/grants/manager", NULL, 403},
        {METHOD_DELETE, "/v1/grants/shop", NULL, 403},
        {METHOD_DELETE, "/v1/grants/x", NULL, 204},
        {METHOD_POST, "/v1/grants:apply", "{\"namespace\":\"shop\",\"grants\":[]}", 403},
        {METHOD_POST, "/v1/grants:apply", "{\"namespace\":\"pay\",\"grants\":[]}",
         403}, /* its own goes */
        {METHOD_POST, "/v1/grants:apply", "{\"namespace\":\"pay/prod\",\"grants\":[]}", 200},
    };
    put("manager", "{" OTHER ",\"keys\":\"pay/**\",\"operations\":[\"manage-grants\"]," WHY "}");
    put("shop",
        "{\"principal\":\"token:x\",\"keys\":\"shop/**\",\"operations\":[\"sign\"]," WHY "}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int status = status_of(OTHER_TOKEN, rows[i].method, rows[i].path, rows[i].body);
        if (status != rows[i].status) {
            fail_msg("%zu: %s %s: %d", i, rows[i].path, rows[i].body, status);
        }
    }
    CLEANUP(answer_clear)
    struct answer list = fixture_ask(
        &fixture,
        &(struct asking){.method = METHOD_GET, .path = "/v1/grants", .bearer = OTHER_TOKEN});
    assert_int_equal(json_count(json_member(list.json.root, "grants")), 1);
}

/* Who makes tokens cannot become an administrator. */
static void nobody_makes_an_administrator(void **state)
{
    (void)state;
    put("tokens", "{" OTHER ",\"keys\":\"**\",\"operations\":[\"manage-tokens\"]," WHY "}");
    static const char body[] = "{\"name\":\"admin\",\"ttl\":\"1h\"}";
    assert_int_equal(status_of(OTHER_TOKEN, METHOD_DELETE, "/v1/auth/tokens/admin", NULL), 403);
    assert_int_equal(status_of(OTHER_TOKEN, METHOD_POST, "/v1/auth/tokens", body), 403);
    assert_int_equal(
        status_of(OTHER_TOKEN, METHOD_POST, "/v1/auth/tokens", "{\"name\":\"ci\",\"ttl\":\"1h\"}"),
        200);
}

static void reserved_keys_are_nobodys(void **state)
{
    (void)state;
    static const char create[] =
        "{\"name\":\"hsmgate/audit\",\"algorithm\":\"ecdsa-p256\",\"owner\":\"x\"}";
    assert_int_equal(status_of(ADMIN_TOKEN, METHOD_POST, "/v1/keys", create), 403);
    assert_int_equal(status_of(ADMIN_TOKEN, METHOD_POST, "/v1/keys/hsmgate/audit:sign", "{}"), 403);
    assert_int_equal(status_of(ADMIN_TOKEN, METHOD_POST, "/v1/keys/hsmgate/audit:rotate", NULL),
                     403);
    assert_int_equal(status_of(ADMIN_TOKEN, METHOD_GET, "/v1/keys/hsmgate/audit", NULL), 404);
}

/* --- apply --- */

static struct answer apply(const char *body)
{
    return fixture_admin(&fixture, METHOD_POST, "/v1/grants:apply", body);
}

static const char *change_of(const struct answer *answer, size_t index)
{
    const struct json_value *at = json_first(json_member(answer->json.root, "changes"));
    for (size_t i = 0; i < index && at != NULL; i++) {
        at = json_next(at);
    }
    struct span text = {0};
    return at != NULL && json_as_text(json_member(at, "change"), &text) ? (const char *)text.data
                                                                        : "";
}

#define GRANT(id, keys, operation) \
    "{\"id\":\"" id "\"," OTHER ",\"keys\":\"" keys "\",\"operations\":[\"" operation "\"]," WHY "}"

static void a_file_is_the_whole_truth(void **state)
{
    (void)state;
    static const char body[] =
        "{\"namespace\":\"pay\",\"grants\":[" GRANT("c", "pay/c", "read") "," GRANT(
            "a", "pay/a", "read") "," GRANT("b", "pay/b", "verify") "]}";
    static const char dry[] = "{\"namespace\":\"pay\",\"dry_run\":true,\"grants\":[" GRANT(
        "c", "pay/c", "read") "," GRANT("a", "pay/a", "read") "," GRANT("b", "pay/b",
                                                                        "verify") "]}";
    put("a", "{" OTHER ",\"keys\":\"pay/a\",\"operations\":[\"read\"]," WHY "}");
    put("b", "{" OTHER ",\"keys\":\"pay/b\",\"operations\":[\"read\"]," WHY "}");
    put("d", "{" OTHER ",\"keys\":\"pay/d\",\"operations\":[\"read\"]," WHY "}");
    put("e", "{" OTHER ",\"keys\":\"payments/d\",\"operations\":[\"read\"]," WHY "}");
    static const char *const changes[] = {"none", "update", "create", "delete", ""};
    CLEANUP(answer_clear) struct answer shown = apply(dry);
    CLEANUP(answer_clear) struct answer shown_again = apply(dry);
    CLEANUP(answer_clear) struct answer done = apply(body);
    CLEANUP(answer_clear) struct answer done_again = apply(body);
    assert_int_equal(shown.status, 200);
    assert_int_equal(done.status, 200);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        assert_string_equal(change_of(&shown, i), changes[i]);
        assert_string_equal(change_of(&done, i), changes[i]);
    }
    assert_string_equal(change_of(&done_again, 0), "none");
    assert_string_equal(change_of(&done_again, 2), "none");
    assert_string_equal(change_of(&done_again, 3), "");
    assert_true(span_equal(answer_text(&shown, "state"), answer_text(&shown_again, "state")));
    assert_false(span_equal(answer_text(&shown, "state"), answer_text(&done, "state")));
    assert_true(span_equal(answer_text(&done, "state"), answer_text(&done_again, "state")));
    assert_int_equal(status_of(ADMIN_TOKEN, METHOD_GET, "/v1/grants/d", NULL), 404);
    assert_int_equal(status_of(ADMIN_TOKEN, METHOD_GET, "/v1/grants/e", NULL), 200);
    /* dry runs leave records but no intents; the real one both */
    assert_int_equal(fixture_count_records(&fixture, "\"kind\":\"intent\""), 4 + 2);
    assert_int_equal(
        fixture_count_records(&fixture, "\"id\":\"d\",\"change\":\"delete\",\"before\""), 4);
}

static void files_that_are_refused(void **state)
{
    (void)state;
    put("taken", "{" OTHER ",\"keys\":\"shop/a\",\"operations\":[\"read\"]," WHY "}");
    put("use", "{" OTHER ",\"keys\":\"pay/a\",\"operations\":[\"sign\"]," WHY "}");
    static const struct {
        const char *body;
        int status;
        const char *code;
    } rows[] = {
        {"{\"namespace\":\"pay\"}", 400, "invalid_field"},
        {"{\"namespace\":\"Pay\",\"grants\":[]}", 400, "invalid_name"},
        {"{\"namespace\":\"pay\",\"grants\":[7]}", 400, "invalid_field"},
        {"{\"namespace\":\"pay\",\"grants\":[" GRANT("x", "shop/a", "read") "]}", 400,
         "invalid_field"},
        {"{\"namespace\":\"pay\",\"grants\":[" GRANT("x", "**", "read") "]}", 400, "invalid_field"},
        {"{\"namespace\":\"pay\",\"grants\":[" GRANT("x", "payments/a", "read") "]}", 400,
         "invalid_field"},
        {"{\"namespace\":\"pay\",\"grants\":[" GRANT("x", "pay/a", "read") "," GRANT("x", "pay/b",
                                                                                     "read") "]}",
         400, "invalid_field"},
        {"{\"namespace\":\"pay\",\"grants\":[" GRANT("taken", "pay/a", "read") "]}", 409,
         "conflict"},
        {"{\"namespace\":\"pay\",\"grants\":[],\"if_match\":\"0\"}", 409, "conflict"},
        {"{\"namespace\":\"pay\",\"grants\":[" GRANT("use", "pay/a",
                                                     "sign") "," GRANT("m", "pay/*", "rotate") "]}",
         409, "dual_role"},
        {"{\"namespace\":\"pay/prod\",\"grants\":[" GRANT("m", "pay/prod/*", "rotate") "," GRANT(
             "u", "pay/prod/x", "sign") "]}",
         409, "dual_role"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(answer_clear) struct answer answer = apply(rows[i].body);
        if (answer.status != rows[i].status) {
            fail_msg("%zu: %s: %.*s", i, rows[i].body, (int)answer.body.len,
                     (const char *)answer.body.data);
        }
        assert_problem(&answer, rows[i].status, rows[i].code);
    }
    assert_int_equal(status_of(ADMIN_TOKEN, METHOD_GET, "/v1/grants/x", NULL), 404);
}

/* What the file says of dual roles holds for all that it has, however often it is applied. */
static void a_file_may_allow_dual_roles(void **state)
{
    (void)state;
    static const char flagged[] =
        "{\"id\":\"m\"," OTHER ",\"keys\":\"pay/*\",\"operations\":[\"rotate\"],"
        "\"allow_dual_role\":true," WHY "}";
    static const char *const uses[] = {"sign", "mac"};
    for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
        CLEANUP(mem_free_at)
        char *body = mem_format("{\"namespace\":\"pay\",\"grants\":[%s,{\"id\":\"u\"," OTHER
                                ",\"keys\":\"pay/a\",\"operations\":[\"%s\"]," WHY "}]}",
                                flagged, uses[i]);
        CLEANUP(answer_clear) struct answer answer = apply(body);
        assert_int_equal(answer.status, 200);
    }
    CLEANUP(answer_clear)
    struct answer below =
        apply("{\"namespace\":\"pay/a\",\"grants\":[" GRANT("x", "pay/a/k", "sign") "]}");
    assert_int_equal(below.status, 200); /* a star is one segment */
    put("deep",
        "{" OTHER ",\"keys\":\"pay/**\",\"operations\":[\"rotate\"],\"allow_dual_role\":true," WHY
        "}");
    CLEANUP(answer_clear)
    struct answer refused =
        apply("{\"namespace\":\"pay/a\",\"grants\":[" GRANT("x", "pay/a/k", "mac") "]}");
    assert_problem(&refused, 409, "dual_role");
}

/* More than one record can hold: no change is missing in the log. */
static void long_files_stand_in_the_log_whole(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf body = {0};
    char why[GRANT_JUSTIFICATION_MAX];
    memset(why, 'w', sizeof(why));
    assert_ok(buf_append_text(&body, "{\"namespace\":\"pay\",\"grants\":["));
    for (int i = 0; i < 40; i++) {
        assert_ok(buf_printf(&body,
                             "%s{\"id\":\"g%02d\"," OTHER
                             ",\"keys\":\"pay/k%02d\",\"operations\":[\"read\"],"
                             "\"justification\":\"%.*s\"}",
                             i > 0 ? "," : "", i, i, (int)sizeof(why), why));
    }
    assert_ok(buf_append_text(&body, "]}"));
    assert_ok(buf_append_u8(&body, 0));
    CLEANUP(answer_clear) struct answer done = apply((const char *)body.data);
    assert_int_equal(done.status, 200);
    assert_int_equal(fixture_count_records(&fixture, "\"change\":\"create\",\"after\":{"), 40);
    assert_true(fixture_count_records(&fixture, "\"kind\":\"intent\"") >= 3);
    assert_int_equal(fixture_count_records(&fixture, "\"changed\":40"), 1);
}

/* --- authorize --- */

static void authorize_answers(void **state)
{
    (void)state;
    put("sign",
        "{" OTHER ",\"keys\":\"pay/*\",\"operations\":[\"sign\"],\"source\":[\"10.0.0.0/8\"]," WHY
        "}");
    put("bound",
        "{" OTHER ",\"keys\":\"pay/*\",\"operations\":[\"decrypt\"],\"context\":{\"t\":\"a\"}," WHY
        "}");
    static const struct {
        const char *body;
        bool allowed;
        const char *reason;
    } rows[] = {
        {"{" OTHER ",\"operation\":\"sign\",\"key\":\"pay/a\",\"source\":\"10.1.1.1\"}", true,
         "grant"},
        {"{" OTHER ",\"operation\":\"sign\",\"key\":\"pay/a\",\"source\":\"11.1.1.1\"}", false,
         "sign is for other source"},
        {"{" OTHER ",\"operation\":\"sign\",\"key\":\"pay/a\"}", false, "source"},
        {"{" OTHER ",\"operation\":\"mac\",\"key\":\"pay/a\"}", false, "No grant"},
        {"{" OTHER ",\"operation\":\"decrypt\",\"key\":\"pay/a\",\"context\":{\"t\":\"a\"}}", true,
         "grant"},
        {"{" OTHER ",\"operation\":\"decrypt\",\"key\":\"pay/a\"}", false, "another context"},
        {"{\"principal\":\"token:admin\",\"operation\":\"sign\",\"key\":\"pay/a\"}", true,
         "administrator"},
        {"{\"principal\":\"token:admin\",\"operation\":\"sign\",\"key\":\"hsmgate/a\"}", false,
         "gateway's own"},
        {"{\"principal\":\"unix:1\",\"operation\":\"random\"}", false, "No grant"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(answer_clear)
        struct answer answer = fixture_admin(&fixture, METHOD_POST, "/v1/authorize", rows[i].body);
        assert_int_equal(answer.status, 200);
        bool allowed = !rows[i].allowed;
        assert_true(json_as_flag(json_member(answer.json.root, "allowed"), &allowed));
        struct span reason = answer_text(&answer, "reason");
        if (allowed != rows[i].allowed ||
            memmem(reason.data, reason.len, rows[i].reason, strlen(rows[i].reason)) == NULL) {
            fail_msg("%s: %s", rows[i].body, (const char *)reason.data);
        }
    }
    expect(METHOD_POST, "/v1/authorize", "{" OTHER ",\"operation\":\"fly\"}", 400, "invalid_field");
    expect(METHOD_POST, "/v1/authorize",
           "{" OTHER ",\"operation\":\"sign\",\"source\":\"10.0.0.0/8\"}", 400, "invalid_field");
    expect(METHOD_POST, "/v1/authorize", "{\"principal\":\"x\",\"operation\":\"sign\"}", 400,
           "invalid_field");
    expect(METHOD_POST, "/v1/authorize", "{" OTHER ",\"operation\":\"sign\",\"key\":\"pay/*\"}",
           400, "invalid_name");
    static const char self[] = "{" OTHER ",\"operation\":\"sign\",\"key\":\"pay/a\"}";
    static const char others[] =
        "{\"principal\":\"unix:1\",\"operation\":\"sign\",\"key\":\"pay/a\"}";
    assert_int_equal(status_of(OTHER_TOKEN, METHOD_POST, "/v1/authorize", self), 200);
    assert_int_equal(status_of(OTHER_TOKEN, METHOD_POST, "/v1/authorize", others), 403);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(bad_grants_are_refused),
        TEST(principals_have_shapes),
        TEST(the_largest_grant_fits_the_record),
        TEST(a_grant_lives),
        TEST(context_bound_refusals_are_alike),
        TEST(an_approval_rule_shows_late),
        TEST(lists_show_what_may_be_read),
        TEST(pages_of_grants),
        TEST(dual_roles_are_refused),
        TEST(managers_stay_inside),
        TEST(nobody_makes_an_administrator),
        TEST(reserved_keys_are_nobodys),
        TEST(a_file_is_the_whole_truth),
        TEST(files_that_are_refused),
        TEST(a_file_may_allow_dual_roles),
        TEST(long_files_stand_in_the_log_whole),
        TEST(authorize_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
