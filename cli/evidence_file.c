/* What was read is written again and must come out as the same bytes, so that there is one file for
 * one meaning, and a changed byte has no place to hide. */
#include "cli/evidence_file.h"

#include "base/mem.h"
#include "cli/evidence.h"

#define FORMAT      "hsmgate/v1/evidence"
#define RECORDS_MAX 16

void evidence_file_clear(struct evidence_file *file)
{
    bundle_clear(&file->bundle);
    buf_clear(&file->bundle_text);
    json_clear(&file->json);
}

static struct err check_spelling(const struct evidence_file *file, struct span text)
{
    CLEANUP(buf_clear) struct buf again = {.max = EVIDENCE_MAX};
    struct json_writer writer = json_writer_on(&again);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "format", FORMAT);
    json_put_raw(&writer, "bundle", buf_span(&file->bundle_text));
    json_put_value(&writer, "records", file->records);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    ENSURE(span_equal(buf_span(&again), text), ERR_INVALID_FIELD,
           "it is not spelled as a gateway writes it");
    return err_ok();
}

struct err evidence_file_read(struct span text, struct evidence_file *out)
{
    struct span format = {0};
    const struct json_value *bundle = NULL;
    const struct json_field fields[] = {
        {"format", JSON_TEXT, JSON_REQUIRED, .out = &format},
        {"bundle", JSON_OBJECT, JSON_REQUIRED, .out = &bundle},
        {"records", JSON_ARRAY, JSON_REQUIRED, .max = RECORDS_MAX, .out = &out->records},
    };
    TRY(json_parse(text, &out->json));
    TRY(json_read(out->json.root, fields, ARRAY_LEN(fields)));
    ENSURE(span_is(format, FORMAT), ERR_INVALID_FIELD, "its format is not " FORMAT);
    buf_init(&out->bundle_text, BUNDLE_MAX);
    struct json_writer writer = json_writer_on(&out->bundle_text);
    json_put_value(&writer, NULL, bundle);
    TRY(json_finish(&writer));
    TRY(bundle_parse(buf_span(&out->bundle_text), &out->bundle));
    return check_spelling(out, text);
}
