/* Where other wire formats find keys. A mount must not hide a path of the native API. */
#include "base/mem.h"
#include "base/name.h"
#include "gateway/config_check.h"

#define NATIVE_ROOT "/v1"

/* First segments under /v1/ that are taken. */
static const char *const taken[] = {
    "keys",  "random", "rotation", "break-glass", "roster", "auth",    "grants", "authorize",
    "audit", "lint",   "tokens",   "backups",     "clock",  "version", "sys",    "openapi.json"};

bool config_is_native(struct span segment)
{
    const uint8_t *colon = segment.len > 0 ? memchr(segment.data, ':', segment.len) : NULL;
    segment.len = colon != NULL ? (size_t)(colon - segment.data) : segment.len;
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        if (span_is(segment, taken[i])) {
            return true;
        }
    }
    return false;
}

static bool is_taken(struct span mount)
{
    size_t len = 0;
    while (len < mount.len && mount.data[len] != '/') {
        len++;
    }
    return config_is_native(span_of(mount.data, len));
}

static void check_mount(struct config_check *check, size_t index,
                        const struct config_file_mount *from, struct config_mount *out)
{
    char option[CONFIG_OPTION_MAX];
    *out = (struct config_mount){.mount = from->mount, .namespace = from->namespace};
    if (name_check_namespace(span_text(from->mount)).code != ERR_OK) {
        config_find(check, config_option(option, "vault.mounts", index, "mount"),
                    "must be a path such as transit, with segments like those of a key's name");
    } else if (is_taken(span_text(from->mount))) {
        config_find(check, config_option(option, "vault.mounts", index, "mount"),
                    "must not begin with a path of the native API");
    }
    if (name_check_namespace(span_text(from->namespace)).code != ERR_OK ||
        strlen(from->namespace) > NAME_MAX_LEN - 2) {
        config_find(check, config_option(option, "vault.mounts", index, "namespace"),
                    "must be the namespace of keys, such as payments/prod");
    }
}

static bool is_inside(const char *inner, const char *outer)
{
    size_t len = strlen(outer);
    return strncmp(inner, outer, len) == 0 && (inner[len] == '\0' || inner[len] == '/');
}

static void check_apart(struct config_check *check, const struct config_mount *mounts, size_t count)
{
    char option[CONFIG_OPTION_MAX];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (i != j && is_inside(mounts[i].mount, mounts[j].mount)) {
                config_find(check, config_option(option, "vault.mounts", i, "mount"),
                            "must not be another mount, nor under one");
                return;
            }
        }
    }
}

static void check_aws(struct config_check *check, struct config_loaded *loaded)
{
    const struct config_file_aws *from = loaded->file->aws;
    if (from == NULL) {
        return;
    }
    if (strlen(from->account) != 12 || strspn(from->account, "0123456789") != 12) {
        config_find(check, "aws.account", "must be 12 digits, in quotes");
    }
    loaded->config.aws.account = from->account;
    loaded->config.aws.namespace = from->namespace != NULL ? from->namespace : "kms";
    if (name_check_namespace(span_text(loaded->config.aws.namespace)).code != ERR_OK) {
        config_find(check, "aws.namespace", "must be a namespace of keys, such as kms");
    }
}

/* Under /v1/ the other formats are at home. */
static bool is_native_path(const char *prefix)
{
    return strcmp(prefix, NATIVE_ROOT) == 0 ||
           strncmp(prefix, NATIVE_ROOT "/", sizeof(NATIVE_ROOT)) == 0;
}

static bool is_prefix(const char *prefix)
{
    size_t len = strlen(prefix);
    return len == 0 ||
           (prefix[0] == '/' && name_check_namespace(span_text(prefix + 1)).code == ERR_OK);
}

static void check_xks(struct config_check *check, struct config_loaded *loaded)
{
    const struct config_file_xks *from = loaded->file->xks;
    if (from == NULL) {
        return;
    }
    loaded->config.xks.prefix = from->prefix != NULL ? from->prefix : "";
    loaded->config.xks.namespace = from->namespace;
    if (!is_prefix(loaded->config.xks.prefix)) {
        config_find(check, "xks.prefix",
                    "must be a path such as /prod, without a slash at the end");
    } else if (is_native_path(loaded->config.xks.prefix)) {
        config_find(check, "xks.prefix", "must not begin with /v1, where the native API is");
    }
    if (name_check_namespace(span_text(from->namespace)).code != ERR_OK) {
        config_find(check, "xks.namespace", "must be a namespace of keys, such as xks");
    }
}

static void check_vault(struct config_check *check, struct config_loaded *loaded)
{
    const struct config_file_vault *from = loaded->file->vault;
    if (from == NULL) {
        return;
    }
    loaded->mounts = mem_array(from->mounts_count, sizeof(*loaded->mounts));
    for (unsigned i = 0; i < from->mounts_count; i++) {
        check_mount(check, i, &from->mounts[i], &loaded->mounts[i]);
    }
    check_apart(check, loaded->mounts, from->mounts_count);
    loaded->config.vault_mounts = loaded->mounts;
    loaded->config.vault_mount_count = from->mounts_count;
}

void config_check_dialects(struct config_check *check, struct config_loaded *loaded)
{
    check_vault(check, loaded);
    check_aws(check, loaded);
    check_xks(check, loaded);
}
