/* The log's part of the configuration: folders, files, checkpoints and where they are copied to;
 * and what lint takes for too old. */
#include <assert.h>
#include <unistd.h>

#include "base/mem.h"
#include "gateway/config_check.h"

#define DEFAULT_FILE_MB    256
#define FILE_MB_MAX        65536
#define DEFAULT_EVERY_S    60
#define EVERY_MAX_S        3600
#define DEFAULT_RECORDS    1000
#define RECORDS_MAX        1000000
#define AGE_MAX_S          (INT64_C(36500) * 86400)
#define AGE_INTERNAL_S     (INT64_C(730) * 86400)
#define AGE_CONFIDENTIAL_S (INT64_C(365) * 86400)
#define AGE_REGULATED_S    (INT64_C(90) * 86400)
#define ORIGIN_MAX         100
#define HOST_MAX           64

static void check_second(struct config_check *check, const struct config_file_second *from,
                         struct config_audit *out)
{
    out->second_folder = from->folder;
    out->need = AUDIT_NEED_ALL;
    config_check_path(check, "audit_second.folder", from->folder);
    if (strcmp(from->folder, out->folder) == 0) {
        config_find(check, "audit_second.folder", "is the folder of `audit`: use another disk");
    }
    if (from->need != NULL && strcmp(from->need, "any") == 0) {
        out->need = AUDIT_NEED_ANY;
    } else if (from->need != NULL && strcmp(from->need, "all") != 0) {
        config_find(check, "audit_second.need", "must be all or any");
    }
}

/* The key's name in a note: no blank, no `+` (C2SP signed-note), and printable. */
static void check_origin(struct config_check *check, const char *origin)
{
    size_t len = strlen(origin);
    bool good = len <= ORIGIN_MAX;
    for (size_t i = 0; i < len; i++) {
        good = good && origin[i] > ' ' && origin[i] < 0x7f && origin[i] != '+';
    }
    if (!good) {
        config_find(check, "checkpoints.origin",
                    "must be %d printable ASCII characters at most, without blank and `+`",
                    ORIGIN_MAX);
    }
}

static const char *default_origin(struct config_loaded *loaded)
{
    char host[HOST_MAX + 1] = "";
    if (gethostname(host, HOST_MAX) != 0 || host[0] == '\0') {
        return "hsmgate";
    }
    return config_keep(loaded, mem_format("hsmgate/%s", host));
}

static void check_checkpoints(struct config_check *check, struct config_loaded *loaded)
{
    static const struct config_file_checkpoints none;
    const struct config_file_checkpoints *from =
        loaded->file->checkpoints != NULL ? loaded->file->checkpoints : &none;
    struct config_audit *out = &loaded->config.audit;
    out->origin = from->origin != NULL ? from->origin : default_origin(loaded);
    check_origin(check, out->origin);
    out->checkpoint_every_s = config_check_duration(check, "checkpoints.every", from->every,
                                                    DEFAULT_EVERY_S, EVERY_MAX_S);
    out->checkpoint_records = config_check_number(check, "checkpoints.records", from->records,
                                                  DEFAULT_RECORDS, RECORDS_MAX);
    out->copy_files = (const char *const *)from->copy_files;
    out->copy_file_count = from->copy_files_count;
    for (size_t i = 0; i < out->copy_file_count; i++) {
        char option[CONFIG_OPTION_MAX];
        config_check_path(check, config_option(option, "checkpoints.copy_files", i, ""),
                          out->copy_files[i]);
    }
    out->copy_command = (const char *const *)from->copy_command;
    out->copy_command_count = from->copy_command_count;
    if (out->copy_command_count > 0) {
        config_check_path(check, "checkpoints.copy_command", out->copy_command[0]);
        if (access(out->copy_command[0], X_OK) != 0) {
            config_find(check, "checkpoints.copy_command", "the program cannot be run");
        }
    }
    out->copy_webhook = from->copy_webhook;
    out->copy_webhook_ca = from->copy_webhook_ca;
    config_check_url(check, "checkpoints.copy_webhook", from->copy_webhook);
    config_check_readable(check, "checkpoints.copy_webhook_ca", from->copy_webhook_ca);
}

void config_check_audit(struct config_check *check, struct config_loaded *loaded)
{
    const struct config_file *file = loaded->file;
    struct config_audit *out = &loaded->config.audit;
    const struct config_file_rotation *rotation = file->audit_rotation;
    out->folder = file->audit;
    config_check_path(check, "audit", file->audit);
    unsigned megabytes = config_check_number(check, "audit_rotation.megabytes",
                                             rotation != NULL ? rotation->megabytes : NULL,
                                             DEFAULT_FILE_MB, FILE_MB_MAX);
    out->file_max = (uint64_t)megabytes << 20;
    out->daily = rotation != NULL && rotation->daily;
    if (file->audit_second != NULL) {
        check_second(check, file->audit_second, out);
    }
    check_checkpoints(check, loaded);
}

void config_check_lint(struct config_check *check, struct config_loaded *loaded)
{
    static const char *const production[] = {"prod", "production"};
    static const struct config_file_lint none;
    const struct config_file_lint *from = loaded->file->lint != NULL ? loaded->file->lint : &none;
    struct config_lint *out = &loaded->config.lint;
    const struct {
        const char *option;
        const char *value;
        int64_t otherwise;
    } ages[] = {{"lint.age_public", from->age_public, 0},
                {"lint.age_internal", from->age_internal, AGE_INTERNAL_S},
                {"lint.age_confidential", from->age_confidential, AGE_CONFIDENTIAL_S},
                {"lint.age_regulated", from->age_regulated, AGE_REGULATED_S}};
    static_assert(ARRAY_LEN(ages) == ARRAY_LEN(out->age_s), "one for each classification");
    for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
        out->age_s[i] = config_check_duration(check, ages[i].option, ages[i].value,
                                              ages[i].otherwise, AGE_MAX_S);
    }
    out->production = production;
    out->production_count = ARRAY_LEN(production);
    if (from->production_count > 0) {
        out->production = (const char *const *)from->production;
        out->production_count = from->production_count;
    }
}
