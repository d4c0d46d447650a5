/* The types of a statement's fields: how each is written, read and checked.
 *
 * A reader may be lenient, because statement_parse writes again what was read and compares; what a
 * value may be is decided by its checker alone, which writing asks, too. */
#include "quorum/field_type.h"

#include "base/name.h"
#include "quorum/canonical.h"
#include "quorum/recipient.h"
#include "quorum/rule.h"

#define STATEMENT_FORMAT "hsmgate/v1/statement"

bool field_in_range(const struct field_range *range, int64_t value)
{
    return value >= range->least && value <= range->most;
}

/* --- what is derived: written, and compared after reading --- */

static bool derived_is_valid(const struct field_range *range, const void *at)
{
    (void)range;
    (void)at;
    return true;
}

static struct err derived_take(const union field_slot *slot, struct buf *bytes, void *at)
{
    (void)slot;
    (void)bytes;
    (void)at;
    return err_ok();
}

static void format_put(struct json_writer *writer, const char *name, const void *at)
{
    (void)at;
    json_put_text(writer, name, STATEMENT_FORMAT);
}

static void kind_put(struct json_writer *writer, const char *name, const void *at)
{
    const enum statement_kind *kind = at;
    json_put_text(writer, name, statement_kind_name(*kind));
}

static void policy_put(struct json_writer *writer, const char *name, const void *at)
{
    uint8_t digest[SHA256_LEN];
    quorum_rule_digest(at, digest);
    json_put_hex(writer, name, span_of(digest, sizeof(digest)));
}

const struct field_type field_format = {JSON_TEXT, derived_is_valid, format_put, derived_take};
const struct field_type field_kind = {JSON_TEXT, derived_is_valid, kind_put, derived_take};
const struct field_type field_policy = {JSON_TEXT, derived_is_valid, policy_put, derived_take};

/* --- texts --- */

static bool text_is_valid(const struct field_range *range, const void *at)
{
    const struct span *text = at;
    return field_in_range(range, (int64_t)text->len) && canonical_is_text(*text);
}

static bool line_is_valid(const struct field_range *range, const void *at)
{
    const struct span *text = at;
    return field_in_range(range, (int64_t)text->len) && canonical_is_line(*text);
}

static bool key_is_valid(const struct field_range *range, const void *at)
{
    (void)range;
    const struct span *text = at;
    return name_check(*text).code == ERR_OK;
}

static void text_put(struct json_writer *writer, const char *name, const void *at)
{
    const struct span *text = at;
    json_put_span(writer, name, *text);
}

static struct err text_take(const union field_slot *slot, struct buf *bytes, void *at)
{
    (void)bytes;
    struct span *text = at;
    *text = slot->text;
    return err_ok();
}

const struct field_type field_text = {JSON_TEXT, text_is_valid, text_put, text_take};
const struct field_type field_line = {JSON_TEXT, line_is_valid, text_put, text_take};
const struct field_type field_key = {JSON_TEXT, key_is_valid, text_put, text_take};

/* --- integers and times --- */

static bool u32_is_valid(const struct field_range *range, const void *at)
{
    const uint32_t *value = at;
    return field_in_range(range, *value);
}

static void u32_put(struct json_writer *writer, const char *name, const void *at)
{
    const uint32_t *value = at;
    json_put_integer(writer, name, *value);
}

static struct err u32_take(const union field_slot *slot, struct buf *bytes, void *at)
{
    (void)bytes;
    uint32_t *value = at;
    /* what does not fit is cut here, and differs when it is written again */
    *value = (uint32_t)slot->integer;
    return err_ok();
}

/* uint64_t and int64_t alike: no valid value has the highest bit */
static bool i64_is_valid(const struct field_range *range, const void *at)
{
    int64_t value = 0;
    memcpy(&value, at, sizeof(value));
    return field_in_range(range, value);
}

static void i64_put(struct json_writer *writer, const char *name, const void *at)
{
    int64_t value = 0;
    memcpy(&value, at, sizeof(value));
    json_put_integer(writer, name, value);
}

static struct err i64_take(const union field_slot *slot, struct buf *bytes, void *at)
{
    (void)bytes;
    memcpy(at, &slot->integer, sizeof(slot->integer));
    return err_ok();
}

static bool time_is_valid(const struct field_range *range, const void *at)
{
    const int64_t *unix_ms = at;
    return field_in_range(range, *unix_ms) && *unix_ms % QUORUM_MS_PER_S == 0;
}

static void time_put(struct json_writer *writer, const char *name, const void *at)
{
    const int64_t *unix_ms = at;
    json_put_time(writer, name, *unix_ms);
}

static struct err time_take(const union field_slot *slot, struct buf *bytes, void *at)
{
    (void)bytes;
    return clock_parse(slot->text, at);
}

const struct field_type field_u32 = {JSON_INTEGER, u32_is_valid, u32_put, u32_take};
const struct field_type field_i64 = {JSON_INTEGER, i64_is_valid, i64_put, i64_take};
const struct field_type field_time = {JSON_TEXT, time_is_valid, time_put, time_take};

/* --- objects --- */

static bool rule_field_is_valid(const struct field_range *range, const void *at)
{
    (void)range;
    return rule_is_valid(at);
}

static void rule_field_put(struct json_writer *writer, const char *name, const void *at)
{
    rule_put(writer, name, at);
}

static struct err rule_take(const union field_slot *slot, struct buf *bytes, void *at)
{
    (void)bytes;
    return rule_read(slot->object, at);
}

static bool wanted_is_valid(const struct field_range *range, const void *at)
{
    (void)range;
    return rule_is_valid_wanted(at);
}

static void wanted_put(struct json_writer *writer, const char *name, const void *at)
{
    rule_put_wanted(writer, name, at);
}

static struct err wanted_take(const union field_slot *slot, struct buf *bytes, void *at)
{
    (void)bytes;
    return rule_read_wanted(slot->object, at);
}

static bool recipient_field_is_valid(const struct field_range *range, const void *at)
{
    (void)range;
    return recipient_is_valid(at);
}

static void recipient_field_put(struct json_writer *writer, const char *name, const void *at)
{
    recipient_put(writer, name, at);
}

static struct err recipient_take(const union field_slot *slot, struct buf *bytes, void *at)
{
    (void)bytes;
    return recipient_read(slot->object, at);
}

const struct field_type field_rule = {JSON_OBJECT, rule_field_is_valid, rule_field_put, rule_take};
const struct field_type field_wanted = {JSON_OBJECT, wanted_is_valid, wanted_put, wanted_take};
const struct field_type field_recipient = {JSON_OBJECT, recipient_field_is_valid,
                                           recipient_field_put, recipient_take};
