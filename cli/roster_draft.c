/* Only puts together; whether the whole makes sense (proofs, numbers, circles) is roster_parse's to
 * say, so that no second judge of rosters exists. */
#include "cli/roster_draft.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define MS_PER_S    1000
#define MEMBERS_MAX (QUORUM_PEOPLE_MAX + QUORUM_GROUPS_MAX)
#define FILES_MAX   ((size_t)QUORUM_PEOPLE_MAX * QUORUM_KEYS_MAX)

void roster_draft_start(const struct roster *from, int64_t now_ms, struct roster_draft *out)
{
    *out = (struct roster_draft){.people = mem_array(QUORUM_PEOPLE_MAX, sizeof *out->people),
                                 .groups = mem_array(QUORUM_GROUPS_MAX, sizeof *out->groups),
                                 .is = {.number = 1, .created_at = now_ms / MS_PER_S * MS_PER_S}};
    out->is.people = out->people;
    out->is.groups = out->groups;
    if (from == NULL) {
        return;
    }
    out->is.number = from->number + 1;
    memcpy(out->is.previous, from->digest, SHA256_LEN);
    out->is.authority = from->authority;
    out->is.person_count = from->person_count;
    out->is.group_count = from->group_count;
    memcpy(out->people, from->people, from->person_count * sizeof *out->people);
    memcpy(out->groups, from->groups, from->group_count * sizeof *out->groups);
    for (size_t i = 0; i < from->group_count; i++) {
        struct roster_group *group = &out->groups[i];
        out->members[i] = mem_copy(group->members, group->member_count * sizeof *group->members);
        group->members = out->members[i];
    }
}

void roster_draft_clear(struct roster_draft *draft)
{
    for (size_t i = 0; i < QUORUM_GROUPS_MAX; i++) {
        mem_free(draft->members[i]);
    }
    for (size_t i = 0; i < draft->file_count; i++) {
        voter_file_clear(&draft->files[i]);
    }
    mem_free(draft->files);
    mem_free(draft->people);
    mem_free(draft->groups);
    *draft = (struct roster_draft){0};
}

/* --- people --- */

static struct roster_person *find_person(struct roster_draft *draft, struct span id)
{
    for (size_t i = 0; i < draft->is.person_count; i++) {
        if (span_equal(draft->people[i].id, id)) {
            return &draft->people[i];
        }
    }
    return NULL;
}

static bool has_principal(const struct roster_person *person, struct span principal)
{
    for (size_t i = 0; i < person->principal_count; i++) {
        if (span_equal(person->principals[i], principal)) {
            return true;
        }
    }
    return false;
}

/* One more key of a person; principals that are new to it come along. */
static struct err add_key(struct roster_person *person, const struct roster_person *more)
{
    ENSURE(person->key_count < QUORUM_KEYS_MAX, ERR_TOO_LARGE, "%.*s has %d keys already",
           (int)person->id.len, (const char *)person->id.data, QUORUM_KEYS_MAX);
    person->keys[person->key_count++] = more->keys[0];
    for (size_t i = 0; i < more->principal_count; i++) {
        if (!has_principal(person, more->principals[i])) {
            ENSURE(person->principal_count < QUORUM_PRINCIPALS_MAX, ERR_TOO_LARGE,
                   "%.*s is %d principals already", (int)person->id.len,
                   (const char *)person->id.data, QUORUM_PRINCIPALS_MAX);
            person->principals[person->principal_count++] = more->principals[i];
        }
    }
    return err_ok();
}

struct err roster_draft_add(struct roster_draft *draft, const char *path)
{
    ENSURE(draft->file_count < FILES_MAX, ERR_TOO_LARGE, "too many registrations");
    draft->files = mem_resize(draft->files, draft->file_count + 1, sizeof *draft->files);
    struct voter_file *file = &draft->files[draft->file_count];
    *file = (struct voter_file){0};
    TRY(voter_file_read(path, file));
    draft->file_count++;
    /* what the person borrows lies on the heap, not in the array that may move */
    struct roster_person person = file->person;
    struct roster_person *known = find_person(draft, person.id);
    if (known != NULL) {
        return add_key(known, &person);
    }
    ENSURE(draft->is.person_count < QUORUM_PEOPLE_MAX, ERR_TOO_LARGE, "a roster has %d people",
           QUORUM_PEOPLE_MAX);
    draft->people[draft->is.person_count++] = person;
    return err_ok();
}

static void drop_member(struct roster_group *group, struct span *members, struct span id)
{
    size_t kept = 0;
    for (size_t i = 0; i < group->member_count; i++) {
        if (!span_equal(members[i], id)) {
            members[kept++] = members[i];
        }
    }
    group->member_count = kept;
}

static void drop_everywhere(struct roster_draft *draft, struct span id)
{
    for (size_t i = 0; i < draft->is.group_count; i++) {
        drop_member(&draft->groups[i], draft->members[i], id);
    }
}

