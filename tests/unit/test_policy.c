/* Who may do what: no, unless a rule says yes. */
#include "grant_test.h"

#include "gateway/policy.h"

#define NOW 1000

static const char *const administrators[] = {"token:admin", "unix:0"};
static const struct grants *grants;
static struct policy policy = {.administrators = administrators,
                               .administrator_count = ARRAY_LEN(administrators)};

static const struct label tenant_a[] = {{"tenant", "a"}};
static const struct label tenant_b_env[] = {{"env", "prod"}, {"tenant", "b"}};

static int make_grants(void **state)
{
    (void)state;
    static struct network office[2], six[1];
    assert_ok(network_parse(span_text("10.0.0.0/8"), &office[0]));
    assert_ok(network_parse(span_text("192.0.2.7"), &office[1]));
    assert_ok(network_parse(span_text("2001:db8::/32"), &six[0]));
    struct grant all[] = {
        grant_of("a-sign", "token:pay", "payments/prod/*", BIT(SIGN) | BIT(VERIFY)),
        grant_of("b-deep", "token:pay", "payments/**", BIT(READ)),
        grant_of("c-one", "token:pay", "payments/prod/dek", BIT(UNWRAP)),
        grant_of("d-middle", "token:pay", "*/stage/jwt", BIT(JWT)),
        grant_of("e-old", "token:pay", "old/**", BIT(SIGN)),
        grant_of("f-office", "token:office", "payments/**", BIT(SIGN)),
        grant_of("g-six", "token:six", "payments/**", BIT(SIGN)),
        grant_of("h-all", "token:all", "**", BIT(SIGN) | BIT(RANDOM) | BIT(READ) | BIT(DESTROY)),
        grant_of("i-random", "token:some", "payments/**", BIT(RANDOM) | BIT(MANAGE_TOKENS)),
        grant_of("j-manager", "token:manager", "payments/**", BIT(MANAGE_GRANTS)),
        grant_of("k-tenant-a", "token:tenant", "t/keys/*", BIT(DECRYPT) | BIT(SIGN)),
        grant_of("l-tenant-b", "token:tenant", "t/keys/*", BIT(DECRYPT)),
        grant_of("m-free", "token:tenant", "t/keys/free", BIT(DECRYPT)),
        grant_of("n-last", "token:last", "a/b", BIT(SIGN)),
    };
    all[4].expires_at = NOW;
    all[5].sources = office;
    all[5].source_count = 2;
    all[6].sources = six;
    all[6].source_count = 1;
    all[10].context = tenant_a;
    all[10].context_count = 1;
    all[11].context = tenant_b_env;
    all[11].context_count = 2;
    all[13].expires_at = NOW + 1;
    grants = grants_from(all, ARRAY_LEN(all));
    policy.grants = grants;
    return 0;
}

static int drop_grants(void **state)
{
    (void)state;
    grants_release(grants);
    return 0;
}

/* --- decisions --- */

struct row {
    const char *name;
    const char *principal;
    const char *operation;
    const char *key;
    const char *source;
    enum policy_answer answer;
    const char *grant;
};

