/* Unsealing: the agreement against RFC 7518 appendix C, whole answers against those that jwcrypto
 * sealed, and every way in which an answer is not what it should be. */
#include "base/encoding.h"
#include "cli/ecdh_es.h"
#include "cli/unseal.h"
#include "cli_test.h"

#include <openssl/evp.h>
#include <sys/stat.h>

/* --- made by jwcrypto --- */

static const char p256_key[] =
    "{\"crv\":\"P-256\",\"d\":\"XCj6xAp_0lCNv1_NlPdUPPdY5kjTyNkJ9X_-uYdWn2E\",\"kty\":\"EC\",\"x\":"
    "\"uDV"
    "CrIn0_r-vR-fBXvHwdeCF7jWFlEpjNbID6EdUO2Q\",\"y\":\"TA6i8-1OvWBioInWR9MToapp2E2u_KrAdh45F"
    "LnZNdA\"}";
static const char p256_plain[] =
    "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImVwayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVD"
    "IiwieCI6IkVWclk0SWdDR0pfWVExSERwclZZa01UTHNQUkJHOXNWWTBqQXRFZHl1RnMiLCJ5IjoiYno1X2xI"
    "Z0w2Z2NMYTNKREFsdGdpUnotN1JxZ19HZTdVRWpvNm5LQXowQSJ9fQ..CbLTVHHh6S2ZSs6v.aEKUsdm9Ar-"
    "t9PhlZHUJ4nGY3Q.BSeUshBbo0uvP9Md804Tfw";
static const char p256_parties[] =
    "eyJhbGciOiJFQ0RILUVTIiwiYXB1IjoiUVd4cFkyVSIsImFwdiI6IlFtOWkiLCJlbmMiOiJBMjU2R0NNIiwi"
    "ZXBrIjp7ImNydiI6IlAtMjU2Iiwia3R5IjoiRUMiLCJ4IjoiY1NicUZhdV8tQUJIeTZDeHBEbU8yZ0VOTFJP"
    "c3BCb2Q3TzdhM0I5cDhfbyIsInkiOiJLVGwtaFdaSldzNVV0NGlIa2p2dWZiQ0FwMFNkek1SN05OQmczeDNH"
    "TmpVIn19..R5FYBX2k_7dF3Htg..w9CDnKeT3lSRkveZZrOUFg";
static const char p256_zip[] =
    "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImVwayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVD"
    "IiwieCI6ImFMaUxvNWNDZDkzLWxHQ09oNWp2ZW1mWGtqREp0STM0RWFDLUxQR04tcUUiLCJ5IjoiMzllQ3Fa"
    "WDl1SGZUaFY0YmFJUnZPcTN5YkFWM0RtVnJpdWZVZ05pTE42dyJ9LCJ6aXAiOiJERUYifQ..X92cu7owKFXt"
    "YLt2.WFdl.JzZsBnNwSoXTFDGpND_CYg";
static const char p256_a128[] =
    "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSIsImVwayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVD"
    "IiwieCI6IjhjU1NqbGdhR1NmbjVCOVNHSFZHaWJwaU4yXzB4RklZSmJVVlVyVUxLVkkiLCJ5IjoiLUl1WGhy"
    "Skd5b0E5S0dzUFFCdW96U3N6SUR3cXROMWh6Wk9pdTJhQldhZyJ9fQ..CEXcLs7srKerO-mU.AA.oh-PTP0g"
    "X3nj3cWQVPRDdw";
static const char p256_kw[] =
    "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiUC0yNTYiLCJr"
    "dHkiOiJFQyIsIngiOiJVaWE4WUZkcjRFZjVrRHloM25TTE9kZEpJTTVxeFA5TlhwQ19haXRkLW5BIiwieSI6"
    "IjR1Y25wS1RyRmJ2dTljMHE0YVQ5UlJ2ODgzVUxielE3VXVTeEdybXhmTDAifX0.QBrGgYgaybbheweOa8N7"
    "V9-UlM81OzfiJ3KMT9VzVaXTR45LrKtFgw.ZAYkiQ17jm6b62HI.Ew.yiNrTQJNH4kz4jLUaoi4OA";
