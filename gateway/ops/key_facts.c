/* What may be said of a key, and the limits of each thing; when its versions change is
 * key_policy's.
 */
#include "gateway/ops/key_facts.h"

#include "base/clock.h"
#include "base/mem.h"

#define OWNER_MAX       200
#define CONTACT_MAX     200
#define DESCRIPTION_MAX 1000
#define LABEL_VALUE_MAX 200
#define SEGMENT_MAX     63
#define ISSUER_MAX      512
#define AUDIENCE_MAX    512
#define APPROVALS_MAX   32

/* Text from json_read ends with a NUL. */
static const char *text_of(struct span text)
{
    return (const char *)text.data;
}

/* --- reading --- */

/* The members of update come first. */
#define UPDATE_FIELDS 7
#define CREATE_FIELDS 13

static struct err read_fields(const struct json_value *body, size_t count, struct key_request *out)
{
    const struct json_field fields[] = {
        {"owner", JSON_TEXT, JSON_OPTIONAL, 0, &out->owner, &out->has_owner},
        {"description", JSON_TEXT, JSON_OPTIONAL, 0, &out->description, &out->has_description},
        {"contact", JSON_TEXT, JSON_OPTIONAL, 0, &out->contact, &out->has_contact},
        {"classification", JSON_TEXT, JSON_OPTIONAL, 0, &out->classification,
         &out->has_classification},
        {"labels", JSON_OBJECT, JSON_OPTIONAL, 0, &out->labels, NULL},
        {"rotation", JSON_OBJECT, JSON_OPTIONAL, 0, &out->rotation, NULL},
        {"jwt", JSON_OBJECT, JSON_OPTIONAL, 0, &out->jwt, NULL},
        {"name", JSON_TEXT, JSON_REQUIRED, 0, &out->name, NULL},
        {"algorithm", JSON_TEXT, JSON_REQUIRED, 0, &out->algorithm, NULL},
        {"token", JSON_TEXT, JSON_OPTIONAL, 0, &out->token, &out->has_token},
        {"purpose", JSON_TEXT, JSON_OPTIONAL, 0, &out->purpose, &out->has_purpose},
        {"approval", JSON_OBJECT, JSON_OPTIONAL, 0, &out->approval, NULL},
        {"adopt", JSON_OBJECT, JSON_OPTIONAL, 0, &out->adopt, NULL},
    };
    _Static_assert(ARRAY_LEN(fields) == CREATE_FIELDS, "create has all members");
    return json_read(body, fields, count);
}

struct err key_request_read_create(const struct json_value *body, struct key_request *out)
{
    struct key_request request = {0};
    TRY(read_fields(body, CREATE_FIELDS, &request));
    ENSURE(request.has_owner, ERR_INVALID_FIELD, "owner is required.");
    request.is_new = true;
    *out = request;
    return err_ok();
}

struct err key_request_read_update(const struct json_value *body, struct key_request *out)
{
    struct key_request request = {0};
    TRY(read_fields(body, UPDATE_FIELDS, &request));
    *out = request;
    return err_ok();
}

/* --- applying --- */

static struct err check_text(const char *member, struct span text, size_t max)
{
    ENSURE(text.len <= max, ERR_INVALID_FIELD, "%s must be at most %zu bytes long.", member, max);
    for (size_t i = 0; i < text.len; i++) {
        bool control = text.data[i] < 0x20 || text.data[i] == 0x7f;
        ENSURE(!control || text.data[i] == '\n' || text.data[i] == '\t', ERR_INVALID_FIELD,
               "%s must not have control characters.", member);
    }
    return err_ok();
}

/* Labels and groups are called like one segment of a key's name. */
static bool is_segment(struct span text)
{
    struct err err = name_check_namespace(text);
    return err.code == ERR_OK && text.len <= SEGMENT_MAX &&
           memchr(text.data, '/', text.len) == NULL;
}

static struct err apply_texts(struct key_facts *facts, const struct key_request *request)
{
    if (request->has_owner) {
        TRY(check_text("owner", request->owner, OWNER_MAX));
        ENSURE(request->owner.len > 0, ERR_INVALID_FIELD, "owner must not be empty.");
        facts->owner = text_of(request->owner);
    }
    if (request->has_description) {
        TRY(check_text("description", request->description, DESCRIPTION_MAX));
        facts->description = request->description.len > 0 ? text_of(request->description) : NULL;
    }
    if (request->has_contact) {
        TRY(check_text("contact", request->contact, CONTACT_MAX));
        facts->contact = request->contact.len > 0 ? text_of(request->contact) : NULL;
    }
    if (request->has_classification) {
        ENSURE(classification_by_name(request->classification, &facts->classification),
               ERR_INVALID_FIELD,
               "classification must be public, internal, confidential or regulated.");
    }
    return err_ok();
}

static int compare_labels(const void *a, const void *b)
{
    const struct label *left = a;
    const struct label *right = b;
    return strcmp(left->name, right->name);
}

