/* The worker's frames over a fake token: faults, retries, new sessions, new logins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sync.h"
#include "pkcs11/work.h"
#include "tests/lib/fake_token.h"

static char folder[64];
static char *pin_path;
static char label[] = FAKE_TOKEN_LABEL;
static char module_path[] = "/nowhere/fake.so";
static struct worker_config config;
static struct worker *worker;
static struct work work;
static CK_FUNCTION_LIST *list;
static uint32_t frame_ms = 1000; /* the deadline in frames */

static void write_pin(const char *pin)
{
    struct err err = file_write(pin_path, span_text(pin), 0600);
    assert_int_equal(err.code, ERR_OK);
}

static int make(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/hsmgate-test-XXXXXX", 25);
    assert_non_null(mkdtemp(folder));
    pin_path = mem_format("%s/pin", folder);
    config = (struct worker_config){.module = module_path,
                                    .token = {.label = label},
                                    .pin = {.file = pin_path},
                                    .latch_dir = folder};
    write_pin(FAKE_TOKEN_PIN);
    worker = mem_alloc(sizeof(*worker));
    list = fake_token_new();
    return 0;
}

static int drop(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *command = mem_format("rm -rf '%s'", folder);
    mem_free(pin_path);
    mem_free(worker);
    return system(command);
}

static struct err start(unsigned channels)
{
    struct err err = module_attach(list, &config, &worker->module);
    return err.code == ERR_OK ? worker_start(worker, &config, channels) : err;
}

static void begin(unsigned channels)
{
    struct err err = start(channels);
    assert_string_equal(err.detail, "");
    work_init(&work, worker);
}

static void end(void)
{
    work_clear(&work);
    worker_clear(worker);
}

/* Encodes a request, answers it, decodes the reply into work's arrays. */
static struct frame_head answer_with(struct work *on, enum frame_kind kind, enum token_op op,
                                     const struct frame_item *items, size_t count,
                                     struct frame_item *replies)
{
    CLEANUP(buf_clear) struct buf frame = {0};
    struct frame_head head = {.kind = kind, .op = op, .deadline_ms = frame_ms};
    struct err err = frame_encode(&head, items, count, &frame);
    assert_int_equal(err.code, ERR_OK);
    err = frame_decode_head(span_of(frame.data, FRAME_HEAD_LEN), &head);
    assert_int_equal(err.code, ERR_OK);
    buf_reset(&on->body);
    err = buf_append(&on->body, span_of(frame.data + FRAME_HEAD_LEN, frame.len - FRAME_HEAD_LEN));
    assert_int_equal(err.code, ERR_OK);
    err = work_answer(on, &head);
    assert_int_equal(err.code, ERR_OK);
    struct span answer = buf_span(&on->answer);
    err = frame_decode_head(span_of(answer.data, FRAME_HEAD_LEN), &head);
    assert_int_equal(err.code, ERR_OK);
    struct span body = span_of(answer.data + FRAME_HEAD_LEN, answer.len - FRAME_HEAD_LEN);
    err = frame_decode_items(&head, body, replies);
    assert_int_equal(err.code, ERR_OK);
    return head;
}

static enum frame_class run_with(struct work *on, enum token_op op, const struct frame_item *item,
                                 struct frame_item *reply)
{
    struct frame_item scratch;
    struct frame_head head = answer_with(on, FRAME_RUN, op, item, 1, &scratch);
    if (reply != NULL) {
        *reply = scratch;
    }
    return head.class != FRAME_OK ? head.class : scratch.class;
}

static enum frame_class run(enum token_op op, const struct frame_item *item,
                            struct frame_item *reply)
{
    return run_with(&work, op, item, reply);
}

static enum frame_class generate(enum algorithm algorithm, uint8_t id, struct token_key *out)
{
    struct frame_item item = {.key = {.algorithm = algorithm,
                                      .purpose = algorithm_info(algorithm)->purpose,
                                      .cka_id = {id, 2, 3},
                                      .cka_id_len = 18},
                              .input = span_text("label")};
    struct frame_item reply;
    item.key.cka_id[16] = 1;
    struct frame_head head = answer_with(&work, FRAME_GENERATE, TOKEN_SIGN, &item, 1, &reply);
    if (head.class == FRAME_OK) {
        *out = reply.key;
    }
    return head.class;
}

static struct token_key new_key(enum algorithm algorithm, uint8_t id)
{
    struct token_key key = {0};
    assert_int_equal(generate(algorithm, id, &key), FRAME_OK);
    return key;
}

static struct frame_item mac_item(const struct token_key *key)
{
    return (struct frame_item){.key = *key, .mechanism = TOKEN_HMAC, .input = span_text("message")};
}

static void test_start(void **state)
{
    (void)state;
    begin(4);
    struct frame_hello hello;
    worker_describe(worker, err_ok(), &hello);
    assert_string_equal(hello.label, FAKE_TOKEN_LABEL);
    assert_string_equal(hello.serial, FAKE_TOKEN_SERIAL);
    assert_string_equal(hello.manufacturer, "tests");
    assert_int_equal(hello.probe.sessions, 4);
    assert_int_equal(hello.probe.algorithms,
                     1u << ALGORITHM_AES_256_GCM | 1u << ALGORITHM_HMAC_SHA256 |
                         1u << ALGORITHM_HMAC_SHA384 | 1u << ALGORITHM_HMAC_SHA512);
    assert_int_equal(hello.probe.mechanisms, 1u << TOKEN_AES_GCM | 1u << TOKEN_HMAC);
    assert_int_equal(hello.probe.tamper_ckr, CKR_ENCRYPTED_DATA_INVALID);
    assert_int_equal(fake_token_sessions(), 5);
    assert_int_equal(fake_token_calls(FAKE_LOGIN), 1);
    assert_int_equal(fake_token_objects(), 0);
    struct token_key none = {0};
    assert_int_equal(generate(ALGORITHM_ECDSA_P256, 1, &none), FRAME_UNSUPPORTED);
    end();
}

/* The probe's result is kept for the next start, but not for another token. */
static void test_probe_is_kept(void **state)
{
    (void)state;
    begin(1);
    unsigned made = fake_token_calls(FAKE_GENERATE_KEY);
    assert_true(made > 0);
    end();
    list = fake_token_new();
    begin(1);
    assert_int_equal(fake_token_calls(FAKE_GENERATE_KEY), 0);
    assert_true(worker->probe.found.empty_plaintext);
    end();
    list = fake_token_new();
    fake_token_set_serial("F-0009");
    begin(1);
    assert_int_equal(fake_token_calls(FAKE_GENERATE_KEY), made);
    end();
}

