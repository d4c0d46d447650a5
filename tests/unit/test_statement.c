/* Statements: one spelling for each, and nothing that is not said. */
#include <string.h>

#include "base_test.h"
#include "quorum_fixture.h"

static int open_fixture(void **state)
{
    struct quorum_fixture *fix = mem_alloc(sizeof(*fix));
    people_open(fix);
    *state = fix;
    return 0;
}

static int close_fixture(void **state)
{
    people_close(*state);
    mem_free(*state);
    return 0;
}

/* --- both directions --- */

static void check_round_trip(struct quorum_fixture *fix, const struct statement *says)
{
    struct span bytes = people_bytes(fix, says);
    CLEANUP(statement_clear) struct statement_read read = {0};
    assert_ok(statement_parse(bytes, &read));
    assert_int_equal(read.is.kind, says->kind);
    assert_true(uuid_equal(read.is.id, says->id));
    assert_true(span_equal(read.is.reason, says->reason));
    assert_true(span_equal(read.is.rule.group, says->rule.group));
    assert_int_equal(read.is.expires_at, says->expires_at);
    assert_true(span_equal(bytes, people_bytes(fix, &read.is)));
}

static void every_kind_comes_back(void **state)
{
    for (size_t kind = 0; kind < STATEMENT_KIND_COUNT; kind++) {
        struct statement says = people_statement(*state, (enum statement_kind)kind);
        check_round_trip(*state, &says);
    }
}

static void fields_come_back(void **state)
{
    struct statement says = people_statement(*state, STATEMENT_OPEN);
    CLEANUP(statement_clear) struct statement_read read = {0};
    assert_ok(statement_parse(people_bytes(*state, &says), &read));
    assert_span_is(read.is.gateway, "gate.example");
    assert_span_is(read.is.log_key, "gate.example+00000000+AQ==");
    assert_span_is(read.is.key, "payments/prod/card-dek");
    assert_true(uuid_equal(read.is.key_id, says.key_id));
    assert_int_equal(read.is.version, 3);
    assert_true(span_equal(read.is.cka_id, says.cka_id));
    assert_true(span_equal(read.is.identity, says.identity));
    assert_memory_equal(read.is.ciphertext_sha256, says.ciphertext_sha256, SHA256_LEN);
    assert_memory_equal(read.is.context_sha256, says.context_sha256, SHA256_LEN);
    assert_memory_equal(&read.is.recipient, &says.recipient, sizeof(says.recipient));
    assert_span_is(read.is.ticket, "OPS-1");
    assert_span_is(read.is.requester, "token:dora");
    assert_int_equal(read.is.rule.m, 2);
    assert_int_equal(read.is.roster_number, 1);
    assert_memory_equal(read.is.roster_sha256, says.roster_sha256, SHA256_LEN);
    assert_int_equal(read.is.created_at, FIXTURE_NOW);
    assert_memory_equal(read.is.nonce, says.nonce, QUORUM_NONCE_LEN);
}

static void the_order_is_fixed(void **state)
{
    struct statement says = people_statement(*state, STATEMENT_RULE);
    says.id = (struct uuid){{0x11}};
    memset(says.nonce, 1, sizeof(says.nonce));
    memset(says.roster_sha256, 0xab, sizeof(says.roster_sha256));
    assert_span_is(
        people_bytes(*state, &says),
        "{\"format\":\"hsmgate/v1/statement\",\"kind\":\"rule\","
        "\"id\":\"11000000-0000-0000-0000-000000000000\",\"gateway\":\"gate.example\","
        "\"log_key\":\"gate.example+00000000+AQ==\",\"key\":\"payments/prod/card-dek\","
        "\"key_id\":\"01020304-0000-0000-0000-000000000000\","
        "\"wanted\":{\"group\":\"ops\",\"m\":3},"
        "\"reason\":\"the card database must be restored\",\"ticket\":\"OPS-1\","
        "\"requester\":\"token:dora\","
        "\"rule\":{\"group\":\"ops\",\"m\":2,\"wait_s\":0,\"use_within_s\":0},"
        "\"policy_sha256\":\"f5df5226b443d72a5d1c36eff15981c3d4543f54f319ebd65fc3e9081499abcc\","
        "\"roster_number\":1,"
        "\"roster_sha256\":\"abababababababababababababababababababababababababababababababab\","
        "\"created_at\":\"2026-01-02T03:04:05Z\",\"expires_at\":\"2026-01-02T04:04:05Z\","
        "\"nonce\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\"}");
}

