/* Rules about one grant at a time: too wide, too long, of no use, for nobody. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/lint_inner.h"
#include "gateway/policy.h"

#define UNUSED_DAYS    90
#define PEOPLE_UID_MIN 1000

char *lint_delete_command(const struct grant *grant)
{
    char *command = mem_text("hsmgate grant delete");
    lint_append_word(&command, grant->id);
    return command;
}

static void append_option(char **command, const char *option, const char *value)
{
    lint_append(command, " --%s", option);
    lint_append_word(command, value);
}

/* Says everything of the grant again: a put replaces it as a whole. */
char *lint_put_with_end_command(const struct grant *grant)
{
    char *command = mem_text("hsmgate grant put");
    lint_append_word(&command, grant->id);
    append_option(&command, "principal", grant->principal);
    append_option(&command, "keys", grant->keys);
    for (unsigned i = 0; i < OPERATION_COUNT; i++) {
        if ((grant->operations & OPERATION_BIT(i)) != 0) {
            append_option(&command, "operation", operation_name((enum operation)i));
        }
    }
    for (size_t i = 0; i < grant->context_count; i++) {
        CLEANUP(mem_free_at)
        char *pair = mem_format("%s=%s", grant->context[i].name, grant->context[i].value);
        append_option(&command, "context", pair);
    }
    for (size_t i = 0; i < grant->source_count; i++) {
        char network[64];
        network_format(&grant->sources[i], network);
        append_option(&command, "source", network);
    }
    append_option(&command, "justification", grant->justification);
    lint_append(&command, "%s --ttl " LINT_NEW_TTL,
                grant->allow_dual_role ? " --allow-dual-role" : "");
    return command;
}

/* `**`, and everything that it reaches includes a whole production namespace. */
static const char *wide_over(const struct lint *lint, const struct grant *grant)
{
    const size_t len = strlen(grant->keys);
    const struct config_lint *config = &lint->facts->config->lint;
    if (len < 2 || strcmp(grant->keys + len - 2, "**") != 0) {
        return NULL;
    }
    if (len == 2) {
        return "every key there is";
    }
    const char *named = lint_environment_of_name(config, grant->keys);
    if (named != NULL && strcmp(named, LINT_PRODUCTION) == 0) {
        return "every key below a production namespace";
    }
    for (size_t i = 0; i < lint->facts->key_count; i++) {
        const char *environment = lint->environments[i];
        if (environment != NULL && strcmp(environment, LINT_PRODUCTION) == 0 &&
            lint_reaches(grant, lint->facts->keys[i])) {
            return "every key of a production namespace, among others";
        }
    }
    return NULL;
}

static void check_width(struct lint *lint, const struct grant *grant)
{
    const uint32_t much = policy_use_operations() | policy_management_operations();
    const char *over = (grant->operations & much) != 0 ? wide_over(lint, grant) : NULL;
    if (over != NULL) {
        lint_add(
            lint, "wide-grant-in-production", LINT_ERROR, grant->id,
            mem_format("Its pattern '%s' gives %s %s, also those that are made later. Name the "
                       "keys, or one level of them with `*`.",
                       grant->keys, grant->principal, over),
            lint_delete_command(grant));
    }
}

static void check_use(struct lint *lint, const struct grant *grant)
{
    const int64_t used = grant_last_used_at(grant);
    const int64_t since = used != 0 ? used : grant->created_at;
    const int64_t idle_ms = lint->facts->now - since;
    if (idle_ms <= UNUSED_DAYS * LINT_DAY_MS) {
        return;
    }
    lint_add(lint, "grant-unused", LINT_WARNING, grant->id,
             mem_format("%s %s, %lld days ago: %s does not seem to need it.",
                        used != 0 ? "It was last used" : "It was never used since it was made",
                        lint_date(since).text, (long long)(idle_ms / LINT_DAY_MS),
                        grant->principal),
             lint_delete_command(grant));
}

/* The issuer of `oidc:ISSUER#SUB` (the last `#`: an issuer has no fragment), or NULL. */
static const struct config_issuer *issuer_of(const struct config *config, const char *principal)
{
    const char *text = principal + strlen("oidc:");
    const char *hash = strchr(text, '#');
    const struct span issuer = span_of(text, hash != NULL ? (size_t)(hash - text) : strlen(text));
    for (size_t i = 0; i < config->issuer_count; i++) {
        if (span_is(issuer, config->issuers[i].issuer)) {
            return &config->issuers[i];
        }
    }
    return NULL;
}

