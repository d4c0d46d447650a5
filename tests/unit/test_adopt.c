/* test_adopt: what the worker adopts of keys that others put on the token, and what it refuses; on
 * the token in memory. Whatever happens, nothing on the token is made or destroyed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "pkcs11/adopt.h"
#include "tests/lib/fake_token.h"

#define BIT(attribute) (1u << TOKEN_ATTRIBUTE_##attribute)

static char folder[64];
static char *pin_path;
static char token_label[] = FAKE_TOKEN_LABEL;
static char module_path[] = "/nowhere/fake.so";
static struct worker_config config;
static struct worker *worker;
static struct session *session;
static struct buf results;
static unsigned made;

static int make(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/hsmgate-test-XXXXXX", 25);
    assert_non_null(mkdtemp(folder));
    pin_path = mem_format("%s/pin", folder);
    struct err err = file_write(pin_path, span_text(FAKE_TOKEN_PIN), 0600);
    assert_int_equal(err.code, ERR_OK);
    config = (struct worker_config){.module = module_path,
                                    .token = {.label = token_label},
                                    .pin = {.file = pin_path},
                                    .latch_dir = folder};
    worker = mem_alloc(sizeof(*worker));
    err = module_attach(fake_token_new(), &config, &worker->module);
    assert_int_equal(err.code, ERR_OK);
    err = worker_start(worker, &config, 1);
    assert_string_equal(err.detail, "");
    int64_t deadline = clock_deadline(1000);
    assert_int_equal(session_lease(&worker->pool, deadline, &session).class, FRAME_OK);
    made = fake_token_calls(FAKE_GENERATE_KEY) + fake_token_calls(FAKE_DESTROY_OBJECT);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *command = mem_format("rm -rf '%s'", folder);
    assert_int_equal(fake_token_calls(FAKE_GENERATE_KEY) + fake_token_calls(FAKE_DESTROY_OBJECT),
                     made);
    session_release(&worker->pool, session);
    worker_clear(worker);
    mem_free(worker);
    mem_free(pin_path);
    buf_clear(&results);
    return system(command);
}

enum sort { AES, AES_128, MAC, PRIVATE, PUBLIC };

#define CIPHER    (1u << 0 | 1u << 1)
#define SIGNER    (1u << 2)
#define PROTECTED (1u << 3 | 1u << 4 | 1u << 5 | 1u << 6)

static const CK_ATTRIBUTE_TYPE flags[] = {
    /* uses */
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_SIGN,
    /* protections */
    CKA_SENSITIVE,
    CKA_PRIVATE,
    CKA_NEVER_EXTRACTABLE,
    CKA_LOCAL,
    /* what no key should have */
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_EXTRACTABLE,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_ALWAYS_AUTHENTICATE,
};

/* Keys as somebody would make them in the best way: with one role, and protected. */
static const struct {
    CK_OBJECT_CLASS class;
    CK_KEY_TYPE type;
    CK_ULONG len;
    unsigned flags; /* that are true, by their place */
} sorts[] = {
    [AES] = {CKO_SECRET_KEY, CKK_AES, 32, CIPHER | PROTECTED},
    [AES_128] = {CKO_SECRET_KEY, CKK_AES, 16, CIPHER | PROTECTED},
    [MAC] = {CKO_SECRET_KEY, CKK_SHA256_HMAC, 32, SIGNER | PROTECTED},
    [PRIVATE] = {CKO_PRIVATE_KEY, CKK_EC, 0, SIGNER | PROTECTED},
    [PUBLIC] = {CKO_PUBLIC_KEY, CKK_EC, 0, PROTECTED},
};

struct foreign {
    enum sort sort;
    const char *label;
    uint8_t id;                /* the first byte of the CKA_ID, others are 0 */
    size_t id_len;             /* 0: none */
    CK_ATTRIBUTE_TYPE changed; /* a flag that is not as it should be; CKA_CLASS: none */
};
#define KEY(sort, label, id, id_len)       \
    {                                      \
        sort, label, id, id_len, CKA_CLASS \
    }
