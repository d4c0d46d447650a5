/* lint: the anti-patterns of secrets governance, found in what the gateway knows. Pure. */
#ifndef HSMGATE_GATEWAY_LINT_H
#define HSMGATE_GATEWAY_LINT_H

#include "gateway/config.h"
#include "keystore/keystore.h"
#include "quorum/quorum.h"

enum lint_severity { LINT_NOTE, LINT_WARNING, LINT_ERROR, LINT_SEVERITY_COUNT };
const char *lint_severity_name(enum lint_severity severity);
bool lint_severity_by_name(struct span name, enum lint_severity *out);

/* What is looked at, borrowed. */
struct lint_facts {
    const struct config *config;
    const struct key *const *keys;
    size_t key_count;
    const struct grants *grants;
    const struct bearer *bearers;
    size_t bearer_count;
    const struct roster *roster; /* the newest, or NULL */
    int64_t now;                 /* unix ms */
};

struct lint_finding {
    const char *rule; /* static, `key-without-contact` */
    enum lint_severity severity;
    char *subject; /* key, grant, principal or token */
    char *reason;  /* one sentence */
    char *remedy;  /* the command that mends it */
};
struct lint_findings {
    struct lint_finding *all;
    size_t count;
};
/* Sorted: worst first, then rule, then subject. Clear with lint_findings_clear. */
void lint_run(const struct lint_facts *facts, struct lint_findings *out);
void lint_findings_clear(struct lint_findings *findings);

#endif
