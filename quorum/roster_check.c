/* What makes a roster trustworthy before anybody counts its people: nothing stands twice, and
 * whoever registered a key holds it.
 *
 * A key under two names would be one person with two votes, so keys are compared by their bytes;
 * voter_key_message sees to it that a key has one form only. A principal of two people would let
 * one of them approve what they ask. */
#include "quorum/roster.h"

#include "base/mem.h"
#include "quorum/canonical.h"

#define NAME_MAX_BYTES      200
#define PRINCIPAL_MAX_BYTES 256

/* --- once only --- */

static int compare_spans(const void *a, const void *b)
{
    const struct span *left = a;
    const struct span *right = b;
    size_t shorter = left->len < right->len ? left->len : right->len;
    int order = shorter == 0 ? 0 : memcmp(left->data, right->data, shorter);
    return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

/* Sorts; `what` is for the error. */
static struct err check_once(struct span *spans, size_t count, const char *what)
{
    qsort(spans, count, sizeof(*spans), compare_spans);
    for (size_t i = 1; i < count; i++) {
        ENSURE(!span_equal(spans[i - 1], spans[i]), ERR_INVALID_FIELD,
               "%s stands twice in the roster", what);
    }
    return err_ok();
}

static struct err check_ids_once(const struct roster *roster)
{
    struct span ids[QUORUM_PEOPLE_MAX + QUORUM_GROUPS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < roster->person_count; i++) {
        ids[count++] = roster->people[i].id;
    }
    for (size_t i = 0; i < roster->group_count; i++) {
        ids[count++] = roster->groups[i].id;
    }
    return check_once(ids, count, "an id");
}

static struct err check_keys_once(const struct roster *roster)
{
    CLEANUP(mem_free_at)
    struct span *keys = mem_array(roster->person_count * QUORUM_KEYS_MAX, sizeof(*keys));
    size_t count = 0;
    for (size_t i = 0; i < roster->person_count; i++) {
        const struct roster_person *person = &roster->people[i];
        for (size_t k = 0; k < person->key_count; k++) {
            keys[count++] = person->keys[k].spki;
        }
    }
    return check_once(keys, count, "a key");
}

static struct err check_principals_once(const struct roster *roster)
{
    CLEANUP(mem_free_at)
    struct span *all = mem_array(roster->person_count * QUORUM_PRINCIPALS_MAX, sizeof(*all));
    size_t count = 0;
    for (size_t i = 0; i < roster->person_count; i++) {
        const struct roster_person *person = &roster->people[i];
        for (size_t k = 0; k < person->principal_count; k++) {
            all[count++] = person->principals[k];
        }
    }
    return check_once(all, count, "a principal");
}

static struct err check_members_once(const struct roster_group *group)
{
    CLEANUP(mem_free_at)
    struct span *members = mem_array(group->member_count, sizeof(*members));
    if (group->member_count > 0) {
        memcpy(members, group->members, group->member_count * sizeof(*members));
    }
    return check_once(members, group->member_count, "a member of one group");
}

/* --- keys --- */

static struct err check_key(struct span person, const struct voter_key *key)
{
    CLEANUP(buf_clear) struct buf message = {0};
    TRY(voter_key_message(person, key, &message));
    ENSURE(key->proof.len <= VOTE_SIGNATURE_MAX &&
               voter_key_verify(key, key->proof_format, "hsmgate-voter-key", buf_span(&message),
                                key->proof),
           ERR_INVALID_FIELD, "%.*s has not proved to hold a key", (int)person.len,
           (const char *)person.data);
    return err_ok();
}

/* --- people --- */

static struct err check_person(const struct roster_person *person)
{
    TRY(quorum_check_id(person->id));
    ENSURE(person->name.len > 0 && person->name.len <= NAME_MAX_BYTES &&
               canonical_is_line(person->name),
           ERR_INVALID_FIELD, "the name of %.*s is not one line of up to %d bytes",
           (int)person->id.len, (const char *)person->id.data, NAME_MAX_BYTES);
    for (size_t i = 0; i < person->principal_count; i++) {
        struct span principal = person->principals[i];
        ENSURE(principal.len > 0 && principal.len <= PRINCIPAL_MAX_BYTES &&
                   canonical_is_line(principal),
               ERR_INVALID_FIELD, "a principal of %.*s is not one line of up to %d bytes",
               (int)person->id.len, (const char *)person->id.data, PRINCIPAL_MAX_BYTES);
    }
    ENSURE(person->key_count > 0, ERR_INVALID_FIELD, "%.*s has no key", (int)person->id.len,
           (const char *)person->id.data);
    for (size_t i = 0; i < person->key_count; i++) {
        TRY(check_key(person->id, &person->keys[i]));
    }
    return err_ok();
}

static struct err check_head(const struct roster *roster)
{
    bool has_previous = !canonical_is_zero(span_of(roster->previous, SHA256_LEN));
    ENSURE(roster->number >= 1 && roster->number <= (uint64_t)QUORUM_INTEGER_MAX, ERR_INVALID_FIELD,
           "the roster's number is not 1 or more");
    ENSURE(has_previous == (roster->number > 1), ERR_INVALID_FIELD,
           "every roster but the first names the one before");
    ENSURE(roster->created_at > 0, ERR_INVALID_FIELD, "the roster's created_at is missing");
    ENSURE(roster->person_count > 0, ERR_INVALID_FIELD, "the roster has no people");
    ENSURE(roster_group(roster, roster->authority) != NULL, ERR_INVALID_FIELD,
           "the roster's authority is no group of it");
    return err_ok();
}

struct err roster_check(const struct roster *roster)
{
    TRY(check_head(roster));
    TRY(check_ids_once(roster));
    TRY(check_keys_once(roster));
    TRY(check_principals_once(roster));
    for (size_t i = 0; i < roster->person_count; i++) {
        TRY(check_person(&roster->people[i]));
    }
    for (size_t i = 0; i < roster->group_count; i++) {
        TRY(quorum_check_id(roster->groups[i].id));
        TRY(check_members_once(&roster->groups[i]));
    }
    return err_ok();
}
