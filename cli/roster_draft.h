/* roster_draft: the next roster while people, keys and groups are put in and taken out. */
#ifndef HSMGATE_CLI_ROSTER_DRAFT_H
#define HSMGATE_CLI_ROSTER_DRAFT_H

#include "cli/voter_file.h"

struct roster_draft {
    struct roster is; /* points to people and groups */
    struct roster_person *people;
    struct roster_group *groups;
    struct span *members[QUORUM_GROUPS_MAX]; /* of each group */
    struct voter_file *files;                /* that people borrow from */
    size_t file_count;
};
/* After `from`, which must live as long; NULL: the root. */
void roster_draft_start(const struct roster *from, int64_t now_ms, struct roster_draft *out);
void roster_draft_clear(struct roster_draft *draft);
/* A registration: a new person, or one more key of one that is there. */
MUST_USE struct err roster_draft_add(struct roster_draft *draft, const char *path);
/* A person, who leaves every group, too. ERR_NOT_FOUND. */
MUST_USE struct err roster_draft_remove(struct roster_draft *draft, struct span id);
/* `ID:M:MEMBER,…` makes a group or replaces it; see the manual. */
MUST_USE struct err roster_draft_group(struct roster_draft *draft, const char *text);
MUST_USE struct err roster_draft_remove_group(struct roster_draft *draft, struct span id);
/* The canonical bytes, which roster_parse takes. Without an authority the only group is it. */
MUST_USE struct err roster_draft_write(struct roster_draft *draft, struct buf *out);

#endif
