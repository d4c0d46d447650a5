/* facts: `{"name":"value"}` and `["audience"]`. What stands in the database was written here, so
 * anything else in it is damage and not a client's mistake. */
#include "keystore/facts.h"

#include "base/mem.h"

struct err facts_write_labels(const struct key_facts *facts, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    for (size_t i = 0; i < facts->label_count; i++) {
        json_put_text(&writer, facts->labels[i].name, facts->labels[i].value);
    }
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err facts_write_audiences(const struct key_facts *facts, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    json_begin_array(&writer, NULL);
    for (size_t i = 0; i < facts->jwt.audience_count; i++) {
        json_put_text(&writer, NULL, facts->jwt.audiences[i]);
    }
    json_end_array(&writer);
    return json_finish(&writer);
}

/* Text values of a document come NUL-terminated. */
static struct err text_of(const struct json_value *value, const char **out)
{
    struct span text = {0};
    ENSURE(json_as_text(value, &text), ERR_CORRUPT, "a key's stored facts are damaged");
    *out = (const char *)text.data;
    return err_ok();
}

static struct err parse(struct span text, enum json_kind kind, struct json *out)
{
    struct err err = json_parse(text, out);
    ENSURE(err.code == ERR_OK && json_is(out->root, kind), ERR_CORRUPT,
           "a key's stored facts are damaged");
    return err_ok();
}

struct err facts_read(struct span labels, struct span audiences, struct facts_text *text,
                      struct key_facts *facts)
{
    TRY(parse(labels, JSON_OBJECT, &text->labels_json));
    TRY(parse(audiences, JSON_ARRAY, &text->audiences_json));
    size_t label_count = json_count(text->labels_json.root);
    size_t audience_count = json_count(text->audiences_json.root);
    text->labels = mem_array(label_count, sizeof(*text->labels));
    text->audiences = mem_array(audience_count, sizeof(*text->audiences));
    const struct json_value *value = json_first(text->labels_json.root);
    for (size_t i = 0; i < label_count; i++) {
        text->labels[i].name = json_name(value);
        TRY(text_of(value, &text->labels[i].value));
        value = json_next(value);
    }
    value = json_first(text->audiences_json.root);
    for (size_t i = 0; i < audience_count; i++) {
        TRY(text_of(value, &text->audiences[i]));
        value = json_next(value);
    }
    facts->labels = text->labels;
    facts->label_count = label_count;
    facts->jwt.audiences = text->audiences;
    facts->jwt.audience_count = audience_count;
    return err_ok();
}

void facts_text_clear(struct facts_text *text)
{
    json_clear(&text->labels_json);
    json_clear(&text->audiences_json);
    mem_free(text->labels);
    mem_free(text->audiences);
    *text = (struct facts_text){0};
}
