/* Statements: the exact bytes that people sign, in both directions.
 *
 * Canonical means that one meaning has one spelling: compact JSON, the fields of the kind and no
 * others in the order of the table in statement_field.c. Reading fills the struct, writes it again
 * and compares; so whatever a signer's tool and the worker might read differently is refused. */
#include "quorum/quorum.h"

#include "base/mem.h"
#include "quorum/canonical.h"
#include "quorum/statement_field.h"

static const char *const kind_names[STATEMENT_KIND_COUNT] = {
    [STATEMENT_OPEN] = "open",         [STATEMENT_DESTROY] = "destroy", [STATEMENT_RULE] = "rule",
    [STATEMENT_UNFREEZE] = "unfreeze", [STATEMENT_ROSTER] = "roster",
};

const char *statement_kind_name(enum statement_kind kind)
{
    return kind_names[kind];
}

bool statement_kind_by_name(struct span name, enum statement_kind *out)
{
    for (size_t i = 0; i < STATEMENT_KIND_COUNT; i++) {
        if (span_is(name, kind_names[i])) {
            *out = (enum statement_kind)i;
            return true;
        }
    }
    return false;
}

void statement_digest(struct span bytes, uint8_t out[SHA256_LEN])
{
    digest_sha256_parts(&bytes, 1, out);
}

static struct err put_fields(const struct statement *statement, struct json_writer *writer)
{
    const struct statement_field *field = NULL;
    for (size_t i = 0; (field = statement_field_at(i)) != NULL; i++) {
        if (!statement_field_is_of(field, statement->kind)) {
            continue;
        }
        ENSURE(statement_field_is_valid(field, statement), ERR_INVALID_FIELD,
               "the statement's %s is missing or not allowed", statement_field_name(field));
        statement_field_put(field, statement, writer);
    }
    return err_ok();
}

static struct err put_statement(const struct statement *statement, struct buf *out)
{
    ENSURE((size_t)statement->kind < STATEMENT_KIND_COUNT, ERR_INVALID_FIELD,
           "the statement's kind is not known");
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    TRY(put_fields(statement, &writer));
    json_end_object(&writer);
    ENSURE(statement->expires_at > statement->created_at, ERR_INVALID_FIELD,
           "the statement expires before it is made");
    return json_finish(&writer);
}

struct err statement_write(const struct statement *statement, struct buf *out)
{
    size_t before = out->len;
    struct err err = put_statement(statement, out);
    if (err.code != ERR_OK) {
        buf_truncate(out, before);
    }
    return err;
}

static struct err read_kind(const struct json_value *object, enum statement_kind *out)
{
    struct span name = {0};
    bool known =
        json_as_text(json_member(object, "kind"), &name) && statement_kind_by_name(name, out);
    ENSURE(known, ERR_INVALID_FIELD, "the statement's kind is not known");
    return err_ok();
}

/* json_read's table for the kind; values go to `slots`, one for each row of ours. */
static size_t list_fields(enum statement_kind kind, union field_slot *slots, struct json_field *out)
{
    size_t count = 0;
    const struct statement_field *field = NULL;
    for (size_t i = 0; (field = statement_field_at(i)) != NULL; i++) {
        if (statement_field_is_of(field, kind)) {
            out[count++] = (struct json_field){.name = statement_field_name(field),
                                               .kind = statement_field_kind(field),
                                               .need = JSON_REQUIRED,
                                               .out = &slots[i]};
        }
    }
    return count;
}

static struct err take_fields(const union field_slot *slots, struct statement_read *read)
{
    const struct statement_field *field = NULL;
    for (size_t i = 0; (field = statement_field_at(i)) != NULL; i++) {
        if (statement_field_is_of(field, read->is.kind)) {
            struct err err = statement_field_take(field, &slots[i], &read->bytes, &read->is);
            ENSURE(err.code == ERR_OK, ERR_INVALID_FIELD, "the statement's %s: %.100s",
                   statement_field_name(field), err.detail);
        }
    }
    return err_ok();
}

static struct err read_fields(struct statement_read *read, size_t len)
{
    union field_slot slots[STATEMENT_FIELDS_MAX] = {0};
    struct json_field fields[STATEMENT_FIELDS_MAX];
    TRY(read_kind(read->json.root, &read->is.kind));
    size_t count = list_fields(read->is.kind, slots, fields);
    TRY(json_read(read->json.root, fields, count));
    canonical_reserve(&read->bytes, len);
    return take_fields(slots, read);
}

struct err statement_parse(struct span bytes, struct statement_read *out)
{
    ENSURE(bytes.len <= STATEMENT_MAX, ERR_INVALID_FIELD, "the statement has more than %zu bytes",
           STATEMENT_MAX);
    CLEANUP(statement_clear) struct statement_read read = {0};
    CLEANUP(buf_clear) struct buf again = {0};
    TRY(canonical_err(json_parse(bytes, &read.json)));
    TRY(canonical_err(read_fields(&read, bytes.len)));
    TRY(statement_write(&read.is, &again));
    ENSURE(span_equal(bytes, buf_span(&again)), ERR_INVALID_FIELD,
           "the statement is not spelled canonically, or its policy digest is wrong");
    *out = read;
    read = (struct statement_read){0};
    return err_ok();
}

void statement_clear(struct statement_read *statement)
{
    json_clear(&statement->json);
    buf_clear(&statement->bytes);
    statement->is = (struct statement){0};
}
