/* SSHSIG: what OpenSSH signs is valid, and nothing that differs from it in any bit. */
#include "base_test.h"
#include "program_fixture.h"
#include "voter_fixture.h"

#define SPACE "hsmgate-vote"

static bool verify(const struct voter_fixture *voter, struct span blob)
{
    return voter_key_verify(&voter->key, VOTE_SSHSIG, SPACE, span_text(VOTER_MESSAGE), blob);
}

/* --- real ones --- */

/* From OpenSSH's own tests (regress/unittests/sshsig/testdata), by keys with hardware. */
static const struct {
    enum voter_key_kind kind;
    const char *line;
    const char *armor;
} known[] = {
    {VOTER_KEY_SK_ED25519,
     "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIJsaDYXQYruc6bilCYDI"
     "K4YSOeG+zmrRO2M9t03//7LHAAAABHNzaDo= ED25519-SK test key",
     "-----BEGIN SSH SIGNATURE-----\n"
     "U1NIU0lHAAAAAQAAAEoAAAAac2stc3NoLWVkMjU1MTlAb3BlbnNzaC5jb20AAAAgmxoNhd\n"
     "Biu5zpuKUJgMgrhhI54b7OatE7Yz23Tf//sscAAAAEc3NoOgAAAAh1bml0dGVzdAAAAAAA\n"
     "AAAGc2hhNTEyAAAAZwAAABpzay1zc2gtZWQyNTUxOUBvcGVuc3NoLmNvbQAAAEAi+7eTjW\n"
     "/+LQ2M+sCD+KFtH1n7VFFJon/SZFsxODyV8cWTlFKj617Ys1Ur5TV6uaEXQhck8rBA2oQI\n"
     "HTPANLIPARI0Vng=\n"
     "-----END SSH SIGNATURE-----\n"},
    {VOTER_KEY_SK_P256,
     "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAI"
     "bmlzdHAyNTYAAABBBKDVa5jRcT5V7E6ysmwVi7HJWh7p5D+hebLPakQcpnD2ajJZ6G/4WzuhlYWnclWY63JspDp299"
     "Rlhq5AT86/g8AAAAAEc3NoOg== ECDSA-SK test key",
     "-----BEGIN SSH SIGNATURE-----\n"
     "U1NIU0lHAAAAAQAAAH8AAAAic2stZWNkc2Etc2hhMi1uaXN0cDI1NkBvcGVuc3NoLmNvbQ\n"
     "AAAAhuaXN0cDI1NgAAAEEEoNVrmNFxPlXsTrKybBWLsclaHunkP6F5ss9qRBymcPZqMlno\n"
     "b/hbO6GVhadyVZjrcmykOnb31GWGrkBPzr+DwAAAAARzc2g6AAAACHVuaXR0ZXN0AAAAAA\n"
     "AAAAZzaGE1MTIAAAB3AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20A\n"
     "AABIAAAAIHohGwyy8iKT3zwd1TYA9V/Ioo7h/3zCJUtyq/Qigt/HAAAAIGzidTwq7D/kFa\n"
     "7Xjcp/KkdbIs4MfQpfAW/0OciajlpzARI0Vng=\n"
     "-----END SSH SIGNATURE-----\n"},
};

static void test_known_answers(void **state)
{
    (void)state;
    struct span message = span_text("This is a test, this is only a test");
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        CLEANUP(buf_clear) struct buf bytes = {0};
        CLEANUP(buf_clear) struct buf blob = {0};
        struct voter_key key = {0};
        assert_ok(voter_key_read(span_text(known[i].line), &bytes, &key));
        assert_int_equal(key.kind, known[i].kind);
        assert_span_is(key.application, "ssh:");
        assert_ok(vote_signature_read(VOTE_SSHSIG, span_text(known[i].armor), &blob));
        assert_true(voter_key_verify(&key, VOTE_SSHSIG, "unittest", message, buf_span(&blob)));
        assert_false(voter_key_verify(&key, VOTE_SSHSIG, SPACE, message, buf_span(&blob)));
        assert_false(voter_key_verify(&key, VOTE_RAW, "unittest", message, buf_span(&blob)));
    }
}

