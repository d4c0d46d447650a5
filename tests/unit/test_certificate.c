/* Requests against OpenSSL's own reading of them, chains as GnuTLS makes them. */
#include "tests/unit/base_test.h"

#include <gnutls/abstract.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/certificate.h"
#include "base/mem.h"
#include "tests/unit/tls_pki.h"

static void pkey_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void request_free(X509_REQ **request)
{
    X509_REQ_free(*request);
}

static void spki_of(EVP_PKEY *key, struct buf *out)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    assert_true(len > 0);
    assert_ok(buf_append(out, span_of(der, (size_t)len)));
    OPENSSL_free(der);
}

/* --- requests --- */

static const struct {
    enum scheme scheme;
    const char *type;
    const char *curve; /* or NULL */
} rows[] = {
    {SCHEME_RS256, "RSA", NULL},   {SCHEME_RS512, "RSA", NULL},   {SCHEME_ES256, "EC", "P-256"},
    {SCHEME_ES384, "EC", "P-384"}, {SCHEME_ES512, "EC", "P-521"}, {SCHEME_EDDSA, "ED25519", NULL},
};

static EVP_PKEY *key_of(size_t row)
{
    EVP_PKEY *key = rows[row].curve != NULL
                        ? EVP_PKEY_Q_keygen(NULL, NULL, rows[row].type, rows[row].curve)
                    : rows[row].scheme == SCHEME_EDDSA
                        ? EVP_PKEY_Q_keygen(NULL, NULL, rows[row].type)
                        : EVP_PKEY_Q_keygen(NULL, NULL, rows[row].type, (size_t)2048);
    assert_non_null(key);
    return key;
}

static const EVP_MD *md_of(enum scheme scheme)
{
    switch ((int)scheme) {
    case SCHEME_RS256:
    case SCHEME_ES256:
        return EVP_sha256();
    case SCHEME_ES384:
        return EVP_sha384();
    case SCHEME_EDDSA:
        return NULL;
    default:
        return EVP_sha512();
    }
}

static void sign(EVP_PKEY *key, enum scheme scheme, struct span body, struct buf *out)
{
    uint8_t signature[512];
    size_t len = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, md_of(scheme), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &len, body.data, body.len), 1);
    EVP_MD_CTX_free(ctx);
    assert_ok(buf_append(out, span_of(signature, len)));
}

static X509_REQ *request_read(const struct buf *text)
{
    BIO *bio = BIO_new_mem_buf(text->data, (int)text->len);
    X509_REQ *request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(request);
    return request;
}

static void make(EVP_PKEY *key, enum scheme scheme, struct span template, struct buf *out)
{
    CLEANUP(buf_clear) struct buf spki = {0}, body = {0}, signature = {0};
    spki_of(key, &spki);
    const struct certificate_request request = {buf_span(&spki), template};
    assert_ok(certificate_request_body(&request, &body));
    sign(key, scheme, buf_span(&body), &signature);
    assert_ok(certificate_request_pem(&request, scheme, buf_span(&signature), out));
    signature.data[signature.len - 1] ^= 1;
    CLEANUP(buf_clear) struct buf none = {0};
    assert_code(certificate_request_pem(&request, scheme, buf_span(&signature), &none),
                ERR_INTERNAL);
    assert_int_equal(none.len, 0);
}

static void requests_are_signed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(pkey_free) EVP_PKEY *key = key_of(i);
        CLEANUP(buf_clear) struct buf text = {0};
        make(key, rows[i].scheme, (struct span){0}, &text);
        CLEANUP(request_free) X509_REQ *request = request_read(&text);
        assert_int_equal(X509_REQ_verify(request, key), 1);
        assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(request)), 0);
    }
}

/* A request of another key gives its subject and nothing of its key. */
static void a_template_gives_the_subject(void **state)
{
    (void)state;
    CLEANUP(pkey_free) EVP_PKEY *other = key_of(2);
    CLEANUP(pkey_free) EVP_PKEY *key = key_of(0);
    CLEANUP(buf_clear) struct buf template = {0}, text = {0};
    CLEANUP(request_free) X509_REQ *wanted = X509_REQ_new();
    X509_NAME *name = X509_REQ_get_subject_name(wanted);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const unsigned char *)"release", -1, -1, 0),
                     1);
    assert_int_equal(X509_REQ_set_pubkey(wanted, other), 1);
    assert_true(X509_REQ_sign(wanted, other, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509_REQ(bio, wanted), 1);
    char *pem = NULL;
    long len = BIO_get_mem_data(bio, &pem);
    assert_ok(buf_append(&template, span_of((const uint8_t *)pem, (size_t)len)));
    BIO_free(bio);
    make(key, SCHEME_RS256, buf_span(&template), &text);
    CLEANUP(request_free) X509_REQ *made = request_read(&text);
    assert_int_equal(X509_REQ_verify(made, key), 1);
    assert_int_equal(X509_NAME_cmp(X509_REQ_get_subject_name(made), name), 0);
}

