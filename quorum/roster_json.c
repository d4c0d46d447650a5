/* Rosters as JSON, both directions: format, number, previous, created_at, authority, people
 * [{id, name, principals, keys [{kind, public_key, application (sk kinds), proof_format, proof}]}],
 * groups [{id, m, wait_s, use_within_s, members}].
 *
 * Reading checks types and counts alone; roster_parse writes again and compares, and roster_check
 * judges the rest. Spans lead into the JSON document or into `held->bytes`, which has room for all
 * of them from the start. */
#include "quorum/roster.h"

#include "base/encoding.h"
#include "base/mem.h"
#include "quorum/canonical.h"
#include "quorum/voter_key.h"

#define ROSTER_FORMAT "hsmgate/v1/roster"

/* --- out --- */

static void put_spans(struct json_writer *writer, const char *name, const struct span *spans,
                      size_t count)
{
    json_begin_array(writer, name);
    for (size_t i = 0; i < count; i++) {
        json_put_span(writer, NULL, spans[i]);
    }
    json_end_array(writer);
}

static void put_key(struct json_writer *writer, const struct voter_key *key)
{
    json_begin_object(writer, NULL);
    json_put_text(writer, "kind", voter_key_kind_name(key->kind));
    json_put_bytes(writer, "public_key", key->spki);
    if (voter_key_is_sk(key->kind)) {
        json_put_span(writer, "application", key->application);
    }
    json_put_text(writer, "proof_format", vote_format_name(key->proof_format));
    json_put_bytes(writer, "proof", key->proof);
    json_end_object(writer);
}

static void put_person(struct json_writer *writer, const struct roster_person *person)
{
    json_begin_object(writer, NULL);
    json_put_span(writer, "id", person->id);
    json_put_span(writer, "name", person->name);
    put_spans(writer, "principals", person->principals, person->principal_count);
    json_begin_array(writer, "keys");
    for (size_t i = 0; i < person->key_count; i++) {
        put_key(writer, &person->keys[i]);
    }
    json_end_array(writer);
    json_end_object(writer);
}

static void put_group(struct json_writer *writer, const struct roster_group *group)
{
    json_begin_object(writer, NULL);
    json_put_span(writer, "id", group->id);
    json_put_integer(writer, "m", group->m);
    json_put_integer(writer, "wait_s", group->wait_s);
    json_put_integer(writer, "use_within_s", group->use_within_s);
    put_spans(writer, "members", group->members, group->member_count);
    json_end_object(writer);
}

struct err roster_put(const struct roster *roster, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    bool is_root = canonical_is_zero(span_of(roster->previous, SHA256_LEN));
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "format", ROSTER_FORMAT);
    json_put_integer(&writer, "number", (int64_t)roster->number);
    json_put_hex(&writer, "previous", span_of(roster->previous, is_root ? 0 : SHA256_LEN));
    json_put_time(&writer, "created_at", roster->created_at);
    json_put_span(&writer, "authority", roster->authority);
    json_begin_array(&writer, "people");
    for (size_t i = 0; i < roster->person_count; i++) {
        put_person(&writer, &roster->people[i]);
    }
    json_end_array(&writer);
    json_begin_array(&writer, "groups");
    for (size_t i = 0; i < roster->group_count; i++) {
        put_group(&writer, &roster->groups[i]);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}

/* --- in --- */

static struct err read_spans(const struct json_value *array, struct span *out)
{
    for (const struct json_value *at = json_first(array); at != NULL; at = json_next(at)) {
        ENSURE(json_as_text(at, out), ERR_INVALID_FIELD, "a list of the roster holds no text");
        out++;
    }
    return err_ok();
}

static struct err read_base64(struct roster_held *held, struct span text, struct span *out)
{
    size_t before = held->bytes.len;
    TRY(base64_decode(text, &held->bytes));
    *out = span_of(held->bytes.data + before, held->bytes.len - before);
    return err_ok();
}

static bool kind_by_name(struct span name, enum voter_key_kind *out)
{
    for (size_t i = 0; i < VOTER_KEY_KIND_COUNT; i++) {
        if (span_is(name, voter_key_kind_name((enum voter_key_kind)i))) {
            *out = (enum voter_key_kind)i;
            return true;
        }
    }
    return false;
}

static struct err read_key(struct roster_held *held, const struct json_value *object,
                           struct voter_key *out)
{
    struct span kind = {0};
    struct span spki = {0};
    struct span format = {0};
    struct span proof = {0};
    const struct json_field fields[] = {
        {"kind", JSON_TEXT, JSON_REQUIRED, 0, &kind, NULL},
        {"public_key", JSON_TEXT, JSON_REQUIRED, 0, &spki, NULL},
        {"application", JSON_TEXT, JSON_OPTIONAL, 0, &out->application, NULL},
        {"proof_format", JSON_TEXT, JSON_REQUIRED, 0, &format, NULL},
        {"proof", JSON_TEXT, JSON_REQUIRED, 0, &proof, NULL},
    };
    TRY(json_read(object, fields, ARRAY_LEN(fields)));
    ENSURE(kind_by_name(kind, &out->kind) && vote_format_by_name(format, &out->proof_format),
           ERR_INVALID_FIELD, "a key's kind or proof_format is not known");
    TRY(read_base64(held, spki, &out->spki));
    return read_base64(held, proof, &out->proof);
}

