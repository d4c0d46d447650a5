/* Options as members of a key's document. Each stands there only when it was given. */
#include "cli/key_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/command.h"

void key_put_texts(struct json_writer *writer, const struct options *options,
                   const struct key_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (options_has(options, fields[i].option)) {
            json_put_text(writer, fields[i].name, options->values[fields[i].option]);
        }
    }
}

static bool has_any(const struct options *options, const enum option_id *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (options_has(options, wanted[i])) {
            return true;
        }
    }
    return false;
}

static struct err put_rotation(struct json_writer *writer, const struct options *options)
{
    static const enum option_id any[] = {OPTION_ROTATE_EVERY, OPTION_OVERLAP, OPTION_PUBLISH_AHEAD,
                                         OPTION_MAX_USES, OPTION_MODE};
    static const struct key_field fields[] = {{OPTION_ROTATE_EVERY, "every"},
                                              {OPTION_OVERLAP, "overlap"},
                                              {OPTION_PUBLISH_AHEAD, "publish_ahead"},
                                              {OPTION_MODE, "mode"}};
    if (!has_any(options, any, ARRAY_LEN(any))) {
        return err_ok();
    }
    json_begin_object(writer, "rotation");
    key_put_texts(writer, options, fields, ARRAY_LEN(fields));
    if (options_has(options, OPTION_MAX_USES)) {
        int64_t uses;
        TRY(options_integer(options, OPTION_MAX_USES, &uses));
        json_put_integer(writer, "max_uses", uses);
    }
    json_end_object(writer);
    return err_ok();
}

static void put_jwt(struct json_writer *writer, const struct options *options)
{
    static const enum option_id any[] = {OPTION_JWT_MAX_TTL, OPTION_JWT_ISSUER};
    static const struct key_field fields[] = {{OPTION_JWT_MAX_TTL, "max_ttl"},
                                              {OPTION_JWT_ISSUER, "issuer"}};
    if (!has_any(options, any, ARRAY_LEN(any)) && options->audiences.count == 0) {
        return;
    }
    json_begin_object(writer, "jwt");
    key_put_texts(writer, options, fields, ARRAY_LEN(fields));
    if (options->audiences.count > 0) {
        json_begin_array(writer, "audiences");
        for (size_t i = 0; i < options->audiences.count; i++) {
            json_put_text(writer, NULL, options->audiences.values[i]);
        }
        json_end_array(writer);
    }
    json_end_object(writer);
}

struct err key_put_facts(struct json_writer *writer, const struct options *options)
{
    static const struct key_field fields[] = {{OPTION_OWNER, "owner"},
                                              {OPTION_DESCRIPTION, "description"},
                                              {OPTION_CONTACT, "contact"},
                                              {OPTION_CLASSIFICATION, "classification"}};
    key_put_texts(writer, options, fields, ARRAY_LEN(fields));
    TRY(options_put_pairs(writer, "labels", &options->labels));
    TRY(put_rotation(writer, options));
    put_jwt(writer, options);
    return err_ok();
}

void key_put_adopt(struct json_writer *writer, const struct options *options)
{
    static const struct key_field fields[] = {{OPTION_ADOPT_ID, "cka_id"},
                                              {OPTION_ADOPT_LABEL, "label"}};
    if (!options_has(options, OPTION_ADOPT_ID) && !options_has(options, OPTION_ADOPT_LABEL)) {
        return;
    }
    json_begin_object(writer, "adopt");
    key_put_texts(writer, options, fields, ARRAY_LEN(fields));
    if (options->allowed.count > 0) {
        json_begin_array(writer, "allow");
        for (size_t i = 0; i < options->allowed.count; i++) {
            json_put_text(writer, NULL, options->allowed.values[i]);
        }
        json_end_array(writer);
    }
    json_end_object(writer);
}

bool key_adopt_is_sound(const struct options *options, int *out_exit)
{
    const bool by_id = options_has(options, OPTION_ADOPT_ID);
    const bool by_label = options_has(options, OPTION_ADOPT_LABEL);
    const char *wrong = NULL;
    if (by_id && by_label) {
        wrong = "--adopt-id and --adopt-label are two ways to say the same: give one";
    } else if (!by_id && !by_label && options->allowed.count > 0) {
        wrong = "--allow is for adopted material: it needs --adopt-id or --adopt-label";
    }
    if (wrong != NULL) {
        *out_exit = EXIT_USAGE;
        fprintf(stderr, "hsmgate: %s\n", wrong);
    }
    return wrong == NULL;
}

struct err key_put_approval(struct json_writer *writer, const struct options *options)
{
    const char *text = options->values[OPTION_APPROVAL];
    if (text == NULL) {
        return err_ok();
    }
    const char *colon = strchr(text, ':');
    char *end = NULL;
    const long m = colon != NULL ? strtol(colon + 1, &end, 10) : 0;
    ENSURE(colon != NULL && colon != text && end != colon + 1 && *end == '\0' && m >= 1 && m <= 255,
           ERR_INVALID_FIELD, "--approval takes GROUP:M, such as officers:2, not '%s'", text);
    json_begin_object(writer, "approval");
    json_put_span(writer, "group", span_of(text, (size_t)(colon - text)));
    json_put_integer(writer, "m", m);
    json_end_object(writer);
    return err_ok();
}
