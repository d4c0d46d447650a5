/* The tokens' part of the configuration, and how many requests each may hold. */
#include "base/mem.h"
#include "base/name.h"
#include "gateway/config_check.h"

#define DEFAULT_CHANNELS    16
#define DEFAULT_OPERATION_S 10
#define OPERATION_MAX_S     600

static void check_token(struct config_check *check, const struct config_file_token *from,
                        size_t index, struct config_token *out)
{
    char option[CONFIG_OPTION_MAX];
    bool one_segment = strchr(from->name, '/') == NULL;
    if (!one_segment || name_check_namespace(span_text(from->name)).code != ERR_OK) {
        config_find(check, config_option(option, "tokens", index, "name"),
                    "must be lower-case letters, digits, '.', '_' and '-', 63 at most");
    }
    config_check_readable(check, config_option(option, "tokens", index, "config"), from->config);
    out->channels = config_check_number(check, config_option(option, "tokens", index, "channels"),
                                        from->channels, DEFAULT_CHANNELS, 256);
    out->operation_ms =
        config_check_duration(check, config_option(option, "tokens", index, "operation_timeout"),
                              from->operation_timeout, DEFAULT_OPERATION_S, OPERATION_MAX_S) *
        1000;
    out->name = from->name;
    out->config = from->config;
}

void config_check_tokens(struct config_check *check, struct config_loaded *loaded)
{
    const struct config_file *file = loaded->file;
    loaded->tokens = mem_array(file->tokens_count, sizeof(*loaded->tokens));
    bool default_found = file->default_token == NULL;
    for (unsigned i = 0; i < file->tokens_count; i++) {
        check_token(check, &file->tokens[i], i, &loaded->tokens[i]);
        const char *name = file->tokens[i].name;
        default_found = default_found || strcmp(file->default_token, name) == 0;
        for (unsigned j = 0; j < i; j++) {
            if (strcmp(name, file->tokens[j].name) == 0) {
                config_find(check, "tokens", "two tokens have the name %s", name);
            }
        }
    }
    if (!default_found) {
        config_find(check, "default_token", "no token has this name");
    }
    loaded->config.tokens = loaded->tokens;
    loaded->config.token_count = file->tokens_count;
    loaded->config.default_token =
        file->default_token != NULL ? file->default_token : file->tokens[0].name;
}
