/* Public keys from what people have: PEM, or OpenSSH's line. */
#include "base/encoding.h"
#include "base/public_key.h"
#include "base_test.h"
#include "voter_fixture.h"

#define ED25519_TEXT "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
#define P256_TEXT                                                      \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMKBCTNIcKUSDii11ySs3526iDZ8A" \
    "\n"                                                               \
    "iTo7Tu6KPAqv7D7gS2XpJFbZiItSs3m9+9Ue6GnvHw/GW2ZZaVtszggXIw=="
#define PEM(label, body) "-----BEGIN " label "-----\n" body "\n-----END " label "-----\n"

/* Keys of RFC 8037, appendix A.1, and RFC 7517, appendix A.1, are what they were. */
static void test_pem(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(buf_clear) struct buf pem = {0};
    struct voter_key key = {.proof_format = VOTE_SSHSIG};
    assert_ok(buf_append_text(&bytes, "before"));
    assert_ok(voter_key_read(span_text(PEM("PUBLIC KEY", P256_TEXT)), &bytes, &key));
    assert_int_equal(key.kind, VOTER_KEY_P256);
    assert_int_equal(key.application.len, 0);
    assert_int_equal(key.proof_format, VOTE_SSHSIG);
    assert_ok(public_key_pem(key.spki, &pem));
    assert_span_is(buf_span(&pem), PEM("PUBLIC KEY", P256_TEXT));
    buf_reset(&pem);
    assert_ok(voter_key_read(span_text(PEM("PUBLIC KEY", ED25519_TEXT)), &bytes, &key));
    assert_int_equal(key.kind, VOTER_KEY_ED25519);
    assert_ok(public_key_pem(key.spki, &pem));
    assert_span_is(buf_span(&pem), PEM("PUBLIC KEY", ED25519_TEXT));
}

static void test_lines(void **state)
{
    (void)state;
    static const char *const comments[] = {"", "ann", "ann at work", "  ann  "};
    for (int kind = 0; kind < VOTER_KEY_KIND_COUNT; kind++) {
        struct voter_fixture voter = {0};
        voter_make(&voter, (enum voter_key_kind)kind);
        for (size_t i = 0; i < ARRAY_LEN(comments); i++) {
            CLEANUP(buf_clear) struct buf line = {0};
            CLEANUP(buf_clear) struct buf bytes = {0};
            struct voter_key key = {0};
            ssh_public_line(&voter, comments[i], &line);
            assert_ok(voter_key_read(buf_span(&line), &bytes, &key));
            assert_int_equal(key.kind, kind);
            assert_true(span_equal(key.spki, voter.key.spki));
            assert_true(span_equal(key.application, voter.key.application));
        }
        voter_clear(&voter);
    }
}

#define ED25519_LINE "AAAAC3NzaC1lZDI1NTE5AAAAIBm/RAlphM3+hUG6wWfcO5bIUIaqMLa2ywxcOK1wMWbh"

