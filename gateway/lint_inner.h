/* Between the lint*.c files only: a run under way, and what the rules share. */
#ifndef HSMGATE_GATEWAY_LINT_INNER_H
#define HSMGATE_GATEWAY_LINT_INNER_H

#include "gateway/lint.h"

#define LINT_DAY_MS      ((int64_t)24 * 3600 * 1000)
#define LINT_PRODUCTION  "production"
#define LINT_NEW_TTL     "90d" /* what a remedy proposes where a life must end */
#define ENVIRONMENTS_MAX 8

struct lint {
    const struct lint_facts *facts;
    struct lint_findings *out;
    const char **environments; /* of each key, or NULL; see lint_environment_of_key */
};

/* The rules, by what they look at. */
void lint_keys(struct lint *lint);
void lint_grants(struct lint *lint);
void lint_principals(struct lint *lint);
void lint_bearers(struct lint *lint);
void lint_quorum(struct lint *lint);

/* Takes `reason` and `remedy`. */
void lint_add(struct lint *lint, const char *rule, enum lint_severity severity, const char *subject,
              char *reason, char *remedy);
/* Adds formatted text at the end of a mem_text. */
void lint_append(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds ` WORD`, in single quotes when a shell would read it otherwise. */
void lint_append_word(char **command, const char *word);
/* `2026-01-02` of unix ms. */
struct lint_date {
    char text[11];
};
struct lint_date lint_date(int64_t unix_ms);

/* The gateway's own keys are not linted. */
bool lint_is_own_key(const char *name);
/* Whether the grant still holds. */
bool lint_is_live(const struct lint *lint, const struct grant *grant);
bool lint_reaches(const struct grant *grant, const struct key *key);
/* `hsmgate grant delete ID`, and the whole `hsmgate grant put` that only adds an end. */
char *lint_delete_command(const struct grant *grant);
char *lint_put_with_end_command(const struct grant *grant);

/* --- environments: `production`, `staging`, `test`, `development`, or what a label says --- */
/* By the segments of a name or pattern but the last; NULL when none names one. */
const char *lint_environment_of_name(const struct config_lint *config, const char *name);
/* By the label `environment` (or `env`), else by its name. */
const char *lint_environment_of_key(const struct config_lint *config, const struct key *key);

struct environments {
    const char *names[ENVIRONMENTS_MAX]; /* more are not kept */
    size_t count;
};
/* Those of the keys that the grant reaches, else the one that its pattern names. */
struct environments lint_environments_of_grant(const struct lint *lint, const struct grant *grant);
void environments_add(struct environments *environments, const char *name);
bool environments_have(const struct environments *environments, const char *name);

#endif