static void expect_start(enum err_code code, const char *reason)
{
    struct err err = start(1);
    assert_int_equal(err.code, code);
    if (strstr(err.detail, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", err.detail, reason);
    }
}

static void test_no_token(void **state)
{
    (void)state;
    static char wrong[] = "nobody";
    static char serial[] = FAKE_TOKEN_SERIAL;
    config.token.label = wrong;
    expect_start(ERR_TOKEN_UNAVAILABLE, "token.label: no token 'nobody' among 2");
    config.token = (struct worker_token){.serial = serial};
    fake_token_set_serial("F-0002");
    serial[5] = '2';
    expect_start(ERR_CONFIG, "2 tokens");
    serial[5] = '1';
    fake_token_fail(FAKE_INITIALIZE, CKR_GENERAL_ERROR, 0, 1);
    expect_start(ERR_TOKEN_UNAVAILABLE, "C_Initialize failed with CKR_GENERAL_ERROR");
}

static void test_pin_flags(void **state)
{
    (void)state;
    static const struct {
        CK_FLAGS flag;
        const char *reason;
    } cases[] = {
        {CKF_USER_PIN_LOCKED, "locked"},
        {CKF_USER_PIN_FINAL_TRY, "one more wrong PIN"},
        {CKF_USER_PIN_COUNT_LOW, "somebody gave the token a wrong PIN"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        list = fake_token_new();
        fake_token_set_flags(cases[i].flag);
        expect_start(ERR_PIN, cases[i].reason);
        assert_int_equal(fake_token_calls(FAKE_LOGIN), 0);
    }
}

static void test_wrong_pin(void **state)
{
    (void)state;
    write_pin("4321");
    expect_start(ERR_PIN, "PIN_INCORRECT");
    assert_int_equal(fake_token_calls(FAKE_LOGIN), 1);
    expect_start(ERR_PIN, "refused this PIN before");
    assert_int_equal(fake_token_calls(FAKE_LOGIN), 1);
    /* The low counter is our doing, so the operator's new PIN may be tried. */
    fake_token_set_flags(CKF_USER_PIN_COUNT_LOW);
    write_pin(FAKE_TOKEN_PIN);
    begin(1);
    assert_int_equal(fake_token_calls(FAKE_LOGIN), 2);
    end();
}

/* Other failures of C_Login do not latch the PIN. */
static void test_login_without_device(void **state)
{
    (void)state;
    fake_token_fail(FAKE_LOGIN, CKR_DEVICE_ERROR, 0, 5);
    for (int i = 0; i < 5; i++) {
        expect_start(ERR_TOKEN_UNAVAILABLE, "DEVICE_ERROR");
    }
    begin(1);
    end();
}

struct fault {
    const char *name;
    enum fake_call call;
    CK_RV ckr;
    unsigned times;
    enum frame_class class;
    unsigned opened; /* new sessions */
    uint32_t epoch;
};

static const struct fault faults[] = {
    {"A keeps the session", FAKE_SIGN, CKR_DATA_INVALID, 1, FRAME_CALLER_DATA, 0, 1},
    {"B at the start keeps it", FAKE_SIGN_INIT, CKR_KEY_FUNCTION_NOT_PERMITTED, 1,
     FRAME_OUR_MISTAKE, 0, 1},
    {"B at the end drops it", FAKE_SIGN, CKR_ARGUMENTS_BAD, 1, FRAME_OUR_MISTAKE, 1, 1},
    {"B, the operation left active", FAKE_SIGN, CKR_BUFFER_TOO_SMALL, 1, FRAME_OUR_MISTAKE, 1, 1},
    {"C is mended", FAKE_SIGN_INIT, CKR_SESSION_HANDLE_INVALID, 1, FRAME_OK, 1, 1},
    {"C at the end too", FAKE_SIGN, CKR_OPERATION_NOT_INITIALIZED, 1, FRAME_OK, 1, 1},
    {"C once only", FAKE_SIGN_INIT, CKR_SESSION_CLOSED, 2, FRAME_STALE_SESSION, 2, 1},
    {"D is mended", FAKE_SIGN_INIT, CKR_KEY_HANDLE_INVALID, 1, FRAME_OK, 0, 2},
    {"D at the end too", FAKE_SIGN, CKR_USER_NOT_LOGGED_IN, 1, FRAME_OK, 1, 2},
    {"D once only", FAKE_SIGN_INIT, CKR_OBJECT_HANDLE_INVALID, 3, FRAME_STALE_EPOCH, 0, 2},
    {"E is not tried again", FAKE_SIGN, CKR_DEVICE_ERROR, 1, FRAME_DEVICE_LOST, 1, 1},
    {"E, vague", FAKE_SIGN_INIT, CKR_GENERAL_ERROR, 1, FRAME_DEVICE_LOST, 1, 1},
    {"E, vendor code", FAKE_SIGN, CKR_VENDOR_DEFINED | 7, 1, FRAME_DEVICE_LOST, 1, 1},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        const struct fault *fault = &faults[i];
        list = fake_token_new();
        begin(1);
        struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
        struct frame_item item = mac_item(&key);
        struct frame_item reply;
        assert_int_equal(run(TOKEN_SIGN, &item, NULL), FRAME_OK);
        unsigned opened = fake_token_calls(FAKE_OPEN_SESSION);
        fake_token_fail(fault->call, fault->ckr, 0, fault->times);
        enum frame_class class = run(TOKEN_SIGN, &item, &reply);
        if (class != fault->class) {
            fail_msg("%s: class %d", fault->name, (int)class);
        }
        if (class != FRAME_OK) {
            assert_int_equal(reply.ckr, fault->ckr);
            assert_int_equal(reply.input.len, 0);
            /* An unfit session is known as such before its next use. */
            assert_int_equal(worker->pool.free->unfit != CKR_OK, fault->opened > 0);
        }
        fake_token_fail(fault->call, CKR_OK, 0, 0);
        assert_int_equal(run(TOKEN_SIGN, &item, NULL), FRAME_OK);
        if (fake_token_calls(FAKE_OPEN_SESSION) - opened != fault->opened) {
            fail_msg("%s: %u new sessions", fault->name,
                     fake_token_calls(FAKE_OPEN_SESSION) - opened);
        }
        assert_int_equal(login_epoch(&worker->login), fault->epoch);
        assert_int_equal(fake_token_calls(FAKE_LOGIN), 1);
        assert_int_equal(fake_token_calls(FAKE_CLOSE_SESSION), 0);
        end();
    }
}

static void test_reset_device(void **state)
{
    (void)state;
    begin(2);
    struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
    struct token_key swapped = new_key(ALGORITHM_HMAC_SHA512, 2);
    struct token_key sealing = new_key(ALGORITHM_AES_256_GCM, 3);
    struct frame_item item = mac_item(&key);
    struct frame_item other = mac_item(&swapped);
    struct frame_item seal = {.key = sealing, .mechanism = TOKEN_AES_GCM, .aad = span_text("a")};
    assert_int_equal(run(TOKEN_SIGN, &item, NULL), FRAME_OK);
    assert_int_equal(run(TOKEN_SIGN, &other, NULL), FRAME_OK);
    assert_int_equal(run(TOKEN_ENCRYPT, &seal, NULL), FRAME_OK);
    fake_token_reset_device();
    fake_token_swap_key(swapped.cka_id, swapped.cka_id_len);
    fake_token_swap_key(sealing.cka_id, sealing.cka_id_len);
    assert_int_equal(run(TOKEN_SIGN, &item, NULL), FRAME_OK);
    assert_int_equal(login_epoch(&worker->login), 2);
    assert_int_equal(fake_token_calls(FAKE_LOGIN), 2);
    assert_int_equal(run(TOKEN_SIGN, &other, NULL), FRAME_KEY_SWAPPED);
    assert_int_equal(run(TOKEN_ENCRYPT, &seal, NULL), FRAME_KEY_SWAPPED);
    end();
}

static void test_reset_with_wrong_pin(void **state)
{
    (void)state;
    begin(1);
    struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
    struct frame_item item = mac_item(&key);
    fake_token_reset_device();
    write_pin("0000");
    assert_int_equal(run(TOKEN_SIGN, &item, NULL), FRAME_PIN);
    assert_int_equal(run(TOKEN_SIGN, &item, NULL), FRAME_PIN);
    assert_int_equal(fake_token_calls(FAKE_LOGIN), 2);
    end();
}

/* A tampered ciphertext must not look like a lost device, nor the other way round. */
static void test_vague_decrypt(void **state)
{
    (void)state;
    uint8_t junk[32] = {1};
    for (int vague = 0; vague < 2; vague++) {
        /* Another token each time, so that the probe's result is not the last one's. */
        list = fake_token_new();
        fake_token_set_serial(vague ? "F-VAGUE" : "F-CLEAR");
        fake_token_set_tamper_ckr(vague ? CKR_FUNCTION_FAILED : CKR_ENCRYPTED_DATA_INVALID);
        begin(1);
        struct token_key key = new_key(ALGORITHM_AES_256_GCM, 1);
        struct frame_item item = {.key = key,
                                  .mechanism = TOKEN_AES_GCM,
                                  .aad = span_text("aad"),
                                  .iv = span_of(junk, TOKEN_IV_LEN),
                                  .input = span_of(junk, sizeof(junk))};
        unsigned opened = fake_token_calls(FAKE_OPEN_SESSION);
        for (int i = 0; i < 100; i++) {
            assert_int_equal(run(TOKEN_DECRYPT, &item, NULL), FRAME_CALLER_DATA);
        }
        assert_int_equal(fake_token_calls(FAKE_OPEN_SESSION), opened);
        fake_token_fail(FAKE_DECRYPT, CKR_GENERAL_ERROR, 0, 1);
        assert_int_equal(run(TOKEN_DECRYPT, &item, NULL), FRAME_DEVICE_LOST);
        end();
    }
}

static void round_trip(const struct token_key *key, struct span plaintext)
{
    CLEANUP(buf_clear) struct buf sealed = {0};
    CLEANUP(buf_clear) struct buf iv = {0};
    struct frame_item reply;
    struct frame_item item = {
        .key = *key, .mechanism = TOKEN_AES_GCM, .aad = span_text("aad"), .input = plaintext};
    assert_int_equal(run(TOKEN_ENCRYPT, &item, &reply), FRAME_OK);
    assert_int_equal(reply.input.len, plaintext.len + TOKEN_TAG_LEN);
    assert_int_equal(reply.aad.len, TOKEN_IV_LEN);
    struct err err = buf_append(&sealed, reply.input);
    assert_int_equal(err.code, ERR_OK);
    err = buf_append(&iv, reply.aad);
    assert_int_equal(err.code, ERR_OK);
    item.input = buf_span(&sealed);
    item.iv = buf_span(&iv);
    assert_int_equal(run(TOKEN_DECRYPT, &item, &reply), FRAME_OK);
    assert_true(span_equal(reply.input, plaintext));
}

/* A token of its own for each source of IVs, or the probe's result would be another's. */
static void begin_with_iv(enum operation_iv iv, unsigned channels)
{
    static const char *const serials[OPERATION_IV_COUNT] = {"F-A", "F-B", "F-C"};
    list = fake_token_new();
    fake_token_set_iv(iv);
    fake_token_set_serial(serials[iv]);
    begin(channels);
}

static void test_iv_sources(void **state)
{
    (void)state;
    for (int iv = 0; iv < OPERATION_IV_COUNT; iv++) {
        begin_with_iv((enum operation_iv)iv, 1);
        assert_int_equal(worker->probe.iv, iv);
        assert_int_equal(worker->probe.found.gcm_iv_by_caller, iv == OPERATION_IV_RANDOM);
        struct token_key key = new_key(ALGORITHM_AES_256_GCM, 1);
        round_trip(&key, span_text("plaintext"));
        round_trip(&key, span_of(NULL, 0));
        end();
    }
}

/* The second time costs the module its life, wherever the bytes come from. */
static void test_repeated_ivs(void **state)
{
    (void)state;
    for (int iv = 0; iv < OPERATION_IV_COUNT; iv++) {
        begin_with_iv((enum operation_iv)iv, 2);
        struct token_key key = new_key(ALGORITHM_AES_256_GCM, 1);
        struct frame_item item = {.key = key, .mechanism = TOKEN_AES_GCM, .aad = span_text("aad")};
        fake_token_stick();
        assert_int_equal(run(TOKEN_ENCRYPT, &item, NULL), FRAME_OK);
        unsigned sealed = fake_token_calls(FAKE_ENCRYPT);
        assert_int_equal(run(TOKEN_ENCRYPT, &item, NULL), FRAME_LYING);
        /* an IV that we choose is not even used */
        assert_int_equal(fake_token_calls(FAKE_ENCRYPT),
                         sealed + (iv == OPERATION_IV_RANDOM ? 0 : 1));
        end();
    }
}

/* And no new worker gets as far as the first. */
static void test_stuck_from_the_start(void **state)
{
    (void)state;
    fake_token_stick();
    struct err err = start(1);
    assert_int_equal(worker_class_of(err), FRAME_LYING);
    assert_non_null(strstr(err.detail, "random bytes repeat"));
    worker_clear(worker);
}

static void test_lies(void **state)
{
    (void)state;
    static const int lengths[] = {-1, 1, 1 << 30};
    uint8_t sealed[64];
    begin(1);
    struct token_key mac = new_key(ALGORITHM_HMAC_SHA256, 1);
    struct token_key aes = new_key(ALGORITHM_AES_256_GCM, 2);
    struct frame_item reply;
    struct frame_item sign = mac_item(&mac);
    struct frame_item seal = {
        .key = aes, .mechanism = TOKEN_AES_GCM, .aad = span_text("a"), .input = span_text("text")};
    struct frame_item open = seal;
    assert_int_equal(run(TOKEN_ENCRYPT, &seal, &reply), FRAME_OK);
    memcpy(sealed, reply.aad.data, TOKEN_IV_LEN);
    memcpy(sealed + TOKEN_IV_LEN, reply.input.data, reply.input.len);
    open.iv = span_of(sealed, TOKEN_IV_LEN);
    open.input = span_of(sealed + TOKEN_IV_LEN, reply.input.len);
    assert_int_equal(run(TOKEN_DECRYPT, &open, NULL), FRAME_OK);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        fake_token_lie_about_length(lengths[i]);
        assert_int_equal(run(TOKEN_SIGN, &sign, NULL), FRAME_LYING);
        assert_int_equal(run(TOKEN_ENCRYPT, &seal, NULL), FRAME_LYING);
        assert_int_equal(run(TOKEN_DECRYPT, &open, NULL), FRAME_LYING);
    }
    fake_token_lie_about_length(0);
    assert_int_equal(run(TOKEN_SIGN, &sign, NULL), FRAME_OK);
    fake_token_sign_zeroes();
    assert_int_equal(run(TOKEN_SIGN, &sign, NULL), FRAME_LYING);
    end();
}