/* A key of ssh-keygen's; read from its public file. */
static void keygen(const char *type, struct buf *bytes, struct voter_key *out)
{
    const char *const arguments[] = {"ssh-keygen", "-q",          "-t", type,  "-N", "",
                                     "-C",         "ann at work", "-f", "key", NULL};
    CLEANUP(buf_clear) struct buf line = {0};
    assert_int_equal(program_run("/dev/null", arguments), 0);
    file_get("key.pub", &line);
    assert_ok(voter_key_read(buf_span(&line), bytes, out));
}

static void keygen_sign(const char *option, struct buf *out)
{
    const char *const arguments[] = {"ssh-keygen", "-q",  "-Y", "sign", "-n",      SPACE,
                                     "-f",         "key", "-O", option, "message", NULL};
    CLEANUP(buf_clear) struct buf armor = {0};
    (void)remove("message.sig");
    assert_int_equal(program_run("/dev/null", arguments), 0);
    file_get("message.sig", &armor);
    assert_ok(vote_signature_read(VOTE_SSHSIG, buf_span(&armor), out));
}

static void check_ssh_keygen(const char *type, enum voter_key_kind kind)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    struct voter_key key = {0};
    folder_enter();
    keygen(type, &bytes, &key);
    assert_int_equal(key.kind, kind);
    file_put("message", span_text(VOTER_MESSAGE));
    static const char *const options[] = {"hashalg=sha256", "hashalg=sha512"};
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        CLEANUP(buf_clear) struct buf blob = {0};
        keygen_sign(options[i], &blob);
        struct span message = span_text(VOTER_MESSAGE);
        assert_true(voter_key_verify(&key, VOTE_SSHSIG, SPACE, message, buf_span(&blob)));
        assert_false(voter_key_verify(&key, VOTE_SSHSIG, "file", message, buf_span(&blob)));
        message.len--;
        assert_false(voter_key_verify(&key, VOTE_SSHSIG, SPACE, message, buf_span(&blob)));
    }
    folder_leave();
}

static void test_ssh_keygen(void **state)
{
    (void)state;
    check_ssh_keygen("ed25519", VOTER_KEY_ED25519);
    check_ssh_keygen("ecdsa", VOTER_KEY_P256);
}

/* What the fixture makes of a key without hardware is what OpenSSH takes. */
static void test_openssh_verifies(void **state)
{
    (void)state;
    const char *const arguments[] = {"ssh-keygen", "-Y", "verify", "-f", "signers",   "-I",
                                     "ann",        "-n", SPACE,    "-s", "signature", NULL};
    folder_enter();
    file_put("message", span_text(VOTER_MESSAGE));
    for (int kind = 0; kind < VOTER_KEY_KIND_COUNT; kind++) {
        struct voter_fixture voter = {0};
        CLEANUP(buf_clear) struct buf blob = {0};
        CLEANUP(buf_clear) struct buf armor = {0};
        CLEANUP(buf_clear) struct buf signers = {0};
        voter_make(&voter, (enum voter_key_kind)kind);
        struct sshsig_recipe recipe = sshsig_recipe_of(&voter, SPACE);
        sshsig_make(&voter, &recipe, span_text(VOTER_MESSAGE), &blob);
        sshsig_armor(buf_span(&blob), &armor);
        assert_ok(buf_append_text(&signers, "ann "));
        ssh_public_line(&voter, "ann", &signers);
        file_put("signers", buf_span(&signers));
        file_put("signature", buf_span(&armor));
        assert_int_equal(program_run("message", arguments), 0);
        assert_true(verify(&voter, buf_span(&blob)));
        voter_clear(&voter);
    }
    folder_leave();
}

/* --- wrong ones --- */

enum part {
    PART_NONE,
    PART_MAGIC,
    PART_VERSION,
    PART_KEY_TYPE,
    PART_CURVE,
    PART_APPLICATION,
    PART_NAMESPACE,
    PART_RESERVED,
    PART_HASH,
    PART_TYPE,
    PART_FLAGS,
    PART_AFTER_KEY,
    PART_AFTER_NUMBERS,
    PART_AFTER_SIGNATURE,
    PART_AFTER_ALL,
    PART_ZERO,
};