#define KEY_BUT(changed, sort, label, id, id_len) \
    {                                             \
        sort, label, id, id_len, changed          \
    }

static void put(const struct foreign *foreign)
{
    static CK_BBOOL values[ARRAY_LEN(flags)];
    static const uint8_t p256[] = {0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_OBJECT_CLASS class = sorts[foreign->sort].class;
    CK_KEY_TYPE type = sorts[foreign->sort].type;
    CK_ULONG len = sorts[foreign->sort].len;
    uint8_t id[TOKEN_CKA_ID_MAX + 1] = {foreign->id};
    CK_ATTRIBUTE list[6 + ARRAY_LEN(flags)] = {
        {CKA_CLASS, &class, sizeof(class)},
        {CKA_KEY_TYPE, &type, sizeof(type)},
        {CKA_VALUE_LEN, &len, sizeof(len)},
        {CKA_EC_PARAMS, cryptoki_bytes(span_of(p256, sizeof(p256))), sizeof(p256)},
        {CKA_ID, id, foreign->id_len},
        {CKA_LABEL, cryptoki_bytes(span_text(foreign->label)), strlen(foreign->label)},
    };
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        bool is = (sorts[foreign->sort].flags & 1u << i) != 0;
        is = flags[i] == foreign->changed ? !is : is;
        values[i] = is ? CK_TRUE : CK_FALSE;
        list[6 + i] = (CK_ATTRIBUTE){flags[i], &values[i], 1};
    }
    (void)fake_token_put(list, ARRAY_LEN(list));
}

/* The request for a key of the sort: by label, or by one byte of CKA_ID. */
static struct frame_item asking(enum sort sort, const char *label, uint8_t id)
{
    static const enum algorithm algorithms[] = {
        [AES] = ALGORITHM_AES_256_GCM,
        [AES_128] = ALGORITHM_AES_256_GCM,
        [MAC] = ALGORITHM_HMAC_SHA256,
        [PRIVATE] = ALGORITHM_ECDSA_P256,
    };
    struct frame_item item = {
        .key = {.algorithm = algorithms[sort],
                .purpose = algorithm_info(algorithms[sort])->purpose,
                .cka_id = {id},
                .cka_id_len = label == NULL ? 1 : 0},
    };
    item.input = label != NULL ? span_text(label) : item.input;
    return item;
}

static struct ckr_verdict adopt(const struct frame_item *request, struct frame_item *reply)
{
    unsigned objects = fake_token_objects();
    *reply = (struct frame_item){0};
    struct ckr_verdict verdict = adopt_key(worker, session, request, reply, &results);
    assert_int_equal(fake_token_objects(), objects);
    return verdict;
}

static void test_by_either_name(void **state)
{
    (void)state;
    static const struct foreign keys[] = {
        KEY_BUT(CKA_MODIFIABLE, AES, "an AES key", 1, 1),
        KEY_BUT(CKA_LOCAL, MAC, "a MAC key", 2, 1),
    };
    static const uint32_t attributes[] = {BIT(ENCRYPTS) | BIT(DECRYPTS) | BIT(MODIFIABLE),
                                          BIT(SIGNS) | BIT(IMPORTED)};
    static const size_t identities[] = {TOKEN_IV_LEN + TOKEN_TAG_LEN, 16};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        put(&keys[i]);
        for (int by_label = 0; by_label < 2; by_label++) {
            struct frame_item reply;
            const char *label = by_label ? keys[i].label : NULL;
            struct frame_item request = asking(keys[i].sort, label, keys[i].id);
            assert_int_equal(adopt(&request, &reply).class, FRAME_OK);
            assert_int_equal(reply.key.cka_id_len, 1);
            assert_int_equal(reply.key.cka_id[0], keys[i].id);
            assert_int_equal(reply.key.algorithm, request.key.algorithm);
            assert_int_equal(reply.key.purpose, request.key.purpose);
            assert_int_equal(reply.key.identity_len, identities[i]);
            assert_int_equal(reply.bytes, attributes[i]);
            assert_int_equal(reply.input.len, 0);
        }
    }
}

