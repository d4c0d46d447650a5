/* Names in client certificates. What stands there was signed by a CA, but CAs copy what applicants
 * send: so each kind of name has one strict shape, and a name outside of it names nobody. Names are
 * bytes with a length here, never C strings, so that no NUL inside can cut one short. A name that
 * counts and is bad refuses the certificate; taking the next one instead would let an applicant
 * choose which of its names is believed. */
#include "gateway/tls_name.h"

#include <stdio.h>
#include <strings.h>

#define SPIFFE_SCHEME    "spiffe://"
#define TRUST_DOMAIN_MAX 255
#define HOST_MAX         253
#define LABEL_MAX        63
#define NAMES_MAX        64 /* alternative names that are looked at; more: refused */

static bool is_lower(uint8_t byte)
{
    return byte >= 'a' && byte <= 'z';
}

static bool is_upper(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z';
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_mark(uint8_t byte)
{
    return byte == '.' || byte == '-' || byte == '_';
}

static bool is_trust_domain(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_lower(text.data[i]) && !is_digit(text.data[i]) && !is_mark(text.data[i])) {
            return false;
        }
    }
    return text.len > 0 && text.len <= TRUST_DOMAIN_MAX;
}

static bool is_segment(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (!is_lower(byte) && !is_upper(byte) && !is_digit(byte) && !is_mark(byte)) {
            return false;
        }
    }
    return text.len > 0 && !span_is(text, ".") && !span_is(text, "..");
}

/* The part before the next `mark`, which is taken off `rest` together with it. */
static struct span next_part(struct span *rest, uint8_t mark)
{
    size_t len = 0;
    while (len < rest->len && rest->data[len] != mark) {
        len++;
    }
    struct span part = span_of(rest->data, len);
    size_t gone = len < rest->len ? len + 1 : len;
    *rest = span_of(rest->data + gone, rest->len - gone);
    return part;
}

bool tls_name_is_spiffe_id(struct span uri)
{
    if (!span_starts(uri, SPIFFE_SCHEME) || uri.data[uri.len - 1] == '/') {
        return false;
    }
    size_t scheme = sizeof(SPIFFE_SCHEME) - 1;
    struct span rest = span_of(uri.data + scheme, uri.len - scheme);
    bool good = is_trust_domain(next_part(&rest, '/'));
    while (good && rest.len > 0) {
        good = is_segment(next_part(&rest, '/'));
    }
    return good;
}

static bool is_label(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        bool edge = i == 0 || i == text.len - 1;
        if (!is_lower(byte) && !is_upper(byte) && !is_digit(byte) && (edge || byte != '-')) {
            return false;
        }
    }
    return text.len > 0 && text.len <= LABEL_MAX;
}

bool tls_name_is_host(struct span name)
{
    if (name.len == 0 || name.len > HOST_MAX || name.data[name.len - 1] == '.') {
        return false;
    }
    bool good = true;
    while (good && name.len > 0) {
        good = is_label(next_part(&name, '.'));
    }
    return good;
}

bool tls_name_is_common_name(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] < ' ' || name.data[i] > '~') {
            return false;
        }
    }
    return name.len > 0 && name.data[0] != ' ' && name.data[name.len - 1] != ' ';
}

/* What the alternative names say; the first DNS name, and the only or the SPIFFE URI. */
struct alternatives {
    char uri[TLS_NAME_MAX];
    struct span spiffe; /* empty: none */
    unsigned uris;
    char host[TLS_NAME_MAX];
    struct span dns;
    bool odd; /* a name that cannot be looked at: nothing here is believed */
};

/* Takes one alternative name; the scheme is compared without case, so that `SPIFFE://` is a bad
 * SPIFFE ID and not some other URI. */
static void take_alternative(struct alternatives *found, int type, struct span value)
{
    if (type == GNUTLS_SAN_URI) {
        size_t scheme = sizeof(SPIFFE_SCHEME) - 1;
        bool spiffe = value.len >= scheme &&
                      strncasecmp((const char *)value.data, SPIFFE_SCHEME, scheme) == 0;
        found->uris++;
        if (spiffe && found->spiffe.len == 0) {
            memcpy(found->uri, value.data, value.len);
            found->spiffe = span_of(found->uri, value.len);
        }
    }
    if (type == GNUTLS_SAN_DNSNAME && found->dns.data == NULL) {
        memcpy(found->host, value.data, value.len);
        found->dns = span_of(found->host, value.len);
    }
}

static void read_alternatives(gnutls_x509_crt_t certificate, struct alternatives *out)
{
    *out = (struct alternatives){0};
    for (unsigned i = 0; i <= NAMES_MAX; i++) {
        char value[TLS_NAME_MAX];
        size_t len = sizeof(value);
        int type = gnutls_x509_crt_get_subject_alt_name(certificate, i, value, &len, NULL);
        if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
            return;
        }
        if (type < 0 || i == NAMES_MAX) {
            out->odd = true;
            return;
        }
        take_alternative(out, type, span_of(value, len));
    }
}

/* DER: the tag of a text type, one byte of length, the bytes. */
static bool read_text_der(const uint8_t *der, size_t len, struct span *out)
{
    static const uint8_t utf8 = 0x0c;
    static const uint8_t printable = 0x13;
    static const uint8_t ia5 = 0x16;
    if (len < 2 || der[1] != len - 2 || der[1] > 0x7f ||
        (der[0] != utf8 && der[0] != printable && der[0] != ia5)) {
        return false;
    }
    *out = span_of(der + 2, len - 2);
    return true;
}

/* The raw form: the readable one escapes characters. */
static bool read_common_name(gnutls_x509_crt_t certificate, char out[TLS_NAME_MAX])
{
    uint8_t der[TLS_NAME_MAX];
    uint8_t second[TLS_NAME_MAX];
    size_t len = sizeof(der);
    size_t second_len = sizeof(second);
    struct span name;
    if (gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 1, der, &len) !=
            0 ||
        gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 1, 1, second,
                                      &second_len) != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE ||
        !read_text_der(der, len, &name) || !tls_name_is_common_name(name)) {
        return false;
    }
    (void)snprintf(out, TLS_NAME_MAX, "cn:%.*s", (int)name.len, (const char *)name.data);
    return true;
}

static bool write_host(struct span host, char out[TLS_NAME_MAX])
{
    int len = snprintf(out, TLS_NAME_MAX, "dns:%.*s", (int)host.len, (const char *)host.data);
    for (char *at = out; *at != '\0'; at++) {
        *at = (char)(is_upper((uint8_t)*at) ? *at - 'A' + 'a' : *at);
    }
    return len < TLS_NAME_MAX;
}

bool tls_name_of(gnutls_x509_crt_t certificate, char out[TLS_NAME_MAX])
{
    struct alternatives found;
    read_alternatives(certificate, &found);
    if (found.odd) {
        return false;
    }
    if (found.spiffe.len > 0) {
        bool good = found.uris == 1 && tls_name_is_spiffe_id(found.spiffe);
        (void)snprintf(out, TLS_NAME_MAX, "%.*s", good ? (int)found.spiffe.len : 0, found.uri);
        return good;
    }
    if (found.dns.data != NULL) {
        return tls_name_is_host(found.dns) && write_host(found.dns, out);
    }
    return read_common_name(certificate, out);
}
