/* fuzz_tls_name: a client's certificate in DER, and the same bytes as a bare name. A principal
 * comes out only in one of its three forms, each with a name of its shape, which has nothing in it
 * that a record, a header or a pattern of principals could take for something else. */
#include <assert.h>

#include "base/mem.h"
#include "gateway/tls_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_only(struct span text, const char *bytes)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == 0 || strchr(bytes, text.data[i]) == NULL) {
            return false;
        }
    }
    return true;
}

#define LOWER   "abcdefghijklmnopqrstuvwxyz"
#define UPPER   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NUMBERS "0123456789"

static void check_shapes(struct span name)
{
    if (tls_name_is_spiffe_id(name)) {
        assert(span_starts(name, "spiffe://") && name.data[name.len - 1] != '/');
        assert(has_only(name, LOWER UPPER NUMBERS ".-_/:"));
        struct span rest = span_of(name.data + 9, name.len - 9);
        assert(rest.len > 0 && memchr(rest.data, ':', rest.len) == NULL);
        assert(memmem(rest.data, rest.len, "//", 2) == NULL);
        assert(memmem(rest.data, rest.len, "/../", 4) == NULL);
    }
    if (tls_name_is_host(name)) {
        assert(has_only(name, LOWER UPPER NUMBERS ".-") && name.len <= 253);
        assert(name.data[0] != '-' && name.data[0] != '.' && name.data[name.len - 1] != '-');
        assert(memmem(name.data, name.len, "..", 2) == NULL);
    }
    if (tls_name_is_common_name(name)) {
        assert(name.data[0] != ' ' && memchr(name.data, '\n', name.len) == NULL);
    }
}

static void check_principal(const char *principal)
{
    struct span text = span_text(principal);
    struct span rest = text.len > 4 ? span_of(text.data + 4, text.len - 4) : span_of(NULL, 0);
    bool is_dns = span_starts(text, "dns:") && tls_name_is_host(rest);
    bool is_cn =
        span_starts(text, "cn:") && tls_name_is_common_name(span_of(text.data + 3, text.len - 3));
    assert(text.len < TLS_NAME_MAX && (tls_name_is_spiffe_id(text) || is_dns || is_cn));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char principal[TLS_NAME_MAX];
    gnutls_x509_crt_t certificate = NULL;
    const gnutls_datum_t der = {(unsigned char *)(uintptr_t)data, (unsigned)size};
    check_shapes(span_of(data, size));
    assert(gnutls_x509_crt_init(&certificate) == 0);
    if (gnutls_x509_crt_import(certificate, &der, GNUTLS_X509_FMT_DER) == 0 &&
        tls_name_of(certificate, principal)) {
        check_principal(principal);
    }
    gnutls_x509_crt_deinit(certificate);
    return 0;
}
