/* A grant as JSON. One table of members serves the answer, the audit record and the comparison, so
 * that none of them can forget one. */
#include "base/mem.h"
#include "gateway/ops/grant_facts.h"

static void put_id(struct json_writer *writer, const struct grant *grant)
{
    json_put_text(writer, "id", grant->id);
}

static void put_principal(struct json_writer *writer, const struct grant *grant)
{
    json_put_text(writer, "principal", grant->principal);
}

static void put_keys(struct json_writer *writer, const struct grant *grant)
{
    json_put_text(writer, "keys", grant->keys);
}

static void put_operations(struct json_writer *writer, const struct grant *grant)
{
    json_begin_array(writer, "operations");
    for (unsigned i = 0; i < OPERATION_COUNT; i++) {
        if ((grant->operations & OPERATION_BIT(i)) != 0) {
            json_put_text(writer, NULL, operation_name((enum operation)i));
        }
    }
    json_end_array(writer);
}

static void put_context(struct json_writer *writer, const struct grant *grant)
{
    if (grant->context_count == 0) {
        return;
    }
    json_begin_object(writer, "context");
    for (size_t i = 0; i < grant->context_count; i++) {
        json_put_text(writer, grant->context[i].name, grant->context[i].value);
    }
    json_end_object(writer);
}

static void put_source(struct json_writer *writer, const struct grant *grant)
{
    if (grant->source_count == 0) {
        return;
    }
    json_begin_array(writer, "source");
    for (size_t i = 0; i < grant->source_count; i++) {
        char text[64];
        network_format(&grant->sources[i], text);
        json_put_text(writer, NULL, text);
    }
    json_end_array(writer);
}

static void put_end(struct json_writer *writer, const struct grant *grant)
{
    json_put_time_if(writer, "expires_at", grant->expires_at);
}

static void put_justification(struct json_writer *writer, const struct grant *grant)
{
    json_put_text(writer, "justification", grant->justification);
}

static void put_dual_role(struct json_writer *writer, const struct grant *grant)
{
    json_put_flag(writer, "allow_dual_role", grant->allow_dual_role);
}

static const struct {
    const char *name;
    void (*put)(struct json_writer *writer, const struct grant *grant);
} members[] = {
    {"id", put_id},
    {"principal", put_principal},
    {"keys", put_keys},
    {"operations", put_operations},
    {"context", put_context},
    {"source", put_source},
    {"expires_at", put_end},
    {"justification", put_justification},
    {"allow_dual_role", put_dual_role},
};

static void put_members(struct json_writer *writer, const struct grant *grant)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        members[i].put(writer, grant);
    }
}

void grant_put_content(struct json_writer *writer, const char *name, const struct grant *grant)
{
    json_begin_object(writer, name);
    put_members(writer, grant);
    json_end_object(writer);
}

void grant_put_facts(struct json_writer *writer, const char *name, const struct grant *grant,
                     int64_t now)
{
    int64_t last = grant_last_used_at(grant);
    json_begin_object(writer, name);
    put_members(writer, grant);
    json_put_time(writer, "created_at", grant->created_at);
    json_put_time(writer, "updated_at", grant->updated_at);
    json_put_text(writer, "updated_by", grant->updated_by);
    json_put_time_if(writer, "last_used_at", last);
    json_put_flag(writer, "expired", grant->expires_at != 0 && grant->expires_at <= now);
    json_end_object(writer);
}

/* One member alone, as text; grants in memory fit the default maximum of a buf. */
static bool member_differs(size_t member, const struct grant *a, const struct grant *b)
{
    CLEANUP(buf_clear) struct buf left = {0};
    CLEANUP(buf_clear) struct buf right = {0};
    struct json_writer one = json_writer_on(&left), other = json_writer_on(&right);
    json_begin_object(&one, NULL);
    members[member].put(&one, a);
    json_end_object(&one);
    json_begin_object(&other, NULL);
    members[member].put(&other, b);
    json_end_object(&other);
    bool written = json_finish(&one).code == ERR_OK && json_finish(&other).code == ERR_OK;
    return !written || !span_equal(buf_span(&left), buf_span(&right));
}

size_t grant_put_difference(struct json_writer *writer, const char *name, const struct grant *a,
                            const struct grant *b)
{
    size_t count = 0;
    json_begin_array(writer, name);
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (member_differs(i, a, b)) {
            json_put_text(writer, NULL, members[i].name);
            count++;
        }
    }
    json_end_array(writer);
    return count;
}

bool grant_is_same(const struct grant *a, const struct grant *b)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (member_differs(i, a, b)) {
            return false;
        }
    }
    return true;
}