static void test_no_empty_plaintext(void **state)
{
    (void)state;
    fake_token_refuse_empty_plaintext();
    begin(1);
    assert_false(worker->probe.found.empty_plaintext);
    struct token_key key = new_key(ALGORITHM_AES_256_GCM, 1);
    assert_int_equal(key.identity_len, TOKEN_IV_LEN + 16 + TOKEN_TAG_LEN);
    round_trip(&key, span_text("plaintext"));
    end();
}

static void test_lying_template(void **state)
{
    (void)state;
    static const struct {
        CK_ATTRIBUTE_TYPE type;
        CK_BBOOL value;
    } lies[] = {
        {CKA_SENSITIVE, CK_FALSE}, {CKA_EXTRACTABLE, CK_TRUE},
        {CKA_PRIVATE, CK_FALSE},   {CKA_MODIFIABLE, CK_TRUE},
        {CKA_COPYABLE, CK_TRUE},   {CKA_ALWAYS_SENSITIVE, CK_FALSE},
        {CKA_WRAP, CK_TRUE},       {CKA_NEVER_EXTRACTABLE, CK_FALSE},
        {CKA_DERIVE, CK_TRUE},     {CKA_UNWRAP, CK_TRUE},
        {CKA_ENCRYPT, CK_TRUE},    {CKA_DECRYPT, CK_TRUE},
        {CKA_SIGN, CK_FALSE},      {CKA_VERIFY, CK_TRUE},
    };
    begin(1);
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct token_key key = {0};
        fake_token_lie(lies[i].type, lies[i].value);
        assert_int_equal(generate(ALGORITHM_HMAC_SHA256, 1, &key), FRAME_UNSUPPORTED);
        assert_int_equal(fake_token_objects(), 0);
    }
    end();
}

