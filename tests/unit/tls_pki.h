/* Certificates, keys and CRLs for TLS tests, made with GnuTLS, as PEM files in a folder. */
#ifndef HSMGATE_TESTS_TLS_PKI_H
#define HSMGATE_TESTS_TLS_PKI_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <gnutls/x509.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"

#define DAY ((time_t)24 * 3600)

struct made {
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
};

/* What to make; zero means: 30 days from yesterday on, no names, no purpose, not a CA. */
struct wish {
    const struct made *issuer;   /* NULL: signs itself */
    const struct made *same_key; /* NULL: a new key */
    const char *common_name;
    const char *common_name2;
    const char *uri;
    const char *uri2;
    const char *dns;
    unsigned more_names;
    const char *purpose; /* OID */
    const char *nul;     /* wherever this text stands its `@` becomes a NUL: spoils the signature */
    bool ca;
    time_t from; /* relative to now */
    time_t until;
};

static inline time_t now_s(void)
{
    return (time_t)(clock_wall_ms() / 1000);
}

static inline void good(int done)
{
    if (done < 0) {
        fail_msg("GnuTLS: %s", gnutls_strerror(done));
    }
}

static inline void add_name(gnutls_x509_crt_t certificate, gnutls_x509_subject_alt_name_t type,
                            const char *text)
{
    if (text != NULL) {
        good(gnutls_x509_crt_set_subject_alt_name(certificate, type, text, (unsigned)strlen(text),
                                                  GNUTLS_FSAN_APPEND));
    }
}

static inline void add_common_name(gnutls_x509_crt_t certificate, const char *text)
{
    if (text != NULL) {
        good(gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, text,
                                           (unsigned)strlen(text)));
    }
}

/* GnuTLS tells all about a certificate only when it was read. */
static inline void read_again(struct made *made, const char *nul)
{
    gnutls_datum_t der;
    good(gnutls_x509_crt_export2(made->certificate, GNUTLS_X509_FMT_DER, &der));
    size_t len = nul != NULL ? strlen(nul) : 0;
    for (size_t i = 0; len > 0 && i + len <= der.size; i++) {
        if (memcmp(der.data + i, nul, len) == 0) {
            *(char *)memchr(der.data + i, '@', len) = '\0';
        }
    }
    gnutls_x509_crt_deinit(made->certificate);
    good(gnutls_x509_crt_init(&made->certificate));
    good(gnutls_x509_crt_import(made->certificate, &der, GNUTLS_X509_FMT_DER));
    gnutls_free(der.data);
}

static inline struct made make_certificate(struct wish wish)
{
    struct made made = {0};
    uint8_t serial[8];
    random_bytes(serial, sizeof(serial));
    serial[0] = 0x11;
    good(gnutls_x509_privkey_init(&made.key));
    if (wish.same_key != NULL) {
        good(gnutls_x509_privkey_cpy(made.key, wish.same_key->key));
    } else {
        good(gnutls_x509_privkey_generate(made.key, GNUTLS_PK_ECDSA,
                                          GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    }
    good(gnutls_x509_crt_init(&made.certificate));
    gnutls_x509_crt_t crt = made.certificate;
    good(gnutls_x509_crt_set_version(crt, 3));
    good(gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)));
    good(gnutls_x509_crt_set_activation_time(crt, now_s() + (wish.from != 0 ? wish.from : -DAY)));
    good(gnutls_x509_crt_set_expiration_time(crt,
                                             now_s() + (wish.until != 0 ? wish.until : 30 * DAY)));
    good(gnutls_x509_crt_set_basic_constraints(crt, wish.ca, -1));
    good(gnutls_x509_crt_set_key_usage(crt, wish.ca ? GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN
                                                    : GNUTLS_KEY_DIGITAL_SIGNATURE));
    add_common_name(crt, wish.common_name);
    add_common_name(crt, wish.common_name2);
    if (wish.purpose != NULL) {
        good(gnutls_x509_crt_set_key_purpose_oid(crt, wish.purpose, 0));
    }
    add_name(crt, GNUTLS_SAN_URI, wish.uri);
    add_name(crt, GNUTLS_SAN_URI, wish.uri2);
    add_name(crt, GNUTLS_SAN_DNSNAME, wish.dns);
    for (unsigned i = 0; i < wish.more_names; i++) {
        add_name(crt, GNUTLS_SAN_DNSNAME, "more");
    }
    good(gnutls_x509_crt_set_key(crt, made.key));
    const struct made *issuer = wish.issuer != NULL ? wish.issuer : &made;
    good(gnutls_x509_crt_sign2(crt, issuer->certificate, issuer->key, GNUTLS_DIG_SHA256, 0));
    read_again(&made, wish.nul);
    return made;
}

