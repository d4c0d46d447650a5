/* template: one table says, for each kind of object, which attribute is true for which purpose.
 *
 * The roles are disjoint: a key that could both wrap and decrypt would give up any other key in
 * clear (Clulow 2003), and the token itself does not prevent that. The same table writes the
 * template and checks what the token made of it. CKA_LOCAL has no row: the worker knows that it
 * called C_GenerateKey, and NSS says false of every key. */
#include "pkcs11/template.h"

#include <assert.h>
#include <string.h>

#include "base/banned.h"
#include "base/log.h"
#include "base/mem.h"
#include "pkcs11/mechanism.h"

#define SECRET  (1u << TEMPLATE_SECRET)
#define PRIVATE (1u << TEMPLATE_PRIVATE)
#define PUBLIC  (1u << TEMPLATE_PUBLIC)
#define ANY     (SECRET | PRIVATE | PUBLIC)

#define ENCRYPT (1u << PURPOSE_ENCRYPT)
#define MAC     (1u << PURPOSE_MAC)
#define SIGN    (1u << PURPOSE_SIGN)
#define DECRYPT (1u << PURPOSE_DECRYPT)
#define ALWAYS  (ENCRYPT | MAC | SIGN | DECRYPT)
#define NEVER   0u

enum use {
    STRICT,  /* set and checked */
    RELAXED, /* likewise, but a token may not know it */
    RECENT,  /* likewise, and more tokens do not */
    LOOSE,   /* likewise, where it was set: with a public key anybody can do this without a token */
    MADE     /* checked; the token sets it */
};

struct row {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
    unsigned kinds;
    unsigned yes; /* the purposes for which it is true */
    enum use use;
};

#define ROW(attribute, kinds_, yes_, use_)                                             \
    {                                                                                  \
        .type = CKA_##attribute, .name = #attribute, .kinds = (kinds_), .yes = (yes_), \
        .use = (use_)                                                                  \
    }

static const struct row rows[] = {
    ROW(PRIVATE, SECRET | PRIVATE, ALWAYS, STRICT),
    ROW(PRIVATE, PUBLIC, NEVER, STRICT),
    ROW(SENSITIVE, SECRET | PRIVATE, ALWAYS, STRICT),
    ROW(EXTRACTABLE, SECRET | PRIVATE, NEVER, STRICT),
    ROW(MODIFIABLE, ANY, NEVER, STRICT),
    ROW(COPYABLE, ANY, NEVER, RECENT),
    ROW(ALWAYS_SENSITIVE, SECRET | PRIVATE, ALWAYS, MADE),
    ROW(NEVER_EXTRACTABLE, SECRET | PRIVATE, ALWAYS, MADE),
    ROW(ENCRYPT, SECRET, ENCRYPT, STRICT),
    ROW(ENCRYPT, PUBLIC, DECRYPT, LOOSE),
    ROW(DECRYPT, SECRET, ENCRYPT, STRICT),
    ROW(DECRYPT, PRIVATE, DECRYPT, STRICT),
    ROW(SIGN, SECRET, MAC, STRICT),
    ROW(SIGN, PRIVATE, SIGN, STRICT),
    ROW(VERIFY, SECRET, NEVER, STRICT),
    ROW(VERIFY, PUBLIC, SIGN, LOOSE),
    ROW(WRAP, SECRET | PUBLIC, NEVER, STRICT),
    ROW(UNWRAP, SECRET | PRIVATE, NEVER, STRICT),
    ROW(DERIVE, ANY, NEVER, STRICT),
    ROW(SIGN_RECOVER, PRIVATE, NEVER, RELAXED),
    ROW(VERIFY_RECOVER, PUBLIC, NEVER, RELAXED),
};

static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

static void put(struct template *template, CK_ATTRIBUTE_TYPE type, void *value, size_t len)
{
    assert(template->count < TEMPLATE_MAX);
    template->list[template->count++] =
        (CK_ATTRIBUTE){.type = type, .pValue = value, .ulValueLen = len};
}

static void put_bytes(struct template *template, CK_ATTRIBUTE_TYPE type, struct span bytes)
{
    put(template, type, cryptoki_bytes(bytes), bytes.len);
}

static void put_flag(struct template *template, CK_ATTRIBUTE_TYPE type, bool value)
{
    put(template, type, value ? &yes : &no, sizeof(CK_BBOOL));
}

static void put_number(struct template *template, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    CK_ULONG *place = &template->numbers[template->count];
    *place = value;
    put(template, type, place, sizeof(*place));
}

/* What the table wants of a row: true or false. */
static bool wanted(const struct row *row, const struct template_subject *subject)
{
    return (row->yes & 1u << subject->key->purpose) != 0;
}

static bool is_left_out(enum use use, enum lenience lenience)
{
    return use == MADE ||
           (use == LOOSE && (lenience == LENIENCE_LOOSE || lenience == LENIENCE_ALL)) ||
           (use == RECENT && lenience >= LENIENCE_RECENT) ||
           (use == RELAXED && lenience >= LENIENCE_RELAXED);
}