static void a_rule_has_the_digest_of_its_json(void **state)
{
    (void)state;
    static const char json[] = "{\"group\":\"ops\",\"m\":3,\"wait_s\":60,\"use_within_s\":900}";
    const struct quorum_rule rule = {span_text("ops"), 3, 60, 900};
    uint8_t digest[SHA256_LEN];
    uint8_t expected[SHA256_LEN];
    quorum_rule_digest(&rule, digest);
    statement_digest(span_text(json), expected);
    assert_memory_equal(digest, expected, SHA256_LEN);
}

static void a_rule_may_be_taken_away(void **state)
{
    struct statement says = people_statement(*state, STATEMENT_RULE);
    says.wanted = (struct quorum_rule){0};
    check_round_trip(*state, &says);
}

static void kinds_have_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATEMENT_KIND_COUNT; i++) {
        enum statement_kind kind = STATEMENT_KIND_COUNT;
        const char *name = statement_kind_name((enum statement_kind)i);
        assert_true(statement_kind_by_name(span_text(name), &kind));
        assert_int_equal(kind, i);
    }
    enum statement_kind kind = STATEMENT_KIND_COUNT;
    assert_false(statement_kind_by_name(span_text("opens"), &kind));
    assert_int_equal(kind, STATEMENT_KIND_COUNT);
}

static void ids_are_short_and_plain(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a", "0", "ops-eu.night_2",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    static const char *const bad[] = {
        "",         "-a",
        ".a",       "_a",
        "A",        "aB",
        "a b",      "a/b",
        "group:a",  "{",
        "a{",       "a\x7f",
        "\xc3\xa4", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_code_of(good[i], quorum_check_id(span_text(good[i])), ERR_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_code_of(bad[i], quorum_check_id(span_text(bad[i])), ERR_INVALID_FIELD);
    }
}

/* --- what is not written --- */

static char long_text[QUORUM_REASON_MAX + 2];

