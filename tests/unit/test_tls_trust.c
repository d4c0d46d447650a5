/* Which files a listener takes: each thing that is wrong in them is refused with the option's name.
 */
#include "gateway/tls_trust.h"

#include "tls_fixture.h"

static int set_up(void **state)
{
    *state = tls_fixture_prepare(CLIENT_CERTIFICATES_REQUIRED);
    return 0;
}

static int tear_down(void **state)
{
    tls_fixture_close(*state);
    return 0;
}

static void assert_taken(struct tls_fixture *fixture)
{
    struct tls_trust *trust = NULL;
    struct err err = tls_trust_load(&fixture->tls, clock_wall_ms(), &trust);
    assert_string_equal(err.detail, "");
    assert_int_equal(err.code, ERR_OK);
    tls_trust_drop(trust);
}

static void assert_refused(struct tls_fixture *fixture, const char *text)
{
    struct tls_trust *trust = NULL;
    struct err err = tls_trust_load(&fixture->tls, clock_wall_ms(), &trust);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_has(err.detail, text);
    assert_null(trust);
}

static void test_good_files(void **state)
{
    struct tls_fixture *fixture = *state;
    struct tls_trust *trust = NULL;
    int64_t now = clock_wall_ms();
    assert_int_equal(tls_trust_load(&fixture->tls, now, &trust).code, ERR_OK);
    int64_t day_ms = (int64_t)DAY * 1000;
    assert_true(trust->certificate_ends_ms > now + 29 * day_ms);
    assert_true(trust->certificate_ends_ms <= now + 30 * day_ms);
    assert_true(trust->crl_ends_ms > now && trust->crl_ends_ms <= now + day_ms);
    struct tls_trust *same = tls_trust_take(trust);
    tls_trust_drop(trust);
    assert_int_equal(same->certificate_ends_ms > 0, 1);
    tls_trust_drop(same);
    tls_trust_drop(NULL);
    fixture->tls.client_crl = NULL;
    assert_taken(fixture);
    fixture->tls.client_ca = NULL;
    fixture->tls.client_certificates = CLIENT_CERTIFICATES_NONE;
    assert_taken(fixture);
}

static void test_missing_and_garbage(void **state)
{
    struct tls_fixture *fixture = *state;
    static const char *const files[] = {"server.pem", "server.key", "ca.pem", "crl.pem"};
    static const char *const options[] = {
        "certificate: ", "certificate, key: ", "client_ca: ", "client_crl: "};
    for (size_t i = ARRAY_LEN(files); i-- > 0;) { /* a file that is read early is spoilt last */
        pki_write(fixture->folder, files[i], "garbage", 7);
        assert_refused(fixture, options[i]);
        assert_int_equal(unlink(fixture->paths[i]), 0);
        assert_refused(fixture, i == 1 ? "key: " : options[i]);
    }
}

static void test_own_certificate(void **state)
{
    struct tls_fixture *fixture = *state;
    const struct wish wishes[] = {{.issuer = &fixture->root, .dns = "h", .from = -DAY, .until = -1},
                                  {.issuer = &fixture->root, .dns = "h", .from = 3600}};
    static const char *const reasons[] = {"certificate: number 1 in the file has expired",
                                          "certificate: number 1 in the file is not valid yet"};
    for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
        struct made made = make_certificate(wishes[i]);
        pki_write_certificates(fixture->folder, "server.pem", &made, NULL);
        pki_write_key(fixture->folder, "server.key", &made);
        assert_refused(fixture, reasons[i]);
        made_clear(&made);
    }
    pki_write_certificates(fixture->folder, "server.pem", &fixture->server_certificate, NULL);
    pki_write_key(fixture->folder, "server.key", &fixture->client);
    assert_refused(fixture, "certificate, key: they cannot be used together");
    pki_write_key(fixture->folder, "server.key", &fixture->server_certificate);
    assert_taken(fixture);
    assert_int_equal(chmod(fixture->paths[1], 0644), 0);
    assert_refused(fixture, "key: everybody may read the file");
    assert_int_equal(chmod(fixture->paths[1], 0640), 0);
    assert_taken(fixture);
    fixture->tls.key = fixture->folder->path;
    assert_refused(fixture, "key: this is not a file");
}

static void test_client_ca(void **state)
{
    struct tls_fixture *fixture = *state;
    pki_write_certificates(fixture->folder, "ca.pem", &fixture->issuing, &fixture->client);
    assert_refused(fixture, "client_ca: number 2 in the file is not a CA");
    pki_write_certificates(fixture->folder, "ca.pem", &fixture->issuing, &fixture->root);
    pki_write_crl(fixture->folder, &fixture->root, &fixture->root, &fixture->issuing, -DAY, DAY);
    assert_taken(fixture); /* without the revoked one */
    pki_write_certificates(fixture->folder, "ca.pem", &fixture->root, NULL);
    pki_write_crl(fixture->folder, &fixture->root, &fixture->root, &fixture->root, -DAY, DAY);
    assert_refused(fixture, "client_ca: every CA in the file is revoked");
}

static void test_crl(void **state)
{
    struct tls_fixture *fixture = *state;
    struct made false_ca = make_ca("issuing", NULL);
    pki_write_crl(fixture->folder, &false_ca, &false_ca, NULL, -DAY, DAY);
    assert_refused(fixture, "client_crl: number 1 in the file is signed by none of client_ca");
    pki_write_crl(fixture->folder, &fixture->issuing, &false_ca, NULL, -DAY, DAY);
    assert_refused(fixture, "client_crl: number 1 in the file is signed by none of client_ca");
    pki_write_crl(fixture->folder, &fixture->issuing, &fixture->issuing, NULL, -DAY, -1);
    assert_refused(fixture, "client_crl: number 1 in the file has expired");
    pki_write_crl(fixture->folder, &fixture->issuing, &fixture->issuing, NULL, 3600, DAY);
    assert_refused(fixture, "client_crl: number 1 in the file is not valid yet");
    pki_write_crl(fixture->folder, &fixture->issuing, &fixture->issuing, NULL, -DAY, 0);
    assert_refused(fixture, "client_crl: number 1 in the file has no nextUpdate");
    made_clear(&false_ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_and_garbage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_own_certificate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_client_ca, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crl, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