struct err roster_draft_remove(struct roster_draft *draft, struct span id)
{
    struct roster_person *person = find_person(draft, id);
    ENSURE(person != NULL, ERR_NOT_FOUND, "%.*s is not in the roster", (int)id.len,
           (const char *)id.data);
    struct roster_person *end = draft->people + draft->is.person_count;
    memmove(person, person + 1, (size_t)(end - person - 1) * sizeof *person);
    draft->is.person_count--;
    drop_everywhere(draft, id);
    return err_ok();
}

/* --- groups --- */

/* The index of the group, of a new one when there is room; QUORUM_GROUPS_MAX when there is not. */
static size_t find_group(const struct roster_draft *draft, struct span id)
{
    for (size_t i = 0; i < draft->is.group_count; i++) {
        if (span_equal(draft->groups[i].id, id)) {
            return i;
        }
    }
    return draft->is.group_count;
}

/* What stands before the mark; false when there is none. */
static bool cut(struct span *rest, char mark, struct span *out)
{
    const uint8_t *at = rest->len > 0 ? memchr(rest->data, mark, rest->len) : NULL;
    if (at == NULL) {
        return false;
    }
    *out = span_of(rest->data, (size_t)(at - rest->data));
    *rest = span_of(at + 1, rest->len - out->len - 1);
    return true;
}

/* A word of the list: a member, or one of the times. */
static struct err take_word(struct roster_group *group, struct span *members, struct span word)
{
    struct span rest = word;
    struct span name = {0};
    if (cut(&rest, '=', &name)) {
        ENSURE(span_is(name, "wait") || span_is(name, "within"), ERR_INVALID_FIELD,
               "a group takes members, wait=TIME and within=TIME, not '%.*s'", (int)word.len,
               (const char *)word.data);
        return clock_parse_duration(rest,
                                    span_is(name, "wait") ? &group->wait_s : &group->use_within_s);
    }
    ENSURE(word.len > 0 && group->member_count < MEMBERS_MAX, ERR_INVALID_FIELD,
           "a group has up to %d members, and none is empty", MEMBERS_MAX);
    members[group->member_count++] = word;
    return err_ok();
}

static struct err read_group(const char *text, struct roster_group *group, struct span *members)
{
    struct span rest = span_text(text);
    struct span m = {0};
    struct span word = {0};
    char *end = NULL;
    ENSURE(cut(&rest, ':', &group->id) && cut(&rest, ':', &m) && m.len > 0 && m.len < 5 &&
               rest.len > 0,
           ERR_INVALID_FIELD, "a group is ID:M:MEMBER,MEMBER,… , not '%s'", text);
    const long number = strtol((const char *)m.data, &end, 10);
    ENSURE(end == (const char *)m.data + m.len && number >= QUORUM_M_MIN && number <= QUORUM_M_MAX,
           ERR_INVALID_FIELD, "M of a group is %d to %d, not '%.*s'", QUORUM_M_MIN, QUORUM_M_MAX,
           (int)m.len, (const char *)m.data);
    group->m = (uint32_t)number;
    while (cut(&rest, ',', &word)) {
        TRY(take_word(group, members, word));
    }
    return take_word(group, members, rest);
}

struct err roster_draft_group(struct roster_draft *draft, const char *text)
{
    struct roster_group group = {0};
    CLEANUP(mem_free_at) struct span *members = mem_array(MEMBERS_MAX, sizeof *members);
    TRY(read_group(text, &group, members));
    const size_t at = find_group(draft, group.id);
    ENSURE(at < QUORUM_GROUPS_MAX, ERR_TOO_LARGE, "a roster has %d groups", QUORUM_GROUPS_MAX);
    mem_free(draft->members[at]);
    group.members = draft->members[at] = TAKE(members);
    draft->groups[at] = group;
    draft->is.group_count += at == draft->is.group_count ? 1 : 0;
    return err_ok();
}

struct err roster_draft_remove_group(struct roster_draft *draft, struct span id)
{
    const size_t at = find_group(draft, id);
    ENSURE(at < draft->is.group_count, ERR_NOT_FOUND, "there is no group %.*s in the roster",
           (int)id.len, (const char *)id.data);
    const size_t behind = draft->is.group_count - at - 1;
    mem_free(draft->members[at]);
    memmove(&draft->groups[at], &draft->groups[at + 1], behind * sizeof *draft->groups);
    memmove(&draft->members[at], &draft->members[at + 1], behind * sizeof *draft->members);
    draft->is.group_count--;
    draft->members[draft->is.group_count] = NULL;
    CLEANUP(mem_free_at)
    char *as_member = mem_format("group:%.*s", (int)id.len, (const char *)id.data);
    drop_everywhere(draft, span_text(as_member));
    return err_ok();
}

struct err roster_draft_write(struct roster_draft *draft, struct buf *out)
{
    if (draft->is.authority.len == 0 && draft->is.group_count == 1) {
        draft->is.authority = draft->groups[0].id;
    }
    ENSURE(draft->is.authority.len > 0, ERR_INVALID_FIELD,
           "which group may change the roster? --authority GROUP");
    return roster_write(&draft->is, out);
}
