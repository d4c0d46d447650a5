/* The fields of a statement, in their order, in one table.
 *
 * Writing, reading and checking walk the same rows, so a field cannot be signed without being read,
 * nor read without a range. */
#include "quorum/statement_field.h"

#include "base/mem.h"
#include "quorum/canonical.h"

#define LAST_MS        ((int64_t)253402300799000) /* 9999-12-31T23:59:59Z */
#define ON(kind)       (1U << (kind))
#define ON_ALL         (ON(STATEMENT_KIND_COUNT) - 1)
#define ON_KEY         (ON_ALL & ~ON(STATEMENT_ROSTER))
#define ON_VERSION     (ON(STATEMENT_OPEN) | ON(STATEMENT_DESTROY))
#define MEMBER(member) offsetof(struct statement, member)
#define GATEWAY_MAX    128
#define LOG_KEY_MAX    512
#define REQUESTER_MAX  256
#define CKA_ID_MAX     64
#define IDENTITY_MAX   64

struct statement_field {
    const char *name;
    unsigned kinds; /* a bit for each kind that has it */
    const struct field_type *type;
    size_t offset;
    struct field_range range;
};

static const struct statement_field fields[] = {
    {"format", ON_ALL, &field_format, 0, {0, 0}},
    {"kind", ON_ALL, &field_kind, MEMBER(kind), {0, 0}},
    {"id", ON_ALL, &field_uuid, MEMBER(id), {0, 0}},
    {"gateway", ON_ALL, &field_line, MEMBER(gateway), {1, GATEWAY_MAX}},
    {"log_key", ON_ALL, &field_line, MEMBER(log_key), {0, LOG_KEY_MAX}},
    {"key", ON_KEY, &field_key, MEMBER(key), {0, 0}},
    {"key_id", ON_KEY, &field_uuid, MEMBER(key_id), {0, 0}},
    {"version", ON_VERSION, &field_u32, MEMBER(version), {1, INT32_MAX}},
    {"cka_id", ON_VERSION, &field_bytes, MEMBER(cka_id), {1, CKA_ID_MAX}},
    {"identity", ON_VERSION, &field_bytes, MEMBER(identity), {1, IDENTITY_MAX}},
    {"ciphertext_sha256", ON(STATEMENT_OPEN), &field_sha256, MEMBER(ciphertext_sha256), {0, 0}},
    {"context_sha256", ON(STATEMENT_OPEN), &field_sha256, MEMBER(context_sha256), {0, 0}},
    {"recipient", ON(STATEMENT_OPEN), &field_recipient, MEMBER(recipient), {0, 0}},
    {"after_s", ON(STATEMENT_DESTROY), &field_i64, MEMBER(after_s), {0, QUORUM_SECONDS_MAX}},
    {"wanted", ON(STATEMENT_RULE), &field_wanted, MEMBER(wanted), {0, 0}},
    {"next_number", ON(STATEMENT_ROSTER), &field_i64, MEMBER(next_number), {2, QUORUM_INTEGER_MAX}},
    {"next_sha256", ON(STATEMENT_ROSTER), &field_sha256, MEMBER(next_sha256), {0, 0}},
    {"reason", ON_ALL, &field_text, MEMBER(reason), {1, QUORUM_REASON_MAX}},
    {"ticket", ON_ALL, &field_text, MEMBER(ticket), {0, QUORUM_TICKET_MAX}},
    {"requester", ON_ALL, &field_line, MEMBER(requester), {1, REQUESTER_MAX}},
    {"rule", ON_ALL, &field_rule, MEMBER(rule), {0, 0}},
    {"policy_sha256", ON_ALL, &field_policy, MEMBER(rule), {0, 0}},
    {"roster_number", ON_ALL, &field_i64, MEMBER(roster_number), {1, QUORUM_INTEGER_MAX}},
    {"roster_sha256", ON_ALL, &field_sha256, MEMBER(roster_sha256), {0, 0}},
    {"created_at", ON_ALL, &field_time, MEMBER(created_at), {1, LAST_MS}},
    {"expires_at", ON_ALL, &field_time, MEMBER(expires_at), {1, LAST_MS}},
    {"nonce", ON_ALL, &field_nonce, MEMBER(nonce), {0, 0}},
};
_Static_assert(ARRAY_LEN(fields) <= STATEMENT_FIELDS_MAX, "parse has room for every field");

const struct statement_field *statement_field_at(size_t i)
{
    return i < ARRAY_LEN(fields) ? &fields[i] : NULL;
}

const char *statement_field_name(const struct statement_field *field)
{
    return field->name;
}

bool statement_field_is_of(const struct statement_field *field, enum statement_kind kind)
{
    return (field->kinds & ON(kind)) != 0;
}

enum json_kind statement_field_kind(const struct statement_field *field)
{
    return field->type->kind;
}

static const void *member_of(const struct statement *statement, const struct statement_field *field)
{
    return (const uint8_t *)(const void *)statement + field->offset;
}

bool statement_field_is_valid(const struct statement_field *field,
                              const struct statement *statement)
{
    return field->type->is_valid(&field->range, member_of(statement, field));
}

void statement_field_put(const struct statement_field *field, const struct statement *statement,
                         struct json_writer *writer)
{
    field->type->put(writer, field->name, member_of(statement, field));
}

struct err statement_field_take(const struct statement_field *field, const union field_slot *slot,
                                struct buf *bytes, struct statement *out)
{
    return field->type->take(slot, bytes, (uint8_t *)(void *)out + field->offset);
}