static void test_old_token(void **state)
{
    (void)state;
    struct token_key key = {0};
    begin(1);
    fake_token_ignore(CKA_COPYABLE);
    assert_int_equal(generate(ALGORITHM_HMAC_SHA256, 1, &key), FRAME_OK);
    fake_token_ignore(CKA_ALLOWED_MECHANISMS);
    assert_int_equal(generate(ALGORITHM_HMAC_SHA256, 2, &key), FRAME_OK);
    fake_token_ignore(CKA_MODIFIABLE);
    assert_int_equal(generate(ALGORITHM_HMAC_SHA256, 3, &key), FRAME_OUR_MISTAKE);
    assert_int_equal(fake_token_objects(), 2);
    end();
}

/* As NSS answers to attributes that its database has no column for; a token that is broken says so
 * again. And it calls no key its own. */
static void test_token_with_a_table(void **state)
{
    (void)state;
    struct token_key key = {0};
    begin(1);
    fake_token_lie(CKA_LOCAL, CK_FALSE);
    fake_token_fail(FAKE_GENERATE_KEY, CKR_GENERAL_ERROR, 0, 1);
    assert_int_equal(generate(ALGORITHM_HMAC_SHA256, 1, &key), FRAME_OK);
    fake_token_fail(FAKE_GENERATE_KEY, CKR_GENERAL_ERROR, 0, LENIENCE_ALL + 1);
    assert_int_equal(generate(ALGORITHM_HMAC_SHA256, 2, &key), FRAME_DEVICE_LOST);
    assert_int_equal(fake_token_objects(), 1);
    end();
}

/* Whatever fails after the making leaves nothing behind. */
static void test_half_made(void **state)
{
    (void)state;
    static const struct {
        enum fake_call call;
        CK_RV ckr;
        enum frame_class class;
    } cases[] = {
        {FAKE_GET_ATTRIBUTES, CKR_DEVICE_ERROR, FRAME_DEVICE_LOST},
        {FAKE_SIGN_INIT, CKR_KEY_FUNCTION_NOT_PERMITTED, FRAME_OUR_MISTAKE},
        {FAKE_SIGN, CKR_DEVICE_ERROR, FRAME_DEVICE_LOST},
    };
    begin(1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct token_key key = {0};
        fake_token_fail(cases[i].call, cases[i].ckr, 0, 1);
        assert_int_equal(generate(ALGORITHM_HMAC_SHA256, 1, &key), cases[i].class);
        assert_int_equal(fake_token_objects(), 0);
    }
    struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
    assert_int_equal(generate(ALGORITHM_HMAC_SHA256, 1, &key), FRAME_EXISTS);
    assert_int_equal(fake_token_objects(), 1);
    end();
}

static void test_capacity(void **state)
{
    (void)state;
    fake_token_limit_sessions(3);
    begin(8);
    struct session *first = NULL;
    struct session *second = NULL;
    struct session *third = NULL;
    struct session_pool *pool = &worker->pool;
    int64_t now = clock_mono_ns();
    assert_int_equal(pool->count, 2);
    assert_int_equal(session_lease(pool, now, &first).class, FRAME_OK);
    assert_int_equal(session_lease(pool, now, &second).class, FRAME_OK);
    assert_int_equal(session_lease(pool, now, &third).class, FRAME_CAPACITY);
    assert_null(third);
    session_release(pool, second);
    assert_int_equal(session_lease(pool, now, &third).class, FRAME_OK);
    /* At the limit a dropped session is closed to make room for its successor. */
    first->unfit = CKR_ARGUMENTS_BAD;
    assert_int_equal(session_ready(pool, first).class, FRAME_OK);
    assert_int_equal(fake_token_calls(FAKE_CLOSE_SESSION), 1);
    assert_int_equal(fake_token_sessions(), 3);
    session_release(pool, first);
    session_release(pool, third);
    end();
}

static void test_too_many_dropped(void **state)
{
    (void)state;
    begin(1);
    struct session *session = NULL;
    struct ckr_verdict verdict = session_lease(&worker->pool, clock_mono_ns(), &session);
    for (unsigned i = 0; i < SESSION_DROPPED_MAX - 1; i++) {
        session->unfit = CKR_ARGUMENTS_BAD;
        verdict = session_ready(&worker->pool, session);
        assert_int_equal(verdict.class, FRAME_OK);
    }
    session->unfit = CKR_ARGUMENTS_BAD;
    verdict = session_ready(&worker->pool, session);
    assert_int_equal(verdict.class, FRAME_DEVICE_LOST);
    end();
}

