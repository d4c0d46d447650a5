/* The table of return codes: every class, and the one exception for tampered ciphertexts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pkcs11/ckr.h"

static void test_classes(void **state)
{
    (void)state;
    static const struct {
        CK_RV ckr;
        enum frame_class class;
        bool ends;
    } cases[] = {
        {CKR_OK, FRAME_OK, true},
        {CKR_USER_ALREADY_LOGGED_IN, FRAME_OK, true},
        {CKR_CRYPTOKI_ALREADY_INITIALIZED, FRAME_OK, true},
        {CKR_DATA_LEN_RANGE, FRAME_CALLER_DATA, true},
        {CKR_ENCRYPTED_DATA_INVALID, FRAME_CALLER_DATA, true},
        {CKR_WRAPPED_KEY_INVALID, FRAME_CALLER_DATA, true},
        {CKR_SIGNATURE_INVALID, FRAME_CALLER_DATA, true},
        {CKR_KEY_FUNCTION_NOT_PERMITTED, FRAME_OUR_MISTAKE, false},
        {CKR_MECHANISM_PARAM_INVALID, FRAME_OUR_MISTAKE, false},
        {CKR_TEMPLATE_INCONSISTENT, FRAME_OUR_MISTAKE, false},
        {CKR_ARGUMENTS_BAD, FRAME_OUR_MISTAKE, false},
        {CKR_BUFFER_TOO_SMALL, FRAME_OUR_MISTAKE, false},
        {CKR_SESSION_HANDLE_INVALID, FRAME_STALE_SESSION, false},
        {CKR_SESSION_CLOSED, FRAME_STALE_SESSION, false},
        {CKR_OPERATION_ACTIVE, FRAME_STALE_SESSION, false},
        {CKR_OPERATION_NOT_INITIALIZED, FRAME_STALE_SESSION, false},
        {CKR_USER_NOT_LOGGED_IN, FRAME_STALE_EPOCH, false},
        {CKR_OBJECT_HANDLE_INVALID, FRAME_STALE_EPOCH, false},
        {CKR_KEY_HANDLE_INVALID, FRAME_STALE_EPOCH, false},
        {CKR_DEVICE_REMOVED, FRAME_DEVICE_LOST, false},
        {CKR_TOKEN_NOT_PRESENT, FRAME_DEVICE_LOST, false},
        {CKR_HOST_MEMORY, FRAME_DEVICE_LOST, false},
        {CKR_CRYPTOKI_NOT_INITIALIZED, FRAME_DEVICE_LOST, false},
        {CKR_GENERAL_ERROR, FRAME_DEVICE_LOST, false},
        {CKR_FUNCTION_FAILED, FRAME_DEVICE_LOST, false},
        {CKR_VENDOR_DEFINED | 0x123, FRAME_DEVICE_LOST, false},
        {0x7ffff, FRAME_DEVICE_LOST, false},
        {CKR_PIN_INCORRECT, FRAME_PIN, true},
        {CKR_PIN_LOCKED, FRAME_PIN, true},
        {CKR_SESSION_COUNT, FRAME_CAPACITY, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(ckr_rule(cases[i].ckr)->class, cases[i].class);
        assert_int_equal(ckr_rule(cases[i].ckr)->ends, cases[i].ends);
        assert_int_equal(ckr_verdict(cases[i].ckr).ckr, cases[i].ckr);
    }
    assert_string_equal(ckr_name(CKR_PIN_INCORRECT), "PIN_INCORRECT");
    assert_string_equal(ckr_name(0x80001234), "VENDOR");
}

static void test_tampered(void **state)
{
    (void)state;
    static const struct {
        CK_RV ckr;
        CK_RV tampered;
        enum frame_class class;
    } cases[] = {
        {CKR_GENERAL_ERROR, CKR_GENERAL_ERROR, FRAME_CALLER_DATA},
        {CKR_FUNCTION_FAILED, CKR_FUNCTION_FAILED, FRAME_CALLER_DATA},
        {CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, FRAME_DEVICE_LOST},
        {CKR_GENERAL_ERROR, CKR_ENCRYPTED_DATA_INVALID, FRAME_DEVICE_LOST},
        {CKR_DEVICE_ERROR, CKR_DEVICE_ERROR, FRAME_DEVICE_LOST},
        {CKR_ENCRYPTED_DATA_INVALID, CKR_GENERAL_ERROR, FRAME_CALLER_DATA},
        {CKR_OK, CKR_GENERAL_ERROR, FRAME_OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ckr_verdict verdict = ckr_decrypt_verdict(cases[i].ckr, cases[i].tampered);
        assert_int_equal(verdict.class, cases[i].class);
        assert_int_equal(verdict.ckr, cases[i].ckr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_tampered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
