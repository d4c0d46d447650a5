/* tls_name: the principal that a client certificate names. The chain is somebody else's business:
 * ask only for a certificate that was verified. */
#ifndef HSMGATE_GATEWAY_TLS_NAME_H
#define HSMGATE_GATEWAY_TLS_NAME_H

#include <gnutls/x509.h>
#include <stdbool.h>

#include "base/buf.h"

#define TLS_NAME_MAX 256 /* with the NUL */

/* `spiffe://…` when there is a SPIFFE URI, which must then be the only URI (X.509-SVID §2), else
 * `dns:NAME` of the first DNS name, else `cn:NAME`. False when none of them is there, or the one
 * that counts is not of the shape below or too long: there is no falling through to the next. */
bool tls_name_of(gnutls_x509_crt_t certificate, char out[TLS_NAME_MAX]);

/* SPIFFE ID §2: `spiffe://` a lower-case trust domain, segments of letters, digits, `.`, `-`, `_`,
 * none of them `.` or `..`; no port, user, query, fragment, `%` or slash at the end. */
bool tls_name_is_spiffe_id(struct span uri);
/* Labels of letters, digits and inner hyphens (RFC 1123 §2.1), no wildcard, no dot at the end. */
bool tls_name_is_host(struct span name);
/* Printable ASCII without blanks at its ends. */
bool tls_name_is_common_name(struct span name);

#endif
