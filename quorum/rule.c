/* Rules as JSON, their ranges, and the digest that binds one into a statement.
 *
 * Zero never passes for a rule: only a statement that takes one away may say m 0, and then it names
 * no group either. */
#include "quorum/rule.h"

#include <assert.h>

#include "base/mem.h"
#include "quorum/canonical.h"

#define ID_MAX 63

static bool starts_id(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

struct err quorum_check_id(struct span id)
{
    bool ok = id.len > 0 && id.len <= ID_MAX && starts_id(id.data[0]);
    for (size_t i = 1; ok && i < id.len; i++) {
        uint8_t c = id.data[i];
        ok = starts_id(c) || c == '.' || c == '_' || c == '-';
    }
    ENSURE(ok, ERR_INVALID_FIELD,
           "an id has 1 to %d characters a-z, 0-9, '.', '_', '-' and begins with a-z or 0-9",
           ID_MAX);
    return err_ok();
}

static bool is_seconds(int64_t seconds)
{
    return seconds >= 0 && seconds <= QUORUM_SECONDS_MAX;
}

static bool is_valid_who(const struct quorum_rule *rule)
{
    return quorum_check_id(rule->group).code == ERR_OK && rule->m >= QUORUM_M_MIN &&
           rule->m <= QUORUM_M_MAX;
}

bool rule_is_valid(const struct quorum_rule *rule)
{
    return is_valid_who(rule) && is_seconds(rule->wait_s) && is_seconds(rule->use_within_s);
}

bool rule_is_valid_wanted(const struct quorum_rule *rule)
{
    return rule->m == 0 ? rule->group.len == 0 : is_valid_who(rule);
}

static void put_who(struct json_writer *writer, const struct quorum_rule *rule)
{
    json_put_span(writer, "group", rule->group);
    json_put_integer(writer, "m", rule->m);
}

void rule_put(struct json_writer *writer, const char *name, const struct quorum_rule *rule)
{
    json_begin_object(writer, name);
    put_who(writer, rule);
    json_put_integer(writer, "wait_s", rule->wait_s);
    json_put_integer(writer, "use_within_s", rule->use_within_s);
    json_end_object(writer);
}

void rule_put_wanted(struct json_writer *writer, const char *name, const struct quorum_rule *rule)
{
    json_begin_object(writer, name);
    put_who(writer, rule);
    json_end_object(writer);
}

static struct err take_m(int64_t m, struct quorum_rule *rule)
{
    ENSURE(m >= 0 && m <= QUORUM_M_MAX, ERR_INVALID_FIELD, "m is not between 0 and %d",
           QUORUM_M_MAX);
    rule->m = (uint32_t)m;
    return err_ok();
}

struct err rule_read(const struct json_value *object, struct quorum_rule *out)
{
    struct quorum_rule rule = {0};
    int64_t m = 0;
    const struct json_field fields[] = {
        {"group", JSON_TEXT, JSON_REQUIRED, 0, &rule.group, NULL},
        {"m", JSON_INTEGER, JSON_REQUIRED, 0, &m, NULL},
        {"wait_s", JSON_INTEGER, JSON_REQUIRED, 0, &rule.wait_s, NULL},
        {"use_within_s", JSON_INTEGER, JSON_REQUIRED, 0, &rule.use_within_s, NULL},
    };
    TRY(json_read(object, fields, ARRAY_LEN(fields)));
    TRY(take_m(m, &rule));
    *out = rule;
    return err_ok();
}

struct err rule_read_wanted(const struct json_value *object, struct quorum_rule *out)
{
    struct quorum_rule rule = {0};
    int64_t m = 0;
    const struct json_field fields[] = {
        {"group", JSON_TEXT, JSON_REQUIRED, 0, &rule.group, NULL},
        {"m", JSON_INTEGER, JSON_REQUIRED, 0, &m, NULL},
    };
    TRY(json_read(object, fields, ARRAY_LEN(fields)));
    TRY(take_m(m, &rule));
    *out = rule;
    return err_ok();
}

void quorum_rule_digest(const struct quorum_rule *rule, uint8_t out[SHA256_LEN])
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    struct json_writer writer = json_writer_on(&bytes);
    rule_put(&writer, NULL, rule);
    bool whole = json_finish(&writer).code == ERR_OK;
    assert(whole); /* only a group of megabytes would not fit */
    statement_digest(buf_span(&bytes), out);
}
