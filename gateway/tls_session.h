/* tls_session: one connection's TLS: our trust instead of the library's, the client's certificate
 * verified in the handshake and again after a reload, stalled handshakes parked. */
#ifndef HSMGATE_GATEWAY_TLS_SESSION_H
#define HSMGATE_GATEWAY_TLS_SESSION_H

#include "gateway/parking.h"
#include "gateway/tls.h"

struct tls_session;

/* Before the first byte of the handshake. `session` is the library's gnutls_session_t, `who` what
 * `parking` suspends and resumes. From here on all calls come from the connection's I/O thread. */
struct tls_session *tls_session_open(struct tls *tls, struct parking *parking, void *session,
                                     int fd, void *who);
/* When the connection has ended; does not touch the library's session. Takes NULL. */
void tls_session_close(struct tls_session *session);
/* To be asked before each request: whether the client still is who it was and may go on. Verifies
 * again when the trust has changed or the certificate or the CRL came to its end.
 * ERR_UNAUTHENTICATED (counted). */
MUST_USE struct err tls_session_check(struct tls_session *session, int64_t now_ms);
/* The principal of the client certificate, empty without; lives as long as the session. */
struct span tls_session_name(const struct tls_session *session);
/* Sends what fits now, for the last words on a connection. */
void tls_session_send(struct tls_session *session, struct span bytes);

#endif
