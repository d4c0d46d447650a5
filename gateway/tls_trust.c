/* Reads certificates, key, client CAs and CRLs into GnuTLS credentials.
 *
 * GnuTLS takes garbage for an empty list of CAs, does not check who signed a CRL, and goes on with
 * one that is long out of date: everything is therefore parsed and checked here first, and what is
 * not right in every part is not taken at all. Nothing in here is shared until it is complete;
 * then only the count of references changes. */
#include "gateway/tls_trust.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"

#define FILE_MAX  ((size_t)4 << 20)
#define KEY_MAX   ((size_t)64 << 10)
#define MS_PER_S  1000
#define CHAIN_MAX 16

struct certificates {
    gnutls_x509_crt_t *items;
    unsigned count;
};

struct crls {
    gnutls_x509_crl_t *items;
    unsigned count;
};

static void certificates_clear(struct certificates *certificates)
{
    for (unsigned i = 0; i < certificates->count; i++) {
        gnutls_x509_crt_deinit(certificates->items[i]);
    }
    gnutls_free(certificates->items);
    *certificates = (struct certificates){0};
}

static void crls_clear(struct crls *crls)
{
    for (unsigned i = 0; i < crls->count; i++) {
        gnutls_x509_crl_deinit(crls->items[i]);
    }
    gnutls_free(crls->items);
    *crls = (struct crls){0};
}

static gnutls_datum_t datum_of(struct span span)
{
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)span.data,
                            .size = (unsigned)span.len};
}

static struct err read_option(const char *option, const char *path, struct buf *out)
{
    buf_init(out, FILE_MAX);
    struct err err = file_read(path, out);
    ENSURE(err.code == ERR_OK, ERR_CONFIG, "%s: the file cannot be read: %s", option, err.detail);
    return err_ok();
}

static struct err read_certificates(const char *option, const char *path, struct certificates *out,
                                    struct buf *pem)
{
    TRY(read_option(option, path, pem));
    gnutls_datum_t data = datum_of(buf_span(pem));
    int done =
        gnutls_x509_crt_list_import2(&out->items, &out->count, &data, GNUTLS_X509_FMT_PEM, 0);
    if (done < 0) {
        *out = (struct certificates){0};
    }
    ENSURE(done >= 0 && out->count > 0, ERR_CONFIG, "%s: no certificate in PEM form: %s", option,
           gnutls_strerror(done));
    return err_ok();
}

/* The key is read apart: secret memory, and not a file that everybody may read. */
static struct err read_key(const char *path, struct secret *out)
{
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ENSURE(fd >= 0, ERR_CONFIG, "key: the file cannot be opened: %s", strerrordesc_np(errno));
    struct stat status;
    ENSURE(fstat(fd, &status) == 0 && S_ISREG(status.st_mode), ERR_CONFIG,
           "key: this is not a file");
    ENSURE((status.st_mode & (S_IROTH | S_IWOTH)) == 0, ERR_CONFIG,
           "key: everybody may read the file: chmod 640 or 600, and take a new key");
    struct err err = secret_read_fd(out, fd, KEY_MAX);
    ENSURE(err.code == ERR_OK, ERR_CONFIG, "key: the file cannot be read: %s", err.detail);
    return err_ok();
}

static struct err check_dates(const struct certificates *chain, int64_t now_ms, int64_t *out_ends)
{
    int64_t ends = INT64_MAX;
    for (unsigned i = 0; i < chain->count; i++) {
        int64_t from = (int64_t)gnutls_x509_crt_get_activation_time(chain->items[i]) * MS_PER_S;
        int64_t until = (int64_t)gnutls_x509_crt_get_expiration_time(chain->items[i]) * MS_PER_S;
        ENSURE(now_ms >= from, ERR_CONFIG,
               "certificate: number %u in the file is not valid yet: check the clock", i + 1);
        ENSURE(now_ms < until, ERR_CONFIG,
               "certificate: number %u in the file has expired: put a new one there", i + 1);
        ends = until < ends ? until : ends;
    }
    *out_ends = ends;
    return err_ok();
}

static struct err load_own(const struct config_tls *config, int64_t now_ms, struct tls_trust *trust)
{
    CLEANUP(buf_clear) struct buf pem = {0};
    CLEANUP(certificates_clear) struct certificates chain = {0};
    CLEANUP(secret_clear) struct secret key = {0};
    TRY(read_certificates("certificate", config->certificate, &chain, &pem));
    ENSURE(chain.count <= CHAIN_MAX, ERR_CONFIG, "certificate: more than %d in the file",
           CHAIN_MAX);
    TRY(check_dates(&chain, now_ms, &trust->certificate_ends_ms));
    TRY(read_key(config->key, &key));
    gnutls_datum_t chain_pem = datum_of(buf_span(&pem));
    gnutls_datum_t key_pem = datum_of(secret_span(&key));
    int done = gnutls_certificate_set_x509_key_mem(trust->credentials, &chain_pem, &key_pem,
                                                   GNUTLS_X509_FMT_PEM);
    ENSURE(done >= 0, ERR_CONFIG,
           "certificate, key: they cannot be used together: %s: put a matching pair there, the "
           "leaf first",
           gnutls_strerror(done));
    return err_ok();
}

/* Only asked about a CRL in its time: GnuTLS mixes both findings. */
static bool signed_by_any(gnutls_x509_crl_t crl, const struct certificates *cas)
{
    unsigned status = 0;
    int done = gnutls_x509_crl_verify(crl, cas->items, cas->count,
                                      GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &status);
    return done >= 0 && status == 0;
}

