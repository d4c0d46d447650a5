/* Rules about one principal with all its grants: keys used in two environments. Who reaches both
 * carries what is wrong in the test environment into production. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/lint_inner.h"
#include "gateway/policy.h"

/* A grant that uses keys, and where. */
struct reach {
    const struct grant *grant;
    struct environments environments;
};

static int by_principal(const void *left, const void *right)
{
    const struct reach *a = left;
    const struct reach *b = right;
    const int order = strcmp(a->grant->principal, b->grant->principal);
    return order != 0 ? order : strcmp(a->grant->id, b->grant->id);
}

/* Production stays, else what comes first; every grant that reaches another one goes. */
static char *remedy_for(const struct reach *reaches, size_t count, const char *kept)
{
    char *remedy = mem_text("");
    for (size_t i = 0; i < count; i++) {
        const struct environments *environments = &reaches[i].environments;
        const bool stays = environments->count == 0 ||
                           (environments->count == 1 && strcmp(environments->names[0], kept) == 0);
        if (!stays) {
            CLEANUP(mem_free_at) char *command = lint_delete_command(reaches[i].grant);
            lint_append(&remedy, "%s%s", *remedy != '\0' ? " && " : "", command);
        }
    }
    return remedy;
}

static void check_principal(struct lint *lint, const struct reach *reaches, size_t count)
{
    struct environments all = {0};
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < reaches[i].environments.count; j++) {
            environments_add(&all, reaches[i].environments.names[j]);
        }
    }
    if (all.count < 2) {
        return;
    }
    const bool production = environments_have(&all, LINT_PRODUCTION);
    char *reason = mem_text("It uses keys in");
    for (size_t i = 0; i < all.count; i++) {
        lint_append(&reason, "%s %s", i == 0 ? "" : " and", all.names[i]);
    }
    lint_append(&reason, ": give each environment a principal of its own, and keep here %s.",
                production ? LINT_PRODUCTION : all.names[0]);
    lint_add(lint, "principal-in-two-environments", production ? LINT_ERROR : LINT_WARNING,
             reaches[0].grant->principal, reason,
             remedy_for(reaches, count, production ? LINT_PRODUCTION : all.names[0]));
}

void lint_principals(struct lint *lint)
{
    const struct grants *grants = lint->facts->grants;
    CLEANUP(mem_free_at) struct reach *reaches = mem_array(grants->count, sizeof(*reaches));
    size_t count = 0;
    for (size_t i = 0; i < grants->count; i++) {
        const struct grant *grant = grants->all[i];
        if ((grant->operations & policy_use_operations()) != 0 && lint_is_live(lint, grant)) {
            reaches[count++] = (struct reach){grant, lint_environments_of_grant(lint, grant)};
        }
    }
    if (count > 0) {
        qsort(reaches, count, sizeof(*reaches), by_principal);
    }
    for (size_t first = 0, next = 0; first < count; first = next) {
        next = first + 1;
        while (next < count &&
               strcmp(reaches[next].grant->principal, reaches[first].grant->principal) == 0) {
            next++;
        }
        check_principal(lint, &reaches[first], next - first);
    }
}
