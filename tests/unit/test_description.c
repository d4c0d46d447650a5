/* test_description: what objects of all sorts are said to be, on the token in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pkcs11/description.h"
#include "tests/lib/fake_token.h"

#define BIT(attribute) (1u << TOKEN_ATTRIBUTE_##attribute)

static struct session session;

static int make(void **state)
{
    (void)state;
    session = (struct session){.list = fake_token_new()};
    return 0;
}

static struct token_object describe(CK_OBJECT_HANDLE handle, enum token_object_class class)
{
    struct token_object object;
    memset(&object, 0xee, sizeof(object));
    unsigned calls = fake_token_calls(FAKE_GET_ATTRIBUTES);
    struct ckr_verdict verdict = description_read(&session, handle, class, &object);
    assert_int_equal(verdict.class, FRAME_OK);
    assert_int_equal(fake_token_calls(FAKE_GET_ATTRIBUTES), calls + 1);
    assert_int_equal(object.class, class);
    return object;
}

/* One flag, on an object that says nothing else. */
static struct token_object with_flag(CK_ATTRIBUTE_TYPE type, CK_BBOOL value,
                                     enum token_object_class class)
{
    CK_ATTRIBUTE flag = {.type = type, .pValue = &value, .ulValueLen = 1};
    return describe(fake_token_put(&flag, 1), class);
}

#define SECRET  (1u << TOKEN_OBJECT_SECRET)
#define PRIVATE (1u << TOKEN_OBJECT_PRIVATE)
#define PUBLIC  (1u << TOKEN_OBJECT_PUBLIC)

/* Which value of a flag gives which attribute on which classes, and what silence means there. */
static const struct {
    const char *name;
    CK_ATTRIBUTE_TYPE type;
    uint32_t bit;
    unsigned classes;
    CK_BBOOL value;
    bool silence;
} flags[] = {
    {"extractable", CKA_EXTRACTABLE, BIT(EXTRACTABLE), SECRET | PRIVATE, 1, true},
    {"modifiable", CKA_MODIFIABLE, BIT(MODIFIABLE), SECRET | PRIVATE | PUBLIC, 1, true},
    {"not-sensitive", CKA_SENSITIVE, BIT(NOT_SENSITIVE), SECRET | PRIVATE, 0, true},
    {"public-object", CKA_PRIVATE, BIT(PUBLIC_OBJECT), SECRET | PRIVATE, 0, true},
    {"was-extractable", CKA_NEVER_EXTRACTABLE, BIT(WAS_EXTRACTABLE), SECRET | PRIVATE, 0, true},
    {"imported", CKA_LOCAL, BIT(IMPORTED), SECRET | PRIVATE | PUBLIC, 0, true},
    {"copyable", CKA_COPYABLE, BIT(COPYABLE), SECRET | PRIVATE | PUBLIC, 1, true},
    {"always-authenticate", CKA_ALWAYS_AUTHENTICATE, BIT(ALWAYS_AUTHENTICATE), PRIVATE, 1, false},
    {"wraps", CKA_WRAP, BIT(WRAPS), SECRET | PUBLIC, 1, false},
    {"unwraps", CKA_UNWRAP, BIT(UNWRAPS), SECRET | PRIVATE, 1, false},
    {"derives", CKA_DERIVE, BIT(DERIVES), SECRET | PRIVATE | PUBLIC, 1, false},
    {"encrypts", CKA_ENCRYPT, BIT(ENCRYPTS), SECRET | PUBLIC, 1, false},
    {"decrypts", CKA_DECRYPT, BIT(DECRYPTS), SECRET | PRIVATE, 1, false},
    {"signs", CKA_SIGN, BIT(SIGNS), SECRET | PRIVATE, 1, false},
    {"verifies", CKA_VERIFY, BIT(VERIFIES), SECRET | PUBLIC, 1, false},
};

static void expect_flag(size_t i, uint32_t attributes, bool due, const char *when)
{
    if (((attributes & flags[i].bit) != 0) != due) {
        fail_msg("%s: attributes %#x when %s", flags[i].name, attributes, when);
    }
}

static void test_flags(void **state)
{
    static const enum token_object_class classes[] = {TOKEN_OBJECT_SECRET, TOKEN_OBJECT_PRIVATE,
                                                      TOKEN_OBJECT_PUBLIC};
    for (size_t c = 0; c < ARRAY_LEN(classes); c++) {
        for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
            bool mine = (flags[i].classes & 1u << classes[c]) != 0;
            make(state);
            uint32_t other = describe(fake_token_put(NULL, 0), classes[c]).attributes;
            uint32_t yes = with_flag(flags[i].type, flags[i].value, classes[c]).attributes;
            uint32_t no = with_flag(flags[i].type, !flags[i].value, classes[c]).attributes;
            uint32_t odd = with_flag(flags[i].type, 7, classes[c]).attributes;
            expect_flag(i, yes, mine, "it holds");
            expect_flag(i, no, false, "it does not hold");
            expect_flag(i, other, mine && flags[i].silence, "the token is silent");
            expect_flag(i, odd, mine && flags[i].silence, "the token says neither");
            assert_int_equal(yes & ~flags[i].bit, other & ~flags[i].bit);
        }
    }
}

static void test_every_attribute_is_tried(void **state)
{
    (void)state;
    uint32_t all = 0;
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        all |= flags[i].bit;
        enum token_attribute attribute = TOKEN_ATTRIBUTE_EXTRACTABLE;
        while (1u << attribute != flags[i].bit) {
            attribute++;
        }
        assert_string_equal(token_attribute_name(attribute), flags[i].name);
    }
    assert_int_equal(all, (1u << TOKEN_ATTRIBUTE_COUNT) - 1);
}