static const struct wrong {
    const char *label;
    enum part part;
    const char *text;
    uint32_t number;
    bool is_valid;
} wrongs[] = {
    {"as it should be", PART_NONE, NULL, 0, true},
    {"sha256", PART_HASH, "sha256", DIGEST_SHA256, true},
    {"sha1", PART_HASH, "sha1", DIGEST_SHA1, false},
    {"sha384", PART_HASH, "sha384", DIGEST_SHA384, false},
    {"sha512 under another name", PART_HASH, "SHA512", DIGEST_SHA512, false},
    {"sha256 that says sha512", PART_HASH, "sha512", DIGEST_SHA256, false},
    {"no hash", PART_HASH, "", DIGEST_SHA256, false},
    {"magic", PART_MAGIC, "SSHSIH", 0, false},
    {"version 0", PART_VERSION, NULL, 0, false},
    {"version 2", PART_VERSION, NULL, 2, false},
    {"type of the key", PART_KEY_TYPE, "ssh-rsa", 0, false},
    {"other namespace", PART_NAMESPACE, "file", 0, false},
    {"namespace of registration", PART_NAMESPACE, "hsmgate-voter-key", 0, false},
    {"empty namespace", PART_NAMESPACE, "", 0, false},
    {"longer namespace", PART_NAMESPACE, SPACE "s", 0, false},
    {"reserved in use", PART_RESERVED, "x", 0, false},
    {"type of the signature", PART_TYPE, "ssh-ed25518", 0, false},
    {"left over in the key", PART_AFTER_KEY, "x", 0, false},
    {"left over in the numbers", PART_AFTER_NUMBERS, "x", 0, false},
    {"left over in the signature", PART_AFTER_SIGNATURE, "x", 0, false},
    {"flags of a FIDO key twice", PART_AFTER_SIGNATURE, "\1\1\1\1\1", 0, false},
    {"left over", PART_AFTER_ALL, "x", 0, false},
};

/* Only where the kind has the part. */
static const struct wrong wrongs_of_ecdsa[] = {
    {"other curve", PART_CURVE, "nistp384", 0, false},
    {"no curve", PART_CURVE, NULL, 0, false},
    {"number with a zero in front", PART_ZERO, NULL, 0, false},
};
static const struct wrong wrongs_of_sk[] = {
    {"touched and verified", PART_FLAGS, NULL, 0x05, true},
    {"not touched", PART_FLAGS, NULL, 0x00, false},
    {"verified, not touched", PART_FLAGS, NULL, 0x04, false},
    {"other application", PART_APPLICATION, "ssh:other", 0, false},
    {"application of a web site", PART_APPLICATION, "https://example.org", 0, false},
};

static void apply(const struct wrong *wrong, struct sshsig_recipe *recipe)
{
    const struct {
        enum part part;
        const char **text;
    } texts[] = {
        {PART_MAGIC, &recipe->magic},
        {PART_KEY_TYPE, &recipe->key_type},
        {PART_CURVE, &recipe->curve},
        {PART_APPLICATION, &recipe->application},
        {PART_NAMESPACE, &recipe->name_space},
        {PART_RESERVED, &recipe->reserved},
        {PART_HASH, &recipe->hash_name},
        {PART_TYPE, &recipe->type},
        {PART_AFTER_KEY, &recipe->after_key},
        {PART_AFTER_NUMBERS, &recipe->after_numbers},
        {PART_AFTER_SIGNATURE, &recipe->after_signature},
        {PART_AFTER_ALL, &recipe->after_all},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].part == wrong->part) {
            *texts[i].text = wrong->text;
        }
    }
    recipe->version = wrong->part == PART_VERSION ? wrong->number : recipe->version;
    recipe->flags = wrong->part == PART_FLAGS ? (uint8_t)wrong->number : recipe->flags;
    recipe->hash = wrong->part == PART_HASH ? (enum digest)wrong->number : recipe->hash;
    recipe->has_zero_in_front = wrong->part == PART_ZERO;
}

static void check_rows(const struct voter_fixture *voter, const struct wrong *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_clear) struct buf blob = {0};
        struct sshsig_recipe recipe = sshsig_recipe_of(voter, SPACE);
        apply(&rows[i], &recipe);
        sshsig_make(voter, &recipe, span_text(VOTER_MESSAGE), &blob);
        if (verify(voter, buf_span(&blob)) != rows[i].is_valid) {
            fail_msg("%s: %s", voter_key_kind_name(voter->key.kind), rows[i].label);
        }
    }
}

