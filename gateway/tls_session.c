/* One TLS connection inside of libmicrohttpd, which owns the GnuTLS session and runs the handshake.
 *
 * Before the first byte we put our own credentials, verification and transport into the session.
 * Without them the listener's certificate callback fails every handshake: closed by default. While
 * the handshake is not done, a read or write that would block parks the connection (parking.h).
 * Nobody locks: everything here runs in the connection's I/O thread, or between suspend and resume
 * not at all. At the end the library's session is gone before we hear of it. */
#include "gateway/tls_session.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/tls_peer.h"

#define PIECES_MAX 16

struct tls_session {
    struct tls *tls;
    struct tls_trust *trust; /* the one that the session has and the client was verified with */
    gnutls_session_t gnutls;
    struct parking *parking;
    struct parking_place place;
    struct tls_peer peer;
    bool started;  /* the client sent something */
    bool done;     /* its last message of the handshake has come */
    bool verified; /* peer holds */
    bool refused;  /* counted */
};

static void refuse(struct tls_session *session, enum tls_refusal why)
{
    tls_count_refusal(session->tls, why);
    session->refused = true;
    session->verified = false;
    log_debug("tls", "refused: %s", tls_refusal_name(why));
}

/* --- transport --- */

/* Whether the handshake still does: a connection that the library is about to close must not be
 * suspended, not even by our own alert. */
static bool goes_on(const struct tls_session *session)
{
    return !session->done && !session->refused;
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *out, size_t len)
{
    struct tls_session *session = pointer;
    ssize_t got = recv(session->place.fd, out, len, 0);
    int reason = errno;
    session->started = session->started || got > 0;
    if (got < 0 && reason == EAGAIN && goes_on(session)) {
        parking_wait_readable(session->parking, &session->place);
    }
    errno = reason;
    return got;
}

static ssize_t push(gnutls_transport_ptr_t pointer, const giovec_t *pieces, int count)
{
    struct tls_session *session = pointer;
    struct iovec copies[PIECES_MAX];
    size_t used = 0;
    for (; used < (size_t)count && used < PIECES_MAX; used++) {
        copies[used] = (struct iovec){pieces[used].iov_base, pieces[used].iov_len};
    }
    struct msghdr message = {.msg_iov = copies, .msg_iovlen = used};
    ssize_t sent = sendmsg(session->place.fd, &message, MSG_NOSIGNAL);
    int reason = errno;
    if (sent < 0 && reason == EAGAIN && goes_on(session)) {
        parking_wait_writable(session->parking, &session->place);
    }
    errno = reason;
    return sent;
}

/* --- handshake --- */

static gnutls_alert_description_t alert_of(enum tls_refusal why)
{
    switch ((int)why) {
    case TLS_NO_CERTIFICATE:
        return GNUTLS_A_CERTIFICATE_REQUIRED;
    case TLS_UNKNOWN_CA:
        return GNUTLS_A_UNKNOWN_CA;
    case TLS_EXPIRED:
        return GNUTLS_A_CERTIFICATE_EXPIRED;
    case TLS_REVOKED:
        return GNUTLS_A_CERTIFICATE_REVOKED;
    default:
        return GNUTLS_A_BAD_CERTIFICATE;
    }
}

/* GnuTLS calls it with the client's certificate message, an empty one too. */
static int verify(gnutls_session_t gnutls)
{
    struct tls_session *session = gnutls_transport_get_ptr(gnutls);
    enum tls_refusal why = TLS_OTHER;
    session->verified = tls_peer_check(gnutls, session->trust, tls_demand(session->tls),
                                       clock_wall_ms(), &session->peer, &why);
    if (session->verified) {
        return 0;
    }
    refuse(session, why);
    (void)gnutls_alert_send(gnutls, GNUTLS_AL_FATAL, alert_of(why));
    return GNUTLS_E_CERTIFICATE_ERROR;
}

/* The client's Finished is the last thing that the handshake reads, in TLS 1.2 and 1.3. */
static int on_finished(gnutls_session_t gnutls, unsigned type, unsigned when, unsigned incoming,
                       const gnutls_datum_t *message)
{
    (void)type;
    (void)when;
    (void)message;
    struct tls_session *session = gnutls_transport_get_ptr(gnutls);
    if (incoming != 0 && !session->done) {
        session->done = true;
        tls_count_handshake(session->tls);
    }
    return 0;
}

static gnutls_certificate_request_t request_of(enum client_certificates demand)
{
    /* what is required and missing is refused in verify(), which counts */
    return demand == CLIENT_CERTIFICATES_NONE ? GNUTLS_CERT_IGNORE : GNUTLS_CERT_REQUEST;
}

struct tls_session *tls_session_open(struct tls *tls, struct parking *parking, void *gnutls, int fd,
                                     void *who)
{
    struct tls_session *session = mem_alloc(sizeof(*session));
    session->tls = tls;
    session->trust = tls_current(tls);
    session->gnutls = gnutls;
    session->parking = parking;
    session->place.fd = fd;
    session->place.who = who;
    (void)gnutls_credentials_set(session->gnutls, GNUTLS_CRD_CERTIFICATE,
                                 session->trust->credentials);
    gnutls_certificate_server_set_request(session->gnutls, request_of(tls_demand(tls)));
    gnutls_session_set_verify_function(session->gnutls, verify);
    gnutls_handshake_set_hook_function(session->gnutls, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST,
                                       on_finished);
    gnutls_transport_set_ptr(session->gnutls, session);
    gnutls_transport_set_pull_function(session->gnutls, pull);
    gnutls_transport_set_vec_push_function(session->gnutls, push);
    return session;
}

void tls_session_close(struct tls_session *session)
{
    if (session == NULL) {
        return;
    }
    if (session->started && !session->done && !session->refused) {
        tls_count_refusal(session->tls, TLS_HANDSHAKE);
    }
    tls_trust_drop(session->trust);
    mem_free(session);
}

/* --- requests --- */

/* Puts what holds now into the session. */
static void renew(struct tls_session *session)
{
    struct tls_trust *fresh = tls_current(session->tls);
    (void)gnutls_credentials_set(session->gnutls, GNUTLS_CRD_CERTIFICATE, fresh->credentials);
    tls_trust_drop(session->trust);
    session->trust = fresh;
    session->verified = false;
}

static bool still_holds(const struct tls_session *session, int64_t now_ms)
{
    bool crl_expired = session->peer.name[0] != '\0' && session->trust->crl_ends_ms > 0 &&
                       now_ms >= session->trust->crl_ends_ms;
    return session->verified && now_ms < session->peer.ends_ms && !crl_expired;
}

struct err tls_session_check(struct tls_session *session, int64_t now_ms)
{
    if (session->trust->generation != tls_generation(session->tls)) {
        renew(session);
    }
    if (still_holds(session, now_ms)) {
        return err_ok();
    }
    enum tls_refusal why = TLS_OTHER;
    session->verified = tls_peer_check(session->gnutls, session->trust, tls_demand(session->tls),
                                       now_ms, &session->peer, &why);
    if (!session->verified) {
        refuse(session, why);
    }
    ENSURE(session->verified, ERR_UNAUTHENTICATED,
           "The client certificate is no longer accepted (%s).", tls_refusal_name(why));
    return err_ok();
}

struct span tls_session_name(const struct tls_session *session)
{
    return span_text(session->peer.name);
}

void tls_session_send(struct tls_session *session, struct span bytes)
{
    (void)gnutls_record_send(session->gnutls, bytes.data, bytes.len);
}