static bool is_person(const struct config *config, const char *principal)
{
    if (span_starts(span_text(principal), "oidc:")) {
        const struct config_issuer *issuer = issuer_of(config, principal);
        return issuer != NULL && issuer->people;
    }
    return span_starts(span_text(principal), "unix:") &&
           strtoull(principal + strlen("unix:"), NULL, 10) >= PEOPLE_UID_MIN;
}

static void check_end(struct lint *lint, const struct grant *grant)
{
    if (grant->expires_at == 0 && is_person(lint->facts->config, grant->principal)) {
        lint_add(lint, "person-without-end", LINT_WARNING, grant->id,
                 mem_format("%s is a person, and the grant has no end date: people change teams, "
                            "and nobody takes it back.",
                            grant->principal),
                 lint_put_with_end_command(grant));
    }
}

static bool proves_certificates(const struct config *config)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_tls *tls = config->listeners[i].tls;
        if (tls != NULL && tls->client_certificates != CLIENT_CERTIFICATES_NONE &&
            tls->client_ca != NULL) {
            return true;
        }
    }
    return false;
}

static bool has_bearer(const struct lint_facts *facts, const char *name)
{
    for (size_t i = 0; i < facts->bearer_count; i++) {
        const struct bearer *bearer = &facts->bearers[i];
        const char *whose = bearer->access_key[0] != '\0' ? bearer->subject : bearer->name;
        if (strcmp(whose, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Why no caller can be this principal; NULL when one can. */
static const char *why_unprovable(const struct lint_facts *facts, const char *principal)
{
    const struct span text = span_text(principal);
    if (span_starts(text, "oidc:")) {
        return issuer_of(facts->config, principal) == NULL ? "no such issuer is configured" : NULL;
    }
    if (span_starts(text, "token:")) {
        return has_bearer(facts, principal + strlen("token:")) ? NULL : "no such token is stored";
    }
    if (span_starts(text, "unix:")) {
        return facts->config->socket_path == NULL ? "no local socket is configured" : NULL;
    }
    if (span_starts(text, "spiffe://") || span_starts(text, "dns:") || span_starts(text, "cn:")) {
        return proves_certificates(facts->config) ? NULL : "no listener takes client certificates";
    }
    return "callers are spiffe://, dns:, cn:, oidc:, token: or unix: principals";
}

static void check_proof(struct lint *lint, const struct grant *grant)
{
    const char *why = why_unprovable(lint->facts, grant->principal);
    if (why != NULL) {
        lint_add(lint, "grant-for-nobody", LINT_WARNING, grant->id,
                 mem_format("Nobody can prove to be %s: %s. Whoever can make that identity gets "
                            "the grant.",
                            grant->principal, why),
                 lint_delete_command(grant));
    }
}

/* Use and management over one key: refused unless allowed explicitly, and then shown here. */
static void check_dual_role(struct lint *lint, const struct grant *grant)
{
    const struct grant *other = policy_dual_role(lint->facts->grants, grant, lint->facts->now);
    const bool is_management = (grant->operations & policy_management_operations()) != 0;
    if (other == NULL) {
        return;
    }
    if (!grant->allow_dual_role && (other->allow_dual_role || !is_management)) {
        return; /* shown at the other one */
    }
    const bool alone = strcmp(other->id, grant->id) == 0;
    lint_add(lint, "use-and-management", grant->allow_dual_role ? LINT_WARNING : LINT_ERROR,
             grant->id,
             mem_format("%s both uses and manages keys under '%s'%s%s%s: who can use a key should "
                        "not be able to change what holds for it.",
                        grant->principal, grant->keys, alone ? "" : ", together with the grant ",
                        alone ? "" : other->id, grant->allow_dual_role ? " (allow_dual_role)" : ""),
             lint_delete_command(grant));
}

static void note_expired(struct lint *lint, const struct grant *grant)
{
    lint_add(lint, "grant-expired", LINT_NOTE, grant->id,
             mem_format("It ended on %s and holds no more, but still stands in every list.",
                        lint_date(grant->expires_at).text),
             lint_delete_command(grant));
}

void lint_grants(struct lint *lint)
{
    for (size_t i = 0; i < lint->facts->grants->count; i++) {
        const struct grant *grant = lint->facts->grants->all[i];
        if (!lint_is_live(lint, grant)) {
            note_expired(lint, grant);
            continue;
        }
        check_width(lint, grant);
        check_use(lint, grant);
        check_end(lint, grant);
        check_proof(lint, grant);
        check_dual_role(lint, grant);
    }
}
