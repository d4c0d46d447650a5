/* Rules about bearer tokens of ours: a secret that travels, so it must end, and be replaced before
 * it does. */
#include <stdio.h>

#include "base/mem.h"
#include "gateway/lint_inner.h"
#include "gateway/policy.h"

#define SOON_DAYS 14

static bool is_access_key(const struct bearer *bearer)
{
    return bearer->access_key[0] != '\0';
}

static char *revoke_command(const struct bearer *bearer)
{
    if (is_access_key(bearer)) {
        return mem_format("hsmgate access-key revoke %s", bearer->name);
    }
    return mem_format("hsmgate token revoke %s", bearer->name);
}

/* A name is free again only when its token is gone. */
static char *replace_command(const struct bearer *bearer)
{
    if (is_access_key(bearer)) {
        return mem_format("hsmgate access-key revoke %s && hsmgate access-key create %s --subject "
                          "%s --ttl " LINT_NEW_TTL " --out %s.credentials",
                          bearer->name, bearer->name, bearer->subject, bearer->name);
    }
    return mem_format("hsmgate token revoke %s && hsmgate token create %s --ttl " LINT_NEW_TTL
                      " --out %s.token",
                      bearer->name, bearer->name, bearer->name);
}

static void check_end(struct lint *lint, const struct bearer *bearer, bool is_administrator)
{
    const int64_t left_ms = bearer->expires_at - lint->facts->now;
    const int64_t days = (left_ms + LINT_DAY_MS - 1) / LINT_DAY_MS;
    const char *careful = is_administrator ? " It is an administrator's: run this as another one, "
                                             "or over the local socket."
                                           : "";
    if (bearer->expires_at == 0) {
        lint_add(lint, "token-without-end", LINT_WARNING, bearer->name,
                 mem_format("It never expires: a copy of it works for ever.%s", careful),
                 revoke_command(bearer));
    } else if (left_ms <= 0) {
        lint_add(lint, "token-expired", LINT_NOTE, bearer->name,
                 mem_format("It expired on %s and lets nobody in any more.",
                            lint_date(bearer->expires_at).text),
                 revoke_command(bearer));
    } else if (left_ms <= SOON_DAYS * LINT_DAY_MS) {
        lint_add(lint, "token-about-to-expire", LINT_WARNING, bearer->name,
                 mem_format("It expires on %s, within %lld day%s; its holder needs the new one at "
                            "once, the old one ends with it.%s",
                            lint_date(bearer->expires_at).text, (long long)days,
                            days == 1 ? "" : "s", careful),
                 replace_command(bearer));
    }
}

void lint_bearers(struct lint *lint)
{
    const struct config *config = lint->facts->config;
    const struct policy policy = {.administrators = config->administrators,
                                  .administrator_count = config->administrator_count};
    for (size_t i = 0; i < lint->facts->bearer_count; i++) {
        const struct bearer *bearer = &lint->facts->bearers[i];
        CLEANUP(mem_free_at)
        char *principal =
            mem_format("token:%s", is_access_key(bearer) ? bearer->subject : bearer->name);
        const bool is_administrator = policy_is_administrator(&policy, span_text(principal));
        check_end(lint, bearer, is_administrator);
        if (is_administrator &&
            (bearer->expires_at == 0 || bearer->expires_at > lint->facts->now)) {
            lint_add(lint, "administrator-token", LINT_NOTE, bearer->name,
                     mem_text("An administrator may do everything, and this one is known by a "
                              "secret that can be copied: administrators better come by the local "
                              "socket or with a certificate."),
                     revoke_command(bearer));
        }
    }
}
