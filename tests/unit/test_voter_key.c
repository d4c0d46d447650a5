/* Voters' keys: their one form, their proof, and raw signatures against what OpenSSL's command
 * makes. */
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/encoding.h"
#include "base/public_key.h"
#include "base_test.h"
#include "program_fixture.h"
#include "voter_fixture.h"

static bool verify(const struct voter_fixture *voter, struct span signature)
{
    return voter_key_verify(&voter->key, VOTE_RAW, "", span_text(VOTER_MESSAGE), signature);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(voter_key_kind_name(VOTER_KEY_ED25519), "ed25519");
    assert_string_equal(voter_key_kind_name(VOTER_KEY_P256), "ecdsa-p256");
    assert_string_equal(voter_key_kind_name(VOTER_KEY_SK_ED25519), "sk-ed25519");
    assert_string_equal(voter_key_kind_name(VOTER_KEY_SK_P256), "sk-ecdsa-p256");
    assert_string_equal(voter_key_kind_name(VOTER_KEY_KIND_COUNT), "unknown");
}

/* A FIDO key that was made for a web site is not for SSH. */
static void test_applications(void **state)
{
    (void)state;
    static const struct {
        const char *application;
        bool is_valid;
    } rows[] = {{"ssh:", true},    {"ssh:hsmgate", true}, {"", false},
                {"ssh", false},    {"SSH:", false},       {"https://example.org", false},
                {"ssh:\n", false}, {"ssh:\177", false},   {"ssh:\xff", false}};
    struct voter_fixture voter = {0};
    voter_make(&voter, VOTER_KEY_SK_ED25519);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_clear) struct buf blob = {0};
        CLEANUP(buf_clear) struct buf message = {0};
        struct sshsig_recipe recipe = sshsig_recipe_of(&voter, "space");
        recipe.application = rows[i].application;
        voter.key.application = span_text(rows[i].application);
        sshsig_make(&voter, &recipe, span_text("message"), &blob);
        bool valid = voter_key_verify(&voter.key, VOTE_SSHSIG, "space", span_text("message"),
                                      buf_span(&blob));
        assert_int_equal(valid, rows[i].is_valid);
        assert_code(voter_key_message(span_text("ann"), &voter.key, &message),
                    rows[i].is_valid ? ERR_OK : ERR_INVALID_FIELD);
    }
    voter_clear(&voter);
}

/* --- proof --- */

/* RFC 8037, appendix A.1 */
#define ED25519_TEXT "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
#define ED25519_PEM  "-----BEGIN PUBLIC KEY-----\n" ED25519_TEXT "\n-----END PUBLIC KEY-----\n"

static void test_message(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(buf_clear) struct buf out = {0};
    struct voter_key key = {0};
    assert_ok(voter_key_read(span_text(ED25519_PEM), &bytes, &key));
    assert_ok(voter_key_message(span_text("ann"), &key, &out));
    assert_span_is(buf_span(&out), "hsmgate/v1/voter-key\nann\ned25519\n" ED25519_TEXT "\n\n");
    buf_reset(&out);
    key.kind = VOTER_KEY_SK_ED25519;
    key.application = span_text("ssh:hsmgate");
    assert_ok(voter_key_message(span_text("ann"), &key, &out));
    assert_span_is(buf_span(&out),
                   "hsmgate/v1/voter-key\nann\nsk-ed25519\n" ED25519_TEXT "\nssh:hsmgate\n");
    buf_reset(&out);
    assert_code(voter_key_message(span_text("ann\nbob"), &key, &out), ERR_INVALID_FIELD);
    key.kind = VOTER_KEY_ED25519; /* which has no application */
    assert_code(voter_key_message(span_text("ann"), &key, &out), ERR_INVALID_FIELD);
    key.kind = VOTER_KEY_KIND_COUNT;
    assert_code(voter_key_message(span_text("ann"), &key, &out), ERR_INVALID_FIELD);
    assert_int_equal(out.len, 0);
}

/* --- raw signatures --- */

