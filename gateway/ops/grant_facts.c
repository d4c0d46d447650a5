/* What may be said in a grant, and the limits of each thing. What is refused here could only be a
 * mistake: an operation that does not exist, a pattern that no key can match, a source with bits
 * behind its prefix, a principal that nobody can be. */
#include "gateway/ops/grant_facts.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/name.h"
#include "gateway/ops/grant_principal.h"
#include "gateway/policy.h"

#define CONTEXT_BYTES_LIMIT ((size_t)1024) /* names and values together */
#define SEGMENT_MAX         63

/* --- reading --- */

static bool has_control(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

struct err grant_check_id(struct span id)
{
    struct err err = name_check_namespace(id);
    bool segment =
        err.code == ERR_OK && id.len <= SEGMENT_MAX && memchr(id.data, '/', id.len) == NULL;
    ENSURE(segment, ERR_INVALID_FIELD,
           "The id of a grant must look like [a-z0-9][a-z0-9._-]{0,62}.");
    return err_ok();
}

static struct err read_operations(const struct json_value *list, struct grant *grant)
{
    size_t index = 0;
    for (const struct json_value *at = json_first(list); at != NULL; at = json_next(at), index++) {
        struct span word;
        enum operation operation;
        ENSURE(json_as_text(at, &word), ERR_INVALID_FIELD, "operations must be texts.");
        /* by its place: what a caller sent by mistake is not repeated */
        ENSURE(operation_by_name(word, &operation), ERR_INVALID_FIELD,
               "operations[%zu] is not an operation.", index);
        ENSURE((grant->operations & OPERATION_BIT(operation)) == 0, ERR_INVALID_FIELD,
               "operations: %s is given twice.", operation_name(operation));
        grant->operations |= OPERATION_BIT(operation);
    }
    ENSURE(grant->operations != 0, ERR_INVALID_FIELD, "operations must not be empty.");
    return err_ok();
}

static int compare_pairs(const void *a, const void *b)
{
    return strcmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

static struct err read_context(const struct json_value *object, struct grant_draft *draft)
{
    size_t count = 0, bytes = 0;
    ENSURE(json_count(object) <= GRANT_PAIRS_MAX, ERR_INVALID_FIELD,
           "context must be at most %d pairs.", GRANT_PAIRS_MAX);
    for (const struct json_value *at = json_first(object); at != NULL; at = json_next(at)) {
        struct span name = span_text(json_name(at)), value;
        ENSURE(name.len > 0 && json_as_text(at, &value), ERR_INVALID_FIELD,
               "context must have names that are not empty and values that are text.");
        ENSURE(!has_control(name) && !has_control(value), ERR_INVALID_FIELD,
               "context must not have control characters.");
        bytes += name.len + value.len;
        draft->context[count].name = json_name(at);
        draft->context[count++].value = (const char *)value.data;
    }
    ENSURE(bytes <= CONTEXT_BYTES_LIMIT, ERR_INVALID_FIELD,
           "context must be at most %zu bytes, names and values together.", CONTEXT_BYTES_LIMIT);
    qsort(draft->context, count, sizeof(draft->context[0]), compare_pairs);
    draft->grant.context = draft->context;
    draft->grant.context_count = count;
    return err_ok();
}

/* An empty list would look like "from nowhere" and mean "from anywhere". */
static struct err read_sources(const struct json_value *list, struct grant_draft *draft)
{
    size_t count = json_count(list);
    ENSURE(count >= 1 && count <= GRANT_SOURCES_MAX, ERR_INVALID_FIELD,
           "source must be 1 to %d networks; leave it out for any source.", GRANT_SOURCES_MAX);
    struct network *network = draft->sources;
    for (const struct json_value *at = json_first(list); at != NULL; at = json_next(at)) {
        struct span text;
        ENSURE(json_as_text(at, &text), ERR_INVALID_FIELD, "source must be a list of texts.");
        TRY(network_parse(text, network));
        network++;
    }
    draft->grant.sources = draft->sources;
    draft->grant.source_count = count;
    return err_ok();
}

static struct err read_justification(struct span text, struct grant *grant)
{
    bool blank = true;
    for (size_t i = 0; i < text.len; i++) {
        blank = blank && text.data[i] == ' ';
    }
    ENSURE(!blank, ERR_INVALID_FIELD, "justification is required: say why this is needed.");
    ENSURE(text.len <= GRANT_JUSTIFICATION_MAX && !has_control(text), ERR_INVALID_FIELD,
           "justification must be one line of at most %d bytes.", GRANT_JUSTIFICATION_MAX);
    grant->justification = (const char *)text.data;
    return err_ok();
}

static struct err read_end(struct span text, struct grant *grant)
{
    struct err err = clock_parse(text, &grant->expires_at);
    ENSURE(err.code == ERR_OK && grant->expires_at > 0, ERR_INVALID_FIELD,
           "expires_at must be a time such as 2030-01-31T12:00:00Z.");
    return err_ok();
}

static struct err check_reserved(const struct grant *grant)
{
    bool reserved = span_starts(span_text(grant->keys), POLICY_RESERVED);
    ENSURE(!reserved || grant->operations == OPERATION_BIT(OPERATION_READ), ERR_INVALID_FIELD,
           "keys: those under " POLICY_RESERVED " are the gateway's own and can only be read.");
    return err_ok();
}

static struct err check_size(const struct grant *grant)
{
    CLEANUP(buf_clear) struct buf text = {0};
    buf_init(&text, GRANT_JSON_MAX);
    struct json_writer writer = json_writer_on(&text);
    grant_put_content(&writer, NULL, grant);
    ENSURE(json_finish(&writer).code == ERR_OK, ERR_INVALID_FIELD,
           "A grant must be at most %zu bytes as JSON.", GRANT_JSON_MAX);
    return err_ok();
}

/* What json_read gives. */
struct members {
    struct span id, principal, keys, expires_at, justification;
    const struct json_value *operations, *context, *source;
    bool has_context, has_source, has_end;
    bool allow_dual_role;
};

static struct err read_members(const struct json_value *object, size_t first, struct members *out)
{
    const struct json_field fields[] = {
        {"id", JSON_TEXT, JSON_REQUIRED, 0, &out->id, NULL},
        {"principal", JSON_TEXT, JSON_REQUIRED, 0, &out->principal, NULL},
        {"keys", JSON_TEXT, JSON_REQUIRED, 0, &out->keys, NULL},
        {"operations", JSON_ARRAY, JSON_REQUIRED, 0, &out->operations, NULL},
        {"context", JSON_OBJECT, JSON_OPTIONAL, 0, &out->context, &out->has_context},
        {"source", JSON_ARRAY, JSON_OPTIONAL, 0, &out->source, &out->has_source},
        {"expires_at", JSON_TEXT, JSON_OPTIONAL, 0, &out->expires_at, &out->has_end},
        {"justification", JSON_TEXT, JSON_REQUIRED, 0, &out->justification, NULL},
        {"allow_dual_role", JSON_FLAG, JSON_OPTIONAL, 0, &out->allow_dual_role, NULL},
    };
    return json_read(object, fields + first, ARRAY_LEN(fields) - first);
}

struct err grant_read(const struct json_value *object, struct span id, struct grant_draft *out)
{
    struct members members = {.id = id};
    *out = (struct grant_draft){0};
    ENSURE(json_is(object, JSON_OBJECT), ERR_INVALID_FIELD, "A grant must be an object.");
    TRY(read_members(object, id.len > 0 ? 1 : 0, &members));
    TRY(grant_check_id(members.id));
    memcpy(out->id, members.id.data, members.id.len);
    struct grant *grant = &out->grant;
    grant->id = out->id;
    TRY(grant_check_principal(members.principal));
    grant->principal = (const char *)members.principal.data;
    TRY(policy_check_pattern(members.keys));
    grant->keys = (const char *)members.keys.data;
    grant->allow_dual_role = members.allow_dual_role;
    TRY(read_operations(members.operations, grant));
    TRY(members.has_context ? read_context(members.context, out) : err_ok());
    TRY(members.has_source ? read_sources(members.source, out) : err_ok());
    TRY(members.has_end ? read_end(members.expires_at, grant) : err_ok());
    TRY(read_justification(members.justification, grant));
    TRY(check_reserved(grant));
    return check_size(grant);
}

struct err grant_check_end(const struct grant *grant, int64_t now)
{
    ENSURE(grant->expires_at == 0 || grant->expires_at > now, ERR_INVALID_FIELD,
           "expires_at of %s must be in the future.", grant->id);
    return err_ok();
}
