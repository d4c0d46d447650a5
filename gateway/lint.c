/* A run of lint: all rules over the same facts, the findings in one order. What the rules share
 * stands here too.
 *
 * Pure: no clock, no store, no locks; the same facts give the same findings. It only reads, and
 * what it prints as a remedy is left to a person to run. */
#include "gateway/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/lint_inner.h"
#include "gateway/policy.h"

static const char *const severity_names[LINT_SEVERITY_COUNT] = {
    [LINT_NOTE] = "note",
    [LINT_WARNING] = "warning",
    [LINT_ERROR] = "error",
};

const char *lint_severity_name(enum lint_severity severity)
{
    return severity_names[severity];
}

bool lint_severity_by_name(struct span name, enum lint_severity *out)
{
    for (unsigned i = 0; i < LINT_SEVERITY_COUNT; i++) {
        if (span_is(name, severity_names[i])) {
            *out = (enum lint_severity)i;
            return true;
        }
    }
    return false;
}

void lint_add(struct lint *lint, const char *rule, enum lint_severity severity, const char *subject,
              char *reason, char *remedy)
{
    struct lint_findings *out = lint->out;
    if ((out->count & (out->count - 1)) == 0) { /* full at each power of two */
        const size_t room = out->count == 0 ? 1 : out->count * 2;
        out->all = mem_resize(out->all, room, sizeof(*out->all));
    }
    out->all[out->count++] = (struct lint_finding){.rule = rule,
                                                   .severity = severity,
                                                   .subject = mem_text(subject),
                                                   .reason = reason,
                                                   .remedy = remedy};
}

void lint_append(char **text, const char *format, ...)
{
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    const int more = vsnprintf(NULL, 0, format, args);
    const size_t len = strlen(*text);
    *text = mem_resize(*text, len + (size_t)more + 1, 1);
    (void)vsnprintf(*text + len, (size_t)more + 1, format, again);
    va_end(again);
    va_end(args);
}

/* Inside single quotes only the quote itself needs care. */
void lint_append_word(char **command, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:@%+,=";
    if (*word != '\0' && word[strspn(word, plain)] == '\0') {
        lint_append(command, " %s", word);
        return;
    }
    lint_append(command, " '");
    for (const char *quote = strchr(word, '\''); quote != NULL; quote = strchr(word, '\'')) {
        lint_append(command, "%.*s'\\''", (int)(quote - word), word);
        word = quote + 1;
    }
    lint_append(command, "%s'", word);
}

struct lint_date lint_date(int64_t unix_ms)
{
    char text[CLOCK_TEXT_MAX];
    struct lint_date date;
    clock_format(unix_ms, text);
    (void)snprintf(date.text, sizeof(date.text), "%.10s", text);
    return date;
}

bool lint_is_own_key(const char *name)
{
    return span_starts(span_text(name), POLICY_RESERVED);
}

bool lint_is_live(const struct lint *lint, const struct grant *grant)
{
    return grant->expires_at == 0 || grant->expires_at > lint->facts->now;
}

bool lint_reaches(const struct grant *grant, const struct key *key)
{
    return policy_matches(grant->keys, span_text(key->name));
}

/* Worst first, then rule, then subject. */
static int compare(const void *left, const void *right)
{
    const struct lint_finding *a = left;
    const struct lint_finding *b = right;
    if (a->severity != b->severity) {
        return a->severity > b->severity ? -1 : 1;
    }
    const int by_rule = strcmp(a->rule, b->rule);
    return by_rule != 0 ? by_rule : strcmp(a->subject, b->subject);
}

void lint_run(const struct lint_facts *facts, struct lint_findings *out)
{
    *out = (struct lint_findings){0};
    CLEANUP(mem_free_at)
    const char **environments = mem_array(facts->key_count, sizeof(*environments));
    for (size_t i = 0; i < facts->key_count; i++) {
        environments[i] = lint_environment_of_key(&facts->config->lint, facts->keys[i]);
    }
    struct lint lint = {.facts = facts, .out = out, .environments = environments};
    lint_keys(&lint);
    lint_grants(&lint);
    lint_principals(&lint);
    lint_bearers(&lint);
    lint_quorum(&lint);
    if (out->count > 0) {
        qsort(out->all, out->count, sizeof(*out->all), compare);
    }
}

void lint_findings_clear(struct lint_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        mem_free(findings->all[i].subject);
        mem_free(findings->all[i].reason);
        mem_free(findings->all[i].remedy);
    }
    mem_free(findings->all);
    *findings = (struct lint_findings){0};
}