static void no_kind(struct statement *says)
{
    says->kind = STATEMENT_KIND_COUNT;
}
static void nil_id(struct statement *says)
{
    says->id = (struct uuid){0};
}
static void no_gateway(struct statement *says)
{
    says->gateway = (struct span){0};
}
static void gateway_of_two_lines(struct statement *says)
{
    says->gateway = span_text("a\nb");
}
static void log_key_with_delete(struct statement *says)
{
    says->log_key = span_text("a\x7f");
}
static void no_key(struct statement *says)
{
    says->key = (struct span){0};
}
static void key_outside_a_namespace(struct statement *says)
{
    says->key = span_text("dek");
}
static void nil_key_id(struct statement *says)
{
    says->key_id = (struct uuid){0};
}
static void version_zero(struct statement *says)
{
    says->version = 0;
}
static void huge_version(struct statement *says)
{
    says->version = UINT32_MAX;
}
static void no_cka_id(struct statement *says)
{
    says->cka_id = (struct span){0};
}
static void long_cka_id(struct statement *says)
{
    says->cka_id = span_of(long_text, 65);
}
static void no_identity(struct statement *says)
{
    says->identity = (struct span){0};
}
static void no_ciphertext(struct statement *says)
{
    memset(says->ciphertext_sha256, 0, SHA256_LEN);
}
static void point_off_the_curve(struct statement *says)
{
    says->recipient.y[0] ^= 1;
}
static void unknown_curve(struct statement *says)
{
    says->recipient.curve = (enum recipient_curve)7;
}
static void no_reason(struct statement *says)
{
    says->reason = (struct span){0};
}
static void long_reason(struct statement *says)
{
    says->reason = span_of(long_text, QUORUM_REASON_MAX + 1);
}
static void reason_not_text(struct statement *says)
{
    says->reason = span_text("caf\xe9");
}
static void reason_with_nul(struct statement *says)
{
    says->reason = span_of("a\0b", 3);
}
static void long_ticket(struct statement *says)
{
    says->ticket = span_of(long_text, QUORUM_TICKET_MAX + 1);
}
static void no_requester(struct statement *says)
{
    says->requester = (struct span){0};
}
static void no_rule(struct statement *says)
{
    says->rule = (struct quorum_rule){0};
}
static void m_of_zero(struct statement *says)
{
    says->rule.m = 0;
}
static void m_of_one(struct statement *says)
{
    says->rule.m = 1;
}
static void m_over_the_most(struct statement *says)
{
    says->rule.m = QUORUM_M_MAX + 1;
}
static void rule_without_group(struct statement *says)
{
    says->rule.group = (struct span){0};
}
static void negative_wait(struct statement *says)
{
    says->rule.wait_s = -1;
}
static void endless_wait(struct statement *says)
{
    says->rule.wait_s = INT64_MAX;
}
static void negative_use(struct statement *says)
{
    says->rule.use_within_s = -1;
}
static void roster_zero(struct statement *says)
{
    says->roster_number = 0;
}
static void huge_roster_number(struct statement *says)
{
    says->roster_number = UINT64_MAX;
}
static void no_roster(struct statement *says)
{
    memset(says->roster_sha256, 0, SHA256_LEN);
}
static void never_made(struct statement *says)
{
    says->created_at = 0;
}
static void made_in_a_fraction(struct statement *says)
{
    says->created_at += 1;
}
static void expires_in_a_fraction(struct statement *says)
{
    says->expires_at += 999;
}
static void expires_when_made(struct statement *says)
{
    says->expires_at = says->created_at;
}
static void expires_before(struct statement *says)
{
    says->expires_at = says->created_at - 1000;
}
static void expires_after_all_time(struct statement *says)
{
    says->expires_at = INT64_MAX / 1000 * 1000;
}
static void no_nonce(struct statement *says)
{
    memset(says->nonce, 0, QUORUM_NONCE_LEN);
}
static void negative_after(struct statement *says)
{
    says->after_s = -1;
}
static void wanted_one(struct statement *says)
{
    says->wanted.m = 1;
}
static void wanted_group_without_m(struct statement *says)
{
    says->wanted.m = 0;
}
static void wanted_m_without_group(struct statement *says)
{
    says->wanted.group = (struct span){0};
}
static void next_is_the_root(struct statement *says)
{
    says->next_number = 1;
}
static void no_next(struct statement *says)
{
    memset(says->next_sha256, 0, SHA256_LEN);
}

