/* The schema of hsmgated.yaml: names, kinds and which options must be there. What an option may
 * say is checked in config.c, where all findings come out together. */
#include "gateway/config_file.h"

#include "base/mem.h"
#include "base/yaml.h"

#define TEXT_MAX           4096
#define TOKENS_MAX         64
#define ADMINISTRATORS_MAX 64

#define TEXT(name, structure, member) \
    CYAML_FIELD_STRING_PTR(name, CYAML_FLAG_POINTER, structure, member, 1, TEXT_MAX)
#define OPTIONAL_TEXT(name, structure, member)                                                   \
    CYAML_FIELD_STRING_PTR(name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member, 1, \
                           TEXT_MAX)
#define OPTIONAL_NUMBER(name, structure, member) \
    CYAML_FIELD_UINT_PTR(name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, structure, member)

static const cyaml_schema_field_t token_fields[] = {
    TEXT("name", struct config_file_token, name),
    TEXT("config", struct config_file_token, config),
    OPTIONAL_NUMBER("channels", struct config_file_token, channels),
    OPTIONAL_TEXT("operation_timeout", struct config_file_token, operation_timeout),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t token_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_file_token, token_fields),
};

static const cyaml_schema_value_t principal_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 256),
};

static const cyaml_schema_field_t file_fields[] = {
    OPTIONAL_TEXT("listen", struct config_file, listen),
    OPTIONAL_TEXT("socket", struct config_file, socket),
    TEXT("database", struct config_file, database),
    TEXT("audit", struct config_file, audit),
    OPTIONAL_TEXT("worker", struct config_file, worker),
    OPTIONAL_TEXT("public_url", struct config_file, public_url),
    CYAML_FIELD_SEQUENCE("administrators", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct config_file, administrators, &principal_schema, 0,
                         ADMINISTRATORS_MAX),
    CYAML_FIELD_SEQUENCE("tokens", CYAML_FLAG_POINTER, struct config_file, tokens, &token_schema, 1,
                         TOKENS_MAX),
    OPTIONAL_TEXT("default_token", struct config_file, default_token),
    OPTIONAL_NUMBER("io_threads", struct config_file, io_threads),
    OPTIONAL_NUMBER("request_threads", struct config_file, request_threads),
    OPTIONAL_NUMBER("connections", struct config_file, connections),
    OPTIONAL_TEXT("receive_timeout", struct config_file, receive_timeout),
    OPTIONAL_TEXT("request_timeout", struct config_file, request_timeout),
    OPTIONAL_TEXT("jwks_max_age", struct config_file, jwks_max_age),
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