/* Type and size are asked of secret keys, type and modulus or curve of the others. */
static void test_algorithms(void **state)
{
    (void)state;
    CK_KEY_TYPE aes = CKK_AES;
    CK_KEY_TYPE rsa = CKK_RSA;
    CK_KEY_TYPE ec = CKK_EC;
    CK_ULONG len = 32;
    uint8_t modulus[384] = {0x80};
    uint8_t p384[] = {0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x22};
    const struct {
        enum token_object_class class;
        CK_ATTRIBUTE list[2];
        bool has;
        enum algorithm algorithm;
    } cases[] = {
        {TOKEN_OBJECT_SECRET,
         {{CKA_KEY_TYPE, &aes, sizeof(aes)}, {CKA_VALUE_LEN, &len, sizeof(len)}},
         true,
         ALGORITHM_AES_256_GCM},
        {TOKEN_OBJECT_PRIVATE,
         {{CKA_KEY_TYPE, &rsa, sizeof(rsa)}, {CKA_MODULUS, modulus, sizeof(modulus)}},
         true,
         ALGORITHM_RSA_3072},
        {TOKEN_OBJECT_PUBLIC,
         {{CKA_KEY_TYPE, &ec, sizeof(ec)}, {CKA_EC_PARAMS, p384, sizeof(p384)}},
         true,
         ALGORITHM_ECDSA_P384},
        /* what cannot be: the sizes are not those of the class */
        {TOKEN_OBJECT_PRIVATE,
         {{CKA_KEY_TYPE, &aes, sizeof(aes)}, {CKA_VALUE_LEN, &len, sizeof(len)}},
         false,
         ALGORITHM_AES_256_GCM},
        {TOKEN_OBJECT_SECRET,
         {{CKA_KEY_TYPE, &ec, sizeof(ec)}, {CKA_EC_PARAMS, p384, sizeof(p384)}},
         false,
         ALGORITHM_AES_256_GCM},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CK_OBJECT_HANDLE handle = fake_token_put(cases[i].list, ARRAY_LEN(cases[i].list));
        struct token_object object = describe(handle, cases[i].class);
        assert_int_equal(object.has_algorithm, cases[i].has);
        assert_int_equal(object.algorithm, cases[i].algorithm);
    }
}

/* Names that are longer than ours are not shown, and hide nothing else. */
static void test_names(void **state)
{
    (void)state;
    char text[TOKEN_TEXT_MAX + 1];
    uint8_t id[TOKEN_CKA_ID_MAX + 1] = {7};
    CK_BBOOL no = CK_FALSE;
    memset(text, 't', sizeof(text));
    static const struct {
        size_t label;
        size_t id;
        size_t due_label;
        size_t due_id;
    } cases[] = {
        {5, 3, 5, 3},
        {0, 0, 0, 0},
        {TOKEN_TEXT_MAX, TOKEN_CKA_ID_MAX, TOKEN_TEXT_MAX, TOKEN_CKA_ID_MAX},
        {TOKEN_TEXT_MAX + 1, 3, 0, 3},
        {5, TOKEN_CKA_ID_MAX + 1, 5, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const CK_ATTRIBUTE list[] = {{CKA_LABEL, text, cases[i].label},
                                     {CKA_ID, id, cases[i].id},
                                     {CKA_EXTRACTABLE, &no, 1}};
        struct token_object object =
            describe(fake_token_put(list, ARRAY_LEN(list)), TOKEN_OBJECT_SECRET);
        assert_int_equal(strlen(object.label), cases[i].due_label);
        assert_int_equal(object.cka_id_len, cases[i].due_id);
        assert_int_equal(object.cka_id[0], cases[i].due_id > 0 ? 7 : 0);
        assert_int_equal(object.attributes & BIT(EXTRACTABLE), 0);
    }
    text[2] = '\0';
    const CK_ATTRIBUTE list[] = {{CKA_LABEL, text, 5}};
    struct token_object object = describe(fake_token_put(list, 1), TOKEN_OBJECT_SECRET);
    assert_string_equal(object.label, "tt");
}

static void test_no_answer(void **state)
{
    (void)state;
    struct token_object object = {.label = "untouched"};
    CK_OBJECT_HANDLE handle = fake_token_put(NULL, 0);
    fake_token_fail(FAKE_GET_ATTRIBUTES, CKR_DEVICE_ERROR, 0, 1);
    struct ckr_verdict verdict = description_read(&session, handle, TOKEN_OBJECT_SECRET, &object);
    assert_int_equal(verdict.class, FRAME_DEVICE_LOST);
    verdict = description_read(&session, handle + 1, TOKEN_OBJECT_SECRET, &object);
    assert_int_equal(verdict.class, FRAME_STALE_EPOCH);
    assert_string_equal(object.label, "untouched");
    object = description_none(TOKEN_OBJECT_PRIVATE);
    struct token_object silent = describe(handle, TOKEN_OBJECT_PRIVATE);
    assert_memory_equal(&object, &silent, sizeof(object));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_flags, make),
        cmocka_unit_test_setup(test_every_attribute_is_tried, make),
        cmocka_unit_test_setup(test_algorithms, make),
        cmocka_unit_test_setup(test_names, make),
        cmocka_unit_test_setup(test_no_answer, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