static void test_no_session(void **state)
{
    (void)state;
    fake_token_fail(FAKE_OPEN_SESSION, CKR_SESSION_COUNT, 1, 100);
    expect_start(ERR_TOKEN_UNAVAILABLE, "SESSION_COUNT");
    fake_token_fail(FAKE_OPEN_SESSION, CKR_DEVICE_REMOVED, 0, 1);
    worker_clear(worker);
    expect_start(ERR_TOKEN_UNAVAILABLE, "DEVICE_REMOVED");
}

/* The probe must not keep what a dying device said. */
static void test_probe_of_a_dying_device(void **state)
{
    (void)state;
    fake_token_fail(FAKE_ENCRYPT, CKR_DEVICE_ERROR, 0, 1);
    expect_start(ERR_TOKEN_UNAVAILABLE, "gave way");
    worker_clear(worker);
    list = fake_token_new();
    begin(1);
    assert_int_equal(worker->probe.found.mechanisms, 1u << TOKEN_AES_GCM | 1u << TOKEN_HMAC);
    end();
}

/* A token that does not end an operation which failed: its session is not used again. */
static void test_probe_leaves_what_stays_active(void **state)
{
    (void)state;
    fake_token_fail(FAKE_DECRYPT, CKR_GENERAL_ERROR, 1, 1); /* the tampered ciphertext */
    begin(1);
    assert_int_equal(worker->probe.found.tamper_ckr, CKR_GENERAL_ERROR);
    assert_true(worker->probe.found.empty_plaintext);
    assert_int_equal(worker->probe.found.mechanisms, 1u << TOKEN_AES_GCM | 1u << TOKEN_HMAC);
    end();
}

/* The module is not used any further by who has tried it out. */
static void test_probe_with_keys_on_the_token(void **state)
{
    (void)state;
    fake_token_refuse_session_keys();
    begin(1);
    assert_int_equal(worker->probe.found.mechanisms, 1u << TOKEN_AES_GCM | 1u << TOKEN_HMAC);
    assert_true(worker->probe.makes_token_keys);
    assert_int_equal(fake_token_objects(), 0);
    assert_int_equal(fake_token_calls(FAKE_FINALIZE), 1);
    struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
    struct frame_item item = mac_item(&key);
    assert_int_equal(run(TOKEN_SIGN, &item, NULL), FRAME_OK);
    end();
    unsigned made = fake_token_calls(FAKE_GENERATE_KEY);
    begin(1); /* what is known is not tried again, and nothing is to be tidied up */
    assert_int_equal(fake_token_calls(FAKE_GENERATE_KEY), made);
    assert_int_equal(fake_token_calls(FAKE_FINALIZE), 1);
    assert_int_equal(fake_token_objects(), 1);
    end();
}

/* What the token does not let go of is destroyed by the module's next life, or by the next worker
 * when this one is killed; and no other key with it. */
static void test_probe_leaves_a_key_behind(void **state)
{
    (void)state;
    static char probe[] = "hsmgate-probe";
    const CK_ATTRIBUTE left[] = {{CKA_LABEL, probe, sizeof(probe) - 1}};
    fake_token_refuse_session_keys();
    fake_token_fail(FAKE_DESTROY_OBJECT, CKR_FUNCTION_FAILED, 0, 1);
    begin(1);
    assert_int_equal(worker->probe.found.mechanisms, 1u << TOKEN_AES_GCM | 1u << TOKEN_HMAC);
    assert_int_equal(fake_token_objects(), 0);
    assert_int_equal(fake_token_calls(FAKE_FINALIZE), 2);
    struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
    end();
    (void)fake_token_put(left, 1);
    begin(1);
    assert_int_equal(fake_token_objects(), 1);
    assert_int_equal(fake_token_calls(FAKE_FINALIZE), 3);
    struct frame_item item = mac_item(&key);
    assert_int_equal(run(TOKEN_SIGN, &item, NULL), FRAME_OK);
    end();
}

static void test_destroy(void **state)
{
    (void)state;
    begin(1);
    struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
    struct frame_item item = {.key = key};
    struct frame_item use = mac_item(&key);
    struct frame_item reply;
    assert_int_equal(run(TOKEN_SIGN, &use, NULL), FRAME_OK);
    fake_token_fail(FAKE_DESTROY_OBJECT, CKR_ACTION_PROHIBITED, 0, 1);
    assert_int_equal(answer_with(&work, FRAME_DESTROY, TOKEN_SIGN, &item, 1, &reply).class,
                     FRAME_OUR_MISTAKE);
    assert_int_equal(fake_token_objects(), 1);
    assert_int_equal(answer_with(&work, FRAME_DESTROY, TOKEN_SIGN, &item, 1, &reply).class,
                     FRAME_OK);
    assert_int_equal(fake_token_objects(), 0);
    assert_int_equal(answer_with(&work, FRAME_DESTROY, TOKEN_SIGN, &item, 1, &reply).class,
                     FRAME_KEY_MISSING);
    assert_int_equal(run(TOKEN_SIGN, &use, NULL), FRAME_KEY_MISSING);
    end();
}

/* A key that is not there is not searched again at once; one that is made then is found. */
static void test_missing_is_remembered(void **state)
{
    (void)state;
    begin(1);
    struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
    struct frame_item item = mac_item(&key);
    item.key.cka_id[0] = 7;
    assert_int_equal(run(TOKEN_SIGN, &item, NULL), FRAME_KEY_MISSING);
    unsigned searches = fake_token_calls(FAKE_FIND_INIT);
    assert_int_equal(run(TOKEN_SIGN, &item, NULL), FRAME_KEY_MISSING);
    assert_int_equal(fake_token_calls(FAKE_FIND_INIT), searches);
    key = new_key(ALGORITHM_HMAC_SHA256, 7);
    item = mac_item(&key);
    assert_int_equal(run(TOKEN_SIGN, &item, NULL), FRAME_OK);
    end();
}

/* While a key is made, keys that are known work; one that must be searched is not waited for. */
static void test_turn_is_taken(void **state)
{
    (void)state;
    begin(1);
    struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
    struct frame_item known = mac_item(&key);
    struct frame_item unknown = known;
    struct frame_item reply;
    unknown.key.cka_id[0] = 7;
    frame_ms = 20;
    assert_true(turn_take(&worker->objects.turn, clock_mono_ns()));
    assert_int_equal(run(TOKEN_SIGN, &known, NULL), FRAME_OK);
    assert_int_equal(run(TOKEN_SIGN, &unknown, NULL), FRAME_CAPACITY);
    assert_int_equal(answer_with(&work, FRAME_DESTROY, TOKEN_SIGN, &known, 1, &reply).class,
                     FRAME_CAPACITY);
    assert_int_equal(answer_with(&work, FRAME_INVENTORY, TOKEN_SIGN, NULL, 0, &reply).class,
                     FRAME_CAPACITY);
    assert_int_equal(answer_with(&work, FRAME_ADOPT, TOKEN_SIGN, &known, 1, &reply).class,
                     FRAME_CAPACITY);
    turn_give(&worker->objects.turn);
    frame_ms = 1000;
    assert_int_equal(run(TOKEN_SIGN, &unknown, NULL), FRAME_KEY_MISSING);
    end();
}

