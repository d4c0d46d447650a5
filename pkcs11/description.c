/* description: reads what people and the gateway know an object by, ours or not.
 *
 * One table says which CKA_ makes which attribute, on which classes, and what a token's silence
 * means: a protection that nobody vouches for does not count. Everything comes with one
 * C_GetAttributeValue, because an inventory asks thousands of objects. */
#include "pkcs11/description.h"

#include <string.h>

#include "base/banned.h"
#include "base/mem.h"
#include "pkcs11/kind.h"

#define MODULUS_MAX    1024
#define PARAMETERS_MAX 64
#define UNSAID         0xff /* neither CK_TRUE nor CK_FALSE */

#define SECRET  (1u << TOKEN_OBJECT_SECRET)
#define PRIVATE (1u << TOKEN_OBJECT_PRIVATE)
#define PUBLIC  (1u << TOKEN_OBJECT_PUBLIC)
#define ANY     (SECRET | PRIVATE | PUBLIC)

struct row {
    CK_ATTRIBUTE_TYPE type;
    enum token_attribute attribute;
    unsigned classes;
    CK_BBOOL value; /* that gives the object the attribute */
    bool silence;   /* whether a token's silence does so too */
};

static const struct row rows[] = {
    {CKA_EXTRACTABLE, TOKEN_ATTRIBUTE_EXTRACTABLE, SECRET | PRIVATE, CK_TRUE, true},
    {CKA_MODIFIABLE, TOKEN_ATTRIBUTE_MODIFIABLE, ANY, CK_TRUE, true},
    {CKA_SENSITIVE, TOKEN_ATTRIBUTE_NOT_SENSITIVE, SECRET | PRIVATE, CK_FALSE, true},
    {CKA_PRIVATE, TOKEN_ATTRIBUTE_PUBLIC_OBJECT, SECRET | PRIVATE, CK_FALSE, true},
    {CKA_NEVER_EXTRACTABLE, TOKEN_ATTRIBUTE_WAS_EXTRACTABLE, SECRET | PRIVATE, CK_FALSE, true},
    {CKA_LOCAL, TOKEN_ATTRIBUTE_IMPORTED, ANY, CK_FALSE, true},
    {CKA_COPYABLE, TOKEN_ATTRIBUTE_COPYABLE, ANY, CK_TRUE, true},
    {CKA_ALWAYS_AUTHENTICATE, TOKEN_ATTRIBUTE_ALWAYS_AUTHENTICATE, PRIVATE, CK_TRUE, false},
    {CKA_WRAP, TOKEN_ATTRIBUTE_WRAPS, SECRET | PUBLIC, CK_TRUE, false},
    {CKA_UNWRAP, TOKEN_ATTRIBUTE_UNWRAPS, SECRET | PRIVATE, CK_TRUE, false},
    {CKA_DERIVE, TOKEN_ATTRIBUTE_DERIVES, ANY, CK_TRUE, false},
    {CKA_ENCRYPT, TOKEN_ATTRIBUTE_ENCRYPTS, SECRET | PUBLIC, CK_TRUE, false},
    {CKA_DECRYPT, TOKEN_ATTRIBUTE_DECRYPTS, SECRET | PRIVATE, CK_TRUE, false},
    {CKA_SIGN, TOKEN_ATTRIBUTE_SIGNS, SECRET | PRIVATE, CK_TRUE, false},
    {CKA_VERIFY, TOKEN_ATTRIBUTE_VERIFIES, SECRET | PUBLIC, CK_TRUE, false},
};

#define OTHERS_MAX 5 /* that are no flags */

/* What is asked for, and the places of the answers. */
struct reading {
    CK_ATTRIBUTE list[ARRAY_LEN(rows) + OTHERS_MAX];
    CK_ULONG count;
    uint8_t cka_id[TOKEN_CKA_ID_MAX];
    char label[TOKEN_TEXT_MAX];
    CK_KEY_TYPE key_type;
    CK_ULONG value_len;
    uint8_t modulus[MODULUS_MAX];
    uint8_t parameters[PARAMETERS_MAX];
    CK_BBOOL flags[ARRAY_LEN(rows)];
};

static void ask(struct reading *reading, CK_ATTRIBUTE_TYPE type, void *place, size_t room)
{
    reading->list[reading->count++] =
        (CK_ATTRIBUTE){.type = type, .pValue = place, .ulValueLen = room};
}

