/* Rules about who must agree: whether a key's quorum could decide at all, and whether it still
 * could when one person is away. */
#include "base/mem.h"
#include "gateway/lint_inner.h"

static const struct roster_group *group_of(const struct roster *roster, const struct key *key)
{
    return roster != NULL ? roster_group(roster, span_text(key->facts.approval.group)) : NULL;
}

/* More people for the group; how many of them it takes stays as it is. */
static char *draft_command(const struct key *key, const struct roster_group *group)
{
    char *command = mem_text("hsmgate roster draft --from current --out roster.json --group");
    lint_append(&command, " %s:%u:MEMBER,…", key->facts.approval.group,
                group != NULL ? group->m : key->facts.approval.m);
    return command;
}

static void check_key(struct lint *lint, const struct key *key)
{
    const struct roster_group *group = group_of(lint->facts->roster, key);
    uint32_t needed = key->facts.approval.m;
    if (group == NULL) {
        lint_add(lint, "quorum-cannot-decide", LINT_ERROR, key->name,
                 mem_format("It opens with the approval of %u people of the group %s, which no "
                            "roster has: nobody can open it.",
                            needed, key->facts.approval.group),
                 draft_command(key, group));
        return;
    }
    needed = group->m > needed ? group->m : needed;
    if (group->eligible_count < needed) {
        lint_add(lint, "quorum-cannot-decide", LINT_ERROR, key->name,
                 mem_format("It opens with the approval of %u people, and the group %s has %zu: "
                            "nobody can open it.",
                            needed, key->facts.approval.group, group->eligible_count),
                 draft_command(key, group));
    } else if (group->eligible_count == needed) {
        lint_add(lint, "quorum-without-spare", LINT_WARNING, key->name,
                 mem_format("It opens with the approval of %u people, and the group %s has no "
                            "more: when one is away, or asks, nobody can open it.",
                            needed, key->facts.approval.group),
                 draft_command(key, group));
    }
}

void lint_quorum(struct lint *lint)
{
    for (size_t i = 0; i < lint->facts->key_count; i++) {
        const struct key *key = lint->facts->keys[i];
        if (key->facts.approval.m > 0) {
            check_key(lint, key);
        }
    }
}
