/* Votes: the bytes that are signed, the JSON, and signatures as people send them. */
#include "base/encoding.h"
#include "base_test.h"
#include "voter_fixture.h"

static const struct vote plain = {.choice = VOTE_APPROVE, .format = VOTE_RAW};

/* A vote with voter and time. */
static struct vote vote_of(const char *voter, const char *signed_at)
{
    struct vote vote = plain;
    vote.voter = span_text(voter);
    vote.signed_at = span_text(signed_at);
    return vote;
}

static void test_names(void **state)
{
    (void)state;
    enum vote_choice choice = VOTE_DENY;
    enum vote_format format = VOTE_SSHSIG;
    assert_true(vote_choice_by_name(span_text("approve"), &choice));
    assert_int_equal(choice, VOTE_APPROVE);
    assert_true(vote_choice_by_name(span_text("deny"), &choice));
    assert_int_equal(choice, VOTE_DENY);
    assert_true(vote_format_by_name(span_text("raw"), &format));
    assert_int_equal(format, VOTE_RAW);
    assert_true(vote_format_by_name(span_text("sshsig"), &format));
    assert_int_equal(format, VOTE_SSHSIG);
    static const char *const others[] = {"", "Approve", "approve ", "den", "unknown", "ssh", "RAW"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_false(vote_choice_by_name(span_text(others[i]), &choice));
        assert_false(vote_format_by_name(span_text(others[i]), &format));
    }
    assert_int_equal(choice, VOTE_DENY);
    assert_int_equal(format, VOTE_SSHSIG);
    assert_string_equal(vote_choice_name(VOTE_APPROVE), "approve");
    assert_string_equal(vote_choice_name(VOTE_DENY), "deny");
    assert_string_equal(vote_choice_name((enum vote_choice)7), "unknown");
    assert_string_equal(vote_format_name(VOTE_RAW), "raw");
    assert_string_equal(vote_format_name(VOTE_SSHSIG), "sshsig");
    assert_string_equal(vote_format_name((enum vote_format)7), "unknown");
}

/* --- what is signed --- */

static void test_message(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf message = {0};
    struct vote vote = vote_of("ann", "2026-01-02T03:04:05Z");
    assert_ok(vote_message(&vote, span_text("{}"), &message));
    assert_span_is(buf_span(&message), "hsmgate/v1/vote/approve\nann\n2026-01-02T03:04:05Z\n{}");
    buf_reset(&message);
    vote.choice = VOTE_DENY;
    assert_ok(vote_message(&vote, span_text(""), &message));
    assert_span_is(buf_span(&message), "hsmgate/v1/vote/deny\nann\n2026-01-02T03:04:05Z\n");
    vote.choice = (enum vote_choice)2;
    assert_code(vote_message(&vote, span_text("{}"), &message), ERR_INVALID_FIELD);
}

static const struct {
    const char *voter;
    const char *signed_at;
    bool is_valid;
} rows[] = {
    {"ann", "2026-01-02T03:04:05Z", true},
    {"a.n_n-1", "2026-01-02T03:04:05.5Z", true},
    {"0", "2026-01-02T03:04:05.123456789Z", true},
    {"ann", "2026-01-02T03:04:05.1234567890Z", false},
    {"ann", "2026-01-02T03:04:05.Z", false},
    {"ann", "2026-01-02T03:04:05z", false},
    {"ann", "2026-01-02t03:04:05Z", false},
    {"ann", "2026-01-02 03:04:05Z", false},
    {"ann", "2026-01-02T03:04:05+00:00", true},
    {"ann", "2026-01-02T03:04:05.123456789+00:00", true},
    {"ann", "2026-01-02T03:04:05+01:00", false},
    {"ann", "2026-01-02T03:04:05-00:00", false},
    {"ann", "2026-01-02T03:04:05Z+00:00", false},
    {"ann", "2026-01-02T03:04:05", false},
    {"ann", "2026-02-30T03:04:05Z", false},
    {"ann", "2026-01-02T03:04:60Z", false},
    {"ann", "2026-01-02T03:04:05Z\n", false},
    {"ann", "2026-01-02T03:04Z", false},
    {"ann", "", false},
    {"", "2026-01-02T03:04:05Z", false},
    {"Ann", "2026-01-02T03:04:05Z", false},
    {"ann\n", "2026-01-02T03:04:05Z", false},
    {"ann\nbob", "2026-01-02T03:04:05Z", false},
    {"ann bob", "2026-01-02T03:04:05Z", false},
    {"-ann", "2026-01-02T03:04:05Z", false},
};