static void ask_all(struct reading *reading, enum token_object_class class)
{
    ask(reading, CKA_ID, reading->cka_id, sizeof(reading->cka_id));
    ask(reading, CKA_LABEL, reading->label, sizeof(reading->label));
    reading->key_type = CK_UNAVAILABLE_INFORMATION;
    ask(reading, CKA_KEY_TYPE, &reading->key_type, sizeof(reading->key_type));
    if (class == TOKEN_OBJECT_SECRET) {
        ask(reading, CKA_VALUE_LEN, &reading->value_len, sizeof(reading->value_len));
    } else {
        ask(reading, CKA_MODULUS, reading->modulus, sizeof(reading->modulus));
        ask(reading, CKA_EC_PARAMS, reading->parameters, sizeof(reading->parameters));
    }
    memset(reading->flags, UNSAID, sizeof(reading->flags));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if ((rows[i].classes & 1u << class) != 0) {
            ask(reading, rows[i].type, &reading->flags[i], sizeof(reading->flags[i]));
        }
    }
}

/* Attributes that are unknown, or too long for us, make the call fail, but the others are filled
 * all the same (PKCS#11 2.40 §5.7.5). */
static struct ckr_verdict get_all(const struct session *session, CK_OBJECT_HANDLE handle,
                                  struct reading *reading)
{
    CK_RV ckr =
        session->list->C_GetAttributeValue(session->handle, handle, reading->list, reading->count);
    bool partly = ckr == CKR_ATTRIBUTE_TYPE_INVALID || ckr == CKR_ATTRIBUTE_SENSITIVE ||
                  ckr == CKR_BUFFER_TOO_SMALL;
    return partly ? ckr_done() : ckr_verdict(ckr);
}

/* Nothing when it was not asked for or answered, or when the token says more than had room. */
static struct span said(const struct reading *reading, CK_ATTRIBUTE_TYPE type, size_t room)
{
    for (CK_ULONG i = 0; i < reading->count; i++) {
        const CK_ATTRIBUTE *attribute = &reading->list[i];
        if (attribute->type == type && attribute->ulValueLen <= room) {
            return span_of(attribute->pValue, attribute->ulValueLen);
        }
    }
    return span_of(NULL, 0);
}

static uint32_t attributes_of(const struct reading *reading, enum token_object_class class)
{
    uint32_t attributes = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CK_BBOOL flag = reading->flags[i];
        bool silent = flag != CK_TRUE && flag != CK_FALSE;
        bool has = silent ? rows[i].silence : flag == rows[i].value;
        if (has && (rows[i].classes & 1u << class) != 0) {
            attributes |= 1u << rows[i].attribute;
        }
    }
    return attributes;
}

struct token_object description_none(enum token_object_class class)
{
    struct reading reading = {0};
    memset(reading.flags, UNSAID, sizeof(reading.flags));
    return (struct token_object){.class = class, .attributes = attributes_of(&reading, class)};
}

static bool algorithm_of(const struct reading *reading, enum algorithm *out)
{
    const struct kind kind = {.key_type = reading->key_type,
                              .value_len = reading->value_len,
                              .modulus = said(reading, CKA_MODULUS, MODULUS_MAX),
                              .parameters = said(reading, CKA_EC_PARAMS, PARAMETERS_MAX)};
    return kind_algorithm(&kind, out);
}

/* What is too long for us is shown without: it is none of ours. */
static void put_names(const struct reading *reading, struct token_object *object)
{
    struct span cka_id = said(reading, CKA_ID, TOKEN_CKA_ID_MAX);
    struct span label = said(reading, CKA_LABEL, TOKEN_TEXT_MAX);
    object->cka_id_len = cka_id.len;
    if (cka_id.len > 0) {
        memcpy(object->cka_id, cka_id.data, cka_id.len);
    }
    if (label.len > 0) {
        memcpy(object->label, label.data, strnlen((const char *)label.data, label.len));
    }
}

struct ckr_verdict description_read(const struct session *session, CK_OBJECT_HANDLE handle,
                                    enum token_object_class class, struct token_object *out)
{
    struct reading reading = {0};
    ask_all(&reading, class);
    struct ckr_verdict verdict = get_all(session, handle, &reading);
    if (verdict.class == FRAME_OK) {
        *out = (struct token_object){.class = class, .attributes = attributes_of(&reading, class)};
        out->has_algorithm = algorithm_of(&reading, &out->algorithm);
        put_names(&reading, out);
    }
    return verdict;
}
