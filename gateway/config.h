/* config: hsmgated's configuration file, checked when it is read. */
#ifndef HSMGATE_GATEWAY_CONFIG_H
#define HSMGATE_GATEWAY_CONFIG_H

#include "rotation/rotation.h"

struct config_token {
    const char *name;
    const char *config;   /* the worker's own file */
    unsigned channels;    /* default 16 */
    int64_t operation_ms; /* default 10 000 */
};

enum client_certificates {
    CLIENT_CERTIFICATES_OPTIONAL, /* checked when sent; the default */
    CLIENT_CERTIFICATES_REQUIRED,
    CLIENT_CERTIFICATES_NONE /* not asked for */
};

/* PEM files, read again on SIGHUP and when they change. */
struct config_tls {
    const char *certificate; /* chain, leaf first */
    const char *key;
    const char *client_ca;  /* or NULL, with CLIENT_CERTIFICATES_NONE */
    const char *client_crl; /* or NULL */
    enum client_certificates client_certificates;
};

struct config_listener {
    const char *host;
    uint16_t port;
    const struct config_tls *tls; /* NULL: plain, a loopback address */
};

struct config_claim {
    const char *name;
    const char *value;
};

/* Whose JWTs name callers (OpenID Connect Core §2, RFC 8725). */
struct config_issuer {
    const char *issuer;           /* exactly as in `iss` */
    const char *const *audiences; /* one of them must be in `aud` */
    size_t audience_count;
    const char *jwks_file;         /* one of the two */
    const char *jwks_url;          /* https, or http on loopback */
    const char *jwks_ca;           /* PEM, for the URL; NULL: the system's */
    const char *const *algorithms; /* JWS `alg`; never `none`, never HMAC */
    size_t algorithm_count;
    const char *principal_claim;       /* what follows `#`; default sub */
    const struct config_claim *claims; /* must be there with these values */
    size_t claim_count;
    int64_t refresh_s; /* how often the set is read again; default 5m */
    bool people;       /* its subjects are people, not workloads: for lint */
};

struct config_rate {
    unsigned per_second; /* 0: no limit */
    unsigned burst;
};
/* The first one whose pattern matches holds; `*` one segment, `**` the rest for keys; exact, or a
 * prefix that ends in `*`, for principals. */
struct config_rate_rule {
    const char *pattern;
    struct config_rate rate;
};

struct config_limits {
    struct config_rate principal; /* for principals that no rule names */
    struct config_rate key;
    const struct config_rate_rule *principals;
    size_t principal_count;
    const struct config_rate_rule *keys;
    size_t key_count;
    unsigned connections_per_address; /* 0: no limit */
    unsigned token_queue; /* requests that may wait for a channel of one token, besides those that
                             hold one; more: 503 at once. 0: as many as the token has channels */
};

struct config_audit {
    const char *folder;
    const char *second_folder; /* or NULL */
    enum audit_need need;
    uint64_t file_max;
    bool daily;
    /* checkpoints */
    const char *origin;            /* name in notes; default the host's name */
    int64_t checkpoint_every_s;    /* default 60 */
    uint64_t checkpoint_records;   /* default 1000 */
    const char *const *copy_files; /* paths elsewhere, replaced whole */
    size_t copy_file_count;
    const char *const *copy_command; /* argv, the note on its standard input; or NULL */
    size_t copy_command_count;
    const char *copy_webhook;    /* POSTed to; https, or http on loopback; or NULL */
    const char *copy_webhook_ca; /* PEM; NULL: the system's */
};

/* What lint takes for too old or too long. */
struct config_lint {
    int64_t age_s[4];              /* largest age of a primary by classification; 0: none */
    const char *const *production; /* a namespace with such a segment is production; default prod,
                                      production */
    size_t production_count;
};

/* What keys get whose maker says nothing, and what holds for all. */
struct config_rotation {
    struct rotation_policy defaults[CLASS_COUNT]; /* by classification */
    struct rotation_rules rules;
};

/* Who is told when a version moves, or cannot. */
struct config_events {
    const char *webhook;     /* POSTed to; https, or http on loopback; NULL: nobody */
    const char *webhook_ca;  /* PEM; NULL: the system's */
    const char *secret_file; /* its bytes sign each message; NULL: unsigned */
};

/* Break-glass: whose word counts, and for how long one may ask. */
struct config_quorum {
    bool has_root;
    uint8_t root[SHA256_LEN]; /* digest of the first roster */
    const char *roster_file;  /* the first roster, put into a store that has none; or NULL */
    int64_t window_s;         /* of requests that name none; default 1h */
    int64_t window_max_s;     /* default 7d */
};

/* A path under which clients of Vault find the keys of one namespace. */
struct config_mount {
    const char *mount;     /* `transit`, or several segments */
    const char *namespace; /* of keys */
};

/* AWS KMS's API, as if in one account. */
struct config_aws {
    const char *account;   /* 12 digits; NULL: it is not served */
    const char *namespace; /* of keys that are made through it; default kms */
};

/* AWS KMS's external key store. */
struct config_xks {
    const char *prefix;    /* before /kms/xks/v1/; NULL: it is not served */
    const char *namespace; /* of keys; an external key id is the last segment */
};

struct config {
    const struct config_listener *listeners; /* at least one */
    size_t listener_count;
    const char *socket_path; /* or NULL */
    const char *database;    /* path of the SQLite file */
    struct config_audit audit;
    const char *worker;     /* path of hsmgate-token; default beside hsmgated */
    const char *public_url; /* issuer base for OIDC discovery, without trailing slash; default
                               http://HOST:PORT */
    const char *const *administrators; /* principals: `token:admin`, `unix:0`, `spiffe://…` */
    size_t administrator_count;
    const struct config_issuer *issuers;
    size_t issuer_count;
    struct config_limits limits;
    struct config_lint lint;
    struct config_rotation rotation;
    struct config_events events;
    struct config_quorum quorum;
    const struct config_mount *vault_mounts;
    size_t vault_mount_count; /* 0: Vault's API is not served */
    struct config_aws aws;
    struct config_xks xks;
    const char *backups; /* folder; NULL: backups are not served */
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

/* Whether a path of the native API begins with /v1/SEGMENT (or with a verb behind it). */
bool config_is_native(struct span segment);

#endif