static void what_is_no_request_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "x", "-----BEGIN CERTIFICATE REQUEST-----\n",
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"};
    CLEANUP(pkey_free) EVP_PKEY *key = key_of(2);
    CLEANUP(buf_clear) struct buf spki = {0}, out = {0};
    spki_of(key, &spki);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const struct certificate_request request = {buf_span(&spki), span_text(texts[i])};
        assert_code_of(texts[i], certificate_request_body(&request, &out), ERR_INVALID_FIELD);
    }
    const struct certificate_request odd = {.spki = span_text("no key")};
    assert_code(certificate_request_body(&odd, &out), ERR_INTERNAL);
    const struct certificate_request good = {.spki = buf_span(&spki)};
    assert_code(certificate_request_pem(&good, SCHEME_PS256, span_text("x"), &out), ERR_INTERNAL);
    assert_int_equal(out.len, 0);
}

/* --- chains --- */

struct scene {
    struct made root, middle, leaf, other;
    struct buf spki;
};

static void scene_make(struct scene *scene)
{
    *scene = (struct scene){.root = make_ca("root", NULL)};
    scene->middle = make_ca("middle", &scene->root);
    scene->leaf = make_certificate(
        (struct wish){.issuer = &scene->middle, .common_name = "release", .dns = "a"});
    scene->other = make_certificate((struct wish){.issuer = &scene->middle, .common_name = "x"});
    gnutls_pubkey_t public;
    gnutls_datum_t der;
    good(gnutls_pubkey_init(&public));
    good(gnutls_pubkey_import_x509(public, scene->leaf.certificate, 0));
    good(gnutls_pubkey_export2(public, GNUTLS_X509_FMT_DER, &der));
    assert_ok(buf_append(&scene->spki, span_of(der.data, der.size)));
    gnutls_free(der.data);
    gnutls_pubkey_deinit(public);
}

static void scene_clear(struct scene *scene)
{
    made_clear(&scene->root);
    made_clear(&scene->middle);
    made_clear(&scene->leaf);
    made_clear(&scene->other);
    buf_clear(&scene->spki);
}

static void add(const struct made *made, struct buf *out)
{
    gnutls_datum_t pem;
    good(gnutls_x509_crt_export2(made->certificate, GNUTLS_X509_FMT_PEM, &pem));
    assert_ok(buf_append(out, span_of(pem.data, pem.size)));
    gnutls_free(pem.data);
}

static struct err read_chain(const struct scene *scene, const struct made *const *made,
                             const char *around, struct buf *out)
{
    CLEANUP(buf_clear) struct buf text = {0};
    assert_ok(buf_append_text(&text, around));
    for (; *made != NULL; made++) {
        add(*made, &text);
        assert_ok(buf_append_text(&text, around));
    }
    return certificate_chain_read(buf_span(&text), buf_span(&scene->spki), out);
}

static void whole_chains_are_read(void **state)
{
    (void)state;
    struct scene scene;
    scene_make(&scene);
    const struct made *chain[] = {&scene.leaf, &scene.middle, &scene.root, NULL};
    for (size_t count = 1; count <= 3; count++) {
        CLEANUP(buf_clear) struct buf plain = {0}, dressed = {0};
        chain[count] = NULL;
        assert_ok(read_chain(&scene, chain, "", &plain));
        assert_ok(read_chain(&scene, chain, "what somebody wrote\n", &dressed));
        assert_true(plain.len > 0 && span_equal(buf_span(&plain), buf_span(&dressed)));
        chain[1] = &scene.middle;
        chain[2] = &scene.root;
    }
    scene_clear(&scene);
}

static void other_chains_are_refused(void **state)
{
    (void)state;
    struct scene scene;
    scene_make(&scene);
    const struct made *leaf = &scene.leaf, *root = &scene.root, *middle = &scene.middle;
    const struct made *const chains[][4] = {
        {NULL},
        {&scene.other},         /* another key's */
        {middle, root},         /* a CA's */
        {leaf, root},           /* one is missing */
        {leaf, middle, middle}, /* twice */
        {leaf, &scene.other},   /* no CA's */
        {leaf, root, middle},   /* out of order */
    };
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        CLEANUP(buf_clear) struct buf out = {0};
        print_message("%zu\n", i);
        assert_code(read_chain(&scene, chains[i], "", &out), ERR_INVALID_FIELD);
        assert_int_equal(out.len, 0);
    }
    const struct made *many[CERTIFICATE_CHAIN_MAX + 2] = {NULL};
    for (size_t i = 0; i <= CERTIFICATE_CHAIN_MAX; i++) {
        many[i] = leaf;
    }
    CLEANUP(buf_clear) struct buf out = {0};
    assert_code(read_chain(&scene, many, "", &out), ERR_INVALID_FIELD);
    const struct made *one[] = {leaf, NULL};
    assert_code(read_chain(&scene, one,
                           "-----BEGIN CERTIFICATE-----\nMAA=\n"
                           "-----END CERTIFICATE-----\n",
                           &out),
                ERR_INVALID_FIELD);
    scene_clear(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_signed),
        cmocka_unit_test(a_template_gives_the_subject),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(whole_chains_are_read),
        cmocka_unit_test(other_chains_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