/* What is on the token, what is asked for, and why not. */
static const struct {
    const char *name;
    struct foreign on_token[3];
    size_t count;
    enum sort sort;
    const char *label; /* NULL: CKA_ID 1 */
    enum frame_unfit unfit;
} refusals[] = {
    {"an empty token, by label", {KEY(AES, "", 0, 0)}, 0, AES, "k", FRAME_UNFIT_MISSING},
    {"an empty token, by CKA_ID", {KEY(AES, "", 0, 0)}, 0, AES, NULL, FRAME_UNFIT_MISSING},
    {"another label", {KEY(AES, "kk", 1, 1)}, 1, AES, "k", FRAME_UNFIT_MISSING},
    {"another CKA_ID", {KEY(AES, "k", 2, 1)}, 1, AES, NULL, FRAME_UNFIT_MISSING},
    {"a longer CKA_ID", {KEY(AES, "k", 1, 2)}, 1, AES, NULL, FRAME_UNFIT_MISSING},
    {"a public key alone", {KEY(PUBLIC, "k", 1, 1)}, 1, PRIVATE, NULL, FRAME_UNFIT_MISSING},
    {"two of the label",
     {KEY(AES, "k", 1, 1), KEY(AES, "k", 2, 1)},
     2,
     AES,
     "k",
     FRAME_UNFIT_SEVERAL},
    {"two of the label, of other sorts",
     {KEY(AES, "k", 1, 1), KEY(PRIVATE, "k", 2, 1), KEY(PUBLIC, "k", 2, 1)},
     3,
     AES,
     "k",
     FRAME_UNFIT_SEVERAL},
    {"two of the CKA_ID",
     {KEY(AES, "k", 1, 1), KEY(AES, "l", 1, 1)},
     2,
     AES,
     NULL,
     FRAME_UNFIT_SHARED_ID},
    {"two of the CKA_ID, by label",
     {KEY(AES, "k", 1, 1), KEY(AES, "l", 1, 1)},
     2,
     AES,
     "k",
     FRAME_UNFIT_SHARED_ID},
    {"the CKA_ID of a private key, by label",
     {KEY(AES, "k", 1, 1), KEY(PRIVATE, "l", 1, 1)},
     2,
     AES,
     "k",
     FRAME_UNFIT_SHARED_ID},
    {"the CKA_ID of a public key",
     {KEY(AES, "k", 1, 1), KEY(PUBLIC, "l", 1, 1)},
     2,
     AES,
     NULL,
     FRAME_UNFIT_SHARED_ID},
    {"two public halves",
     {KEY(PRIVATE, "k", 1, 1), KEY(PUBLIC, "k", 1, 1), KEY(PUBLIC, "l", 1, 1)},
     3,
     PRIVATE,
     NULL,
     FRAME_UNFIT_SHARED_ID},
    {"no CKA_ID", {KEY(AES, "k", 1, 0)}, 1, AES, "k", FRAME_UNFIT_NO_ID},
    {"a CKA_ID that is too long",
     {KEY(AES, "k", 1, TOKEN_CKA_ID_MAX + 1)},
     1,
     AES,
     "k",
     FRAME_UNFIT_NO_ID},
    {"no public half", {KEY(PRIVATE, "k", 1, 1)}, 1, PRIVATE, NULL, FRAME_UNFIT_NO_PUBLIC},
    {"a public half of the label alone",
     {KEY(PRIVATE, "k", 1, 1), KEY(PUBLIC, "k", 2, 1)},
     2,
     PRIVATE,
     "k",
     FRAME_UNFIT_NO_PUBLIC},
    {"too short a key", {KEY(AES_128, "k", 1, 1)}, 1, AES, NULL, FRAME_UNFIT_ALGORITHM},
    {"a key of another type", {KEY(MAC, "k", 1, 1)}, 1, AES, NULL, FRAME_UNFIT_ALGORITHM},
    {"a pair for a secret key",
     {KEY(PRIVATE, "k", 1, 1), KEY(PUBLIC, "k", 1, 1)},
     2,
     MAC,
     NULL,
     FRAME_UNFIT_ALGORITHM},
    {"no encryption", {KEY_BUT(CKA_ENCRYPT, AES, "k", 1, 1)}, 1, AES, NULL, FRAME_UNFIT_ROLE},
    {"no decryption", {KEY_BUT(CKA_DECRYPT, AES, "k", 1, 1)}, 1, AES, NULL, FRAME_UNFIT_ROLE},
    {"no signing", {KEY_BUT(CKA_SIGN, MAC, "k", 1, 1)}, 1, MAC, NULL, FRAME_UNFIT_ROLE},
    {"no signing by a pair",
     {KEY_BUT(CKA_SIGN, PRIVATE, "k", 1, 1), KEY(PUBLIC, "k", 1, 1)},
     2,
     PRIVATE,
     NULL,
     FRAME_UNFIT_ROLE},
    {"wrap and decrypt", {KEY_BUT(CKA_WRAP, AES, "k", 1, 1)}, 1, AES, NULL, FRAME_UNFIT_LEAKY},
    {"a PIN for each use",
     {KEY_BUT(CKA_ALWAYS_AUTHENTICATE, PRIVATE, "k", 1, 1), KEY(PUBLIC, "k", 1, 1)},
     2,
     PRIVATE,
     NULL,
     FRAME_UNFIT_ASKING},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct frame_item reply;
        struct frame_item request = asking(refusals[i].sort, refusals[i].label, 1);
        fake_token_wipe();
        for (size_t k = 0; k < refusals[i].count; k++) {
            put(&refusals[i].on_token[k]);
        }
        struct ckr_verdict verdict = adopt(&request, &reply);
        if (verdict.class != FRAME_UNFIT || verdict.unfit != refusals[i].unfit) {
            fail_msg("%s: class %d, %d", refusals[i].name, (int)verdict.class, (int)verdict.unfit);
        }
        assert_int_equal(session->unfit, CKR_OK);
    }
}

