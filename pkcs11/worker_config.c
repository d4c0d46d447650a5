/* worker_config: the schema of the worker's file, and the checks that a schema cannot hold.
 *
 * The file names secrets but holds none. Every complaint names file, line, option and reason,
 * because it is read by a person who is setting a token up; the first one found is reported. */
#include "pkcs11/worker_config.h"

#include <string.h>

#include "base/banned.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/yaml.h"

#define TEXT_MAX       4096
#define APPROVALS_MAX  255
#define DESCRIPTOR_MAX 1024

static const cyaml_schema_field_t token_fields[] = {
    CYAML_FIELD_STRING_PTR("label", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct worker_token,
                           label, 1, 32),
    CYAML_FIELD_STRING_PTR("serial", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct worker_token,
                           serial, 1, 16),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t pin_fields[] = {
    CYAML_FIELD_STRING_PTR("file", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct worker_pin,
                           file, 1, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("credential", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                           struct worker_pin, credential, 1, 255),
    CYAML_FIELD_UINT_PTR("descriptor", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct worker_pin,
                         descriptor),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t config_fields[] = {
    CYAML_FIELD_STRING_PTR("module", CYAML_FLAG_POINTER, struct worker_config, module, 1, TEXT_MAX),
    CYAML_FIELD_STRING_PTR("init_args", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                           struct worker_config, init_args, 0, TEXT_MAX),
    CYAML_FIELD_MAPPING("token", CYAML_FLAG_DEFAULT, struct worker_config, token, token_fields),
    CYAML_FIELD_MAPPING("pin", CYAML_FLAG_DEFAULT, struct worker_config, pin, pin_fields),
    CYAML_FIELD_STRING_PTR("latch_dir", CYAML_FLAG_POINTER, struct worker_config, latch_dir, 1,
                           TEXT_MAX),
    CYAML_FIELD_STRING_PTR("roster_root", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                           struct worker_config, roster_root, 0, TEXT_MAX),
    CYAML_FIELD_UINT("approval_floor", CYAML_FLAG_OPTIONAL, struct worker_config, approval_floor),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t config_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct worker_config, config_fields),
};

struct complaint {
    const char *option;
    const char *reason; /* NULL: nothing to complain of */
};

static struct complaint check_pin(const struct worker_pin *pin)
{
    int sources = (pin->file != NULL) + (pin->credential != NULL) + (pin->descriptor != NULL);
    if (sources != 1) {
        return (struct complaint){"pin", "wants exactly one of file, credential and descriptor"};
    }
    if (pin->file != NULL && pin->file[0] != '/') {
        return (struct complaint){"pin.file", "must be an absolute path"};
    }
    if (pin->credential != NULL && strchr(pin->credential, '/') != NULL) {
        return (struct complaint){"pin.credential", "must be a name without '/'"};
    }
    if (pin->descriptor != NULL && *pin->descriptor > DESCRIPTOR_MAX) {
        return (struct complaint){"pin.descriptor", "must be at most 1024"};
    }
    return (struct complaint){0};
}

/* All of it or nothing: a root that is read wrongly would shut the glass for ever. */
static bool is_digest(const char *text)
{
    const size_t digits = (size_t)2 * SHA256_LEN;
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

static struct complaint check(const struct worker_config *config)
{
    if (config->module[0] != '/') {
        return (struct complaint){"module", "must be an absolute path"};
    }
    if ((config->token.label != NULL) == (config->token.serial != NULL)) {
        return (struct complaint){"token", "wants exactly one of label and serial"};
    }
    if (config->latch_dir[0] != '/') {
        return (struct complaint){"latch_dir", "must be an absolute path"};
    }
    if (config->approval_floor == 1 || config->approval_floor > APPROVALS_MAX) {
        return (struct complaint){"approval_floor", "must be 0, or 2 to 255"};
    }
    if (config->roster_root != NULL && !is_digest(config->roster_root)) {
        return (struct complaint){"roster_root", "must be 64 lower-case hex digits (SHA-256)"};
    }
    return check_pin(&config->pin);
}

struct err worker_config_load(const char *path, struct worker_config **out, struct buf *message)
{
    CLEANUP(worker_config_free_at) struct worker_config *config = NULL;
    void *loaded = NULL;
    TRY(yaml_load(path, &config_schema, &loaded, message));
    config = loaded;
    struct complaint complaint = check(config);
    if (complaint.reason != NULL) {
        TRY(buf_printf(message, "%s:%u: %s: %s", path, yaml_line_of(path, complaint.option),
                       complaint.option, complaint.reason));
        return err_new(ERR_CONFIG, __func__, "%s: %s", complaint.option, complaint.reason);
    }
    *out = TAKE(config);
    return err_ok();
}

void worker_config_free(struct worker_config *config)
{
    yaml_free(&config_schema, config);
}

void worker_config_free_at(struct worker_config **config)
{
    worker_config_free(*config);
}