/* No item is begun after the deadline but the first. */
static void test_batch_out_of_time(void **state)
{
    (void)state;
    begin(1);
    struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
    struct frame_item items[3] = {mac_item(&key), mac_item(&key), mac_item(&key)};
    struct frame_item replies[3];
    frame_ms = 0;
    struct frame_head head = answer_with(&work, FRAME_RUN, TOKEN_SIGN, items, 3, replies);
    frame_ms = 1000;
    assert_int_equal(head.class, FRAME_OK);
    assert_int_equal(replies[0].class, FRAME_OK);
    assert_int_equal(replies[1].class, FRAME_CAPACITY);
    assert_int_equal(replies[2].class, FRAME_CAPACITY);
    assert_int_equal(replies[2].input.len, 0);
    end();
}

/* A search that fails half-way must not poison its session. */
static void test_find_fails(void **state)
{
    (void)state;
    begin(1);
    struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
    struct frame_item item = mac_item(&key);
    struct frame_item reply;
    /* in a new epoch the new key must be searched */
    fake_token_reset_device();
    assert_int_equal(answer_with(&work, FRAME_INVENTORY, TOKEN_SIGN, NULL, 0, &reply).class,
                     FRAME_OK);
    fake_token_fail(FAKE_FIND, CKR_OPERATION_NOT_INITIALIZED, 0, 1);
    assert_int_equal(run(TOKEN_SIGN, &item, NULL), FRAME_OK);
    fake_token_fail(FAKE_FIND_INIT, CKR_DEVICE_ERROR, 0, 1);
    assert_int_equal(answer_with(&work, FRAME_INVENTORY, TOKEN_SIGN, NULL, 0, &reply).class,
                     FRAME_DEVICE_LOST);
    assert_int_equal(answer_with(&work, FRAME_INVENTORY, TOKEN_SIGN, NULL, 0, &reply).class,
                     FRAME_OK);
    end();
}

/* The token's objects; NULL and the class when there is no list. */
static struct token_object *list_objects(size_t *out_count, enum frame_class *out_class)
{
    struct frame_item reply;
    struct token_object *objects = NULL;
    struct frame_head head = answer_with(&work, FRAME_INVENTORY, TOKEN_SIGN, NULL, 0, &reply);
    *out_class = head.class;
    *out_count = 0;
    if (head.class == FRAME_OK) {
        struct span body =
            span_of(work.answer.data + FRAME_HEAD_LEN, work.answer.len - FRAME_HEAD_LEN);
        struct err err = frame_decode_objects(&head, body, &objects, out_count);
        assert_int_equal(err.code, ERR_OK);
    }
    return objects;
}

/* Our own keys are protected in every way and have one role; each costs one call. */
static void test_inventory(void **state)
{
    (void)state;
    begin(1);
    (void)new_key(ALGORITHM_AES_256_GCM, 1);
    (void)new_key(ALGORITHM_HMAC_SHA384, 2);
    size_t count = 0;
    enum frame_class class = FRAME_OK;
    unsigned calls = fake_token_calls(FAKE_GET_ATTRIBUTES);
    CLEANUP(mem_free_at) struct token_object *objects = list_objects(&count, &class);
    assert_int_equal(count, 2);
    assert_int_equal(fake_token_calls(FAKE_GET_ATTRIBUTES), calls + 2);
    assert_true(objects[0].has_algorithm && objects[1].has_algorithm);
    assert_int_equal(objects[0].algorithm, ALGORITHM_AES_256_GCM);
    assert_int_equal(objects[0].attributes,
                     1u << TOKEN_ATTRIBUTE_ENCRYPTS | 1u << TOKEN_ATTRIBUTE_DECRYPTS);
    assert_int_equal(objects[1].algorithm, ALGORITHM_HMAC_SHA384);
    assert_int_equal(objects[1].attributes, 1u << TOKEN_ATTRIBUTE_SIGNS);
    assert_int_equal(objects[1].cka_id[0], 2);
    assert_string_equal(objects[1].label, "label");
    end();
}

/* A token that nobody is logged in to hides keys; that must not look as if they were gone. */
static void test_lost_login_hides_nothing(void **state)
{
    (void)state;
    begin(1);
    struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
    struct frame_item use = mac_item(&key);
    struct frame_item item = {.key = key};
    struct frame_item reply;
    enum frame_class class = FRAME_OK;
    size_t count = 0;
    object_map_clear(&worker->objects); /* as in a worker that has just started */
    object_map_init(&worker->objects);
    fake_token_log_out();
    assert_int_equal(run(TOKEN_SIGN, &use, NULL), FRAME_OK);
    fake_token_log_out();
    CLEANUP(mem_free_at) struct token_object *objects = list_objects(&count, &class);
    assert_int_equal(count, 1);
    fake_token_log_out();
    assert_int_equal(answer_with(&work, FRAME_DESTROY, TOKEN_SIGN, &item, 1, &reply).class,
                     FRAME_OK);
    assert_int_equal(fake_token_objects(), 0);
    assert_int_equal(login_epoch(&worker->login), 4);
    end();
}

/* An object that cannot be described is listed all the same; a dying token makes no list. */
static void test_inventory_faults(void **state)
{
    (void)state;
    static const struct {
        CK_RV ckr;
        enum frame_class class;
        size_t described; /* of two */
    } cases[] = {
        {CKR_OK, FRAME_OK, 2},
        {CKR_GENERAL_ERROR, FRAME_OK, 1},
        {CKR_FUNCTION_FAILED, FRAME_OK, 1},
        {CKR_SESSION_CLOSED, FRAME_OK, 2}, /* on a new session */
        {CKR_DEVICE_ERROR, FRAME_DEVICE_LOST, 0},
        {CKR_DEVICE_REMOVED, FRAME_DEVICE_LOST, 0},
    };
    begin(1);
    (void)new_key(ALGORITHM_HMAC_SHA256, 1);
    (void)new_key(ALGORITHM_HMAC_SHA256, 2);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t count = 0;
        size_t described = 0;
        enum frame_class class = FRAME_OK;
        fake_token_fail(FAKE_GET_ATTRIBUTES, cases[i].ckr, 1, 1);
        CLEANUP(mem_free_at) struct token_object *objects = list_objects(&count, &class);
        assert_int_equal(class, cases[i].class);
        assert_int_equal(count, class == FRAME_OK ? 2 : 0);
        for (size_t k = 0; k < count; k++) {
            described += objects[k].cka_id_len > 0;
        }
        assert_int_equal(described, cases[i].described);
    }
    end();
}