static struct err apply_labels(struct key_draft *draft, const struct json_value *labels)
{
    size_t count = 0;
    ENSURE(json_count(labels) <= KEY_LABELS_MAX, ERR_INVALID_FIELD,
           "labels must be at most %d pairs.", KEY_LABELS_MAX);
    for (const struct json_value *node = json_first(labels); node != NULL; node = json_next(node)) {
        struct span value;
        ENSURE(is_segment(span_text(json_name(node))), ERR_INVALID_FIELD,
               "The name of a label must look like [a-z0-9][a-z0-9._-]{0,62}.");
        ENSURE(json_as_text(node, &value), ERR_INVALID_FIELD, "The value of a label is text.");
        TRY(check_text("The value of a label", value, LABEL_VALUE_MAX));
        draft->labels[count].name = json_name(node);
        draft->labels[count++].value = text_of(value);
    }
    qsort(draft->labels, count, sizeof(draft->labels[0]), compare_labels);
    draft->facts.labels = draft->labels;
    draft->facts.label_count = count;
    return err_ok();
}

static struct err apply_audiences(struct key_draft *draft, const struct json_value *audiences)
{
    size_t count = 0;
    ENSURE(json_count(audiences) <= KEY_AUDIENCES_MAX, ERR_INVALID_FIELD,
           "jwt.audiences must be at most %d.", KEY_AUDIENCES_MAX);
    for (const struct json_value *node = json_first(audiences); node != NULL;
         node = json_next(node)) {
        struct span audience;
        ENSURE(json_as_text(node, &audience) && audience.len > 0, ERR_INVALID_FIELD,
               "jwt.audiences must be texts that are not empty.");
        TRY(check_text("An audience", audience, AUDIENCE_MAX));
        draft->audiences[count++] = text_of(audience);
    }
    draft->facts.jwt.audiences = count > 0 ? draft->audiences : NULL;
    draft->facts.jwt.audience_count = count;
    return err_ok();
}

static struct err apply_jwt(struct key_draft *draft, const struct json_value *node,
                            enum purpose purpose)
{
    struct span max_ttl = {0}, issuer = {0};
    const struct json_value *audiences = NULL;
    const struct json_field fields[] = {
        {"max_ttl", JSON_TEXT, JSON_OPTIONAL, 0, &max_ttl, NULL},
        {"issuer", JSON_TEXT, JSON_OPTIONAL, 0, &issuer, NULL},
        {"audiences", JSON_ARRAY, JSON_OPTIONAL, 0, &audiences, NULL},
    };
    ENSURE(purpose == PURPOSE_SIGN, ERR_INVALID_FIELD, "jwt is for keys that sign.");
    TRY(json_read(node, fields, ARRAY_LEN(fields)));
    draft->facts.jwt = (struct jwt_policy){0};
    if (max_ttl.data != NULL) {
        ENSURE(clock_parse_duration(max_ttl, &draft->facts.jwt.max_ttl).code == ERR_OK,
               ERR_INVALID_FIELD, "jwt.max_ttl must be a duration such as 90s, 5m, 12h or 30d.");
    }
    TRY(check_text("jwt.issuer", issuer, ISSUER_MAX));
    draft->facts.jwt.issuer = issuer.len > 0 ? text_of(issuer) : NULL;
    return audiences != NULL ? apply_audiences(draft, audiences) : err_ok();
}

static struct err apply_approval(struct key_facts *facts, const struct json_value *node,
                                 enum purpose purpose)
{
    struct span group = {0};
    int64_t m = 0;
    const struct json_field fields[] = {
        {"group", JSON_TEXT, JSON_REQUIRED, 0, &group, NULL},
        {"m", JSON_INTEGER, JSON_REQUIRED, 0, &m, NULL},
    };
    TRY(json_read(node, fields, ARRAY_LEN(fields)));
    ENSURE(purpose == PURPOSE_ENCRYPT || purpose == PURPOSE_DECRYPT, ERR_INVALID_FIELD,
           "approval is for keys that decrypt.");
    ENSURE(is_segment(group), ERR_INVALID_FIELD,
           "approval.group must look like [a-z0-9][a-z0-9._-]{0,62}.");
    ENSURE(m >= 2 && m <= APPROVALS_MAX, ERR_INVALID_FIELD, "approval.m must be from 2 to %d.",
           APPROVALS_MAX);
    facts->approval.group = text_of(group);
    facts->approval.m = (uint32_t)m;
    return err_ok();
}

static struct err apply_rotation(struct key_draft *draft, const struct key_request *request,
                                 enum purpose purpose, const struct config_rotation *config)
{
    struct key_facts *facts = &draft->facts;
    if (request->is_new) {
        facts->rotation = key_policy_default(config, facts->classification, purpose);
    }
    return request->rotation != NULL ? key_policy_read(request->rotation, purpose, &facts->rotation)
                                     : err_ok();
}

struct err key_draft_apply(struct key_draft *draft, const struct key_request *request,
                           enum purpose purpose, const struct config_rotation *config)
{
    TRY(apply_texts(&draft->facts, request));
    if (request->labels != NULL) {
        TRY(apply_labels(draft, request->labels));
    }
    TRY(apply_rotation(draft, request, purpose, config));
    if (request->jwt != NULL) {
        TRY(apply_jwt(draft, request->jwt, purpose));
    }
    if (request->approval != NULL) {
        TRY(apply_approval(&draft->facts, request->approval, purpose));
    }
    return key_policy_settle(&config->rules, purpose, &draft->facts);
}