static void put_rows(struct template *template, enum template_kind kind,
                     const struct template_subject *subject)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool left_out = is_left_out(rows[i].use, subject->lenience);
        if ((rows[i].kinds & 1u << kind) != 0 && !left_out) {
            put_flag(template, rows[i].type, wanted(&rows[i], subject));
        }
    }
}

static void put_material(struct template *template, enum template_kind kind,
                         const struct template_subject *subject)
{
    static const uint8_t exponent[] = {1, 0, 1};
    struct mechanism_generation made = mechanism_generation(subject->key->algorithm);
    put_number(template, CKA_KEY_TYPE, made.key_type);
    if (made.value_len > 0) {
        put_number(template, CKA_VALUE_LEN, made.value_len);
    }
    if (kind == TEMPLATE_PUBLIC && made.modulus_bits > 0) {
        put_number(template, CKA_MODULUS_BITS, made.modulus_bits);
        put_bytes(template, CKA_PUBLIC_EXPONENT, span_of(exponent, sizeof(exponent)));
    }
    if (kind == TEMPLATE_PUBLIC && made.parameters.len > 0) {
        put_bytes(template, CKA_EC_PARAMS, made.parameters);
    }
}

void template_init(struct template *template, enum template_kind kind,
                   const struct template_subject *subject)
{
    static const CK_OBJECT_CLASS classes[] = {
        [TEMPLATE_SECRET] = CKO_SECRET_KEY,
        [TEMPLATE_PRIVATE] = CKO_PRIVATE_KEY,
        [TEMPLATE_PUBLIC] = CKO_PUBLIC_KEY,
    };
    const struct token_key *key = subject->key;
    template->count = 0;
    put_number(template, CKA_CLASS, classes[kind]);
    put_flag(template, CKA_TOKEN, subject->on_token);
    put_bytes(template, CKA_ID, span_of(key->cka_id, key->cka_id_len));
    put_bytes(template, CKA_LABEL, span_text(subject->label));
    put_material(template, kind, subject);
    put_rows(template, kind, subject);
    if (kind != TEMPLATE_PUBLIC && !is_left_out(RECENT, subject->lenience)) {
        size_t count = mechanism_allowed(key->algorithm, key->purpose, template->allowed);
        put(template, CKA_ALLOWED_MECHANISMS, template->allowed, count * sizeof(CK_MECHANISM_TYPE));
    }
}

bool template_is_refused(CK_RV ckr)
{
    return ckr == CKR_ATTRIBUTE_TYPE_INVALID || ckr == CKR_ATTRIBUTE_VALUE_INVALID ||
           ckr == CKR_ATTRIBUTE_READ_ONLY || ckr == CKR_TEMPLATE_INCONSISTENT;
}

struct reading {
    const struct row *row;
    CK_BBOOL value;
};

/* Unknown attributes make the call fail, but the others are filled all the same (PKCS#11 2.40
 * §5.7.5). */
static CK_RV read_back(const struct session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *list,
                       CK_ULONG count)
{
    CK_RV ckr = session->list->C_GetAttributeValue(session->handle, object, list, count);
    return ckr == CKR_ATTRIBUTE_TYPE_INVALID ? CKR_OK : ckr;
}

static bool holds(const struct reading *reading, const CK_ATTRIBUTE *attribute,
                  const struct template_subject *subject)
{
    if (attribute->ulValueLen != sizeof(CK_BBOOL)) {
        return reading->row->use == RELAXED || reading->row->use == RECENT;
    }
    return (reading->value != CK_FALSE) == wanted(reading->row, subject);
}

struct ckr_verdict template_check(const struct session *session, CK_OBJECT_HANDLE object,
                                  enum template_kind kind, const struct template_subject *subject)
{
    struct reading readings[ARRAY_LEN(rows)] = {0};
    CK_ATTRIBUTE list[ARRAY_LEN(rows)] = {0};
    CK_ULONG count = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool free = rows[i].use == LOOSE && is_left_out(LOOSE, subject->lenience);
        if ((rows[i].kinds & 1u << kind) != 0 && !free) {
            readings[count].row = &rows[i];
            list[count] = (CK_ATTRIBUTE){
                .type = rows[i].type, .pValue = &readings[count].value, .ulValueLen = 1};
            count++;
        }
    }
    CK_RV ckr = read_back(session, object, list, count);
    if (ckr != CKR_OK) {
        return ckr_verdict(ckr);
    }
    for (CK_ULONG i = 0; i < count; i++) {
        if (!holds(&readings[i], &list[i], subject)) {
            log_error("template", "the token does not hold to CKA_%s=%s", readings[i].row->name,
                      wanted(readings[i].row, subject) ? "true" : "false");
            return ckr_own(FRAME_UNSUPPORTED);
        }
    }
    return ckr_done();
}
