/* config_file: hsmgated.yaml as it stands in the file, before it is checked. */
#ifndef HSMGATE_GATEWAY_CONFIG_FILE_H
#define HSMGATE_GATEWAY_CONFIG_FILE_H

#include "base/buf.h"

/* Absent options are NULL, 0 or false everywhere. */
struct config_file_token {
    char *name;
    char *config;
    unsigned *channels;
    char *operation_timeout;
};

struct config_file_tls {
    char *certificate;
    char *key;
    char *client_ca;
    char *client_crl;
    char *client_certificates;
};

struct config_file_listener {
    char *address;
    struct config_file_tls *tls;
};

struct config_file_claim {
    char *name;
    char *value;
};

struct config_file_issuer {
    char *issuer;
    char **audiences;
    unsigned audiences_count;
    char *jwks_file;
    char *jwks_url;
    char *jwks_ca;
    char **algorithms;
    unsigned algorithms_count;
    char *principal_claim;
    struct config_file_claim *claims;
    unsigned claims_count;
    char *refresh;
    bool people;
};

struct config_file_rate {
    unsigned *per_second;
    unsigned *burst;
};

struct config_file_rate_rule {
    char *pattern;
    unsigned *per_second;
    unsigned *burst;
};

struct config_file_limits {
    struct config_file_rate *principal;
    struct config_file_rate *key;
    struct config_file_rate_rule *principals;
    unsigned principals_count;
    struct config_file_rate_rule *keys;
    unsigned keys_count;
    unsigned *connections_per_address;
    unsigned *token_queue;
};

struct config_file_rotation {
    unsigned *megabytes;
    bool daily;
};

struct config_file_second {
    char *folder;
    char *need;
};

struct config_file_checkpoints {
    char *origin;
    char *every;
    unsigned *records;
    char **copy_files;
    unsigned copy_files_count;
    char **copy_command;
    unsigned copy_command_count;
    char *copy_webhook;
    char *copy_webhook_ca;
};

struct config_file_lint {
    char *age_public;
    char *age_internal;
    char *age_confidential;
    char *age_regulated;
    char **production;
    unsigned production_count;
};

struct config_file_policy {
    char *every;
    char *overlap;
    char *publish_ahead;
    unsigned *max_uses;
    char *mode;
};

struct config_file_schedules {
    char *clock_skew;
    char *look_back;
    struct config_file_policy *class_public;
    struct config_file_policy *class_internal;
    struct config_file_policy *class_confidential;
    struct config_file_policy *class_regulated;
};

struct config_file_events {
    char *webhook;
    char *webhook_ca;
    char *secret_file;
};

struct config_file_quorum {
    char *roster_root;
    char *roster_file;
    char *window;
    char *window_max;
};

struct config_file_mount {
    char *mount;
    char *namespace;
};

struct config_file_vault {
    struct config_file_mount *mounts;
    unsigned mounts_count;
};

struct config_file_aws {
    char *account;
    char *namespace;
};

struct config_file_xks {
    char *prefix;
    char *namespace;
};

struct config_file {
    char *listen;
    struct config_file_listener *listeners;
    unsigned listeners_count;
    char *socket;
    char *database;
    char *audit;
    struct config_file_rotation *audit_rotation;
    struct config_file_second *audit_second;
    struct config_file_checkpoints *checkpoints;
    char *worker;
    char *public_url;
    char **administrators;
    unsigned administrators_count;
    struct config_file_issuer *issuers;
    unsigned issuers_count;
    struct config_file_token *tokens;
    unsigned tokens_count;
    char *default_token;
    struct config_file_limits *limits;
    struct config_file_lint *lint;
    struct config_file_schedules *rotation;
    struct config_file_events *events;
    struct config_file_quorum *quorum;
    struct config_file_vault *vault;
    struct config_file_aws *aws;
    struct config_file_xks *xks;
    char *backups;
    unsigned *io_threads;
    unsigned *request_threads;
    unsigned *connections;
    char *receive_timeout;
    char *request_timeout;
    char *jwks_max_age;
};

/* ERR_CONFIG with `FILE:LINE: option: reason` in `message`. Free with config_file_free. */
MUST_USE struct err config_file_load(const char *path, struct config_file **out,
                                     struct buf *message);
/* Takes NULL. */
void config_file_free(struct config_file *file);

#endif