static inline void made_clear(struct made *made)
{
    gnutls_x509_crt_deinit(made->certificate);
    gnutls_x509_privkey_deinit(made->key);
    *made = (struct made){0};
}

static inline struct made make_ca(const char *name, const struct made *issuer)
{
    return make_certificate((struct wish){.issuer = issuer, .common_name = name, .ca = true});
}

static inline struct made make_server(const struct made *issuer)
{
    return make_certificate(
        (struct wish){.issuer = issuer, .dns = "localhost", .purpose = GNUTLS_KP_TLS_WWW_SERVER});
}

static inline struct made make_client(const struct made *issuer, const char *uri)
{
    return make_certificate(
        (struct wish){.issuer = issuer, .uri = uri, .purpose = GNUTLS_KP_TLS_WWW_CLIENT});
}

/* --- files --- */

struct pki_folder {
    char path[32];
};

static inline struct pki_folder *pki_open(void)
{
    struct pki_folder *folder = mem_alloc(sizeof(*folder));
    (void)snprintf(folder->path, sizeof(folder->path), "/tmp/hsmgate-tls-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    return folder;
}

static inline void pki_close(struct pki_folder *folder)
{
    static const char *const names[] = {"server.pem", "server.key", "ca.pem", "crl.pem"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(mem_free_at) char *path = mem_format("%s/%s", folder->path, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(folder->path), 0);
    mem_free(folder);
}

static inline void pki_write(const struct pki_folder *folder, const char *name, const void *bytes,
                             size_t len)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s", folder->path, name);
    assert_int_equal(file_write(path, span_of(bytes, len), 0600).code, ERR_OK);
}

/* Up to two certificates in one file. */
static inline void pki_write_certificates(const struct pki_folder *folder, const char *name,
                                          const struct made *first, const struct made *second)
{
    CLEANUP(buf_clear) struct buf text = {0};
    for (const struct made *made = first; made != NULL; made = made == first ? second : NULL) {
        gnutls_datum_t pem;
        good(gnutls_x509_crt_export2(made->certificate, GNUTLS_X509_FMT_PEM, &pem));
        assert_int_equal(buf_append(&text, span_of(pem.data, pem.size)).code, ERR_OK);
        gnutls_free(pem.data);
    }
    pki_write(folder, name, text.data, text.len);
}

static inline void pki_write_key(const struct pki_folder *folder, const char *name,
                                 const struct made *made)
{
    gnutls_datum_t pem;
    good(gnutls_x509_privkey_export2_pkcs8(made->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN,
                                           &pem));
    pki_write(folder, name, pem.data, pem.size);
    gnutls_free(pem.data);
}

/* A CRL of `issuer`, signed by `signer`; times are relative to now, `until` 0: no nextUpdate. */
static inline void pki_write_crl(const struct pki_folder *folder, const struct made *issuer,
                                 const struct made *signer, const struct made *revoked, time_t from,
                                 time_t until)
{
    gnutls_x509_crl_t crl;
    good(gnutls_x509_crl_init(&crl));
    good(gnutls_x509_crl_set_version(crl, 2));
    good(gnutls_x509_crl_set_this_update(crl, now_s() + from));
    if (until != 0) {
        good(gnutls_x509_crl_set_next_update(crl, now_s() + until));
    }
    if (revoked != NULL) {
        good(gnutls_x509_crl_set_crt(crl, revoked->certificate, now_s()));
    }
    good(gnutls_x509_crl_set_number(crl, "\001", 1));
    struct made named = {.certificate = issuer->certificate, .key = signer->key};
    good(gnutls_x509_crl_sign2(crl, named.certificate, named.key, GNUTLS_DIG_SHA256, 0));
    gnutls_datum_t pem;
    good(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem));
    pki_write(folder, "crl.pem", pem.data, pem.size);
    gnutls_free(pem.data);
    gnutls_x509_crl_deinit(crl);
}

#endif
