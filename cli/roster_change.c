/* Who came and who went, which keys, which groups and how many of them decide: whoever signs a
 * roster signs this. */
#include "cli/roster_change.h"

#include <inttypes.h>

#include "base/mem.h"
#include "cli/voter_file.h"

#define SHOW(span) (int)(span).len, (const char *)(span).data

static bool has_key(const struct roster_person *person, const struct voter_key *key)
{
    for (size_t i = 0; person != NULL && i < person->key_count; i++) {
        if (span_equal(person->keys[i].spki, key->spki)) {
            return true;
        }
    }
    return false;
}

/* Keys of one that the other has not. */
static struct err key_lines(const struct roster_person *of, const struct roster_person *other,
                            char mark, struct buf *out)
{
    for (size_t i = 0; i < of->key_count; i++) {
        char fingerprint[VOTER_FINGERPRINT_LEN];
        if (has_key(other, &of->keys[i])) {
            continue;
        }
        voter_fingerprint(&of->keys[i], fingerprint);
        TRY(buf_printf(out, "%c key of %.*s: %s %s\n", mark, SHOW(of->id),
                       voter_key_kind_name(of->keys[i].kind), fingerprint));
    }
    return err_ok();
}

static bool same_principals(const struct roster_person *a, const struct roster_person *b)
{
    bool same = a->principal_count == b->principal_count;
    for (size_t i = 0; same && i < a->principal_count; i++) {
        same = span_equal(a->principals[i], b->principals[i]);
    }
    return same;
}

static struct err principal_line(const struct roster_person *person, char mark, struct buf *out)
{
    if (person->principal_count == 0 && mark == '+') {
        return err_ok();
    }
    TRY(buf_printf(out, "%c %.*s is, as a caller:", mark, SHOW(person->id)));
    for (size_t i = 0; i < person->principal_count; i++) {
        TRY(buf_printf(out, " %.*s", SHOW(person->principals[i])));
    }
    return buf_append_text(out, person->principal_count == 0 ? " nobody\n" : "\n");
}

static struct err person_lines(const struct roster_person *before,
                               const struct roster_person *after, struct buf *out)
{
    if (before == NULL) {
        TRY(buf_printf(out, "+ %.*s (%.*s)\n", SHOW(after->id), SHOW(after->name)));
        TRY(key_lines(after, NULL, '+', out));
        return principal_line(after, '+', out);
    }
    if (!span_equal(before->name, after->name)) {
        TRY(buf_printf(out, "~ %.*s: %.*s is now %.*s\n", SHOW(after->id), SHOW(before->name),
                       SHOW(after->name)));
    }
    TRY(key_lines(before, after, '-', out));
    TRY(key_lines(after, before, '+', out));
    return same_principals(before, after) ? err_ok() : principal_line(after, '~', out);
}

struct err roster_members(const struct roster_group *group, struct buf *out)
{
    for (size_t i = 0; i < group->member_count; i++) {
        TRY(buf_printf(out, "%s%.*s", i > 0 ? ", " : "", SHOW(group->members[i])));
    }
    return err_ok();
}

/* `officers: 2 of 3 (ann, bob, cy), wait 600 s` */
static struct err group_text(const struct roster_group *group, struct buf *out)
{
    TRY(buf_printf(out, "group %.*s: %" PRIu32 " of %zu people (", SHOW(group->id), group->m,
                   group->eligible_count));
    TRY(roster_members(group, out));
    TRY(buf_append_text(out, ")"));
    if (group->wait_s > 0) {
        TRY(buf_printf(out, ", after waiting %" PRId64 " s", group->wait_s));
    }
    if (group->use_within_s > 0) {
        TRY(buf_printf(out, ", to be used within %" PRId64 " s", group->use_within_s));
    }
    return err_ok();
}

static struct err group_lines(const struct roster_group *before, const struct roster_group *after,
                              struct buf *out)
{
    CLEANUP(buf_clear) struct buf old = {0};
    CLEANUP(buf_clear) struct buf new = {0};
    TRY(before != NULL ? group_text(before, &old) : err_ok());
    TRY(group_text(after, &new));
    if (span_equal(buf_span(&old), buf_span(&new))) {
        return err_ok();
    }
    TRY(buf_printf(out, "%c %.*s\n", before == NULL ? '+' : '~', (int)new.len,
                   (const char *)new.data));
    return before == NULL
               ? err_ok()
               : buf_printf(out, "  before: %.*s\n", (int)old.len, (const char *)old.data);
}

static struct err gone_lines(const struct roster *before, const struct roster *after,
                             struct buf *out)
{
    for (size_t i = 0; i < before->person_count; i++) {
        const struct roster_person *person = &before->people[i];
        if (roster_person(after, person->id) == NULL) {
            TRY(buf_printf(out, "- %.*s (%.*s)\n", SHOW(person->id), SHOW(person->name)));
        }
    }
    for (size_t i = 0; i < before->group_count; i++) {
        if (roster_group(after, before->groups[i].id) == NULL) {
            TRY(buf_printf(out, "- group %.*s\n", SHOW(before->groups[i].id)));
        }
    }
    return err_ok();
}

struct err roster_change_lines(const struct roster *before, const struct roster *after,
                               struct buf *out)
{
    TRY(before != NULL ? gone_lines(before, after, out) : err_ok());
    for (size_t i = 0; i < after->person_count; i++) {
        const struct roster_person *person = &after->people[i];
        TRY(person_lines(before != NULL ? roster_person(before, person->id) : NULL, person, out));
    }
    for (size_t i = 0; i < after->group_count; i++) {
        const struct roster_group *group = &after->groups[i];
        TRY(group_lines(before != NULL ? roster_group(before, group->id) : NULL, group, out));
    }
    if (before == NULL || !span_equal(before->authority, after->authority)) {
        TRY(buf_printf(out, "%c the roster is changed by group %.*s\n", before == NULL ? '+' : '~',
                       SHOW(after->authority)));
    }
    return err_ok();
}
