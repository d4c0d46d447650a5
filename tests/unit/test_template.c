/* What a template goes without, so that a token takes it: never what keeps a key where it is. */
#include "pkcs11/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"

static const struct token_key signer = {
    .algorithm = ALGORITHM_ECDSA_P256, .purpose = PURPOSE_SIGN, .cka_id = {1}, .cka_id_len = 1};

/* -1: the attribute is not there. */
static int value_in(enum template_kind kind, enum lenience lenience, CK_ATTRIBUTE_TYPE type)
{
    const struct template_subject subject = {
        .key = &signer, .label = "x", .on_token = true, .lenience = lenience};
    struct template template;
    template_init(&template, kind, &subject);
    for (CK_ULONG i = 0; i < template.count; i++) {
        if (template.list[i].type == type) {
            return *(const CK_BBOOL *)template.list[i].pValue;
        }
    }
    return -1;
}

static void leaves_out_one_after_the_other(void **state)
{
    (void)state;
    static const struct {
        enum template_kind kind;
        CK_ATTRIBUTE_TYPE type;
        bool there[LENIENCE_ALL + 1];
    } cases[] = {
        {TEMPLATE_PUBLIC, CKA_VERIFY, {true, false, true, true, false}},
        {TEMPLATE_PUBLIC, CKA_ENCRYPT, {true, false, true, true, false}},
        {TEMPLATE_PRIVATE, CKA_COPYABLE, {true, true, false, false, false}},
        {TEMPLATE_PRIVATE, CKA_ALLOWED_MECHANISMS, {true, true, false, false, false}},
        {TEMPLATE_PRIVATE, CKA_SIGN_RECOVER, {true, true, true, false, false}},
        {TEMPLATE_PUBLIC, CKA_VERIFY_RECOVER, {true, true, true, false, false}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int lenience = 0; lenience <= LENIENCE_ALL; lenience++) {
            int value = value_in(cases[i].kind, (enum lenience)lenience, cases[i].type);
            assert_int_equal(value != -1, cases[i].there[lenience]);
        }
    }
}

static void keeps_what_guards_a_key(void **state)
{
    (void)state;
    static const struct {
        CK_ATTRIBUTE_TYPE type;
        CK_BBOOL value;
    } guards[] = {
        {CKA_PRIVATE, CK_TRUE},     {CKA_SENSITIVE, CK_TRUE}, {CKA_EXTRACTABLE, CK_FALSE},
        {CKA_MODIFIABLE, CK_FALSE}, {CKA_SIGN, CK_TRUE},      {CKA_DECRYPT, CK_FALSE},
        {CKA_UNWRAP, CK_FALSE},     {CKA_DERIVE, CK_FALSE},
    };
    for (size_t i = 0; i < ARRAY_LEN(guards); i++) {
        for (int lenience = 0; lenience <= LENIENCE_ALL; lenience++) {
            assert_int_equal(value_in(TEMPLATE_PRIVATE, (enum lenience)lenience, guards[i].type),
                             guards[i].value);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_out_one_after_the_other),
        cmocka_unit_test(keeps_what_guards_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