static struct err check_crl(gnutls_x509_crl_t crl, unsigned number, const struct certificates *cas,
                            int64_t now_ms, int64_t *ends_ms)
{
    int64_t from = (int64_t)gnutls_x509_crl_get_this_update(crl) * MS_PER_S;
    int64_t next = (int64_t)gnutls_x509_crl_get_next_update(crl) * MS_PER_S;
    ENSURE(next > 0, ERR_CONFIG, "client_crl: number %u in the file has no nextUpdate", number);
    ENSURE(now_ms >= from, ERR_CONFIG,
           "client_crl: number %u in the file is not valid yet: check the clock", number);
    ENSURE(now_ms < next, ERR_CONFIG,
           "client_crl: number %u in the file has expired: fetch a fresh one from the CA", number);
    ENSURE(signed_by_any(crl, cas), ERR_CONFIG,
           "client_crl: number %u in the file is signed by none of client_ca: add its CA there",
           number);
    *ends_ms = *ends_ms == 0 || next < *ends_ms ? next : *ends_ms;
    return err_ok();
}

static struct err load_crls(const char *path, const struct certificates *cas, int64_t now_ms,
                            struct tls_trust *trust, struct crls *out)
{
    CLEANUP(buf_clear) struct buf pem = {0};
    TRY(read_option("client_crl", path, &pem));
    gnutls_datum_t data = datum_of(buf_span(&pem));
    int done =
        gnutls_x509_crl_list_import2(&out->items, &out->count, &data, GNUTLS_X509_FMT_PEM, 0);
    if (done < 0) {
        *out = (struct crls){0};
    }
    ENSURE(done >= 0 && out->count > 0, ERR_CONFIG, "client_crl: no CRL in PEM form: %s",
           gnutls_strerror(done));
    for (unsigned i = 0; i < out->count; i++) {
        TRY(check_crl(out->items[i], i + 1, cas, now_ms, &trust->crl_ends_ms));
    }
    done = gnutls_certificate_set_x509_crl(trust->credentials, out->items, (int)out->count);
    ENSURE(done >= 0, ERR_CONFIG, "client_crl: it cannot be used: %s", gnutls_strerror(done));
    return err_ok();
}

/* A leaf in this list would be trusted by itself, whatever its purpose. */
static struct err check_cas(const struct certificates *cas)
{
    for (unsigned i = 0; i < cas->count; i++) {
        ENSURE(gnutls_x509_crt_get_ca_status(cas->items[i], NULL) == 1, ERR_CONFIG,
               "client_ca: number %u in the file is not a CA (basicConstraints): take it out",
               i + 1);
    }
    return err_ok();
}

/* GnuTLS ends a chain at the first certificate that it trusts, and asks no CRL about that one. */
static struct err trust_unrevoked(const struct certificates *cas, const struct crls *crls,
                                  struct tls_trust *trust)
{
    unsigned trusted = 0;
    for (unsigned i = 0; i < cas->count; i++) {
        if (gnutls_x509_crt_check_revocation(cas->items[i], crls->items, crls->count) == 1) {
            log_warning("tls", "client_ca: number %u in the file is revoked and left out", i + 1);
            continue;
        }
        int done = gnutls_certificate_set_x509_trust(trust->credentials, &cas->items[i], 1);
        ENSURE(done >= 0, ERR_CONFIG, "client_ca: number %u cannot be used: %s", i + 1,
               gnutls_strerror(done));
        trusted++;
    }
    ENSURE(trusted > 0, ERR_CONFIG, "client_ca: every CA in the file is revoked");
    return err_ok();
}

static struct err load_clients(const struct config_tls *config, int64_t now_ms,
                               struct tls_trust *trust)
{
    CLEANUP(buf_clear) struct buf pem = {0};
    CLEANUP(certificates_clear) struct certificates cas = {0};
    CLEANUP(crls_clear) struct crls crls = {0};
    TRY(read_certificates("client_ca", config->client_ca, &cas, &pem));
    TRY(check_cas(&cas));
    if (config->client_crl != NULL) {
        TRY(load_crls(config->client_crl, &cas, now_ms, trust, &crls));
    }
    return trust_unrevoked(&cas, &crls, trust);
}

/* For CLEANUP. */
static void drop_at(struct tls_trust **trust)
{
    tls_trust_drop(*trust);
}

struct err tls_trust_load(const struct config_tls *config, int64_t now_ms, struct tls_trust **out)
{
    CLEANUP(drop_at) struct tls_trust *trust = mem_alloc(sizeof(*trust));
    atomic_init(&trust->references, 1);
    int made = gnutls_certificate_allocate_credentials(&trust->credentials);
    assert(made == 0);
    (void)made;
    TRY(load_own(config, now_ms, trust));
    if (config->client_certificates != CLIENT_CERTIFICATES_NONE && config->client_ca != NULL) {
        TRY(load_clients(config, now_ms, trust));
    }
    *out = TAKE(trust);
    return err_ok();
}

struct tls_trust *tls_trust_take(struct tls_trust *trust)
{
    atomic_fetch_add(&trust->references, 1);
    return trust;
}

void tls_trust_drop(struct tls_trust *trust)
{
    if (trust == NULL || atomic_fetch_sub(&trust->references, 1) > 1) {
        return;
    }
    gnutls_certificate_free_credentials(trust->credentials);
    mem_free(trust);
}
