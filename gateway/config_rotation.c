/* Rotation's part of the configuration: what keys of each classification get by default, what holds
 * for all, who is told, and where backups go. */
#include <string.h>

#include "base/banned.h"
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/config_check.h"

#define DEFAULT_SKEW_S ((int64_t)60)
#define SKEW_MAX_S     ((int64_t)3600)
#define DEFAULT_BACK_S (INT64_C(30) * 86400)
#define DURATION_MAX_S (INT64_C(36500) * 86400)
#define USES_MAX       0x7fffffffu
#define WINDOW_S       ((int64_t)3600)
#define WINDOW_MAX_S   (INT64_C(7) * 86400)
#define WINDOW_MOST_S  (INT64_C(28) * 86400) /* a permission to destroy lasts 30 days */

static enum rotation_mode check_mode(struct config_check *check, const char *list,
                                     const struct config_file_policy *from)
{
    char option[CONFIG_OPTION_MAX];
    (void)snprintf(option, sizeof(option), "%s.mode", list);
    if (from->mode == NULL) {
        return from->every != NULL ? ROTATION_AUTOMATIC : ROTATION_MANUAL;
    }
    if (strcmp(from->mode, "automatic") == 0) {
        return ROTATION_AUTOMATIC;
    }
    if (strcmp(from->mode, "manual") != 0) {
        config_find(check, option, "must be automatic or manual");
    }
    return ROTATION_MANUAL;
}

static int64_t check_duration(struct config_check *check, const char *list, const char *member,
                              const char *value)
{
    char option[CONFIG_OPTION_MAX];
    (void)snprintf(option, sizeof(option), "%s.%s", list, member);
    return config_check_duration(check, option, value, 0, DURATION_MAX_S);
}

static void check_policy(struct config_check *check, const char *list,
                         const struct config_file_policy *from, struct rotation_policy *out)
{
    char option[CONFIG_OPTION_MAX];
    if (from == NULL) {
        return;
    }
    (void)snprintf(option, sizeof(option), "%s.max_uses", list);
    *out = (struct rotation_policy){
        .every = check_duration(check, list, "every", from->every),
        .overlap = check_duration(check, list, "overlap", from->overlap),
        .publish_ahead = check_duration(check, list, "publish_ahead", from->publish_ahead),
        .max_uses = config_check_number(check, option, from->max_uses, 0, USES_MAX),
        .mode = check_mode(check, list, from)};
    if (out->every != 0 && out->publish_ahead >= out->every) {
        config_find(check, list, "publish_ahead must be shorter than every");
    }
}

static void check_events(struct config_check *check, const struct config_file *file,
                         struct config_events *out)
{
    if (file->events == NULL) {
        return;
    }
    *out = (struct config_events){.webhook = file->events->webhook,
                                  .webhook_ca = file->events->webhook_ca,
                                  .secret_file = file->events->secret_file};
    config_check_url(check, "events.webhook", out->webhook);
    config_check_readable(check, "events.webhook_ca", out->webhook_ca);
    config_check_readable(check, "events.secret_file", out->secret_file);
}

static void check_quorum(struct config_check *check, const struct config_file *file,
                         struct config_quorum *out)
{
    static const struct config_file_quorum none;
    const struct config_file_quorum *from = file->quorum != NULL ? file->quorum : &none;
    CLEANUP(buf_clear) struct buf root = {.max = SHA256_LEN};
    out->window_max_s = config_check_duration(check, "quorum.window_max", from->window_max,
                                              WINDOW_MAX_S, WINDOW_MOST_S);
    int64_t usual = WINDOW_S < out->window_max_s ? WINDOW_S : out->window_max_s;
    out->window_s =
        config_check_duration(check, "quorum.window", from->window, usual, out->window_max_s);
    if (from->roster_root == NULL) {
        return;
    }
    out->has_root =
        hex_decode(span_text(from->roster_root), &root).code == ERR_OK && root.len == SHA256_LEN;
    if (!out->has_root) {
        config_find(check, "quorum.roster_root",
                    "must be the SHA-256 digest of the first roster, 64 hex digits");
        return;
    }
    memcpy(out->root, root.data, SHA256_LEN);
    out->roster_file = from->roster_file;
    config_check_readable(check, "quorum.roster_file", from->roster_file);
}

void config_check_rotation(struct config_check *check, struct config_loaded *loaded)
{
    static const struct config_file_schedules none;
    const struct config_file_schedules *from =
        loaded->file->rotation != NULL ? loaded->file->rotation : &none;
    struct config_rotation *out = &loaded->config.rotation;
    out->rules = (struct rotation_rules){
        .clock_skew = config_check_duration(check, "rotation.clock_skew", from->clock_skew,
                                            DEFAULT_SKEW_S, SKEW_MAX_S),
        .look_back = config_check_duration(check, "rotation.look_back", from->look_back,
                                           DEFAULT_BACK_S, DURATION_MAX_S),
        .jwks_max_age = loaded->config.jwks_max_age_s};
    const struct {
        const char *list;
        const struct config_file_policy *policy;
    } classes[CLASS_COUNT] = {
        [CLASS_PUBLIC] = {"rotation.public", from->class_public},
        [CLASS_INTERNAL] = {"rotation.internal", from->class_internal},
        [CLASS_CONFIDENTIAL] = {"rotation.confidential", from->class_confidential},
        [CLASS_REGULATED] = {"rotation.regulated", from->class_regulated},
    };
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        check_policy(check, classes[i].list, classes[i].policy, &out->defaults[i]);
    }
    check_events(check, loaded->file, &loaded->config.events);
    check_quorum(check, loaded->file, &loaded->config.quorum);
    loaded->config.backups = loaded->file->backups;
    config_check_path(check, "backups", loaded->file->backups);
}