static const char p384_key[] =
    "{\"crv\":\"P-384\",\"d\":\"DAHcNHlShhTQhGNgfhVZ8Eny5SfDMWMlg140HvAgOIZ3NMn1IO9xoZBCJA-eglPT"
    "\",\"kty\":\"EC\",\"x\":\"WHQmlHBemP2J0inv30EdM7dCnTGyAwTSHinQbewk9N8A2uCwUeIy6WTmPIq-H9BW\","
    "\"y\":\"ZzJsx6MT1fWZi53vKuIggt6PAyVhAIVpuCof8tGw9umpJEZ9q-ThLeI3cw2WgAxD\"}";
static const char p384_plain[] =
    "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImVwayI6eyJjcnYiOiJQLTM4NCIsImt0eSI6IkVD"
    "IiwieCI6InhVRURsbHBNR3V0UmFweDRBZDRoYkUwZWZyd3lVVlNnQUVoaFIwTUFyZDJzT2pYMFlIa1NVNHFj"
    "S2U2a1NvSFQiLCJ5Ijoibmo4TU1ydDlzRmhRQU9aZVZTOW9obzNzODJKS1ZrczNCcTBKWFhyV1A4ZVhLZnJq"
    "M21XcmhkaTJkbldUZkNYdCJ9fQ..g7buZlwxaL0b8vhd.IeV_WbtC8gFw5CxH6uktnfZedA.8-kFHhm-s8hN"
    "JUR6_VPdQg";

/* A private JWK in a file of its own, read. */
static void read_key(const char *jwk, mode_t mode, struct err *out_err, struct recipient_key *out)
{
    char path[] = "/tmp/hsmgate-cli-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_ok(fd_write_all(fd, span_text(jwk)));
    assert_int_equal(fchmod(fd, mode), 0);
    fd_close(&fd);
    *out_err = recipient_key_read(path, out);
    (void)unlink(path);
}

static void need_key(const char *jwk, struct recipient_key *out)
{
    struct err err;
    read_key(jwk, 0600, &err, out);
    assert_ok(err);
}

static void test_rfc_7518_appendix_c(void **state)
{
    (void)state;
    static const char alice[] =
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0\","
        "\"y\":\"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps\","
        "\"d\":\"0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo\"}";
    static const char bob[] =
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ\","
        "\"y\":\"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck\","
        "\"d\":\"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw\"}";
    CLEANUP(recipient_key_clear) struct recipient_key ours = {0};
    CLEANUP(recipient_key_clear) struct recipient_key theirs = {0};
    need_key(bob, &ours);
    need_key(alice, &theirs);
    const struct agreement how = {
        .enc = "A128GCM", .apu = span_text("Alice"), .apv = span_text("Bob"), .key_len = 16};
    for (int side = 0; side < 2; side++) {
        CLEANUP(secret_clear) struct secret key = {0};
        CLEANUP(buf_clear) struct buf text = {0};
        assert_ok(ecdh_es_agree(side == 0 ? ours.key : theirs.key,
                                side == 0 ? theirs.key : ours.key, &how, &key));
        assert_ok(base64url_encode(secret_span(&key), &text));
        assert_span_is(buf_span(&text), "VqqN6vgjbSBcIijNcacQGg");
    }
}

static void test_opens_what_others_seal(void **state)
{
    (void)state;
    static const struct {
        const char *key, *sealed, *plaintext;
    } cases[] = {{p256_key, p256_plain, "the secret of P-256"},
                 {p384_key, p384_plain, "the secret of P-384"},
                 {p256_key, p256_parties, ""}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(recipient_key_clear) struct recipient_key key = {0};
        CLEANUP(secret_clear) struct secret plaintext = {0};
        CLEANUP(mem_free_at) char *line = mem_format("%s\n", cases[i].sealed);
        need_key(cases[i].key, &key);
        assert_ok(unseal(span_text(line), &key, &plaintext));
        assert_span_is(secret_span(&plaintext), cases[i].plaintext);
    }
}