/* Neither the message nor the JSON takes a voter or a time that could be something else. */
static void test_voters_and_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_clear) struct buf message = {0};
        CLEANUP(buf_clear) struct buf text = {0};
        CLEANUP(buf_clear) struct buf signature = {0};
        CLEANUP(json_clear) struct json json = {0};
        enum err_code expected = rows[i].is_valid ? ERR_OK : ERR_INVALID_FIELD;
        struct vote vote = vote_of(rows[i].voter, rows[i].signed_at);
        struct vote read = {0};
        assert_code_of(rows[i].signed_at, vote_message(&vote, span_text("{}"), &message), expected);
        vote.signature = span_text("signature");
        struct json_writer writer = json_writer_on(&text);
        vote_put(&writer, NULL, &vote);
        assert_ok(json_finish(&writer));
        assert_ok(json_parse(buf_span(&text), &json));
        assert_code_of(rows[i].signed_at, vote_read(json.root, &signature, &read), expected);
        assert_int_equal(signature.len, rows[i].is_valid ? vote.signature.len : 0);
    }
}

/* --- JSON --- */

#define HEAD "{\"voter\":\"ann\",\"decision\":\"deny\",\"signed_at\":\"2026-01-02T03:04:05Z\","

static struct err read_text(const char *text, struct json *json, struct buf *signature,
                            struct vote *out)
{
    assert_ok(json_parse(span_text(text), json));
    return vote_read(json->root, signature, out);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const char text[] = HEAD "\"signature\":\"AAEC\",\"format\":\"raw\"}";
    CLEANUP(buf_clear) struct buf signature = {0};
    CLEANUP(buf_clear) struct buf again = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct vote vote = {0};
    assert_ok(buf_append_text(&signature, "before"));
    assert_ok(read_text(text, &json, &signature, &vote));
    assert_span_is(vote.voter, "ann");
    assert_int_equal(vote.choice, VOTE_DENY);
    assert_span_is(vote.signed_at, "2026-01-02T03:04:05Z");
    assert_int_equal(vote.format, VOTE_RAW);
    assert_true(span_equal(vote.signature, span_of("\0\1\2", 3)));
    struct json_writer writer = json_writer_on(&again);
    vote_put(&writer, NULL, &vote);
    assert_ok(json_finish(&writer));
    assert_span_is(buf_span(&again), text);
}

static const struct {
    const char *text;
    enum err_code code;
} bad_json[] = {
    {"[]", ERR_INVALID_FIELD},
    {"{}", ERR_INVALID_FIELD},
    {HEAD "\"format\":\"raw\"}", ERR_INVALID_FIELD},
    {HEAD "\"signature\":\"AAEC\"}", ERR_INVALID_FIELD},
    {HEAD "\"signature\":1,\"format\":\"raw\"}", ERR_INVALID_FIELD},
    {HEAD "\"signature\":null,\"format\":\"raw\"}", ERR_INVALID_FIELD},
    {HEAD "\"signature\":\"\",\"format\":\"raw\"}", ERR_INVALID_FIELD},
    {HEAD "\"signature\":\"AAE\",\"format\":\"raw\"}", ERR_INVALID_FIELD},
    {HEAD "\"signature\":\"AAEC\",\"format\":\"pgp\"}", ERR_INVALID_FIELD},
    {HEAD "\"signature\":\"AAEC\",\"format\":\"raw\",\"key\":\"x\"}", ERR_UNKNOWN_FIELD},
    {"{\"voter\":\"ann\",\"decision\":\"yes\",\"signed_at\":\"2026-01-02T03:04:05Z\","
     "\"signature\":\"AAEC\",\"format\":\"raw\"}",
     ERR_INVALID_FIELD},
};

static void test_bad_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_json); i++) {
        CLEANUP(buf_clear) struct buf signature = {0};
        CLEANUP(json_clear) struct json json = {0};
        struct vote vote = vote_of("kept", "");
        assert_code_of(bad_json[i].text, read_text(bad_json[i].text, &json, &signature, &vote),
                       bad_json[i].code);
        assert_span_is(vote.voter, "kept");
        assert_int_equal(signature.len, 0);
    }
}

/* --- signatures --- */

/* The text, read, gives these bytes; NULL when it must not be read. */
static void check_signature(enum vote_format format, struct span text, const char *expected)
{
    CLEANUP(buf_clear) struct buf out = {0};
    assert_ok(buf_append_text(&out, "kept "));
    struct err err = vote_signature_read(format, text, &out);
    if (expected == NULL) {
        if (err.code != ERR_INVALID_FIELD) {
            fail_msg("%.*s: %s", (int)text.len, (const char *)text.data, err_word(err.code));
        }
        assert_span_is(buf_span(&out), "kept ");
        return;
    }
    assert_code_of((const char *)text.data, err, ERR_OK);
    assert_span_is(span_of(out.data + 5, out.len - 5), expected);
}

#define BEGIN_MARK "-----BEGIN SSH SIGNATURE-----"
#define END_MARK   "-----END SSH SIGNATURE-----"