static void check_damage(const struct voter_fixture *voter, struct buf *signature)
{
    assert_true(verify(voter, buf_span(signature)));
    for (size_t len = 0; len < signature->len; len++) {
        char *part = mem_copy(signature->data, len);
        assert_false(verify(voter, span_of(part, len)));
        mem_free(part);
    }
    for (size_t bit = 0; bit < signature->len * 8; bit++) {
        signature->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(verify(voter, buf_span(signature)));
        signature->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_ok(buf_append_u8(signature, 0));
    assert_false(verify(voter, buf_span(signature)));
}

static void test_ed25519(void **state)
{
    (void)state;
    struct voter_fixture voter = {0};
    CLEANUP(buf_clear) struct buf signature = {0};
    voter_make(&voter, VOTER_KEY_ED25519);
    voter_sign(&voter, span_text(VOTER_MESSAGE), &signature);
    check_damage(&voter, &signature);
    voter_clear(&voter);
}

static void test_p256(void **state)
{
    (void)state;
    struct voter_fixture voter = {0};
    CLEANUP(buf_clear) struct buf der = {0};
    CLEANUP(buf_clear) struct buf raw = {0};
    voter_make(&voter, VOTER_KEY_P256);
    voter_sign(&voter, span_text(VOTER_MESSAGE), &der);
    assert_ok(ecdsa_der_to_raw(buf_span(&der), 64, &raw));
    check_damage(&voter, &der);
    check_damage(&voter, &raw);
    voter_clear(&voter);
}

/* The same numbers, written as DER does not allow. */
static void test_lax_der(void **state)
{
    (void)state;
    struct voter_fixture voter = {0};
    CLEANUP(buf_clear) struct buf der = {0};
    CLEANUP(buf_clear) struct buf lax = {0};
    voter_make(&voter, VOTER_KEY_P256);
    voter_sign(&voter, span_text(VOTER_MESSAGE), &der);
    struct span body = span_of(der.data + 2, der.len - 2);
    assert_ok(buf_append(&lax, span_of("\x30\x81", 2))); /* a length in the long form */
    assert_ok(buf_append_u8(&lax, (uint8_t)body.len));
    assert_ok(buf_append(&lax, body));
    assert_false(verify(&voter, buf_span(&lax)));
    buf_reset(&lax);
    assert_ok(buf_append(&lax, span_of("\x30\x80", 2))); /* an open end */
    assert_ok(buf_append(&lax, body));
    assert_ok(buf_append(&lax, span_of("\0\0", 2)));
    assert_false(verify(&voter, buf_span(&lax)));
    buf_reset(&lax);
    assert_ok(buf_append_u8(&lax, 0x30)); /* a zero in front of r */
    assert_ok(buf_append_u8(&lax, (uint8_t)(body.len + 1)));
    assert_ok(buf_append_u8(&lax, 0x02));
    assert_ok(buf_append_u8(&lax, (uint8_t)(body.data[1] + 1)));
    assert_ok(buf_append_u8(&lax, 0x00));
    assert_ok(buf_append(&lax, span_of(body.data + 2, body.len - 2)));
    assert_false(verify(&voter, buf_span(&lax)));
    voter_clear(&voter);
}

/* A raw signature of a FIDO key would prove no touch. */
static void test_kinds_and_formats(void **state)
{
    (void)state;
    for (int kind = 0; kind < VOTER_KEY_KIND_COUNT; kind++) {
        struct voter_fixture voter = {0};
        CLEANUP(buf_clear) struct buf signature = {0};
        voter_make(&voter, (enum voter_key_kind)kind);
        voter_sign(&voter, span_text(VOTER_MESSAGE), &signature);
        struct span message = span_text(VOTER_MESSAGE);
        struct span bytes = buf_span(&signature);
        assert_int_equal(verify(&voter, bytes), kind < VOTER_KEY_SK_ED25519);
        assert_false(voter_key_verify(&voter.key, VOTE_SSHSIG, "", message, bytes));
        assert_false(voter_key_verify(&voter.key, (enum vote_format)2, "", message, bytes));
        voter.key.kind ^= 1; /* the other curve */
        assert_false(verify(&voter, bytes));
        voter.key.kind = VOTER_KEY_KIND_COUNT;
        assert_false(verify(&voter, bytes));
        voter_clear(&voter);
    }
}

/* --- forms of keys --- */

/* 0 or p - 1 and the like as public key: R and S that hold for every message. */
static void test_small_order(void **state)
{
    (void)state;
    static const uint8_t lead[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                   0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    uint8_t spki[44] = {0};
    uint8_t signature[64] = {0x01};
    memcpy(spki, lead, sizeof(lead));
    spki[12] = 0x01; /* the neutral point */
    bool valid = false;
    assert_ok(public_key_verify(span_of(spki, 44), SCHEME_EDDSA, span_text("anything"),
                                span_of(signature, 64), &valid));
    assert_true(valid); /* or this test would not test anything */
    struct voter_key key = {.kind = VOTER_KEY_ED25519, .spki = span_of(spki, 44)};
    assert_false(
        voter_key_verify(&key, VOTE_RAW, "", span_text("anything"), span_of(signature, 64)));
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"};
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        CLEANUP(buf_clear) struct buf der = {0};
        CLEANUP(buf_clear) struct buf out = {0};
        assert_ok(buf_append(&der, span_of(lead, sizeof(lead))));
        assert_ok(hex_decode(span_text(points[i]), &der));
        key.spki = buf_span(&der);
        assert_code_of(points[i], voter_key_message(span_text("ann"), &key, &out),
                       ERR_INVALID_FIELD);
    }
}

static void check_spki_refused(const struct voter_fixture *voter, struct span spki)
{
    CLEANUP(buf_clear) struct buf signature = {0};
    struct voter_fixture changed = *voter;
    changed.key.spki = spki;
    voter_sign(voter, span_text(VOTER_MESSAGE), &signature);
    assert_true(verify(voter, buf_span(&signature)));
    assert_false(verify(&changed, buf_span(&signature)));
}

static void test_other_forms(void **state)
{
    (void)state;
    struct voter_fixture voter = {0};
    uint8_t *der = NULL;
    voter_make(&voter, VOTER_KEY_P256);
    EVP_PKEY *compressed = EVP_PKEY_dup(voter.pair);
    assert_int_equal(EVP_PKEY_set_utf8_string_param(compressed, "point-format", "compressed"), 1);
    int len = i2d_PUBKEY(compressed, &der);
    assert_int_equal(len, 59);
    check_spki_refused(&voter, span_of(der, (size_t)len));
    OPENSSL_free(der);
    EVP_PKEY_free(compressed);
    CLEANUP(buf_clear) struct buf longer = {0};
    assert_ok(buf_append(&longer, voter.key.spki));
    assert_ok(buf_append_u8(&longer, 0));
    check_spki_refused(&voter, buf_span(&longer));
    check_spki_refused(&voter, span_of(longer.data, longer.len - 2));
    longer.data[26] = 0x06; /* a hybrid point: the same, another spelling */
    longer.data[26] |= longer.data[longer.len - 2] & 1;
    check_spki_refused(&voter, span_of(longer.data, longer.len - 1));
    check_spki_refused(&voter, (struct span){0});
    voter_clear(&voter);
}

/* --- against the command --- */

static void put_pair(const struct voter_fixture *voter)
{
    FILE *file = fopen("key.pem", "wb");
    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, voter->pair, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
}

static void check_openssl(enum voter_key_kind kind, const char *const *sign)
{
    static const char *const public[] = {"openssl", "pkey", "-in",        "key.pem",
                                         "-pubout", "-out", "public.pem", NULL};
    struct voter_fixture voter = {0};
    CLEANUP(buf_clear) struct buf pem = {0};
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(buf_clear) struct buf signature = {0};
    struct voter_key key = {0};
    voter_make(&voter, kind);
    folder_enter();
    put_pair(&voter);
    file_put("message", span_text(VOTER_MESSAGE));
    assert_int_equal(program_run("/dev/null", public), 0);
    assert_int_equal(program_run("/dev/null", sign), 0);
    file_get("public.pem", &pem);
    file_get("signature", &signature);
    folder_leave();
    assert_ok(voter_key_read(buf_span(&pem), &bytes, &key));
    assert_int_equal(key.kind, kind);
    assert_true(span_equal(key.spki, voter.key.spki));
    assert_true(verify(&voter, buf_span(&signature)));
    voter_clear(&voter);
}

static void test_openssl(void **state)
{
    (void)state;
    static const char *const ed25519[] = {"openssl", "pkeyutl",   "-sign", "-rawin",
                                          "-inkey",  "key.pem",   "-in",   "message",
                                          "-out",    "signature", NULL};
    static const char *const ecdsa[] = {"openssl", "dgst",      "-sha256", "-sign", "key.pem",
                                        "-out",    "signature", "message", NULL};
    check_openssl(VOTER_KEY_ED25519, ed25519);
    check_openssl(VOTER_KEY_P256, ecdsa);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_applications),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_ed25519),
        cmocka_unit_test(test_p256),
        cmocka_unit_test(test_lax_der),
        cmocka_unit_test(test_kinds_and_formats),
        cmocka_unit_test(test_small_order),
        cmocka_unit_test(test_other_forms),
        cmocka_unit_test(test_openssl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