static const struct row rows[] = {
    {"an administrator", "token:admin", "sign", "x/y", "", POLICY_YES, NULL},
    {"an administrator on the local socket", "unix:0", "destroy", "x/y", "unix", POLICY_YES, NULL},
    {"an administrator about the gateway", "unix:0", "random", "", "unix", POLICY_YES, NULL},
    {"nobody", "", "sign", "x/y", "", POLICY_NO, NULL},
    {"nobody about the gateway", "", "random", "", "", POLICY_NO, NULL},
    {"an unknown principal", "token:else", "sign", "payments/prod/jwt", "", POLICY_NO, NULL},
    {"a shorter principal", "token:pa", "sign", "payments/prod/jwt", "", POLICY_NO, NULL},
    {"a longer principal", "token:pay2", "sign", "payments/prod/jwt", "", POLICY_NO, NULL},
    {"another spelling", "Token:pay", "sign", "payments/prod/jwt", "", POLICY_NO, NULL},
    {"another kind of principal", "cn:pay", "sign", "payments/prod/jwt", "", POLICY_NO, NULL},
    {"the grant's operation", "token:pay", "sign", "payments/prod/jwt", "", POLICY_YES, "a-sign"},
    {"its other operation", "token:pay", "verify", "payments/prod/jwt", "", POLICY_YES, "a-sign"},
    {"not another operation", "token:pay", "mac", "payments/prod/jwt", "", POLICY_NO, NULL},
    {"not an unknown operation", "token:pay", "whoami", "payments/prod/jwt", "", POLICY_NO, NULL},
    {"not an empty operation", "token:pay", "", "payments/prod/jwt", "", POLICY_NO, NULL},
    {"`*` is not two segments", "token:pay", "sign", "payments/prod/a/b", "", POLICY_NO, NULL},
    {"`*` is not none", "token:pay", "sign", "payments/prod", "", POLICY_NO, NULL},
    {"not another namespace", "token:pay", "sign", "payments/stage/jwt", "", POLICY_NO, NULL},
    {"not a prefix of a segment", "token:pay", "sign", "payments/prod2/jwt", "", POLICY_NO, NULL},
    {"`**` is one segment", "token:pay", "read", "payments/x", "", POLICY_YES, "b-deep"},
    {"`**` is many", "token:pay", "read", "payments/a/b/c/d/e", "", POLICY_YES, "b-deep"},
    {"`**` is not another first", "token:pay", "read", "payment/a", "", POLICY_NO, NULL},
    {"one key", "token:pay", "unwrap", "payments/prod/dek", "", POLICY_YES, "c-one"},
    {"not its neighbour", "token:pay", "unwrap", "payments/prod/dek2", "", POLICY_NO, NULL},
    {"`*` in front", "token:pay", "jwt", "shop/stage/jwt", "", POLICY_YES, "d-middle"},
    {"`*` in front, other tail", "token:pay", "jwt", "shop/prod/jwt", "", POLICY_NO, NULL},
    {"an end that has come", "token:pay", "sign", "old/key", "", POLICY_NO, NULL},
    {"an end in a moment", "token:last", "sign", "a/b", "", POLICY_YES, "n-last"},
    {"from the network", "token:office", "sign", "payments/a", "10.255.0.1", POLICY_YES,
     "f-office"},
    {"from the one address", "token:office", "sign", "payments/a", "192.0.2.7", POLICY_YES,
     "f-office"},
    {"from its mapped form", "token:office", "sign", "payments/a", "::ffff:10.0.0.9", POLICY_YES,
     "f-office"},
    {"from beside it", "token:office", "sign", "payments/a", "192.0.2.8", POLICY_NO, NULL},
    {"from outside", "token:office", "sign", "payments/a", "11.0.0.1", POLICY_NO, NULL},
    {"from IPv6 that ends alike", "token:office", "sign", "payments/a", "::10.0.0.1", POLICY_NO,
     NULL},
    {"from the local socket", "token:office", "sign", "payments/a", "unix", POLICY_NO, NULL},
    {"from nowhere known", "token:office", "sign", "payments/a", "", POLICY_NO, NULL},
    {"from IPv6", "token:six", "sign", "payments/a", "2001:db8:ffff::1", POLICY_YES, "g-six"},
    {"from other IPv6", "token:six", "sign", "payments/a", "2001:db9::1", POLICY_NO, NULL},
    {"IPv4 to an IPv6 block", "token:six", "sign", "payments/a", "10.0.0.1", POLICY_NO, NULL},
    {"no source, local socket", "token:pay", "sign", "payments/prod/jwt", "unix", POLICY_YES,
     "a-sign"},
    {"`**` is the gateway", "token:all", "random", "", "", POLICY_YES, "h-all"},
    {"`**` is every key", "token:all", "sign", "a/b/c", "", POLICY_YES, "h-all"},
    {"less than `**` is not", "token:some", "random", "", "", POLICY_NO, NULL},
    {"nor for tokens", "token:some", "manage-tokens", "", "", POLICY_NO, NULL},
    {"a manager of some may ask", "token:manager", "manage-grants", "", "", POLICY_YES,
     "j-manager"},
    {"others may not", "token:all", "manage-grants", "", "", POLICY_NO, NULL},
    {"a context is asked", "token:tenant", "decrypt", "t/keys/x", "", POLICY_WITH_CONTEXT,
     "k-tenant-a"},
    {"none is needed here", "token:tenant", "decrypt", "t/keys/free", "", POLICY_YES, "m-free"},
    {"no context to fit", "token:tenant", "sign", "t/keys/x", "", POLICY_NO, NULL},
    {"reserved, administrator signs", "unix:0", "sign", "hsmgate/audit", "", POLICY_NO, NULL},
    {"reserved, administrator destroys", "unix:0", "destroy", "hsmgate/a/b", "", POLICY_NO, NULL},
    {"reserved, administrator creates", "unix:0", "create", "hsmgate/new", "", POLICY_NO, NULL},
    {"reserved, administrator rotates", "unix:0", "rotate", "hsmgate/audit", "", POLICY_NO, NULL},
    {"reserved, administrator reads", "unix:0", "read", "hsmgate/audit", "", POLICY_YES, NULL},
    {"reserved, `**` signs", "token:all", "sign", "hsmgate/audit", "", POLICY_NO, NULL},
    {"reserved, `**` reads", "token:all", "read", "hsmgate/audit", "", POLICY_YES, "h-all"},
    {"not reserved, alike", "unix:0", "sign", "hsmgate2/audit", "", POLICY_YES, NULL},
};

