/* config_check: one look at a configuration, and the findings that gather in it. */
#ifndef HSMGATE_GATEWAY_CONFIG_CHECK_H
#define HSMGATE_GATEWAY_CONFIG_CHECK_H

#include "gateway/config.h"
#include "gateway/config_file.h"

/* A check under way. */
struct config_check {
    const char *path; /* of the file */
    struct buf *message;
    size_t findings;
};

/* What config_load gives out: the face, and what it points into. */
struct config_loaded {
    struct config config; /* first: config_free gets its address */
    struct config_file *file;
    struct config_token *tokens;
    struct config_listener *listeners;
    struct config_tls *tls; /* one for each listener; those of plain ones are empty */
    struct config_issuer *issuers;
    struct config_claim **claims; /* one array for each issuer */
    struct config_rate_rule *principal_rules;
    struct config_rate_rule *key_rules;
    struct config_mount *mounts;
    char **texts; /* made here, each freed with it */
    size_t text_count;
};

/* Adds `FILE:LINE: option: reason`. */
void config_find(struct config_check *check, const char *option, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes the text over until config_free. */
const char *config_keep(struct config_loaded *loaded, char *text);
/* The option of element `index` in a list, `tokens[0].name`, kept in a thread's own buffer of the
 * caller: `out` has CONFIG_OPTION_MAX bytes. */
#define CONFIG_OPTION_MAX 96
const char *config_option(char out[CONFIG_OPTION_MAX], const char *list, size_t index,
                          const char *member);

/* Each takes NULL for an absent option. */
void config_check_path(struct config_check *check, const char *option, const char *value);
/* An absolute path that can be read now. */
void config_check_readable(struct config_check *check, const char *option, const char *value);
/* Seconds; `otherwise` for an absent option. */
int64_t config_check_duration(struct config_check *check, const char *option, const char *value,
                              int64_t otherwise, int64_t most);
unsigned config_check_number(struct config_check *check, const char *option, const unsigned *value,
                             unsigned otherwise, unsigned most);
/* https, or http on loopback; no user, no fragment. */
void config_check_url(struct config_check *check, const char *option, const char *value);

/* The parts; each fills its members of loaded->config from loaded->file. */
void config_check_listeners(struct config_check *check, struct config_loaded *loaded);
void config_check_identities(struct config_check *check, struct config_loaded *loaded);
void config_check_tokens(struct config_check *check, struct config_loaded *loaded);
void config_check_limits(struct config_check *check, struct config_loaded *loaded);
void config_check_audit(struct config_check *check, struct config_loaded *loaded);
void config_check_lint(struct config_check *check, struct config_loaded *loaded);
/* After the limits, which say how long key sets may be kept. */
void config_check_rotation(struct config_check *check, struct config_loaded *loaded);
void config_check_dialects(struct config_check *check, struct config_loaded *loaded);

#endif