static const struct change {
    const char *label;
    enum statement_kind kind;
    void (*make)(struct statement *says);
} changes[] = {
    {"no kind", STATEMENT_OPEN, no_kind},
    {"nil id", STATEMENT_OPEN, nil_id},
    {"no gateway", STATEMENT_OPEN, no_gateway},
    {"gateway of two lines", STATEMENT_OPEN, gateway_of_two_lines},
    {"log key with DEL", STATEMENT_OPEN, log_key_with_delete},
    {"no key", STATEMENT_OPEN, no_key},
    {"key outside a namespace", STATEMENT_UNFREEZE, key_outside_a_namespace},
    {"nil key id", STATEMENT_OPEN, nil_key_id},
    {"version 0", STATEMENT_OPEN, version_zero},
    {"huge version", STATEMENT_DESTROY, huge_version},
    {"no cka_id", STATEMENT_OPEN, no_cka_id},
    {"long cka_id", STATEMENT_OPEN, long_cka_id},
    {"no identity", STATEMENT_DESTROY, no_identity},
    {"no ciphertext", STATEMENT_OPEN, no_ciphertext},
    {"point off the curve", STATEMENT_OPEN, point_off_the_curve},
    {"unknown curve", STATEMENT_OPEN, unknown_curve},
    {"no reason", STATEMENT_OPEN, no_reason},
    {"long reason", STATEMENT_OPEN, long_reason},
    {"reason not text", STATEMENT_OPEN, reason_not_text},
    {"reason with NUL", STATEMENT_OPEN, reason_with_nul},
    {"long ticket", STATEMENT_OPEN, long_ticket},
    {"no requester", STATEMENT_OPEN, no_requester},
    {"no rule", STATEMENT_OPEN, no_rule},
    {"m of zero", STATEMENT_OPEN, m_of_zero},
    {"m of one", STATEMENT_OPEN, m_of_one},
    {"m over the most", STATEMENT_OPEN, m_over_the_most},
    {"rule without group", STATEMENT_OPEN, rule_without_group},
    {"negative wait", STATEMENT_OPEN, negative_wait},
    {"endless wait", STATEMENT_OPEN, endless_wait},
    {"negative use", STATEMENT_OPEN, negative_use},
    {"roster 0", STATEMENT_OPEN, roster_zero},
    {"huge roster number", STATEMENT_OPEN, huge_roster_number},
    {"no roster", STATEMENT_OPEN, no_roster},
    {"never made", STATEMENT_OPEN, never_made},
    {"made in a fraction", STATEMENT_OPEN, made_in_a_fraction},
    {"expires in a fraction", STATEMENT_OPEN, expires_in_a_fraction},
    {"expires when made", STATEMENT_OPEN, expires_when_made},
    {"expires before", STATEMENT_OPEN, expires_before},
    {"expires after all time", STATEMENT_OPEN, expires_after_all_time},
    {"no nonce", STATEMENT_OPEN, no_nonce},
    {"negative after", STATEMENT_DESTROY, negative_after},
    {"wanted m of one", STATEMENT_RULE, wanted_one},
    {"wanted group without m", STATEMENT_RULE, wanted_group_without_m},
    {"wanted m without group", STATEMENT_RULE, wanted_m_without_group},
    {"next is the root", STATEMENT_ROSTER, next_is_the_root},
    {"no next", STATEMENT_ROSTER, no_next},
};

static void wrong_ones_are_not_written(void **state)
{
    memset(long_text, 'x', sizeof(long_text));
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        CLEANUP(buf_clear) struct buf out = {0};
        struct statement says = people_statement(*state, changes[i].kind);
        assert_ok(buf_append_text(&out, "before"));
        changes[i].make(&says);
        assert_code_of(changes[i].label, statement_write(&says, &out), ERR_INVALID_FIELD);
        assert_span_is(buf_span(&out), "before");
    }
}

static void one_that_does_not_fit_leaves_nothing(void **state)
{
    CLEANUP(buf_clear) struct buf out = {.max = 100};
    struct statement says = people_statement(*state, STATEMENT_OPEN);
    assert_code(statement_write(&says, &out), ERR_TOO_LARGE);
    assert_int_equal(out.len, 0);
}

/* --- what is not read --- */

/* The text with the first `old` replaced. */
static struct span replaced(struct quorum_fixture *fix, struct span bytes, const char *old,
                            const char *new)
{
    const uint8_t *at = memmem(bytes.data, bytes.len, old, strlen(old));
    if (at == NULL) {
        fail_msg("\"%s\" is not in the statement", old);
    }
    struct buf out = {0};
    size_t lead = (size_t)(at - bytes.data);
    assert_ok(buf_append(&out, span_of(bytes.data, lead)));
    assert_ok(buf_append_text(&out, new));
    assert_ok(buf_append(&out, span_of(at + strlen(old), bytes.len - lead - strlen(old))));
    struct span copy = people_copy(fix, buf_span(&out));
    buf_clear(&out);
    return copy;
}