static const struct {
    const char *text;
    const char *raw;    /* NULL: refused */
    const char *sshsig; /* NULL: refused */
} packings[] = {
    {"U1NIU0lH", "SSHSIG", "SSHSIG"},
    {"", NULL, NULL},
    {"U1NIU0lH\n", NULL, NULL},
    {" U1NIU0lH", NULL, NULL},
    {"U1NIU0l", NULL, NULL},
    {"U1NIU0-_", NULL, NULL},
    {"AB==", NULL, NULL}, /* bits after the end */
    {"U1NIU0lG", "SSHSIF", NULL},
    {"U1NIU0k=", "SSHSI", NULL},
    {BEGIN_MARK "\nU1NIU0lH\n" END_MARK "\n", NULL, "SSHSIG"},
    {BEGIN_MARK "\nU1NIU0lH\n" END_MARK, NULL, "SSHSIG"},
    {BEGIN_MARK "\r\nU1NI\r\nU0lH\r\n" END_MARK "\r\n", NULL, "SSHSIG"},
    {BEGIN_MARK "\nU1NIU\n0lH\n" END_MARK "\n", NULL, "SSHSIG"},
    {BEGIN_MARK "\nU1N\nIU0lH\n" END_MARK "\n", NULL, NULL},
    {BEGIN_MARK "\nU1NI\nU0\nlH\n" END_MARK "\n", NULL, NULL},
    {BEGIN_MARK "\nU1NI\n\nU0lH\n" END_MARK "\n", NULL, NULL},
    {BEGIN_MARK "\n\nU1NIU0lH\n" END_MARK "\n", NULL, NULL},
    {BEGIN_MARK "\nU1NI U0lH\n" END_MARK "\n", NULL, NULL},
    {BEGIN_MARK "\nU1NIU0lH\r" END_MARK "\n", NULL, NULL},
    {BEGIN_MARK "\nU1NIU0lH\n" END_MARK "\n\n", NULL, NULL},
    {BEGIN_MARK "\nU1NIU0lH\n" END_MARK "x", NULL, NULL},
    {BEGIN_MARK "\nLS0tLS1CRUdJTiBTU0gg\n" END_MARK "\n", NULL, NULL}, /* armour in armour */
    {BEGIN_MARK " \nU1NIU0lH\n" END_MARK "\n", NULL, NULL},
    {"\n" BEGIN_MARK "\nU1NIU0lH\n" END_MARK "\n", NULL, NULL},
    {BEGIN_MARK "\nU1NIU0lH\n", NULL, NULL},
    {BEGIN_MARK "\nU1NIU0lH", NULL, NULL},
    {BEGIN_MARK "\n" END_MARK "\n", NULL, NULL},
    {BEGIN_MARK "\n", NULL, NULL},
    {BEGIN_MARK, NULL, NULL},
    {"-----BEGIN PUBLIC KEY-----\nU1NIU0lH\n-----END PUBLIC KEY-----\n", NULL, NULL},
    {BEGIN_MARK "\nU1NIU0lH\n-----END PUBLIC KEY-----\n", NULL, NULL},
    {BEGIN_MARK "\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                "AAAA\n" END_MARK "\n",
     NULL, NULL},
};

static void test_packings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(packings); i++) {
        struct span text = span_text(packings[i].text);
        check_signature(VOTE_RAW, text, packings[i].raw);
        check_signature(VOTE_SSHSIG, text, packings[i].sshsig);
        if (span_starts(text, "-----BEGIN")) { /* the same, packed again */
            CLEANUP(buf_clear) struct buf packed = {0};
            assert_ok(base64_encode(text, &packed));
            check_signature(VOTE_SSHSIG, buf_span(&packed), packings[i].sshsig);
        }
    }
}

static void check_length(size_t len, bool is_valid)
{
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(buf_clear) struct buf out = {0};
    uint8_t *bytes = mem_alloc(len);
    assert_ok(base64_encode(span_of(bytes, len), &text));
    assert_code(vote_signature_read(VOTE_RAW, buf_span(&text), &out),
                is_valid ? ERR_OK : ERR_INVALID_FIELD);
    assert_int_equal(out.len, is_valid ? len : 0);
    mem_free(bytes);
}

/* The longest, in the longest packing. */
static void test_lengths(void **state)
{
    (void)state;
    check_length(1, true);
    check_length(VOTE_SIGNATURE_MAX, true);
    check_length(VOTE_SIGNATURE_MAX + 1, false);
    check_length(VOTE_SIGNATURE_MAX * 4, false);
    CLEANUP(buf_clear) struct buf armor = {0};
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(buf_clear) struct buf out = {0};
    uint8_t *bytes = mem_alloc(VOTE_SIGNATURE_MAX);
    struct span magic = span_text("SSHSIG");
    memcpy(bytes, magic.data, magic.len);
    sshsig_armor(span_of(bytes, VOTE_SIGNATURE_MAX), &armor);
    assert_ok(base64_encode(buf_span(&armor), &text));
    assert_ok(vote_signature_read(VOTE_SSHSIG, buf_span(&text), &out));
    assert_int_equal(out.len, VOTE_SIGNATURE_MAX);
    mem_free(bytes);
    struct buf small = {.max = 2};
    assert_code(vote_signature_read(VOTE_RAW, span_text("AAEC"), &small), ERR_INVALID_FIELD);
    buf_clear(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_voters_and_times),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_bad_json),
        cmocka_unit_test(test_packings),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