static const struct {
    const char *label;
    const char *text;
} bad_keys[] = {
    {"nothing", ""},
    {"blank", " "},
    {"private key", PEM("PRIVATE KEY", ED25519_TEXT)},
    {"private key of OpenSSH", PEM("OPENSSH PRIVATE KEY", ED25519_TEXT)},
    {"private key behind a public one",
     PEM("PUBLIC KEY", ED25519_TEXT) PEM("PRIVATE KEY", ED25519_TEXT)},
    {"certificate", PEM("CERTIFICATE", ED25519_TEXT)},
    {"RSA of PKCS#1", PEM("RSA PUBLIC KEY", ED25519_TEXT)},
    {"two", PEM("PUBLIC KEY", ED25519_TEXT) PEM("PUBLIC KEY", ED25519_TEXT)},
    {"text in front", "ann\n" PEM("PUBLIC KEY", ED25519_TEXT)},
    {"X25519", PEM("PUBLIC KEY", "MCowBQYDK2VuAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=")},
    {"left over",
     PEM("PUBLIC KEY", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuEA")},
    {"off the curve",
     PEM("PUBLIC KEY", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMKBCTNIcKUSDii11ySs3526iDZ8A\n"
                       "iTo7Tu6KPAqv7D7gS2XpJFbZiItSs3m9+9Ue6GnvHw/GW2ZZaVtszggXJA==")},
    {"compressed", PEM("PUBLIC KEY", "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADMKBCTNIcKUSDii11ySs3526i"
                                     "DZ8A\niTo7Tu6KPAqv7D4=")},
    {"small order",
     PEM("PUBLIC KEY", "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")},
    {"small order in a line",
     "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    {"words", "not a key"},
    {"no blob", "ssh-ed25519"},
    {"no type", ED25519_LINE},
    {"options in front", "no-pty ssh-ed25519 " ED25519_LINE},
    {"blank in front", " ssh-ed25519 " ED25519_LINE},
    {"two blanks", "ssh-ed25519  " ED25519_LINE},
    {"tab", "ssh-ed25519\t" ED25519_LINE},
    {"two lines", "ssh-ed25519 " ED25519_LINE "\nssh-ed25519 " ED25519_LINE "\n"},
    {"other type in the blob", "ecdsa-sha2-nistp256 " ED25519_LINE},
    {"with touch in front, without in the blob", "sk-ssh-ed25519@openssh.com " ED25519_LINE},
    {"RSA", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQA="},
    {"base64 with a hole", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBm/RAlphM3+hUG6wWfcO5bI!"},
    {"cut", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBm/RAlphM3+hUG6wWfcO5bI"},
};

static void check_refused(const char *label, struct span text)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    struct voter_key key = {.kind = VOTER_KEY_SK_P256, .spki = span_text("kept")};
    assert_ok(buf_append_text(&bytes, "before"));
    assert_code_of(label, voter_key_read(text, &bytes, &key), ERR_INVALID_FIELD);
    assert_span_is(buf_span(&bytes), "before");
    assert_span_is(key.spki, "kept");
    assert_int_equal(key.kind, VOTER_KEY_SK_P256);
}

static void test_bad_keys(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf bytes = {0};
    struct voter_key key = {0};
    assert_ok(voter_key_read(span_text("ssh-ed25519 " ED25519_LINE), &bytes, &key));
    for (size_t i = 0; i < ARRAY_LEN(bad_keys); i++) {
        check_refused(bad_keys[i].label, span_text(bad_keys[i].text));
    }
    struct err err = voter_key_read(span_text(PEM("PRIVATE KEY", ED25519_TEXT)), &bytes, &key);
    assert_non_null(strstr(err.detail, "private key"));
    assert_non_null(strstr(err.detail, "P-256"));
    uint8_t *endless = mem_alloc(5000);
    memset(endless, 'A', 5000);
    check_refused("endless", span_of(endless, 5000));
    mem_free(endless);
}

/* Up to the application; any 32 bytes are a point until somebody verifies with it. */
#define SK_HEAD "\0\0\0\32sk-ssh-ed25519@openssh.com\0\0\0\40abcdefghijklmnopqrstuvwxyz012345"

/* Blobs that are almost a key: base64 of the recipe's parts as a line. */
static void check_blob_refused(const char *label, const char *type, struct span blob)
{
    CLEANUP(buf_clear) struct buf line = {0};
    assert_ok(buf_printf(&line, "%s ", type));
    assert_ok(base64_encode(blob, &line));
    check_refused(label, buf_span(&line));
}

static void test_bad_blobs(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        const char *type;
        const char *blob;
        size_t len;
    } blobs[] = {
#define BLOB(label, type, blob) {label, type, blob, sizeof(blob) - 1}
        BLOB("empty", "ssh-ed25519", ""),
        BLOB("short point", "ssh-ed25519", "\0\0\0\13ssh-ed25519\0\0\0\1a"),
        BLOB("no point", "ssh-ed25519", "\0\0\0\13ssh-ed25519\0\0\0\0"),
        BLOB("curve P-384", "ecdsa-sha2-nistp256",
             "\0\0\0\23ecdsa-sha2-nistp256\0\0\0\10nistp384\0\0\0\0"),
        BLOB("FIDO key without application", "sk-ssh-ed25519@openssh.com", SK_HEAD),
        BLOB("FIDO key with an empty one", "sk-ssh-ed25519@openssh.com", SK_HEAD "\0\0\0\0"),
        BLOB("FIDO key of a web site", "sk-ssh-ed25519@openssh.com", SK_HEAD "\0\0\0\7web.org"),
        BLOB("FIDO key with a line's end", "sk-ssh-ed25519@openssh.com", SK_HEAD "\0\0\0\5ssh:\n"),
        BLOB("left over", "sk-ssh-ed25519@openssh.com", SK_HEAD "\0\0\0\4ssh:x"),
        BLOB("endless string", "ssh-ed25519", "\377\377\377\377ssh-ed25519"),
#undef BLOB
    };
    for (size_t i = 0; i < ARRAY_LEN(blobs); i++) {
        check_blob_refused(blobs[i].label, blobs[i].type, span_of(blobs[i].blob, blobs[i].len));
    }
    static const char good[] = SK_HEAD "\0\0\0\4ssh:"; /* or the rows above would say nothing */
    CLEANUP(buf_clear) struct buf line = {0};
    CLEANUP(buf_clear) struct buf bytes = {0};
    struct voter_key key = {0};
    assert_ok(buf_append_text(&line, "sk-ssh-ed25519@openssh.com "));
    assert_ok(base64_encode(span_of(good, sizeof(good) - 1), &line));
    assert_ok(voter_key_read(buf_span(&line), &bytes, &key));
    assert_span_is(key.application, "ssh:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pem),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_bad_keys),
        cmocka_unit_test(test_bad_blobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