static struct policy_question question_of(const struct row *row)
{
    return (struct policy_question){.principal = span_text(row->principal),
                                    .operation = row->operation,
                                    .key = span_text(row->key),
                                    .source = span_text(row->source),
                                    .now = NOW};
}

static void decisions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct policy_question question = question_of(&rows[i]);
        struct policy_decision decision = policy_decide(&policy, &question);
        bool same = rows[i].grant == NULL
                        ? decision.grant == NULL
                        : decision.grant != NULL && strcmp(decision.grant->id, rows[i].grant) == 0;
        if (decision.answer != rows[i].answer || !same) {
            fail_msg("%s: %d by %s", rows[i].name, (int)decision.answer,
                     decision.grant != NULL ? decision.grant->id : "none");
        }
    }
}

static void administrators_are_exact(void **state)
{
    (void)state;
    static const char *const others[] = {"",        "token:admi", "token:admin2", "Token:admin",
                                         "unix:00", "unix:1000",  "admin"};
    assert_true(policy_is_administrator(&policy, span_text("token:admin")));
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_false(policy_is_administrator(&policy, span_text(others[i])));
    }
}

static void without_rules_nobody_may(void **state)
{
    (void)state;
    static const char *const empty[] = {""};
    const struct policy none = {0};
    const struct policy odd = {.administrators = empty, .administrator_count = 1};
    struct policy_question question = {.principal = span_text("unix:0"), .operation = "read"};
    assert_int_equal(policy_decide(&none, &question).answer, POLICY_NO);
    question.principal = span_text("");
    assert_int_equal(policy_decide(&odd, &question).answer, POLICY_NO);
}

/* --- contexts --- */

