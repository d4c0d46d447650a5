/* The schema of hsmgated.yaml: names, kinds and which options must be there. What an option may
 * say is checked in config.c and its neighbours, where all findings come out together. */
#include "gateway/config_file.h"

#include "base/mem.h"
#include "base/yaml.h"

#define TEXT_MAX 4096
#define LIST_MAX 64
#define RULE_MAX 1024

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(structure, member) \
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER, structure, member, 1, TEXT_MAX)
#define OPTIONAL_TEXT(structure, member) \
    CYAML_FIELD_STRING_PTR(#member, OPTIONAL, structure, member, 1, TEXT_MAX)
#define OPTIONAL_NUMBER(structure, member) \
    CYAML_FIELD_UINT_PTR(#member, OPTIONAL, structure, member)
#define OPTIONAL_FLAG(structure, member) \
    CYAML_FIELD_BOOL(#member, CYAML_FLAG_OPTIONAL, structure, member)
#define OPTIONAL_LIST(structure, member, schema, most) \
    CYAML_FIELD_SEQUENCE(#member, OPTIONAL, structure, member, schema, 0, most)
#define OPTIONAL_PART(structure, member, fields) \
    CYAML_FIELD_MAPPING_PTR(#member, OPTIONAL, structure, member, fields)

static const cyaml_schema_value_t text_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX),
};

/* --- tokens and listeners --- */

static const cyaml_schema_field_t token_fields[] = {
    TEXT(struct config_file_token, name),
    TEXT(struct config_file_token, config),
    OPTIONAL_NUMBER(struct config_file_token, channels),
    OPTIONAL_TEXT(struct config_file_token, operation_timeout),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t token_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_file_token, token_fields),
};

static const cyaml_schema_field_t tls_fields[] = {
    TEXT(struct config_file_tls, certificate),
    TEXT(struct config_file_tls, key),
    OPTIONAL_TEXT(struct config_file_tls, client_ca),
    OPTIONAL_TEXT(struct config_file_tls, client_crl),
    OPTIONAL_TEXT(struct config_file_tls, client_certificates),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t listener_fields[] = {
    TEXT(struct config_file_listener, address),
    OPTIONAL_PART(struct config_file_listener, tls, tls_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t listener_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_file_listener, listener_fields),
};

/* --- identities --- */

static const cyaml_schema_field_t claim_fields[] = {
    TEXT(struct config_file_claim, name),
    TEXT(struct config_file_claim, value),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t claim_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_file_claim, claim_fields),
};

static const cyaml_schema_field_t issuer_fields[] = {
    TEXT(struct config_file_issuer, issuer),
    CYAML_FIELD_SEQUENCE("audiences", CYAML_FLAG_POINTER, struct config_file_issuer, audiences,
                         &text_schema, 1, LIST_MAX),
    OPTIONAL_TEXT(struct config_file_issuer, jwks_file),
    OPTIONAL_TEXT(struct config_file_issuer, jwks_url),
    OPTIONAL_TEXT(struct config_file_issuer, jwks_ca),
    OPTIONAL_LIST(struct config_file_issuer, algorithms, &text_schema, LIST_MAX),
    OPTIONAL_TEXT(struct config_file_issuer, principal_claim),
    OPTIONAL_LIST(struct config_file_issuer, claims, &claim_schema, LIST_MAX),
    OPTIONAL_TEXT(struct config_file_issuer, refresh),
    OPTIONAL_FLAG(struct config_file_issuer, people),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t issuer_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_file_issuer, issuer_fields),
};

/* --- limits --- */

static const cyaml_schema_field_t rate_fields[] = {
    OPTIONAL_NUMBER(struct config_file_rate, per_second),
    OPTIONAL_NUMBER(struct config_file_rate, burst),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t rule_fields[] = {
    TEXT(struct config_file_rate_rule, pattern),
    OPTIONAL_NUMBER(struct config_file_rate_rule, per_second),
    OPTIONAL_NUMBER(struct config_file_rate_rule, burst),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t rule_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_file_rate_rule, rule_fields),
};

static const cyaml_schema_field_t limits_fields[] = {
    OPTIONAL_PART(struct config_file_limits, principal, rate_fields),
    OPTIONAL_PART(struct config_file_limits, key, rate_fields),
    OPTIONAL_LIST(struct config_file_limits, principals, &rule_schema, RULE_MAX),
    OPTIONAL_LIST(struct config_file_limits, keys, &rule_schema, RULE_MAX),
    OPTIONAL_NUMBER(struct config_file_limits, connections_per_address),
    OPTIONAL_NUMBER(struct config_file_limits, token_queue),
    CYAML_FIELD_END,
};

/* --- audit and lint --- */

static const cyaml_schema_field_t rotation_fields[] = {
    OPTIONAL_NUMBER(struct config_file_rotation, megabytes),
    OPTIONAL_FLAG(struct config_file_rotation, daily),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t second_fields[] = {
    TEXT(struct config_file_second, folder),
    OPTIONAL_TEXT(struct config_file_second, need),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t checkpoint_fields[] = {
    OPTIONAL_TEXT(struct config_file_checkpoints, origin),
    OPTIONAL_TEXT(struct config_file_checkpoints, every),
    OPTIONAL_NUMBER(struct config_file_checkpoints, records),
    OPTIONAL_LIST(struct config_file_checkpoints, copy_files, &text_schema, LIST_MAX),
    OPTIONAL_LIST(struct config_file_checkpoints, copy_command, &text_schema, LIST_MAX),
    OPTIONAL_TEXT(struct config_file_checkpoints, copy_webhook),
    OPTIONAL_TEXT(struct config_file_checkpoints, copy_webhook_ca),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t lint_fields[] = {
    OPTIONAL_TEXT(struct config_file_lint, age_public),
    OPTIONAL_TEXT(struct config_file_lint, age_internal),
    OPTIONAL_TEXT(struct config_file_lint, age_confidential),
    OPTIONAL_TEXT(struct config_file_lint, age_regulated),
    OPTIONAL_LIST(struct config_file_lint, production, &text_schema, LIST_MAX),
    CYAML_FIELD_END,
};

/* --- rotation --- */

static const cyaml_schema_field_t policy_fields[] = {
    OPTIONAL_TEXT(struct config_file_policy, every),
    OPTIONAL_TEXT(struct config_file_policy, overlap),
    OPTIONAL_TEXT(struct config_file_policy, publish_ahead),
    OPTIONAL_NUMBER(struct config_file_policy, max_uses),
    OPTIONAL_TEXT(struct config_file_policy, mode),
    CYAML_FIELD_END,
};

#define OPTIONAL_POLICY(name, member) \
    CYAML_FIELD_MAPPING_PTR(name, OPTIONAL, struct config_file_schedules, member, policy_fields)

static const cyaml_schema_field_t schedules_fields[] = {
    OPTIONAL_TEXT(struct config_file_schedules, clock_skew),
    OPTIONAL_TEXT(struct config_file_schedules, look_back),
    OPTIONAL_POLICY("public", class_public),
    OPTIONAL_POLICY("internal", class_internal),
    OPTIONAL_POLICY("confidential", class_confidential),
    OPTIONAL_POLICY("regulated", class_regulated),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t events_fields[] = {
    TEXT(struct config_file_events, webhook),
    OPTIONAL_TEXT(struct config_file_events, webhook_ca),
    OPTIONAL_TEXT(struct config_file_events, secret_file),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t quorum_fields[] = {
    TEXT(struct config_file_quorum, roster_root),
    OPTIONAL_TEXT(struct config_file_quorum, roster_file),
    OPTIONAL_TEXT(struct config_file_quorum, window),
    OPTIONAL_TEXT(struct config_file_quorum, window_max),
    CYAML_FIELD_END,
};

/* --- dialects --- */

static const cyaml_schema_field_t mount_fields[] = {
    TEXT(struct config_file_mount, mount),
    TEXT(struct config_file_mount, namespace),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t mount_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_file_mount, mount_fields),
};

static const cyaml_schema_field_t vault_fields[] = {
    CYAML_FIELD_SEQUENCE("mounts", CYAML_FLAG_POINTER, struct config_file_vault, mounts,
                         &mount_schema, 1, LIST_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t aws_fields[] = {
    TEXT(struct config_file_aws, account),
    OPTIONAL_TEXT(struct config_file_aws, namespace),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t xks_fields[] = {
    OPTIONAL_TEXT(struct config_file_xks, prefix),
    TEXT(struct config_file_xks, namespace),
    CYAML_FIELD_END,
};

/* --- the file --- */

static const cyaml_schema_field_t file_fields[] = {
    OPTIONAL_TEXT(struct config_file, listen),
    OPTIONAL_LIST(struct config_file, listeners, &listener_schema, LIST_MAX),
    OPTIONAL_TEXT(struct config_file, socket),
    TEXT(struct config_file, database),
    TEXT(struct config_file, audit),
    OPTIONAL_PART(struct config_file, audit_rotation, rotation_fields),
    OPTIONAL_PART(struct config_file, audit_second, second_fields),
    OPTIONAL_PART(struct config_file, checkpoints, checkpoint_fields),
    OPTIONAL_TEXT(struct config_file, worker),
    OPTIONAL_TEXT(struct config_file, public_url),
    OPTIONAL_LIST(struct config_file, administrators, &text_schema, LIST_MAX),
    OPTIONAL_LIST(struct config_file, issuers, &issuer_schema, LIST_MAX),
    CYAML_FIELD_SEQUENCE("tokens", CYAML_FLAG_POINTER, struct config_file, tokens, &token_schema, 1,
                         LIST_MAX),
    OPTIONAL_TEXT(struct config_file, default_token),
    OPTIONAL_PART(struct config_file, limits, limits_fields),
    OPTIONAL_PART(struct config_file, lint, lint_fields),
    OPTIONAL_PART(struct config_file, rotation, schedules_fields),
    OPTIONAL_PART(struct config_file, events, events_fields),
    OPTIONAL_PART(struct config_file, quorum, quorum_fields),
    OPTIONAL_PART(struct config_file, vault, vault_fields),
    OPTIONAL_PART(struct config_file, aws, aws_fields),
    OPTIONAL_PART(struct config_file, xks, xks_fields),
    OPTIONAL_TEXT(struct config_file, backups),
    OPTIONAL_NUMBER(struct config_file, io_threads),
    OPTIONAL_NUMBER(struct config_file, request_threads),
    OPTIONAL_NUMBER(struct config_file, connections),
    OPTIONAL_TEXT(struct config_file, receive_timeout),
    OPTIONAL_TEXT(struct config_file, request_timeout),
    OPTIONAL_TEXT(struct config_file, jwks_max_age),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config_file, file_fields),
};

struct err config_file_load(const char *path, struct config_file **out, struct buf *message)
{
    void *loaded = NULL;
    TRY(yaml_load(path, &file_schema, &loaded, message));
    *out = loaded;
    return err_ok();
}

void config_file_free(struct config_file *file)
{
    yaml_free(&file_schema, file);
}