/* Two of a label can be told apart by CKA_ID. */
static void test_exact_name(void **state)
{
    (void)state;
    put(&(struct foreign)KEY(MAC, "k", 1, 1));
    put(&(struct foreign)KEY(MAC, "k", 2, 1));
    struct frame_item first;
    struct frame_item second;
    struct frame_item request = asking(MAC, NULL, 1);
    assert_int_equal(adopt(&request, &first).class, FRAME_OK);
    request = asking(MAC, NULL, 2);
    assert_int_equal(adopt(&request, &second).class, FRAME_OK);
    assert_memory_not_equal(first.key.identity, second.key.identity, 16);
}

/* A pair that is fit in every way, on a token that cannot do ECDSA. */
static void test_unable_token(void **state)
{
    (void)state;
    put(&(struct foreign)KEY(PRIVATE, "k", 1, 1));
    put(&(struct foreign)KEY(PUBLIC, "k", 1, 1));
    struct frame_item reply;
    struct frame_item request = asking(PRIVATE, "k", 0);
    assert_int_equal(adopt(&request, &reply).class, FRAME_UNSUPPORTED);
}

static void test_unsound_requests(void **state)
{
    (void)state;
    char label[TOKEN_TEXT_MAX + 2];
    memset(label, 'l', sizeof(label) - 1);
    label[sizeof(label) - 1] = '\0';
    struct frame_item neither = asking(AES, "", 0);
    struct frame_item both = asking(AES, "k", 1);
    both.key.cka_id_len = 1;
    struct frame_item long_label = asking(AES, label, 0);
    struct frame_item other_purpose = asking(AES, NULL, 1);
    other_purpose.key.purpose = PURPOSE_SIGN;
    const struct frame_item *const requests[] = {&neither, &both, &long_label, &other_purpose};
    put(&(struct foreign)KEY(AES, "k", 1, 1));
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct frame_item reply;
        assert_int_equal(adopt(requests[i], &reply).class, FRAME_OUR_MISTAKE);
    }
}

