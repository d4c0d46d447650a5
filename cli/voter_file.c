/* {"format":"hsmgate/v1/voter","id","name","principals":[…],"kind","spki","application"?,
 * "proof_format","proof"}: the same facts as a person of a roster, with one key. */
#include "cli/voter_file.h"

#include "base/mem.h"
#include "cli/human.h"
#include "cli/input.h"

#define FORMAT         "hsmgate/v1/voter"
#define VOTER_FILE_MAX ((size_t)32 << 10)
#define NAME_SPACE     "hsmgate-voter-key"

void voter_file_clear(struct voter_file *file)
{
    json_clear(&file->json);
    buf_clear(&file->spki);
    buf_clear(&file->proof);
}

void voter_fingerprint(const struct voter_key *key, char out[VOTER_FINGERPRINT_LEN])
{
    uint8_t digest[DIGEST_MAX];
    digest_of(DIGEST_SHA256, key->spki, digest);
    human_hex(span_of(digest, SHA256_LEN), out);
}

struct err voter_file_write(const struct roster_person *person, struct buf *out)
{
    const struct voter_key *key = &person->keys[0];
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "format", FORMAT);
    json_put_span(&writer, "id", person->id);
    json_put_span(&writer, "name", person->name);
    json_begin_array(&writer, "principals");
    for (size_t i = 0; i < person->principal_count; i++) {
        json_put_span(&writer, NULL, person->principals[i]);
    }
    json_end_array(&writer);
    json_put_text(&writer, "kind", voter_key_kind_name(key->kind));
    json_put_bytes(&writer, "spki", key->spki);
    if (key->application.len > 0) {
        json_put_span(&writer, "application", key->application);
    }
    json_put_text(&writer, "proof_format", vote_format_name(key->proof_format));
    json_put_bytes(&writer, "proof", key->proof);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return buf_append_u8(out, '\n');
}

static bool kind_by_name(struct span name, enum voter_key_kind *out)
{
    for (int kind = 0; kind < VOTER_KEY_KIND_COUNT; kind++) {
        if (span_is(name, voter_key_kind_name((enum voter_key_kind)kind))) {
            *out = (enum voter_key_kind)kind;
            return true;
        }
    }
    return false;
}

static struct err read_principals(const struct json_value *array, struct roster_person *out)
{
    for (const struct json_value *at = json_first(array); at != NULL; at = json_next(at)) {
        ENSURE(out->principal_count < QUORUM_PRINCIPALS_MAX &&
                   json_as_text(at, &out->principals[out->principal_count]),
               ERR_INVALID_FIELD, "principals are up to %d texts", QUORUM_PRINCIPALS_MAX);
        out->principal_count++;
    }
    return err_ok();
}

static struct err read_members(const struct json_value *root, struct voter_file *out)
{
    struct span format = {0};
    struct span kind = {0};
    struct span proof_format = {0};
    const struct json_value *principals = NULL;
    struct voter_key *key = &out->person.keys[0];
    const struct json_field fields[] = {
        {"format", JSON_TEXT, JSON_REQUIRED, .out = &format},
        {"id", JSON_TEXT, JSON_REQUIRED, .out = &out->person.id},
        {"name", JSON_TEXT, JSON_REQUIRED, .out = &out->person.name},
        {"principals", JSON_ARRAY, JSON_REQUIRED, .out = &principals},
        {"kind", JSON_TEXT, JSON_REQUIRED, .out = &kind},
        {"spki", JSON_BYTES, JSON_REQUIRED, .out = &out->spki},
        {"application", JSON_TEXT, JSON_OPTIONAL, .out = &key->application},
        {"proof_format", JSON_TEXT, JSON_REQUIRED, .out = &proof_format},
        {"proof", JSON_BYTES, JSON_REQUIRED, .out = &out->proof},
    };
    TRY(json_read(root, fields, ARRAY_LEN(fields)));
    ENSURE(span_is(format, FORMAT), ERR_INVALID_FIELD, "its format is not " FORMAT);
    ENSURE(kind_by_name(kind, &key->kind) && vote_format_by_name(proof_format, &key->proof_format),
           ERR_INVALID_FIELD, "its kind of key or of proof is unknown");
    return read_principals(principals, &out->person);
}

static struct err read_text(struct span text, struct voter_file *out)
{
    struct voter_key *key = &out->person.keys[0];
    CLEANUP(buf_clear) struct buf message = {0};
    TRY(json_parse(text, &out->json));
    TRY(read_members(out->json.root, out));
    TRY(quorum_check_id(out->person.id));
    key->spki = buf_span(&out->spki);
    key->proof = buf_span(&out->proof);
    out->person.key_count = 1;
    TRY(voter_key_message(out->person.id, key, &message));
    ENSURE(voter_key_verify(key, key->proof_format, NAME_SPACE, buf_span(&message), key->proof),
           ERR_INVALID_FIELD, "its proof is wrong: it was changed, or made with another key");
    return err_ok();
}

struct err voter_file_read(const char *path, struct voter_file *out)
{
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(voter_file_clear) struct voter_file file = {0};
    TRY(input_read_named(path, VOTER_FILE_MAX, &text));
    const struct err err = read_text(buf_span(&text), &file);
    ENSURE(err.code == ERR_OK, err.code, "%s: %s", path, err.detail);
    *out = file;
    file = (struct voter_file){0};
    return err_ok();
}