/* Puts a key on the token that somebody else made, which may do one thing or two. */
static void put_foreign(CK_KEY_TYPE type, struct span id, const char *name, CK_ATTRIBUTE_TYPE use,
                        CK_ATTRIBUTE_TYPE other_use)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_ULONG len = 32;
    CK_BBOOL yes = CK_TRUE;
    const CK_ATTRIBUTE attributes[] = {
        {CKA_CLASS, &class, sizeof(class)},
        {CKA_KEY_TYPE, &type, sizeof(type)},
        {CKA_VALUE_LEN, &len, sizeof(len)},
        {CKA_ID, cryptoki_bytes(id), id.len},
        {CKA_LABEL, cryptoki_bytes(span_text(name)), strlen(name)},
        {use, &yes, sizeof(yes)},
        {other_use, &yes, sizeof(yes)},
    };
    (void)fake_token_put(attributes, ARRAY_LEN(attributes));
}

static struct frame_item adoption(enum algorithm algorithm, const char *name)
{
    return (struct frame_item){
        .key = {.algorithm = algorithm, .purpose = algorithm_info(algorithm)->purpose},
        .input = span_text(name)};
}

/* An adopted key is found at its first use and again after a reset, and proven by its identity. */
static void test_adopt(void **state)
{
    (void)state;
    static const uint8_t id[] = {5, 5};
    begin(1);
    put_foreign(CKK_SHA256_HMAC, span_of(id, sizeof(id)), "theirs", CKA_SIGN, CKA_SENSITIVE);
    struct frame_item request = adoption(ALGORITHM_HMAC_SHA256, "theirs");
    struct frame_item reply;
    struct frame_head head = answer_with(&work, FRAME_ADOPT, TOKEN_SIGN, &request, 1, &reply);
    assert_int_equal(head.class, FRAME_OK);
    assert_int_equal(reply.class, FRAME_OK);
    assert_true(span_equal(span_of(reply.key.cka_id, reply.key.cka_id_len), span_of(id, 2)));
    assert_int_equal(reply.bytes & (1u << TOKEN_ATTRIBUTE_SIGNS | 1u << TOKEN_ATTRIBUTE_IMPORTED),
                     1u << TOKEN_ATTRIBUTE_SIGNS | 1u << TOKEN_ATTRIBUTE_IMPORTED);
    struct frame_item use = mac_item(&reply.key);
    assert_int_equal(run(TOKEN_SIGN, &use, NULL), FRAME_OK);
    fake_token_reset_device();
    assert_int_equal(run(TOKEN_SIGN, &use, NULL), FRAME_OK);
    fake_token_reset_device();
    fake_token_swap_key(id, sizeof(id));
    assert_int_equal(run(TOKEN_SIGN, &use, NULL), FRAME_KEY_SWAPPED);
    /* what is lost on the way is mended */
    fake_token_fail(FAKE_FIND_INIT, CKR_SESSION_HANDLE_INVALID, 0, 1);
    head = answer_with(&work, FRAME_ADOPT, TOKEN_SIGN, &request, 1, &reply);
    assert_int_equal(head.class, FRAME_OK);
    end();
}

/* A key in use that is adopted once more goes on to work, whether the worker knew it by then or
 * not; each adoption of an AES key makes another identity. */
static void test_adopt_a_key_in_use(void **state)
{
    (void)state;
    begin(1);
    struct token_key aes = new_key(ALGORITHM_AES_256_GCM, 1);
    struct frame_item request = adoption(ALGORITHM_AES_256_GCM, "label");
    struct frame_item use = {.key = aes, .mechanism = TOKEN_AES_GCM, .aad = span_text("aad")};
    struct frame_item reply;
    fake_token_reset_device();
    for (int known = 0; known < 2; known++) {
        struct frame_head head = answer_with(&work, FRAME_ADOPT, TOKEN_SIGN, &request, 1, &reply);
        assert_int_equal(head.class, FRAME_OK);
        assert_memory_not_equal(reply.key.identity, aes.identity, aes.identity_len);
        assert_int_equal(run(TOKEN_ENCRYPT, &use, NULL), FRAME_OK);
    }
    struct frame_head head = answer_with(&work, FRAME_ADOPT, TOKEN_SIGN, &request, 1, &reply);
    assert_int_equal(head.class, FRAME_OK);
    use.key = reply.key;
    assert_int_equal(run(TOKEN_ENCRYPT, &use, NULL), FRAME_OK);
    end();
}

/* A key that has but one identity is not searched again when it is adopted. */
static void test_adopt_a_known_mac(void **state)
{
    (void)state;
    begin(1);
    struct token_key mac = new_key(ALGORITHM_HMAC_SHA256, 2);
    struct frame_item request = adoption(ALGORITHM_HMAC_SHA256, "label");
    struct frame_item use = mac_item(&mac);
    struct frame_item reply;
    struct frame_head head = answer_with(&work, FRAME_ADOPT, TOKEN_SIGN, &request, 1, &reply);
    assert_int_equal(head.class, FRAME_OK);
    assert_memory_equal(&reply.key, &mac, sizeof(mac));
    unsigned searches = fake_token_calls(FAKE_FIND_INIT);
    assert_int_equal(run(TOKEN_SIGN, &use, NULL), FRAME_OK);
    assert_int_equal(fake_token_calls(FAKE_FIND_INIT), searches);
    end();
}

/* A key that was missed a moment ago is found once it is adopted. */
static void test_adopt_after_a_miss(void **state)
{
    (void)state;
    static const uint8_t id[] = {5, 5};
    begin(1);
    struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
    struct frame_item use = mac_item(&key);
    memcpy(use.key.cka_id, id, sizeof(id));
    use.key.cka_id_len = sizeof(id);
    assert_int_equal(run(TOKEN_SIGN, &use, NULL), FRAME_KEY_MISSING);
    put_foreign(CKK_SHA256_HMAC, span_of(id, sizeof(id)), "theirs", CKA_SIGN, CKA_SENSITIVE);
    struct frame_item request = adoption(ALGORITHM_HMAC_SHA256, "theirs");
    struct frame_item reply;
    struct frame_head head = answer_with(&work, FRAME_ADOPT, TOKEN_SIGN, &request, 1, &reply);
    assert_int_equal(head.class, FRAME_OK);
    use = mac_item(&reply.key);
    assert_int_equal(run(TOKEN_SIGN, &use, NULL), FRAME_OK);
    end();
}