static struct err read_person(struct roster_held *held, const struct json_value *object,
                              struct roster_person *out)
{
    const struct json_value *principals = NULL;
    const struct json_value *keys = NULL;
    const struct json_field fields[] = {
        {"id", JSON_TEXT, JSON_REQUIRED, 0, &out->id, NULL},
        {"name", JSON_TEXT, JSON_REQUIRED, 0, &out->name, NULL},
        {"principals", JSON_ARRAY, JSON_REQUIRED, QUORUM_PRINCIPALS_MAX, &principals, NULL},
        {"keys", JSON_ARRAY, JSON_REQUIRED, QUORUM_KEYS_MAX, &keys, NULL},
    };
    TRY(json_read(object, fields, ARRAY_LEN(fields)));
    TRY(read_spans(principals, out->principals));
    out->principal_count = json_count(principals);
    for (const struct json_value *at = json_first(keys); at != NULL; at = json_next(at)) {
        TRY(read_key(held, at, &out->keys[out->key_count]));
        out->key_count++;
    }
    return err_ok();
}

static struct err read_people(struct roster_held *held, const struct json_value *array)
{
    size_t count = json_count(array);
    held->people = mem_array(count, sizeof(*held->people));
    held->is.people = held->people;
    held->is.person_count = count;
    struct roster_person *person = held->people;
    for (const struct json_value *at = json_first(array); at != NULL; at = json_next(at)) {
        TRY(read_person(held, at, person));
        person++;
    }
    return err_ok();
}

static struct err read_group(const struct json_value *object, struct span *members,
                             struct roster_group *out)
{
    int64_t m = 0;
    const struct json_value *array = NULL;
    const struct json_field fields[] = {
        {"id", JSON_TEXT, JSON_REQUIRED, 0, &out->id, NULL},
        {"m", JSON_INTEGER, JSON_REQUIRED, 0, &m, NULL},
        {"wait_s", JSON_INTEGER, JSON_REQUIRED, 0, &out->wait_s, NULL},
        {"use_within_s", JSON_INTEGER, JSON_REQUIRED, 0, &out->use_within_s, NULL},
        {"members", JSON_ARRAY, JSON_REQUIRED, 0, &array, NULL},
    };
    TRY(json_read(object, fields, ARRAY_LEN(fields)));
    ENSURE(m >= 0 && m <= QUORUM_M_MAX, ERR_INVALID_FIELD, "m of a group is not between %d and %d",
           QUORUM_M_MIN, QUORUM_M_MAX);
    out->m = (uint32_t)m;
    out->members = members;
    out->member_count = json_count(array);
    return read_spans(array, members);
}

static struct err read_groups(struct roster_held *held, const struct json_value *array)
{
    size_t count = json_count(array);
    size_t members = 0;
    for (const struct json_value *at = json_first(array); at != NULL; at = json_next(at)) {
        members += json_count(json_member(at, "members"));
    }
    held->members = mem_array(members, sizeof(*held->members));
    held->groups = mem_array(count, sizeof(*held->groups));
    held->is.groups = held->groups;
    held->is.group_count = count;
    struct span *free_members = held->members;
    struct roster_group *group = held->groups;
    for (const struct json_value *at = json_first(array); at != NULL; at = json_next(at)) {
        TRY(read_group(at, free_members, group));
        free_members += group->member_count;
        group++;
    }
    return err_ok();
}

static struct err read_previous(struct span hex, uint8_t out[SHA256_LEN])
{
    return hex.len == 0 ? err_ok() : canonical_hex(hex, SHA256_LEN, out);
}

struct err roster_read(struct roster_held *held)
{
    struct roster *roster = &held->is;
    struct span format = {0};
    struct span previous = {0};
    struct span created_at = {0};
    int64_t number = 0;
    const struct json_value *people = NULL;
    const struct json_value *groups = NULL;
    const struct json_field fields[] = {
        {"format", JSON_TEXT, JSON_REQUIRED, 0, &format, NULL},
        {"number", JSON_INTEGER, JSON_REQUIRED, 0, &number, NULL},
        {"previous", JSON_TEXT, JSON_REQUIRED, 0, &previous, NULL},
        {"created_at", JSON_TEXT, JSON_REQUIRED, 0, &created_at, NULL},
        {"authority", JSON_TEXT, JSON_REQUIRED, 0, &roster->authority, NULL},
        {"people", JSON_ARRAY, JSON_REQUIRED, QUORUM_PEOPLE_MAX, &people, NULL},
        {"groups", JSON_ARRAY, JSON_REQUIRED, QUORUM_GROUPS_MAX, &groups, NULL},
    };
    TRY(json_read(held->json.root, fields, ARRAY_LEN(fields)));
    TRY(read_previous(previous, roster->previous));
    TRY(clock_parse(created_at, &roster->created_at));
    roster->number = (uint64_t)number;
    TRY(read_people(held, people));
    return read_groups(held, groups);
}
