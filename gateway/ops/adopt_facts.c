/* adopt_facts: bytes are base64 in this API, but every PKCS#11 tool prints a CKA_ID in hex, and
 * some texts are both. So each reading that is possible is tried, and exactly one must be there. */
#include "gateway/ops/adopt_facts.h"

#include "base/encoding.h"
#include "base/mem.h"

static void add_reading(struct adopt_facts *facts, const struct buf *bytes, struct err err)
{
    bool good = err.code == ERR_OK && bytes->len >= 1 && bytes->len <= CKA_ID_MAX;
    if (good) {
        facts->adoption.cka_ids[facts->adoption.cka_id_count++] = buf_span(bytes);
    }
}

static struct err read_id(struct span text, struct adopt_facts *facts)
{
    add_reading(facts, &facts->as_hex, hex_decode(text, &facts->as_hex));
    add_reading(facts, &facts->as_base64, base64_decode(text, &facts->as_base64));
    ENSURE(facts->adoption.cka_id_count > 0, ERR_INVALID_FIELD,
           "adopt.cka_id must be 1 to %d bytes in hex, as PKCS#11 tools print them, or in base64.",
           CKA_ID_MAX);
    return err_ok();
}

static struct err read_allow(const struct json_value *list, struct adopt_facts *facts)
{
    for (const struct json_value *node = json_first(list); node != NULL; node = json_next(node)) {
        struct span word;
        bool text = json_as_text(node, &word);
        bool extractable = text && span_is(word, "extractable");
        ENSURE(extractable || (text && span_is(word, "modifiable")), ERR_INVALID_FIELD,
               "adopt.allow may hold extractable and modifiable.");
        facts->adoption.allow |= extractable ? adoption_extractable() : adoption_modifiable();
    }
    return err_ok();
}

struct err adopt_facts_read(const struct json_value *node, struct adopt_facts *out)
{
    struct span id = {0}, label = {0};
    const struct json_value *allow = NULL;
    const struct json_field fields[] = {
        {"cka_id", JSON_TEXT, JSON_OPTIONAL, 0, &id, NULL},
        {"label", JSON_TEXT, JSON_OPTIONAL, 0, &label, NULL},
        {"allow", JSON_ARRAY, JSON_OPTIONAL, 0, &allow, NULL},
    };
    TRY(json_read(node, fields, ARRAY_LEN(fields)));
    ENSURE((id.len > 0) != (label.len > 0), ERR_INVALID_FIELD,
           "adopt needs exactly one of cka_id and label.");
    ENSURE(label.len <= TOKEN_TEXT_MAX, ERR_INVALID_FIELD,
           "adopt.label must be at most %d bytes long.", TOKEN_TEXT_MAX);
    out->cka_id = id;
    if (id.len > 0) {
        TRY(read_id(id, out));
    } else {
        out->adoption.label = (const char *)label.data;
    }
    return read_allow(allow, out);
}

void adopt_facts_put(struct json_writer *writer, const struct adopt_facts *facts)
{
    const struct rotation_adoption *adoption = &facts->adoption;
    json_begin_object(writer, "adopt");
    if (adoption->label != NULL) {
        json_put_text(writer, "label", adoption->label);
    } else {
        json_put_span(writer, "cka_id", facts->cka_id);
    }
    json_begin_array(writer, "allow");
    if ((adoption->allow & adoption_extractable()) != 0) {
        json_put_text(writer, NULL, "extractable");
    }
    if ((adoption->allow & adoption_modifiable()) != 0) {
        json_put_text(writer, NULL, "modifiable");
    }
    json_end_array(writer);
    json_end_object(writer);
}

void adopt_facts_clear(struct adopt_facts *facts)
{
    buf_clear(&facts->as_hex);
    buf_clear(&facts->as_base64);
}