static void refuse(const char *sealed, const struct recipient_key *key)
{
    CLEANUP(secret_clear) struct secret plaintext = {0};
    assert_code(unseal(span_text(sealed), key, &plaintext), ERR_INVALID_CIPHERTEXT);
    assert_null(plaintext.data);
}

static void test_refuses_other_algorithms_and_keys(void **state)
{
    (void)state;
    CLEANUP(recipient_key_clear) struct recipient_key key = {0};
    CLEANUP(recipient_key_clear) struct recipient_key other = {0};
    CLEANUP(recipient_key_clear) struct recipient_key curve = {0};
    need_key(p256_key, &key);
    need_key(p384_key, &curve);
    assert_ok(recipient_key_make(RECIPIENT_P256, &other));
    refuse(p256_zip, &key);
    refuse(p256_a128, &key);
    refuse(p256_kw, &key);
    refuse(p256_plain, &other);
    refuse(p256_plain, &curve);
    refuse("", &key);
    refuse("a.b", &key);
    refuse("....", &key);
    CLEANUP(mem_free_at) char *more = mem_format("%s.AAAA", p256_plain);
    refuse(more, &key);
    CLEANUP(mem_free_at) char *large = mem_alloc(SEALED_MAX + 2);
    memset(large, 'A', SEALED_MAX + 1);
    refuse(large, &key);
}

static void test_every_byte_counts(void **state)
{
    (void)state;
    CLEANUP(recipient_key_clear) struct recipient_key key = {0};
    CLEANUP(mem_free_at) char *text = mem_text(p256_plain);
    need_key(p256_key, &key);
    for (size_t i = 0; text[i] != '\0'; i++) {
        const char was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        refuse(text, &key);
        text[i] = was;
    }
}

static void test_keys_are_written_and_read(void **state)
{
    (void)state;
    for (int curve = RECIPIENT_P256; curve <= RECIPIENT_P384; curve++) {
        CLEANUP(recipient_key_clear) struct recipient_key made = {0};
        CLEANUP(recipient_key_clear) struct recipient_key again = {0};
        CLEANUP(buf_clear) struct buf text = {0};
        assert_ok(recipient_key_make((enum recipient_curve)curve, &made));
        assert_ok(recipient_key_write(&made, &text));
        CLEANUP(mem_free_at) char *jwk = span_to_text(buf_span(&text));
        need_key(jwk, &again);
        assert_true(recipient_same(&made.is, &again.is));
        assert_int_equal(EVP_PKEY_eq(made.key, again.key), 1);
    }
}

static void test_refuses_other_key_files(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "{}", "no JSON",
        ("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"Z721OioRQ9vWPou2JETOT45GwdoofRkheEhf6mJrG3s\","
         "\"y\":\"Z721OioRQ9vWPou2JETOT45GwdoofRkheEhf6mJrG3s\",\"d\":\"AAAA\"}")};
    struct err err;
    CLEANUP(recipient_key_clear) struct recipient_key key = {0};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        read_key(bad[i], 0600, &err, &key);
        assert_code(err, ERR_INVALID_FIELD);
    }
    CLEANUP(mem_free_at) char *open = mem_text(p256_key);
    *strstr(open, "\"d\"") = ' '; /* no JSON any more */
    read_key(open, 0600, &err, &key);
    assert_code(err, ERR_INVALID_FIELD);
    read_key(p256_key, 0644, &err, &key);
    assert_code(err, ERR_CONFIG);
    assert_null(key.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_7518_appendix_c),
        cmocka_unit_test(test_opens_what_others_seal),
        cmocka_unit_test(test_refuses_other_algorithms_and_keys),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_keys_are_written_and_read),
        cmocka_unit_test(test_refuses_other_key_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