static void contexts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *context; /* or NULL */
        const char *operation;
        const char *grant;
    } asked[] = {
        {"the pair", "{\"tenant\":\"a\"}", "decrypt", "k-tenant-a"},
        {"more than the pair", "{\"x\":\"1\",\"tenant\":\"a\"}", "decrypt", "k-tenant-a"},
        {"both pairs", "{\"tenant\":\"b\",\"env\":\"prod\"}", "decrypt", "l-tenant-b"},
        {"one of two", "{\"tenant\":\"b\"}", "decrypt", NULL},
        {"the other of two", "{\"env\":\"prod\"}", "decrypt", NULL},
        {"another value", "{\"tenant\":\"c\"}", "decrypt", NULL},
        {"another case", "{\"Tenant\":\"a\"}", "decrypt", NULL},
        {"a longer value", "{\"tenant\":\"aa\"}", "decrypt", NULL},
        {"not text", "{\"tenant\":1}", "decrypt", NULL},
        {"an empty one", "{}", "decrypt", NULL},
        {"a list", "[\"tenant\",\"a\"]", "decrypt", NULL},
        {"none", NULL, "decrypt", NULL},
        {"another operation", "{\"tenant\":\"a\"}", "encrypt", NULL},
        {"an operation without context", "{\"tenant\":\"a\"}", "sign", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        CLEANUP(json_clear) struct json json = {0};
        if (asked[i].context != NULL) {
            assert_ok(json_parse(span_text(asked[i].context), &json));
        }
        const struct policy_question question = {.principal = span_text("token:tenant"),
                                                 .operation = asked[i].operation,
                                                 .key = span_text("t/keys/x"),
                                                 .now = NOW};
        const struct grant *grant = policy_context_fits(&policy, &question, json.root);
        const char *id = grant != NULL ? grant->id : "none";
        if (strcmp(id, asked[i].grant != NULL ? asked[i].grant : "none") != 0) {
            fail_msg("%s: %s", asked[i].name, id);
        }
    }
}

static void what_reveals_needs_approval(void **state)
{
    (void)state;
    static const struct {
        const char *operation;
        bool needs;
    } all[] = {
        {"decrypt", true},   {"unwrap", true}, {"rewrap", true}, {"encrypt", false},
        {"data-key", false}, {"sign", false},  {"read", false},  {"rotate", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_int_equal(policy_needs_approval(all[i].operation), all[i].needs);
    }
}

static void misses_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *principal, *operation, *key, *source;
        size_t grant;
        enum policy_miss miss;
    } asked[] = {
        {"token:pay", "mac", "payments/prod/a", "", 0, MISS_OPERATION},
        {"token:pay", "sign", "payments/stage/a", "", 0, MISS_KEYS},
        {"token:pay", "sign", "old/key", "", 4, MISS_EXPIRED},
        {"token:office", "sign", "payments/a", "unix", 0, MISS_SOURCE},
        {"token:tenant", "sign", "t/keys/x", "", 0, MISS_NO_CONTEXT},
        {"token:tenant", "decrypt", "t/keys/x", "", 0, MISS_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        size_t count = 0;
        const struct policy_question question = {.operation = asked[i].operation,
                                                 .key = span_text(asked[i].key),
                                                 .source = span_text(asked[i].source),
                                                 .now = NOW};
        const struct grant *const *own = grants_of(grants, span_text(asked[i].principal), &count);
        assert_true(asked[i].grant < count);
        assert_int_equal(policy_miss(own[asked[i].grant], &question), asked[i].miss);
    }
}

/* --- writing grants --- */