static const struct {
    const char *old;
    const char *new;
} spellings[] = {
    {"{\"format\"", "[\"format\""},
    {"{\"format\"", " {\"format\""},
    {"\"format\":", "\"format\": "},
    {"}", "}\n"},
    {"hsmgate/v1/statement", "hsmgate/v2/statement"},
    {"\"format\":\"hsmgate/v1/statement\",", ""},
    {"\"format\":\"hsmgate/v1/statement\",\"kind\":\"open\"",
     "\"kind\":\"open\",\"format\":\"hsmgate/v1/statement\""},
    {"\"kind\":\"open\"", "\"kind\":\"shut\""},
    {"\"kind\":\"open\"", "\"kind\":\"destroy\""},
    {"\"kind\":\"open\"", "\"kind\":1"},
    {"\"kind\":\"open\",", ""},
    {"\"kind\":\"open\"", "\"kind\":\"open\",\"kind\":\"open\""},
    {"\"id\":", "\"ID\":"},
    {"01020304", "0102030g"},
    {"01020304-", "01020304"},
    {"\"version\":3", "\"version\":3.0"},
    {"\"version\":3", "\"version\":3e0"},
    {"\"version\":3", "\"version\":4294967299"},
    {"\"version\":3", "\"version\":-3"},
    {"\"version\":3", "\"version\":\"3\""},
    {"\"version\":3", "\"version\":0"},
    {"\"cka_id\":\"07", "\"cka_id\":\"7"},
    {"\"cka_id\":\"07", "\"cka_id\":\"0g"},
    {"\"ciphertext_sha256\":\"c1", "\"ciphertext_sha256\":\"C1"},
    {"\"ciphertext_sha256\":\"c100", "\"ciphertext_sha256\":\"c1"},
    {"\"kty\":\"EC\"", "\"kty\":\"EC\",\"use\":\"enc\""},
    {"\"kty\":\"EC\"", "\"kty\":\"EC\",\"d\":\"AA\""},
    {"\"crv\":\"P-256\",\"kty\":\"EC\"", "\"kty\":\"EC\",\"crv\":\"P-256\""},
    {"the card", "\\u0074he card"},
    {"the card", "the\\u0000card"},
    {"OPS-1\"", "OPS-1\",\"more\":1"},
    {",\"ticket\":\"OPS-1\"", ""},
    {"\"ticket\":\"OPS-1\"", "\"ticket\":null"},
    {"\"m\":2", "\"m\":1"},
    {"\"m\":2", "\"m\":0"},
    {"\"m\":2", "\"m\":3"}, /* the digest of the rule is another one */
    {"\"m\":2", "\"m\":-2"},
    {"\"m\":2", "\"m\":256"},
    {"\"m\":2,", ""},
    {"\"wait_s\":0", "\"wait_s\":-0"},
    {"\"policy_sha256\":\"f5", "\"policy_sha256\":\"00"},
    {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"},
    {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.001Z"},
    {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00"},
    {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05z"},
    {"2026-01-02T03:04:05Z", "2026-02-30T03:04:05Z"},
    {"2026-01-02T04:04:05Z", "2026-01-02T03:04:05Z"},
    {"\"nonce\":\"", "\"nonce\":\"AAAA"},
    {"=\"}", "\"}"},
};

static void other_spellings_are_not_read(void **state)
{
    struct statement says = people_statement(*state, STATEMENT_OPEN);
    struct span bytes = people_bytes(*state, &says);
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        struct statement_read read = {0};
        struct span other = replaced(*state, bytes, spellings[i].old, spellings[i].new);
        assert_code_of(spellings[i].new, statement_parse(other, &read), ERR_INVALID_FIELD);
        assert_null(read.json.root);
    }
}

static void a_wanted_rule_has_one_spelling(void **state)
{
    struct statement says = people_statement(*state, STATEMENT_RULE);
    struct span bytes = people_bytes(*state, &says);
    static const char *const others[] = {"{\"group\":\"ops\",\"m\":1}",
                                         "{\"group\":\"ops\",\"m\":300}",
                                         "{\"group\":\"ops\"}",
                                         "{\"group\":\"\",\"m\":3}",
                                         "7",
                                         "{\"group\":\"ops\",\"m\":3,\"wait_s\":0}"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct statement_read read = {0};
        struct span other = replaced(*state, bytes, "{\"group\":\"ops\",\"m\":3}", others[i]);
        assert_code_of(others[i], statement_parse(other, &read), ERR_INVALID_FIELD);
    }
}

static void a_flipped_byte_never_says_the_same(void **state)
{
    struct statement says = people_statement(*state, STATEMENT_OPEN);
    struct span bytes = people_bytes(*state, &says);
    CLEANUP(mem_free_at) uint8_t *flipped = mem_copy(bytes.data, bytes.len);
    for (size_t i = 0; i < bytes.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            CLEANUP(statement_clear) struct statement_read read = {0};
            flipped[i] ^= (uint8_t)(1U << bit);
            struct span other = span_of(flipped, bytes.len);
            struct err err = statement_parse(other, &read);
            if (err.code == ERR_OK) {
                /* then it is another statement, in its one spelling */
                CLEANUP(buf_clear) struct buf again = {0};
                assert_ok(statement_write(&read.is, &again));
                assert_true(span_equal(other, buf_span(&again)));
            } else {
                assert_code(err, ERR_INVALID_FIELD);
            }
            flipped[i] ^= (uint8_t)(1U << bit);
        }
    }
}

static void long_and_cut_ones_are_not_read(void **state)
{
    struct statement says = people_statement(*state, STATEMENT_DESTROY);
    struct span bytes = people_bytes(*state, &says);
    struct statement_read read = {0};
    for (size_t len = 0; len < bytes.len; len++) {
        assert_code(statement_parse(span_of(bytes.data, len), &read), ERR_INVALID_FIELD);
    }
    CLEANUP(mem_free_at) uint8_t *blanks = mem_alloc(STATEMENT_MAX + 1);
    memset(blanks, ' ', STATEMENT_MAX + 1);
    memcpy(blanks, bytes.data, bytes.len);
    assert_code(statement_parse(span_of(blanks, STATEMENT_MAX), &read), ERR_INVALID_FIELD);
    assert_code(statement_parse(span_of(blanks, STATEMENT_MAX + 1), &read), ERR_INVALID_FIELD);
}

/* --- in words --- */

static const char *words_of(struct quorum_fixture *fix, const struct statement *says)
{
    struct buf out = {0};
    assert_ok(statement_describe(says, &out));
    assert_ok(buf_append_u8(&out, 0));
    struct span copy = people_copy(fix, buf_span(&out));
    buf_clear(&out);
    return (const char *)copy.data;
}

static void words_say_what_is_signed(void **state)
{
    static const struct {
        enum statement_kind kind;
        const char *words[8];
    } cases[] = {
        {STATEMENT_OPEN,
         {"OPEN ONE CIPHERTEXT", "payments/prod/card-dek", "c100", "c200", "P-256", "gate.example",
          "070707"}},
        {STATEMENT_DESTROY, {"DESTROY ONE VERSION", "payments/prod/card-dek", "7d", "090909"}},
        {STATEMENT_RULE, {"CHANGE THE APPROVAL RULE", "3 approvals", "ops"}},
        {STATEMENT_UNFREEZE, {"UNFREEZE A KEY", "payments/prod/card-dek"}},
        {STATEMENT_ROSTER, {"REPLACE THE ROSTER", "c300", "admins"}},
    };
    static const char *const always[] = {"token:dora",
                                         "the card database must be restored",
                                         "OPS-1",
                                         "2026-01-02T03:04:05Z",
                                         "2026-01-02T04:04:05Z",
                                         "2 approvals",
                                         "until it expires",
                                         "at once"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct statement says = people_statement(*state, cases[i].kind);
        const char *words = words_of(*state, &says);
        for (size_t k = 0; cases[i].words[k] != NULL; k++) {
            assert_non_null(strstr(words, cases[i].words[k]));
        }
        for (size_t k = 0; k < ARRAY_LEN(always); k++) {
            assert_non_null(strstr(words, always[k]));
        }
    }
}

static void words_say_waits_and_what_is_missing(void **state)
{
    struct statement says = people_statement(*state, STATEMENT_DESTROY);
    says.rule.wait_s = 3600;
    says.rule.use_within_s = 120;
    says.after_s = 0;
    says.ticket = (struct span){0};
    const char *words = words_of(*state, &says);
    assert_non_null(strstr(words, "after 1h"));
    assert_non_null(strstr(words, "within 2m"));
    assert_non_null(strstr(words, "at once"));
    assert_non_null(strstr(words, "none"));
    says = people_statement(*state, STATEMENT_RULE);
    says.wanted = (struct quorum_rule){0};
    assert_non_null(strstr(words_of(*state, &says), "TAKE AWAY THE APPROVAL RULE"));
    says.kind = STATEMENT_KIND_COUNT;
    CLEANUP(buf_clear) struct buf out = {0};
    assert_code(statement_describe(&says, &out), ERR_INVALID_FIELD);
}

static void words_need_room(void **state)
{
    for (size_t kind = 0; kind < STATEMENT_KIND_COUNT; kind++) {
        struct statement says = people_statement(*state, (enum statement_kind)kind);
        size_t len = strlen(words_of(*state, &says));
        for (size_t max = 1; max < len; max++) {
            CLEANUP(buf_clear) struct buf out = {.max = max};
            assert_code(statement_describe(&says, &out), ERR_TOO_LARGE);
        }
    }
}

static void words_do_not_steer_the_screen(void **state)
{
    static const struct {
        const char *reason;
        const char *shown;
    } cases[] = {
        {"a\x1b[2Jb", "a?[2Jb"},
        {"a\nkey: b", "a?key: b"},
        {"a\x7f", "a?"},
        {"a\xc2\x9b"
         "2Jb",
         "a?2Jb"},
        {"a\xc2\xa7", "a\xc2\xa7"},
        {"a\xe2\x80\xae"
         "b",
         "a?b"},
        {"a\xe2\x80\x8f", "a?"},
        {"a\xe2\x81\xa6"
         "b",
         "a?b"},
        {"a\xe2\x82\xac", "a\xe2\x82\xac"},
        {"a\xe2\x80\x94", "a\xe2\x80\x94"},
        {"a\xe2\x81\x84", "a\xe2\x81\x84"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "reason:       %s\n", cases[i].shown);
        struct statement says = people_statement(*state, STATEMENT_OPEN);
        says.reason = span_text(cases[i].reason);
        if (strstr(words_of(*state, &says), line) == NULL) {
            fail_msg("row %zu is shown wrongly", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(fields_come_back),
        cmocka_unit_test(the_order_is_fixed),
        cmocka_unit_test(a_rule_has_the_digest_of_its_json),
        cmocka_unit_test(a_rule_may_be_taken_away),
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test(ids_are_short_and_plain),
        cmocka_unit_test(wrong_ones_are_not_written),
        cmocka_unit_test(one_that_does_not_fit_leaves_nothing),
        cmocka_unit_test(other_spellings_are_not_read),
        cmocka_unit_test(a_wanted_rule_has_one_spelling),
        cmocka_unit_test(a_flipped_byte_never_says_the_same),
        cmocka_unit_test(long_and_cut_ones_are_not_read),
        cmocka_unit_test(words_say_what_is_signed),
        cmocka_unit_test(words_say_waits_and_what_is_missing),
        cmocka_unit_test(words_need_room),
        cmocka_unit_test(words_do_not_steer_the_screen),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
