/* The verification of client certificates. GnuTLS walks the chain; what it leaves open is decided
 * here, always to the strict side: a certificate for any purpose or none proves nothing, and when
 * a CRL is out of date no certificate is believed, because it may have been revoked since. */
#include "gateway/tls_peer.h"

#include <gnutls/x509.h>

#include "base/mem.h"

#define MS_PER_S     1000
#define PURPOSES_MAX 64
#define PURPOSE_LEN  128

static const char *const names[TLS_REFUSAL_COUNT] = {
    [TLS_NO_CERTIFICATE] = "no_certificate",
    [TLS_UNKNOWN_CA] = "unknown_ca",
    [TLS_EXPIRED] = "expired",
    [TLS_NOT_YET_VALID] = "not_yet_valid",
    [TLS_REVOKED] = "revoked",
    [TLS_WRONG_PURPOSE] = "wrong_purpose",
    [TLS_NO_NAME] = "no_name",
    [TLS_OTHER] = "other",
    [TLS_HANDSHAKE] = "handshake",
    [TLS_CRL_EXPIRED] = "crl_expired",
};

const char *tls_refusal_name(enum tls_refusal refusal)
{
    return names[refusal];
}

/* In this order: what is not signed by a CA of ours may say anything about itself. */
static const struct {
    unsigned status;
    enum tls_refusal refusal;
} reasons[] = {
    {GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA | GNUTLS_CERT_SIGNATURE_FAILURE,
     TLS_UNKNOWN_CA},
    {GNUTLS_CERT_REVOKED, TLS_REVOKED},
    {GNUTLS_CERT_EXPIRED, TLS_EXPIRED},
    {GNUTLS_CERT_NOT_ACTIVATED, TLS_NOT_YET_VALID},
    {GNUTLS_CERT_PURPOSE_MISMATCH, TLS_WRONG_PURPOSE},
};

static enum tls_refusal refusal_of(unsigned status)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if ((status & reasons[i].status) != 0) {
            return reasons[i].refusal;
        }
    }
    return TLS_OTHER;
}

static bool is_for_clients(gnutls_x509_crt_t certificate)
{
    for (unsigned i = 0; i < PURPOSES_MAX; i++) {
        char purpose[PURPOSE_LEN];
        size_t len = sizeof(purpose);
        int got = gnutls_x509_crt_get_key_purpose_oid(certificate, i, purpose, &len, NULL);
        if (got == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
            return false;
        }
        if (got == 0 && strcmp(purpose, GNUTLS_KP_TLS_WWW_CLIENT) == 0) {
            return true;
        }
    }
    return false;
}

static bool read_leaf(const gnutls_datum_t *der, struct tls_peer *out,
                      enum tls_refusal *out_refusal)
{
    gnutls_x509_crt_t leaf = NULL;
    *out_refusal = TLS_OTHER;
    if (gnutls_x509_crt_init(&leaf) != 0) {
        return false;
    }
    bool good = gnutls_x509_crt_import(leaf, der, GNUTLS_X509_FMT_DER) == 0;
    if (good && !is_for_clients(leaf)) {
        *out_refusal = TLS_WRONG_PURPOSE;
        good = false;
    }
    if (good && !tls_name_of(leaf, out->name)) {
        *out_refusal = TLS_NO_NAME;
        good = false;
    }
    out->ends_ms = (int64_t)gnutls_x509_crt_get_expiration_time(leaf) * MS_PER_S;
    gnutls_x509_crt_deinit(leaf);
    return good;
}

static bool chain_is_good(gnutls_session_t session, enum tls_refusal *out_refusal)
{
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID,
        .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
    };
    unsigned status = 0;
    if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) != 0) {
        *out_refusal = TLS_OTHER;
        return false;
    }
    *out_refusal = refusal_of(status);
    return status == 0;
}

bool tls_peer_check(gnutls_session_t session, const struct tls_trust *trust,
                    enum client_certificates demand, int64_t now_ms, struct tls_peer *out,
                    enum tls_refusal *out_refusal)
{
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    if (demand == CLIENT_CERTIFICATES_NONE || chain == NULL || count == 0) {
        *out_refusal = TLS_NO_CERTIFICATE;
        if (demand != CLIENT_CERTIFICATES_REQUIRED) {
            *out = (struct tls_peer){.ends_ms = INT64_MAX};
        }
        return demand != CLIENT_CERTIFICATES_REQUIRED;
    }
    struct tls_peer peer = {0};
    if (!chain_is_good(session, out_refusal)) {
        return false;
    }
    if (trust->crl_ends_ms > 0 && now_ms >= trust->crl_ends_ms) {
        *out_refusal = TLS_CRL_EXPIRED;
        return false;
    }
    if (!read_leaf(&chain[0], &peer, out_refusal)) {
        return false;
    }
    *out = peer;
    return true;
}
