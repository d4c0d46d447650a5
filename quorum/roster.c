/* Rosters: who the people are. Reading one, writing one, and looking things up.
 *
 * A roster that was read has passed every check, so nobody behind roster_parse asks again whether a
 * key is held twice or a group can reach its M. Writing goes through reading for the same reason:
 * nobody signs a roster that no one will accept. */
#include "quorum/roster.h"

#include "base/mem.h"
#include "quorum/canonical.h"

void roster_held_free(struct roster_held **held)
{
    struct roster_held *roster = *held;
    if (roster == NULL) {
        return;
    }
    json_clear(&roster->json);
    buf_clear(&roster->bytes);
    mem_free(roster->people);
    mem_free(roster->groups);
    mem_free(roster->members);
    mem_free(roster);
    *held = NULL;
}

void roster_free(const struct roster *roster)
{
    const struct roster_held *held = (const struct roster_held *)(const void *)roster;
    struct roster_held *self = held != NULL ? held->self : NULL;
    roster_held_free(&self);
}

void roster_free_at(const struct roster *const *roster)
{
    roster_free(*roster);
}

void roster_digest(struct span bytes, uint8_t out[SHA256_LEN])
{
    digest_sha256_parts(&bytes, 1, out);
}

static struct err check_spelling(const struct roster *roster, struct span bytes)
{
    CLEANUP(buf_clear) struct buf again = {.max = ROSTER_MAX};
    TRY(canonical_err(roster_put(roster, &again)));
    ENSURE(span_equal(bytes, buf_span(&again)), ERR_INVALID_FIELD,
           "the roster is not spelled canonically");
    return err_ok();
}

struct err roster_parse(struct span bytes, const struct roster **out)
{
    ENSURE(bytes.len <= ROSTER_MAX, ERR_INVALID_FIELD, "the roster has more than %zu bytes",
           ROSTER_MAX);
    CLEANUP(roster_held_free) struct roster_held *held = mem_alloc(sizeof(*held));
    held->self = held;
    TRY(canonical_err(json_parse(bytes, &held->json)));
    canonical_reserve(&held->bytes, bytes.len);
    TRY(canonical_err(roster_read(held)));
    TRY(check_spelling(&held->is, bytes));
    TRY(roster_check(&held->is));
    TRY(roster_resolve(held));
    roster_digest(bytes, held->is.digest);
    *out = &TAKE(held)->is;
    return err_ok();
}

/* What roster_put cannot write, or the JSON writer would mend. */
static struct err check_person_writable(const struct roster_person *person)
{
    ENSURE(person->principal_count <= QUORUM_PRINCIPALS_MAX && person->key_count <= QUORUM_KEYS_MAX,
           ERR_INVALID_FIELD, "a person has too many principals or keys");
    bool ok = canonical_is_text(person->name);
    for (size_t i = 0; ok && i < person->principal_count; i++) {
        ok = canonical_is_text(person->principals[i]);
    }
    ENSURE(ok, ERR_INVALID_FIELD, "a name or principal is not text");
    for (size_t i = 0; ok && i < person->key_count; i++) {
        ok = (size_t)person->keys[i].kind < VOTER_KEY_KIND_COUNT &&
             (size_t)person->keys[i].proof_format <= VOTE_SSHSIG;
    }
    ENSURE(ok, ERR_INVALID_FIELD, "a key's kind or proof_format is not known");
    return err_ok();
}

struct err roster_write(const struct roster *roster, struct buf *out)
{
    CLEANUP(buf_clear) struct buf bytes = {.max = ROSTER_MAX};
    CLEANUP(roster_free_at) const struct roster *read = NULL;
    for (size_t i = 0; i < roster->person_count; i++) {
        TRY(check_person_writable(&roster->people[i]));
    }
    TRY(canonical_err(roster_put(roster, &bytes)));
    TRY(roster_parse(buf_span(&bytes), &read));
    return buf_append(out, buf_span(&bytes));
}

const struct roster_person *roster_person(const struct roster *roster, struct span id)
{
    for (size_t i = 0; i < roster->person_count; i++) {
        if (span_equal(roster->people[i].id, id)) {
            return &roster->people[i];
        }
    }
    return NULL;
}

const struct roster_group *roster_group(const struct roster *roster, struct span id)
{
    for (size_t i = 0; i < roster->group_count; i++) {
        if (span_equal(roster->groups[i].id, id)) {
            return &roster->groups[i];
        }
    }
    return NULL;
}

const struct roster_person *roster_person_of(const struct roster *roster, struct span principal)
{
    for (size_t i = 0; i < roster->person_count; i++) {
        const struct roster_person *person = &roster->people[i];
        for (size_t k = 0; k < person->principal_count; k++) {
            if (span_equal(person->principals[k], principal)) {
                return person;
            }
        }
    }
    return NULL;
}
