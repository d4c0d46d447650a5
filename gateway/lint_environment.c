/* Which environment a key or a pattern belongs to. Environments are kept apart by namespaces, so a
 * segment says it; a label says it where names do not. */
#include <string.h>

#include "base/mem.h"
#include "gateway/lint_inner.h"

/* The words that people use; production has its own in the configuration. */
static const struct {
    const char *word;
    const char *environment;
} words[] = {
    {"staging", "staging"},
    {"stage", "staging"},
    {"preprod", "staging"},
    {"test", "test"},
    {"testing", "test"},
    {"qa", "test"},
    {"development", "development"},
    {"dev", "development"},
    {"sandbox", "development"},
    {"production", LINT_PRODUCTION},
    {"prod", LINT_PRODUCTION},
};

static const char *of_segment(const struct config_lint *config, struct span segment)
{
    for (size_t i = 0; i < config->production_count; i++) {
        if (span_is(segment, config->production[i])) {
            return LINT_PRODUCTION;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const bool listed_elsewhere =
            config->production_count > 0 && strcmp(words[i].environment, LINT_PRODUCTION) == 0;
        if (!listed_elsewhere && span_is(segment, words[i].word)) {
            return words[i].environment;
        }
    }
    return NULL;
}

const char *lint_environment_of_name(const struct config_lint *config, const char *name)
{
    const char *slash = strchr(name, '/');
    for (; slash != NULL; slash = strchr(name, '/')) {
        const char *found = of_segment(config, span_of(name, (size_t)(slash - name)));
        if (found != NULL) {
            return found;
        }
        name = slash + 1;
    }
    return NULL;
}

const char *lint_environment_of_key(const struct config_lint *config, const struct key *key)
{
    for (size_t i = 0; i < key->facts.label_count; i++) {
        const struct label *label = &key->facts.labels[i];
        if (strcmp(label->name, "environment") == 0 || strcmp(label->name, "env") == 0) {
            const char *known = of_segment(config, span_text(label->value));
            return known != NULL ? known : label->value;
        }
    }
    return lint_environment_of_name(config, key->name);
}

bool environments_have(const struct environments *environments, const char *name)
{
    for (size_t i = 0; i < environments->count; i++) {
        if (strcmp(environments->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

void environments_add(struct environments *environments, const char *name)
{
    if (environments->count < ENVIRONMENTS_MAX && !environments_have(environments, name)) {
        environments->names[environments->count++] = name;
    }
}

struct environments lint_environments_of_grant(const struct lint *lint, const struct grant *grant)
{
    struct environments found = {0};
    for (size_t i = 0; i < lint->facts->key_count; i++) {
        const struct key *key = lint->facts->keys[i];
        if (lint->environments[i] != NULL && !lint_is_own_key(key->name) &&
            lint_reaches(grant, key)) {
            environments_add(&found, lint->environments[i]);
        }
    }
    const char *named = lint_environment_of_name(&lint->facts->config->lint, grant->keys);
    if (found.count == 0 && named != NULL) {
        environments_add(&found, named);
    }
    return found;
}