static void test_wrong_parts(void **state)
{
    (void)state;
    for (int kind = 0; kind < VOTER_KEY_KIND_COUNT; kind++) {
        struct voter_fixture voter = {0};
        voter_make(&voter, (enum voter_key_kind)kind);
        check_rows(&voter, wrongs, ARRAY_LEN(wrongs));
        if (kind == VOTER_KEY_P256 || kind == VOTER_KEY_SK_P256) {
            check_rows(&voter, wrongs_of_ecdsa, ARRAY_LEN(wrongs_of_ecdsa));
        }
        if (kind == VOTER_KEY_SK_ED25519 || kind == VOTER_KEY_SK_P256) {
            check_rows(&voter, wrongs_of_sk, ARRAY_LEN(wrongs_of_sk));
        }
        voter_clear(&voter);
    }
}

/* A good signature by somebody else, and by the same curve's key under another kind. */
static void test_other_keys(void **state)
{
    (void)state;
    for (int kind = 0; kind < VOTER_KEY_KIND_COUNT; kind++) {
        struct voter_fixture ann = {0};
        struct voter_fixture bob = {0};
        CLEANUP(buf_clear) struct buf blob = {0};
        CLEANUP(buf_clear) struct buf named = {0};
        voter_make(&ann, (enum voter_key_kind)kind);
        voter_make(&bob, (enum voter_key_kind)kind);
        struct sshsig_recipe recipe = sshsig_recipe_of(&bob, SPACE);
        sshsig_make(&bob, &recipe, span_text(VOTER_MESSAGE), &blob);
        assert_true(verify(&bob, buf_span(&blob)));
        assert_false(verify(&ann, buf_span(&blob)));
        /* bob signs under ann's name */
        recipe.point = sshsig_recipe_of(&ann, SPACE).point;
        sshsig_make(&bob, &recipe, span_text(VOTER_MESSAGE), &named);
        assert_false(verify(&ann, buf_span(&named)));
        bob.key.kind ^= 2; /* with touch and without */
        bob.key.application = span_text(bob.key.application.len > 0 ? "" : "ssh:");
        assert_false(verify(&bob, buf_span(&blob)));
        voter_clear(&ann);
        voter_clear(&bob);
    }
}

static void check_damage(enum voter_key_kind kind)
{
    struct voter_fixture voter = {0};
    CLEANUP(buf_clear) struct buf blob = {0};
    voter_make(&voter, kind);
    struct sshsig_recipe recipe = sshsig_recipe_of(&voter, SPACE);
    sshsig_make(&voter, &recipe, span_text(VOTER_MESSAGE), &blob);
    for (size_t len = 0; len < blob.len; len++) {
        char *part = mem_copy(blob.data, len); /* so that a sanitizer sees a step too far */
        assert_false(verify(&voter, span_of(part, len)));
        mem_free(part);
    }
    for (size_t bit = 0; bit < blob.len * 8; bit++) {
        blob.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (verify(&voter, buf_span(&blob))) {
            fail_msg("%s: bit %zu does not matter", voter_key_kind_name(kind), bit);
        }
        blob.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_true(verify(&voter, buf_span(&blob)));
    voter_clear(&voter);
}

static void test_damage(void **state)
{
    (void)state;
    for (int kind = 0; kind < VOTER_KEY_KIND_COUNT; kind++) {
        check_damage((enum voter_key_kind)kind);
    }
}

static void test_empty_namespace(void **state)
{
    (void)state;
    struct voter_fixture voter = {0};
    CLEANUP(buf_clear) struct buf blob = {0};
    voter_make(&voter, VOTER_KEY_ED25519);
    struct sshsig_recipe recipe = sshsig_recipe_of(&voter, "");
    sshsig_make(&voter, &recipe, span_text(VOTER_MESSAGE), &blob);
    assert_false(
        voter_key_verify(&voter.key, VOTE_SSHSIG, "", span_text(VOTER_MESSAGE), buf_span(&blob)));
    voter_clear(&voter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),    cmocka_unit_test(test_ssh_keygen),
        cmocka_unit_test(test_openssh_verifies), cmocka_unit_test(test_wrong_parts),
        cmocka_unit_test(test_other_keys),       cmocka_unit_test(test_damage),
        cmocka_unit_test(test_empty_namespace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