/* The reason goes with the refusal; a frame without one key is our mistake. */
static void test_adopt_refused(void **state)
{
    (void)state;
    static const uint8_t id[] = {5, 5};
    begin(1);
    struct frame_item requests[2] = {adoption(ALGORITHM_AES_256_GCM, "theirs"),
                                     adoption(ALGORITHM_AES_256_GCM, "others")};
    struct frame_item replies[2];
    struct frame_head head = answer_with(&work, FRAME_ADOPT, TOKEN_SIGN, requests, 1, replies);
    assert_int_equal(head.class, FRAME_UNFIT);
    assert_int_equal(head.count, 1);
    assert_int_equal(replies[0].class, FRAME_UNFIT);
    assert_int_equal(replies[0].bytes, FRAME_UNFIT_MISSING);
    put_foreign(CKK_AES, span_of(id, sizeof(id)), "theirs", CKA_WRAP, CKA_DECRYPT);
    head = answer_with(&work, FRAME_ADOPT, TOKEN_SIGN, requests, 1, replies);
    assert_int_equal(replies[0].bytes, FRAME_UNFIT_LEAKY);
    head = answer_with(&work, FRAME_ADOPT, TOKEN_SIGN, requests, 2, replies);
    assert_int_equal(head.class, FRAME_OUR_MISTAKE);
    head = answer_with(&work, FRAME_ADOPT, TOKEN_SIGN, requests, 0, replies);
    assert_int_equal(head.class, FRAME_OUR_MISTAKE);
    assert_int_equal(fake_token_objects(), 1);
    end();
}

/* A CKA_ID of our form keeps its rule, whoever made the key. */
static void test_adopt_with_approvals(void **state)
{
    (void)state;
    begin(1);
    for (uint8_t approvals = 0; approvals < 3; approvals += 2) {
        const uint8_t id[18] = {7, [16] = 1, [17] = approvals};
        struct frame_item request = adoption(ALGORITHM_AES_256_GCM, "");
        struct frame_item reply;
        put_foreign(CKK_AES, span_of(id, sizeof(id)), "theirs", CKA_ENCRYPT, CKA_DECRYPT);
        memcpy(request.key.cka_id, id, sizeof(id));
        request.key.cka_id_len = sizeof(id);
        struct frame_head head = answer_with(&work, FRAME_ADOPT, TOKEN_SIGN, &request, 1, &reply);
        assert_int_equal(head.class, FRAME_OK);
        uint8_t junk[32] = {1};
        struct frame_item item = {.key = reply.key,
                                  .mechanism = TOKEN_AES_GCM,
                                  .aad = span_text("aad"),
                                  .iv = span_of(junk, TOKEN_IV_LEN),
                                  .input = span_of(junk, sizeof(junk))};
        assert_int_equal(run(TOKEN_ENCRYPT, &item, NULL), FRAME_OK);
        assert_int_equal(run(TOKEN_DECRYPT, &item, NULL),
                         approvals == 0 ? FRAME_CALLER_DATA : FRAME_UNAPPROVED);
    }
    end();
}

struct signer {
    const struct token_key *key;
    unsigned bad;
    unsigned rounds;
    bool resets_go_on; /* then one call may meet two of them, and is not mended twice */
};

static void *sign_through(void *arg)
{
    struct signer *signer = arg;
    struct work own;
    work_init(&own, worker);
    struct frame_item item = mac_item(signer->key);
    for (unsigned i = 0; i < signer->rounds; i++) {
        enum frame_class class = run_with(&own, TOKEN_SIGN, &item, NULL);
        bool stale = class == FRAME_STALE_SESSION || class == FRAME_STALE_EPOCH;
        signer->bad += class != FRAME_OK && !(stale && signer->resets_go_on);
    }
    work_clear(&own);
    return NULL;
}

/* Threads meet a reset at the same moment: one login for all of them, no session in two hands. */
static void test_single_flight(void **state)
{
    (void)state;
    begin(4);
    struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
    struct signer signers[4];
    pthread_t ids[4];
    for (unsigned round = 0; round < 5; round++) {
        unsigned logins = fake_token_calls(FAKE_LOGIN);
        fake_token_reset_device();
        for (unsigned i = 0; i < 4; i++) {
            signers[i] = (struct signer){.key = &key, .rounds = 50};
            ids[i] = sync_thread("sign", sign_through, &signers[i]);
        }
        for (unsigned i = 0; i < 4; i++) {
            (void)pthread_join(ids[i], NULL);
            assert_int_equal(signers[i].bad, 0);
        }
        assert_int_equal(fake_token_calls(FAKE_LOGIN), logins + 1);
        assert_int_equal(login_epoch(&worker->login), round + 2);
    }
    end();
}

static void test_resets_under_load(void **state)
{
    (void)state;
    begin(3);
    struct token_key key = new_key(ALGORITHM_HMAC_SHA256, 1);
    struct signer signers[3];
    pthread_t ids[3];
    for (unsigned i = 0; i < 3; i++) {
        signers[i] = (struct signer){.key = &key, .rounds = 300, .resets_go_on = true};
        ids[i] = sync_thread("sign", sign_through, &signers[i]);
    }
    for (int i = 0; i < 5; i++) {
        unsigned before = fake_token_calls(FAKE_SIGN);
        while (fake_token_calls(FAKE_SIGN) < before + 50 && fake_token_calls(FAKE_SIGN) < 800) {
            (void)sched_yield();
        }
        fake_token_reset_device();
    }
    for (unsigned i = 0; i < 3; i++) {
        (void)pthread_join(ids[i], NULL);
        assert_int_equal(signers[i].bad, 0);
    }
    end();
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, make, drop)
    const struct CMUnitTest tests[] = {
        CASE(test_start),
        CASE(test_probe_is_kept),
        CASE(test_no_token),
        CASE(test_pin_flags),
        CASE(test_wrong_pin),
        CASE(test_login_without_device),
        CASE(test_faults),
        CASE(test_reset_device),
        CASE(test_reset_with_wrong_pin),
        CASE(test_lost_login_hides_nothing),
        CASE(test_vague_decrypt),
        CASE(test_iv_sources),
        CASE(test_repeated_ivs),
        CASE(test_stuck_from_the_start),
        CASE(test_lies),
        CASE(test_no_empty_plaintext),
        CASE(test_lying_template),
        CASE(test_old_token),
        CASE(test_token_with_a_table),
        CASE(test_half_made),
        CASE(test_capacity),
        CASE(test_too_many_dropped),
        CASE(test_no_session),
        CASE(test_probe_of_a_dying_device),
        CASE(test_probe_leaves_what_stays_active),
        CASE(test_probe_with_keys_on_the_token),
        CASE(test_probe_leaves_a_key_behind),
        CASE(test_destroy),
        CASE(test_find_fails),
        CASE(test_inventory),
        CASE(test_inventory_faults),
        CASE(test_adopt),
        CASE(test_adopt_a_key_in_use),
        CASE(test_adopt_a_known_mac),
        CASE(test_adopt_after_a_miss),
        CASE(test_adopt_refused),
        CASE(test_adopt_with_approvals),
        CASE(test_missing_is_remembered),
        CASE(test_turn_is_taken),
        CASE(test_batch_out_of_time),
        CASE(test_single_flight),
        CASE(test_resets_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