static void managers(void **state)
{
    (void)state;
    static const struct {
        const char *asker, *pattern;
        bool manages;
    } asked[] = {
        {"unix:0", "**", true},
        {"token:manager", "payments/prod/*", true},
        {"token:manager", "payments/**", true},
        {"token:manager", "payments/x", true},
        {"token:manager", "**", false},
        {"token:manager", "*/prod/x", false},
        {"token:manager", "shop/**", false},
        {"token:all", "payments/x", false},
        {"", "payments/x", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        const struct policy_question asker = {.principal = span_text(asked[i].asker), .now = NOW};
        assert_int_equal(policy_manages(&policy, &asker, asked[i].pattern), asked[i].manages);
    }
}

static void nobody_raises_itself(void **state)
{
    (void)state;
    static const struct {
        const char *name, *asker, *principal, *keys;
        uint32_t operations;
        enum err_code code;
    } asked[] = {
        {"inside", "token:manager", "token:x", "payments/prod/*", BIT(SIGN), ERR_OK},
        {"outside", "token:manager", "token:x", "shop/**", BIT(SIGN), ERR_FORBIDDEN},
        {"for itself", "token:manager", "token:manager", "payments/a", BIT(SIGN), ERR_FORBIDDEN},
        {"another manager", "token:manager", "token:x", "payments/a", BIT(MANAGE_GRANTS),
         ERR_FORBIDDEN},
        {"who makes tokens", "token:manager", "token:x", "payments/a", BIT(MANAGE_TOKENS),
         ERR_FORBIDDEN},
        {"without managing", "token:all", "token:x", "a/b", BIT(SIGN), ERR_FORBIDDEN},
        {"an administrator", "unix:0", "unix:0", "**", BIT(MANAGE_GRANTS), ERR_OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        const struct policy_question asker = {.principal = span_text(asked[i].asker), .now = NOW};
        const struct grant grant =
            grant_of("new", asked[i].principal, asked[i].keys, asked[i].operations);
        assert_code_of(asked[i].name, policy_may_write(&policy, &asker, &grant), asked[i].code);
    }
}

/* --- use and management --- */

static void every_word_has_a_role_or_none(void **state)
{
    (void)state;
    uint32_t use = policy_use_operations(), management = policy_management_operations();
    assert_int_equal(use & management, 0);
    uint32_t neutral = BIT(VERIFY) | BIT(RANDOM) | BIT(READ) | BIT(REQUEST_BREAK_GLASS) |
                       BIT(MANAGE_TOKENS) | BIT(READ_AUDIT) | BIT(MANAGE_GATEWAY);
    assert_int_equal(use | management | neutral, (1u << OPERATION_COUNT) - 1);
    assert_int_equal((use | management) & neutral, 0);
}

static void dual_roles(void **state)
{
    (void)state;
    struct grant all[] = {
        grant_of("a-use", "token:x", "a/prod/*", BIT(SIGN)),
        grant_of("b-manage", "token:x", "a/**", BIT(ROTATE)),
        grant_of("c-read", "token:x", "a/prod/*", BIT(READ) | BIT(VERIFY)),
        grant_of("d-other", "token:y", "a/prod/*", BIT(ROTATE)),
        grant_of("e-apart", "token:y", "a/stage/*", BIT(SIGN)),
        grant_of("f-alone", "token:z", "z/k", BIT(SIGN) | BIT(DESTROY)),
        grant_of("g-ended", "token:e", "e/k", BIT(SIGN)),
        grant_of("h-live", "token:e", "e/k", BIT(CREATE)),
        grant_of("i-flagged", "token:f", "f/k", BIT(SIGN)),
        grant_of("j-flagged", "token:f", "f/k", BIT(CREATE)),
    };
    static const char *const others[] = {"b-manage", "a-use", NULL, NULL,        NULL,
                                         "f-alone",  NULL,    NULL, "j-flagged", "i-flagged"};
    all[6].expires_at = NOW;
    all[9].allow_dual_role = true;
    CLEANUP(grants_release_at) const struct grants *some = grants_from(all, ARRAY_LEN(all));
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        const struct grant *other = policy_dual_role(some, some->all[i], NOW);
        const char *id = other != NULL ? other->id : "none";
        if (strcmp(id, others[i] != NULL ? others[i] : "none") != 0) {
            fail_msg("%s: %s", all[i].id, id);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions),
        cmocka_unit_test(administrators_are_exact),
        cmocka_unit_test(without_rules_nobody_may),
        cmocka_unit_test(contexts),
        cmocka_unit_test(what_reveals_needs_approval),
        cmocka_unit_test(misses_in_order),
        cmocka_unit_test(managers),
        cmocka_unit_test(nobody_raises_itself),
        cmocka_unit_test(every_word_has_a_role_or_none),
        cmocka_unit_test(dual_roles),
    };
    return cmocka_run_group_tests(tests, make_grants, drop_grants);
}
