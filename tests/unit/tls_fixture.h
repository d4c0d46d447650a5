/* A server with a TLS listener whose files a test makes, and a GnuTLS client. */
#ifndef HSMGATE_TESTS_TLS_FIXTURE_H
#define HSMGATE_TESTS_TLS_FIXTURE_H

#include "server_fixture.h"
#include "tls_pki.h"

#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define CLOSE "Host: h\r\nConnection: close\r\n"

struct tls_fixture {
    struct pki_folder *folder;
    struct made root;
    struct made issuing;
    struct made server_certificate;
    struct made client;
    char paths[4][64];
    struct config_tls tls;
    struct config_listener listener;
    struct fixture *server;
};

/* Files of a usual set-up, CRL without entries; the server is not started. */
static inline struct tls_fixture *tls_fixture_prepare(enum client_certificates demand)
{
    struct tls_fixture *fixture = mem_alloc(sizeof(*fixture));
    fixture->folder = pki_open();
    fixture->root = make_ca("root", NULL);
    fixture->issuing = make_ca("issuing", &fixture->root);
    fixture->server_certificate = make_server(&fixture->issuing);
    fixture->client = make_client(&fixture->issuing, "spiffe://test/client");
    pki_write_certificates(fixture->folder, "server.pem", &fixture->server_certificate,
                           &fixture->issuing);
    pki_write_key(fixture->folder, "server.key", &fixture->server_certificate);
    pki_write_certificates(fixture->folder, "ca.pem", &fixture->root, &fixture->issuing);
    pki_write_crl(fixture->folder, &fixture->issuing, &fixture->issuing, NULL, -DAY, DAY);
    static const char *const names[] = {"server.pem", "server.key", "ca.pem", "crl.pem"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(fixture->paths[i], sizeof(fixture->paths[i]), "%s/%s", fixture->folder->path,
                       names[i]);
    }
    fixture->tls = (struct config_tls){.certificate = fixture->paths[0],
                                       .key = fixture->paths[1],
                                       .client_ca = fixture->paths[2],
                                       .client_crl = fixture->paths[3],
                                       .client_certificates = demand};
    fixture->listener = (struct config_listener){.host = "127.0.0.1", .tls = &fixture->tls};
    return fixture;
}

static inline struct tls_fixture *tls_fixture_open(enum client_certificates demand,
                                                   int64_t receive_ms)
{
    struct tls_fixture *fixture = tls_fixture_prepare(demand);
    struct server_config config = usual_config();
    config.listeners = &fixture->listener;
    config.receive_ms = receive_ms;
    fixture->server = fixture_open(&config);
    return fixture;
}

static inline void tls_fixture_close(struct tls_fixture *fixture)
{
    if (fixture->server != NULL) {
        fixture_close(fixture->server);
    }
    pki_close(fixture->folder);
    made_clear(&fixture->root);
    made_clear(&fixture->issuing);
    made_clear(&fixture->server_certificate);
    made_clear(&fixture->client);
    mem_free(fixture);
}

static inline struct server_status tls_status(const struct tls_fixture *fixture)
{
    struct server_status status;
    server_status(fixture->server->server, &status);
    return status;
}

/* --- client --- */

struct tls_client {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    bool open; /* the handshake was done */
};

/* Connects; `certificate` or NULL, with `issuer` behind it or NULL. */
static inline struct tls_client tls_dial(const struct tls_fixture *fixture, const char *priorities,
                                         const struct made *certificate, const struct made *issuer)
{
    struct tls_client client = {.fd = dial(fixture->server)};
    good(gnutls_init(&client.session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL | GNUTLS_FORCE_CLIENT_CERT));
    good(gnutls_certificate_allocate_credentials(&client.credentials));
    if (certificate != NULL) {
        gnutls_x509_crt_t chain[2] = {certificate->certificate,
                                      issuer != NULL ? issuer->certificate : NULL};
        good(gnutls_certificate_set_x509_key(client.credentials, chain, issuer != NULL ? 2 : 1,
                                             certificate->key));
    }
    good(gnutls_priority_set_direct(client.session, priorities, NULL));
    good(gnutls_credentials_set(client.session, GNUTLS_CRD_CERTIFICATE, client.credentials));
    gnutls_transport_set_int(client.session, client.fd);
    int done = 0;
    do {
        done = gnutls_handshake(client.session);
    } while (done < 0 && !gnutls_error_is_fatal(done) && done != GNUTLS_E_AGAIN);
    client.open = done == 0;
    return client;
}

static inline bool tls_send(struct tls_client *client, const char *text)
{
    return client->open &&
           gnutls_record_send(client->session, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Until `text` stands there, or, with NULL, to the end; what came. Free with mem_free. */
static inline char *tls_read(struct tls_client *client, const char *text)
{
    char *answer = mem_alloc(ANSWER_MAX + 1);
    size_t len = 0;
    while (client->open && (text == NULL || strstr(answer, text) == NULL)) {
        ssize_t got = gnutls_record_recv(client->session, answer + len, ANSWER_MAX - len);
        if (got == GNUTLS_E_INTERRUPTED ||
            (got < 0 && gnutls_error_is_fatal((int)got) == 0 && got != GNUTLS_E_AGAIN)) {
            continue; /* session tickets and such */
        }
        assert_int_not_equal(got, GNUTLS_E_AGAIN); /* too late */
        if (got <= 0) {
            break;
        }
        len += (size_t)got;
        answer[len] = '\0';
    }
    return answer;
}

static inline void tls_hang_up(struct tls_client *client)
{
    gnutls_deinit(client->session);
    gnutls_certificate_free_credentials(client->credentials);
    close(client->fd);
}

/* One request on a connection of its own; empty when the server did not answer. */
static inline char *tls_ask(const struct tls_fixture *fixture, const char *priorities,
                            const struct made *certificate, const struct made *issuer)
{
    struct tls_client client = tls_dial(fixture, priorities, certificate, issuer);
    (void)tls_send(&client, "GET /who HTTP/1.1\r\n" CLOSE "\r\n");
    char *answer = tls_read(&client, NULL);
    tls_hang_up(&client);
    return answer;
}

#endif
