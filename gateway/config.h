/* config: hsmgated's configuration file, checked when it is read. */
#ifndef HSMGATE_GATEWAY_CONFIG_H
#define HSMGATE_GATEWAY_CONFIG_H

#include "base/buf.h"

struct config_token {
    const char *name;
    const char *config;   /* the worker's own file */
    unsigned channels;    /* default 16 */
    int64_t operation_ms; /* default 10 000 */
};

struct config {
    const char *listen_host;
    uint16_t listen_port;
    const char *socket_path; /* or NULL */
    const char *database;    /* path of the SQLite file */
    const char *audit_folder;
    const char *worker;     /* path of hsmgate-token; default beside hsmgated */
    const char *public_url; /* issuer base for OIDC discovery, without trailing slash; default
                               http://HOST:PORT */
    const char *const *administrators; /* principals: `token:admin`, `unix:0` */
    size_t administrator_count;
    const struct config_token *tokens;
    size_t token_count;
    const char *default_token; /* name; default the first */
    unsigned io_threads;
    unsigned request_threads;
    unsigned
        calls_max; /* of one token, under way and waiting; 0: no limit, as for one token alone */
    unsigned connections_max;
    int64_t receive_ms;
    int64_t request_ms;
    int64_t jwks_max_age_s;
};

/* Loads and checks. ERR_CONFIG; `message` gets `FILE:LINE: option: reason`, one line per finding.
 * Free with config_free. */
MUST_USE struct err config_load(const char *path, struct config **out, struct buf *message);
void config_free(struct config *config);

#endif