/* Where the way can end, and whether that is said of the token or of the material. */
static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum fake_call call;
        CK_RV ckr;
        unsigned after;
        enum frame_class class;
    } cases[] = {
        {"the search", FAKE_FIND_INIT, CKR_DEVICE_ERROR, 0, FRAME_DEVICE_LOST},
        {"the search for private keys", FAKE_FIND, CKR_SESSION_CLOSED, 1, FRAME_STALE_SESSION},
        {"the search for the CKA_ID", FAKE_FIND_INIT, CKR_DEVICE_REMOVED, 2, FRAME_DEVICE_LOST},
        {"the description", FAKE_GET_ATTRIBUTES, CKR_OBJECT_HANDLE_INVALID, 0, FRAME_STALE_EPOCH},
        {"the description, vaguely", FAKE_GET_ATTRIBUTES, CKR_GENERAL_ERROR, 0, FRAME_DEVICE_LOST},
        {"the class", FAKE_GET_ATTRIBUTES, CKR_DEVICE_ERROR, 1, FRAME_DEVICE_LOST},
        {"the identity", FAKE_SIGN_INIT, CKR_USER_NOT_LOGGED_IN, 0, FRAME_STALE_EPOCH},
        {"the identity, lost", FAKE_SIGN, CKR_DEVICE_ERROR, 0, FRAME_DEVICE_LOST},
        {"the identity, not permitted", FAKE_SIGN_INIT, CKR_KEY_FUNCTION_NOT_PERMITTED, 0,
         FRAME_UNFIT},
        {"the identity, not allowed", FAKE_SIGN_INIT, CKR_MECHANISM_INVALID, 0, FRAME_UNFIT},
        {"the identity, vaguely", FAKE_SIGN, CKR_GENERAL_ERROR, 0, FRAME_UNFIT},
        {"the first use", FAKE_SIGN, CKR_KEY_SIZE_RANGE, 1, FRAME_UNFIT},
        {"the first use, vaguely", FAKE_SIGN, CKR_FUNCTION_FAILED, 2, FRAME_UNFIT},
        {"the first use, refused data", FAKE_SIGN, CKR_DATA_INVALID, 3, FRAME_UNFIT},
        {"the first use, lost", FAKE_SIGN, CKR_TOKEN_NOT_PRESENT, 2, FRAME_DEVICE_LOST},
    };
    put(&(struct foreign)KEY(MAC, "k", 1, 1));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct frame_item reply;
        struct frame_item request = asking(MAC, "k", 0);
        fake_token_fail(cases[i].call, cases[i].ckr, cases[i].after, 1);
        struct ckr_verdict verdict = adopt(&request, &reply);
        if (verdict.class != cases[i].class ||
            (verdict.class == FRAME_UNFIT && verdict.unfit != FRAME_UNFIT_UNPROVEN)) {
            fail_msg("%s: class %d, %d", cases[i].name, (int)verdict.class, (int)verdict.unfit);
        }
        fake_token_fail(cases[i].call, CKR_OK, 0, 0);
        assert_int_equal(session_ready(&worker->pool, session).class, FRAME_OK);
        if (adopt(&request, &reply).class != FRAME_OK) {
            fail_msg("%s: not adopted afterwards", cases[i].name);
        }
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, make, drop)
    const struct CMUnitTest tests[] = {
        CASE(test_by_either_name), CASE(test_refusals),         CASE(test_exact_name),
        CASE(test_unable_token),   CASE(test_unsound_requests), CASE(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
