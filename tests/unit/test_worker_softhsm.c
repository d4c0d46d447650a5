/* The built hsmgate-token on a SoftHSM token of its own, spoken to in frames; everything that it
 * signs and encrypts is checked with OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/public_key.h"
#include "base/sync.h"
#include "tests/lib/softhsm.h"
#include "tests/lib/worker_process.h"

static struct softhsm softhsm;
static struct worker_process process;

static int start(void **state)
{
    (void)state;
    softhsm_make(&softhsm, "");
    worker_process_start(&process, softhsm.config, 4);
    assert_int_equal(process.head.class, FRAME_OK);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    int status = worker_process_stop(&process);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    softhsm_remove(&softhsm);
    return 0;
}

static int make_only(void **state)
{
    (void)state;
    softhsm_make(&softhsm, "");
    return 0;
}

static int remove_only(void **state)
{
    (void)state;
    softhsm_remove(&softhsm);
    return 0;
}

static struct token_key new_key(enum algorithm algorithm, enum purpose purpose, uint8_t approvals)
{
    struct token_key key = {.algorithm = algorithm, .purpose = purpose, .cka_id_len = 18};
    struct uuid uuid = uuid_make();
    memcpy(key.cka_id, uuid.bytes, UUID_LEN);
    key.cka_id[16] = 1;
    key.cka_id[17] = approvals;
    return key;
}

static enum frame_class generate_on(const struct worker_process *worker, struct token_key *key,
                                    struct buf *public_key)
{
    struct frame_item item = {.key = *key, .input = span_text("a label")};
    struct worker_call call = {.kind = FRAME_GENERATE, .items = &item, .count = 1};
    worker_process_call(worker, 0, &call);
    enum frame_class class = call.head.class;
    assert_int_equal(call.replies[0].class, class);
    if (class == FRAME_OK) {
        *key = call.replies[0].key;
        struct err err = buf_append(public_key, call.replies[0].input);
        assert_int_equal(err.code, ERR_OK);
    }
    worker_call_clear(&call);
    return class;
}

static struct token_key generate(enum algorithm algorithm, enum purpose purpose,
                                 struct buf *public_key)
{
    struct token_key key = new_key(algorithm, purpose, 0);
    assert_int_equal(generate_on(&process, &key, public_key), FRAME_OK);
    return key;
}

static struct token_key generate_secret(enum algorithm algorithm)
{
    CLEANUP(buf_clear) struct buf none = {0};
    struct token_key key = generate(algorithm, algorithm_info(algorithm)->purpose, &none);
    assert_int_equal(none.len, 0);
    return key;
}

/* Runs one item; output, extra and revealed key are appended. */
struct outcome {
    enum frame_class class;
    struct buf output;
    struct buf extra;
    struct buf revealed;
};

static void clear(struct outcome *outcome)
{
    buf_clear(&outcome->output);
    buf_clear(&outcome->extra);
    buf_clear(&outcome->revealed);
}

static void append(struct buf *buf, struct span bytes)
{
    struct err err = buf_append(buf, bytes);
    assert_int_equal(err.code, ERR_OK);
}

static struct outcome run_on(const struct worker_process *worker, unsigned channel,
                             enum token_op op, const struct frame_item *item)
{
    struct outcome outcome = {0};
    struct worker_call call = {.kind = FRAME_RUN, .op = op, .items = item, .count = 1};
    worker_process_call(worker, channel, &call);
    outcome.class = call.head.class != FRAME_OK ? call.head.class : call.replies[0].class;
    append(&outcome.output, call.replies[0].input);
    append(&outcome.extra, call.replies[0].aad);
    append(&outcome.revealed, call.replies[0].iv);
    worker_call_clear(&call);
    return outcome;
}

static struct outcome run(enum token_op op, const struct frame_item *item)
{
    return run_on(&process, 0, op, item);
}

static enum frame_class class_of(enum token_op op, const struct frame_item *item)
{
    struct outcome outcome = run(op, item);
    clear(&outcome);
    return outcome.class;
}

static void test_hello(void **state)
{
    (void)state;
    const struct frame_hello *hello = &process.hello;
    assert_string_equal(hello->label, SOFTHSM_LABEL);
    assert_string_equal(hello->error, "");
    assert_true(strlen(hello->serial) == 16);
    assert_int_equal(process.head.epoch, 1);
    assert_int_equal(hello->probe.algorithms, (1u << ALGORITHM_COUNT) - 1);
    /* SoftHSM's OAEP knows SHA-1 only. */
    assert_int_equal(hello->probe.mechanisms,
                     ((1u << TOKEN_MECHANISM_COUNT) - 1) & ~(1u << TOKEN_RSA_OAEP_SHA256));
    assert_int_equal(hello->probe.sessions, 4);
    assert_true(hello->probe.gcm_iv_by_caller);
    assert_true(hello->probe.empty_plaintext);
    assert_int_equal(hello->probe.tamper_ckr, 5);
}

struct signing {
    enum algorithm algorithm;
    enum scheme scheme;
    enum token_mechanism mechanism;
};

static const struct signing signings[] = {
    {ALGORITHM_ECDSA_P256, SCHEME_ES256, TOKEN_ECDSA},
    {ALGORITHM_ECDSA_P384, SCHEME_ES384, TOKEN_ECDSA},
    {ALGORITHM_ECDSA_P521, SCHEME_ES512, TOKEN_ECDSA},
    {ALGORITHM_ED25519, SCHEME_EDDSA, TOKEN_EDDSA},
    {ALGORITHM_RSA_2048, SCHEME_RS256, TOKEN_RSA_PKCS1},
    {ALGORITHM_RSA_2048, SCHEME_RS384, TOKEN_RSA_PKCS1},
    {ALGORITHM_RSA_2048, SCHEME_RS512, TOKEN_RSA_PKCS1},
    {ALGORITHM_RSA_2048, SCHEME_PS256, TOKEN_RSA_PSS_SHA256},
    {ALGORITHM_RSA_2048, SCHEME_PS384, TOKEN_RSA_PSS_SHA384},
    {ALGORITHM_RSA_2048, SCHEME_PS512, TOKEN_RSA_PSS_SHA512},
    {ALGORITHM_RSA_3072, SCHEME_PS384, TOKEN_RSA_PSS_SHA384},
    {ALGORITHM_RSA_4096, SCHEME_RS512, TOKEN_RSA_PKCS1},
};

static void sign_and_verify(const struct signing *signing, const struct token_key *key,
                            struct span public_key)
{
    uint8_t digest[DIGEST_MAX];
    CLEANUP(buf_clear) struct buf info = {0};
    struct span input = span_text("a message of the test");
    if (signing->scheme != SCHEME_EDDSA) {
        enum digest hash = scheme_info(signing->scheme)->digest;
        digest_of(hash, input, digest);
        input = span_of(digest, digest_len(hash));
    }
    struct frame_item item = {.key = *key, .mechanism = signing->mechanism, .input = input};
    if (signing->mechanism == TOKEN_RSA_PKCS1) {
        struct err err = rsa_digest_info(scheme_info(signing->scheme)->digest, input, &info);
        assert_int_equal(err.code, ERR_OK);
        item.input = buf_span(&info);
    }
    struct outcome outcome = run(TOKEN_SIGN, &item);
    assert_int_equal(outcome.class, FRAME_OK);
    bool valid = false;
    struct err err =
        public_key_verify(public_key, signing->scheme, input, buf_span(&outcome.output), &valid);
    assert_int_equal(err.code, ERR_OK);
    assert_true(valid);
    outcome.output.data[5] ^= 1;
    err = public_key_verify(public_key, signing->scheme, input, buf_span(&outcome.output), &valid);
    assert_true(err.code != ERR_OK || !valid);
    clear(&outcome);
}

static void test_signatures(void **state)
{
    (void)state;
    struct token_key keys[ALGORITHM_COUNT] = {0};
    struct buf publics[ALGORITHM_COUNT] = {0};
    for (size_t i = 0; i < ARRAY_LEN(signings); i++) {
        enum algorithm algorithm = signings[i].algorithm;
        if (publics[algorithm].len == 0) {
            keys[algorithm] = generate(algorithm, PURPOSE_SIGN, &publics[algorithm]);
            assert_int_equal(keys[algorithm].identity_len, SHA256_LEN);
        }
        sign_and_verify(&signings[i], &keys[algorithm], buf_span(&publics[algorithm]));
    }
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        buf_clear(&publics[i]);
    }
}

/* What a key may not be given, each with the class that answers it. */
static void test_refused_inputs(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf public_key = {0};
    struct token_key p256 = generate(ALGORITHM_ECDSA_P256, PURPOSE_SIGN, &public_key);
    struct token_key rsa = generate(ALGORITHM_RSA_2048, PURPOSE_SIGN, &public_key);
    struct token_key aes = generate_secret(ALGORITHM_AES_256_GCM);
    uint8_t bytes[64] = {0};
    struct token_key wrong_role = aes;
    struct token_key nameless = p256;
    wrong_role.purpose = PURPOSE_DECRYPT;
    nameless.identity_len = 0;
    const struct {
        enum token_op op;
        struct frame_item item;
        enum frame_class class;
    } cases[] = {
        {TOKEN_SIGN,
         {.key = p256, .mechanism = TOKEN_ECDSA, .input = span_of(bytes, 31)},
         FRAME_OUR_MISTAKE},
        {TOKEN_SIGN,
         {.key = p256, .mechanism = TOKEN_ECDSA, .input = span_of(bytes, 48)},
         FRAME_OUR_MISTAKE},
        {TOKEN_SIGN,
         {.key = nameless, .mechanism = TOKEN_ECDSA, .input = span_of(bytes, 32)},
         FRAME_OUR_MISTAKE},
        {TOKEN_SIGN,
         {.key = p256, .mechanism = TOKEN_EDDSA, .input = span_of(bytes, 32)},
         FRAME_OUR_MISTAKE},
        {TOKEN_SIGN,
         {.key = rsa, .mechanism = TOKEN_RSA_PKCS1, .input = span_of(bytes, 51)},
         FRAME_OUR_MISTAKE},
        {TOKEN_SIGN,
         {.key = rsa, .mechanism = TOKEN_RSA_PSS_SHA256, .input = span_of(bytes, 48)},
         FRAME_OUR_MISTAKE},
        {TOKEN_SIGN,
         {.key = aes, .mechanism = TOKEN_AES_GCM, .input = span_of(bytes, 32)},
         FRAME_OUR_MISTAKE},
        {TOKEN_ENCRYPT,
         {.key = aes, .mechanism = TOKEN_AES_GCM, .input = span_of(bytes, 32)},
         FRAME_OUR_MISTAKE}, /* no AAD */
        {TOKEN_ENCRYPT,
         {.key = wrong_role, .mechanism = TOKEN_AES_GCM, .aad = span_of(bytes, 4)},
         FRAME_OUR_MISTAKE},
        {TOKEN_DECRYPT,
         {.key = aes,
          .mechanism = TOKEN_AES_GCM,
          .aad = span_of(bytes, 4),
          .iv = span_of(bytes, 12),
          .input = span_of(bytes, 15)},
         FRAME_CALLER_DATA},
        {TOKEN_DECRYPT,
         {.key = aes,
          .mechanism = TOKEN_AES_GCM,
          .aad = span_of(bytes, 4),
          .iv = span_of(bytes, 11),
          .input = span_of(bytes, 32)},
         FRAME_CALLER_DATA},
        {TOKEN_DATA_KEY,
         {.key = aes, .mechanism = TOKEN_AES_GCM, .aad = span_of(bytes, 4), .bytes = 1025},
         FRAME_OUR_MISTAKE},
        {TOKEN_RANDOM, {.bytes = 0}, FRAME_OUR_MISTAKE},
        {TOKEN_RANDOM, {.bytes = 65537}, FRAME_OUR_MISTAKE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(class_of(cases[i].op, &cases[i].item), cases[i].class);
    }
}

static void test_mac(void **state)
{
    (void)state;
    static const enum algorithm algorithms[] = {ALGORITHM_HMAC_SHA256, ALGORITHM_HMAC_SHA384,
                                                ALGORITHM_HMAC_SHA512};
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        struct token_key key = generate_secret(algorithms[i]);
        assert_int_equal(key.identity_len, 16);
        struct frame_item item = {
            .key = key, .mechanism = TOKEN_HMAC, .input = span_text("message")};
        struct outcome first = run(TOKEN_SIGN, &item);
        struct outcome second = run(TOKEN_SIGN, &item);
        item.input = span_of(NULL, 0);
        struct outcome empty = run(TOKEN_SIGN, &item);
        assert_int_equal(first.class, FRAME_OK);
        assert_int_equal(first.output.len, algorithm_info(algorithms[i])->signature_len);
        assert_true(span_equal(buf_span(&first.output), buf_span(&second.output)));
        assert_int_equal(empty.class, FRAME_OK);
        assert_false(span_equal(buf_span(&first.output), buf_span(&empty.output)));
        clear(&first);
        clear(&second);
        clear(&empty);
    }
}

static struct frame_item sealed_item(const struct token_key *key, struct span aad,
                                     const struct outcome *sealed)
{
    return (struct frame_item){.key = *key,
                               .mechanism = TOKEN_AES_GCM,
                               .aad = aad,
                               .iv = buf_span(&sealed->extra),
                               .input = buf_span(&sealed->output)};
}

static void round_trip(const struct token_key *key, struct span plaintext)
{
    struct span aad = span_text("header");
    struct frame_item item = {
        .key = *key, .mechanism = TOKEN_AES_GCM, .aad = aad, .input = plaintext};
    struct outcome sealed = run(TOKEN_ENCRYPT, &item);
    struct outcome again = run(TOKEN_ENCRYPT, &item);
    assert_int_equal(sealed.class, FRAME_OK);
    assert_int_equal(sealed.output.len, plaintext.len + TOKEN_TAG_LEN);
    assert_int_equal(sealed.extra.len, TOKEN_IV_LEN);
    assert_false(span_equal(buf_span(&sealed.extra), buf_span(&again.extra)));
    struct frame_item open = sealed_item(key, aad, &sealed);
    struct outcome opened = run(TOKEN_DECRYPT, &open);
    assert_int_equal(opened.class, FRAME_OK);
    assert_true(span_equal(buf_span(&opened.output), plaintext));
    /* Any flipped bit, another IV and another AAD give one and the same class. */
    sealed.output.data[sealed.output.len - 1] ^= 1;
    assert_int_equal(class_of(TOKEN_DECRYPT, &open), FRAME_CALLER_DATA);
    sealed.output.data[sealed.output.len - 1] ^= 1;
    sealed.extra.data[0] ^= 1;
    assert_int_equal(class_of(TOKEN_DECRYPT, &open), FRAME_CALLER_DATA);
    sealed.extra.data[0] ^= 1;
    open.aad = span_text("headex");
    assert_int_equal(class_of(TOKEN_DECRYPT, &open), FRAME_CALLER_DATA);
    open.aad = aad;
    assert_int_equal(class_of(TOKEN_DECRYPT, &open), FRAME_OK);
    clear(&sealed);
    clear(&again);
    clear(&opened);
}

static void test_encrypt(void **state)
{
    (void)state;
    static uint8_t large[64 * 1024];
    struct token_key key = generate_secret(ALGORITHM_AES_256_GCM);
    assert_int_equal(key.identity_len, TOKEN_IV_LEN + TOKEN_TAG_LEN);
    memset(large, 0x5a, sizeof(large));
    round_trip(&key, span_of(NULL, 0));
    round_trip(&key, span_text("x"));
    round_trip(&key, span_of(large, sizeof(large)));
}

/* A caller who flips bits must not cost a session each time, nor the worker. */
static void test_many_tampered(void **state)
{
    (void)state;
    struct token_key key = generate_secret(ALGORITHM_AES_256_GCM);
    uint8_t junk[48] = {1};
    struct frame_item item = {.key = key,
                              .mechanism = TOKEN_AES_GCM,
                              .aad = span_text("aad"),
                              .iv = span_of(junk, TOKEN_IV_LEN),
                              .input = span_of(junk, sizeof(junk))};
    for (int i = 0; i < 200; i++) {
        assert_int_equal(class_of(TOKEN_DECRYPT, &item), FRAME_CALLER_DATA);
    }
}

static void test_data_key(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 16, 24, 32, 64, 1024};
    struct token_key key = generate_secret(ALGORITHM_AES_256_GCM);
    struct span aad = span_text("data key");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct frame_item item = {
            .key = key, .mechanism = TOKEN_AES_GCM, .aad = aad, .bytes = sizes[i], .reveal = true};
        struct outcome made = run(TOKEN_DATA_KEY, &item);
        assert_int_equal(made.class, FRAME_OK);
        assert_int_equal(made.revealed.len, sizes[i]);
        struct frame_item open = sealed_item(&key, aad, &made);
        struct outcome opened = run(TOKEN_DECRYPT, &open);
        assert_true(span_equal(buf_span(&opened.output), buf_span(&made.revealed)));
        item.reveal = false;
        struct outcome hidden = run(TOKEN_DATA_KEY, &item);
        assert_int_equal(hidden.class, FRAME_OK);
        assert_int_equal(hidden.revealed.len, 0);
        assert_int_equal(hidden.output.len, sizes[i] + TOKEN_TAG_LEN);
        clear(&made);
        clear(&opened);
        clear(&hidden);
    }
}

static void test_oaep(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf public_key = {0};
    CLEANUP(buf_clear) struct buf ciphertext = {0};
    struct token_key key = generate(ALGORITHM_RSA_2048, PURPOSE_DECRYPT, &public_key);
    struct err err = public_key_encrypt_oaep(buf_span(&public_key), DIGEST_SHA1,
                                             span_text("a secret"), &ciphertext);
    assert_int_equal(err.code, ERR_OK);
    struct frame_item item = {
        .key = key, .mechanism = TOKEN_RSA_OAEP_SHA1, .input = buf_span(&ciphertext)};
    struct outcome opened = run(TOKEN_DECRYPT, &item);
    assert_int_equal(opened.class, FRAME_OK);
    assert_true(span_is(buf_span(&opened.output), "a secret"));
    clear(&opened);
    ciphertext.data[9] ^= 1;
    assert_int_equal(class_of(TOKEN_DECRYPT, &item), FRAME_CALLER_DATA);
    item.input.len--;
    assert_int_equal(class_of(TOKEN_DECRYPT, &item), FRAME_CALLER_DATA);
    item.input.len++;
    item.mechanism = TOKEN_RSA_OAEP_SHA256;
    assert_int_equal(class_of(TOKEN_DECRYPT, &item), FRAME_UNSUPPORTED);
    item.mechanism = TOKEN_RSA_PKCS1;
    assert_int_equal(class_of(TOKEN_SIGN, &item), FRAME_OUR_MISTAKE);
}

static void test_random(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 32, 65536};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct frame_item item = {.bytes = sizes[i]};
        struct outcome outcome = run(TOKEN_RANDOM, &item);
        assert_int_equal(outcome.class, FRAME_OK);
        assert_int_equal(outcome.output.len, sizes[i]);
        clear(&outcome);
    }
}

/* One bad item does not harm its neighbours. */
static void test_batch(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf public_key = {0};
    struct token_key key = generate(ALGORITHM_ECDSA_P256, PURPOSE_SIGN, &public_key);
    static struct frame_item items[FRAME_ITEMS_MAX];
    uint8_t digest[SHA256_LEN] = {1, 2, 3};
    for (size_t i = 0; i < FRAME_ITEMS_MAX; i++) {
        items[i] = (struct frame_item){
            .key = key, .mechanism = TOKEN_ECDSA, .input = span_of(digest, sizeof(digest))};
    }
    items[7].input.len = 5;
    items[9].key.cka_id[0] ^= 1;
    struct worker_call call = {
        .kind = FRAME_RUN, .op = TOKEN_SIGN, .items = items, .count = FRAME_ITEMS_MAX};
    worker_process_call(&process, 1, &call);
    assert_int_equal(call.head.class, FRAME_OK);
    assert_int_equal(call.head.count, FRAME_ITEMS_MAX);
    for (size_t i = 0; i < FRAME_ITEMS_MAX; i++) {
        const struct frame_item *reply = &call.replies[i];
        if (i == 7 || i == 9) {
            assert_int_equal(reply->class, i == 7 ? FRAME_OUR_MISTAKE : FRAME_KEY_MISSING);
            continue;
        }
        bool valid = false;
        struct err err = public_key_verify(buf_span(&public_key), SCHEME_ES256, items[i].input,
                                           reply->input, &valid);
        assert_true(err.code == ERR_OK && valid);
    }
    worker_call_clear(&call);
}

static enum frame_class destroy(const struct token_key *key)
{
    struct frame_item item = {.key = *key};
    struct worker_call call = {.kind = FRAME_DESTROY, .items = &item, .count = 1};
    worker_process_call(&process, 0, &call);
    enum frame_class class = call.head.class;
    worker_call_clear(&call);
    return class;
}

static size_t inventory(const struct token_key *wanted, size_t *out_all)
{
    struct worker_call call = {.kind = FRAME_INVENTORY};
    struct token_object *objects = NULL;
    size_t hits = 0;
    worker_process_call(&process, 2, &call);
    struct err err = frame_decode_objects(&call.head, buf_span(&call.body), &objects, out_all);
    assert_int_equal(err.code, ERR_OK);
    for (size_t i = 0; i < *out_all; i++) {
        struct span id = span_of(objects[i].cka_id, objects[i].cka_id_len);
        if (span_equal(id, span_of(wanted->cka_id, wanted->cka_id_len))) {
            assert_string_equal(objects[i].label, "a label");
            hits++;
        }
    }
    mem_free(objects);
    worker_call_clear(&call);
    return hits;
}

static void test_lifecycle(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf public_key = {0};
    size_t before = 0;
    size_t after = 0;
    uint8_t digest[SHA256_LEN] = {0};
    struct token_key key = generate(ALGORITHM_ECDSA_P256, PURPOSE_SIGN, &public_key);
    struct frame_item item = {
        .key = key, .mechanism = TOKEN_ECDSA, .input = span_of(digest, sizeof(digest))};
    assert_int_equal(inventory(&key, &before), 2);
    assert_int_equal(class_of(TOKEN_SIGN, &item), FRAME_OK);
    struct token_key taken = key;
    assert_int_equal(generate_on(&process, &taken, &public_key), FRAME_EXISTS);
    assert_int_equal(destroy(&key), FRAME_OK);
    assert_int_equal(inventory(&key, &after), 0);
    assert_int_equal(after, before - 2);
    assert_int_equal(destroy(&key), FRAME_KEY_MISSING);
    assert_int_equal(class_of(TOKEN_SIGN, &item), FRAME_KEY_MISSING);
    struct outcome elsewhere = run_on(&process, 3, TOKEN_SIGN, &item);
    assert_int_equal(elsewhere.class, FRAME_KEY_MISSING);
    clear(&elsewhere);
}

static void swap_identity(enum algorithm algorithm, enum token_mechanism mechanism,
                          enum token_op op, const struct worker_process *fresh)
{
    CLEANUP(buf_clear) struct buf public_key = {0};
    uint8_t bytes[SHA256_LEN] = {0};
    struct token_key key = generate(algorithm, algorithm_info(algorithm)->purpose, &public_key);
    struct frame_item item = {.key = key,
                              .mechanism = mechanism,
                              .aad = span_text("aad"),
                              .input = span_of(bytes, sizeof(bytes))};
    assert_int_equal(class_of(op, &item), FRAME_OK);
    item.key.identity[3] ^= 1;
    /* Known to this worker, and new to the other. */
    assert_int_equal(class_of(op, &item), FRAME_KEY_SWAPPED);
    struct outcome outcome = run_on(fresh, 0, op, &item);
    assert_int_equal(outcome.class, FRAME_KEY_SWAPPED);
    clear(&outcome);
    item.key.identity[3] ^= 1;
    outcome = run_on(fresh, 0, op, &item);
    assert_int_equal(outcome.class, FRAME_OK);
    clear(&outcome);
}

static void test_swapped(void **state)
{
    (void)state;
    struct worker_process fresh;
    worker_process_start(&fresh, softhsm.config, 1);
    assert_int_equal(fresh.head.class, FRAME_OK);
    assert_memory_equal(&fresh.hello.probe.algorithms, &process.hello.probe.algorithms, 4);
    swap_identity(ALGORITHM_ECDSA_P256, TOKEN_ECDSA, TOKEN_SIGN, &fresh);
    swap_identity(ALGORITHM_ED25519, TOKEN_EDDSA, TOKEN_SIGN, &fresh);
    swap_identity(ALGORITHM_HMAC_SHA256, TOKEN_HMAC, TOKEN_SIGN, &fresh);
    swap_identity(ALGORITHM_AES_256_GCM, TOKEN_AES_GCM, TOKEN_ENCRYPT, &fresh);
    assert_int_equal(worker_process_stop(&fresh), 0);
}

static void test_approval(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf none = {0};
    struct span aad = span_text("aad");
    struct token_key key = new_key(ALGORITHM_AES_256_GCM, PURPOSE_ENCRYPT, 2);
    assert_int_equal(generate_on(&process, &key, &none), FRAME_OK);
    struct frame_item item = {
        .key = key, .mechanism = TOKEN_AES_GCM, .aad = aad, .input = span_text("plain")};
    struct outcome sealed = run(TOKEN_ENCRYPT, &item);
    assert_int_equal(sealed.class, FRAME_OK);
    struct frame_item open = sealed_item(&key, aad, &sealed);
    assert_int_equal(class_of(TOKEN_DECRYPT, &open), FRAME_UNAPPROVED);
    /* a data key that is shown was never wrapped at all */
    struct frame_item made = {.key = key, .mechanism = TOKEN_AES_GCM, .aad = aad, .bytes = 32};
    assert_int_equal(class_of(TOKEN_DATA_KEY, &made), FRAME_OK);
    made.reveal = true;
    assert_int_equal(class_of(TOKEN_DATA_KEY, &made), FRAME_UNAPPROVED);
    clear(&sealed);
}

static void test_approval_floor(void **state)
{
    (void)state;
    struct span aad = span_text("aad");
    struct token_key key = generate_secret(ALGORITHM_AES_256_GCM);
    struct frame_item item = {
        .key = key, .mechanism = TOKEN_AES_GCM, .aad = aad, .input = span_text("plain")};
    struct outcome sealed = run(TOKEN_ENCRYPT, &item);
    struct frame_item open = sealed_item(&key, aad, &sealed);
    struct worker_process strict;
    softhsm_write_config(&softhsm, "approval_floor: 2\n");
    worker_process_start(&strict, softhsm.config, 1);
    struct outcome refused = run_on(&strict, 0, TOKEN_DECRYPT, &open);
    assert_int_equal(refused.class, FRAME_UNAPPROVED);
    assert_int_equal(class_of(TOKEN_DECRYPT, &open), FRAME_OK);
    softhsm_write_config(&softhsm, "");
    assert_int_equal(worker_process_stop(&strict), 0);
    clear(&sealed);
    clear(&refused);
}

/* Four channels at once: signing on three while the fourth makes and destroys keys. */
struct worker_thread {
    unsigned channel;
    struct token_key key;
    struct buf public_key;
    unsigned bad;
};

static void *sign_many(void *arg)
{
    struct worker_thread *thread = arg;
    uint8_t digest[SHA256_LEN] = {9};
    struct frame_item item = {
        .key = thread->key, .mechanism = TOKEN_ECDSA, .input = span_of(digest, sizeof(digest))};
    for (int i = 0; i < 200; i++) {
        bool valid = false;
        struct outcome outcome = run_on(&process, thread->channel, TOKEN_SIGN, &item);
        struct err err = public_key_verify(buf_span(&thread->public_key), SCHEME_ES256, item.input,
                                           buf_span(&outcome.output), &valid);
        thread->bad += outcome.class != FRAME_OK || err.code != ERR_OK || !valid;
        clear(&outcome);
    }
    return NULL;
}

static void test_concurrent(void **state)
{
    (void)state;
    struct worker_thread threads[3] = {0};
    pthread_t ids[3];
    for (unsigned i = 0; i < 3; i++) {
        threads[i].channel = i + 1;
        threads[i].key = generate(ALGORITHM_ECDSA_P256, PURPOSE_SIGN, &threads[i].public_key);
        ids[i] = sync_thread("sign", sign_many, &threads[i]);
    }
    for (int i = 0; i < 10; i++) {
        struct token_key key = generate_secret(ALGORITHM_AES_256_GCM);
        assert_int_equal(destroy(&key), FRAME_OK);
    }
    for (unsigned i = 0; i < 3; i++) {
        (void)pthread_join(ids[i], NULL);
        assert_int_equal(threads[i].bad, 0);
        buf_clear(&threads[i].public_key);
    }
}

static void test_bad_frames(void **state)
{
    (void)state;
    struct frame_item item = {0};
    struct worker_call run_empty = {.kind = FRAME_RUN, .op = TOKEN_SIGN};
    worker_process_call(&process, 0, &run_empty);
    assert_int_equal(run_empty.head.class, FRAME_OUR_MISTAKE);
    worker_call_clear(&run_empty);
    struct worker_call destroy_none = {.kind = FRAME_DESTROY, .items = &item, .count = 1};
    worker_process_call(&process, 0, &destroy_none);
    assert_int_equal(destroy_none.head.class, FRAME_OUR_MISTAKE);
    worker_call_clear(&destroy_none);
    struct token_key wrong = new_key(ALGORITHM_ECDSA_P256, PURPOSE_DECRYPT, 0);
    CLEANUP(buf_clear) struct buf none = {0};
    assert_int_equal(generate_on(&process, &wrong, &none), FRAME_OUR_MISTAKE);
    /* A hello is no request: the worker leaves. */
    struct worker_process other;
    worker_process_start(&other, softhsm.config, 1);
    CLEANUP(buf_clear) struct buf frame = {0};
    const struct frame_head head = {.kind = FRAME_HELLO};
    struct err err = frame_encode(&head, NULL, 0, &frame);
    assert_int_equal(err.code, ERR_OK);
    err = frame_send(other.channels[0], buf_span(&frame), clock_deadline(1000));
    assert_int_equal(err.code, ERR_OK);
    int status = worker_process_wait(&other);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

/* A worker that is told why not. */
static void expect_failure(enum frame_class class, const char *reason)
{
    struct worker_process failed;
    worker_process_start(&failed, softhsm.config, 1);
    assert_int_equal(failed.head.class, class);
    if (strstr(failed.hello.error, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", failed.hello.error, reason);
    }
    int status = worker_process_wait(&failed);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void expect_success(void)
{
    struct worker_process worker;
    worker_process_start(&worker, softhsm.config, 2);
    assert_string_equal(worker.hello.error, "");
    assert_int_equal(worker.head.class, FRAME_OK);
    assert_int_equal(worker_process_stop(&worker), 0);
}

static void test_pin_latch(void **state)
{
    (void)state;
    expect_success();
    assert_false(softhsm_has_state(&softhsm, "pin-"));
    softhsm_write_pin(&softhsm, "wrong-one");
    expect_failure(FRAME_PIN, "CKR_PIN_INCORRECT");
    assert_true(softhsm_has_state(&softhsm, "pin-"));
    expect_failure(FRAME_PIN, "refused this PIN before");
    expect_failure(FRAME_PIN, "refused this PIN before");
    /* Another wrong one may be tried once, and does not free the first. */
    softhsm_write_pin(&softhsm, "wrong-two");
    expect_failure(FRAME_PIN, "CKR_PIN_INCORRECT");
    softhsm_write_pin(&softhsm, "wrong-one");
    expect_failure(FRAME_PIN, "refused this PIN before");
    softhsm_write_pin(&softhsm, SOFTHSM_PIN);
    expect_success();
    assert_false(softhsm_has_state(&softhsm, "pin-"));
}

static void test_start_failures(void **state)
{
    (void)state;
    softhsm_write_pin(&softhsm, "");
    expect_failure(FRAME_OUR_MISTAKE, "PIN is empty");
    softhsm_write_pin(&softhsm, SOFTHSM_PIN);
    softhsm_write_config(&softhsm, "approval_floor: 1\n");
    expect_failure(FRAME_OUR_MISTAKE, "approval_floor: must be 0, or 2 to 255");
    softhsm_write_config(&softhsm, "colour: red\n");
    expect_failure(FRAME_OUR_MISTAKE, "colour");
    softhsm_write_config(&softhsm, "");
    expect_success();
}

/* A worker killed at any moment of its start must not latch a good PIN. */
static void test_killed_starts(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct worker_process worker;
        worker_process_start(&worker, softhsm.config, 1);
        assert_int_equal(worker.head.class, FRAME_OK);
        assert_int_equal(kill(worker.pid, SIGKILL), 0);
        assert_true(WIFSIGNALED(worker_process_wait(&worker)));
    }
    expect_success();
}

int main(void)
{
    const struct CMUnitTest running[] = {
        cmocka_unit_test(test_hello),          cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_refused_inputs), cmocka_unit_test(test_mac),
        cmocka_unit_test(test_encrypt),        cmocka_unit_test(test_many_tampered),
        cmocka_unit_test(test_data_key),       cmocka_unit_test(test_oaep),
        cmocka_unit_test(test_random),         cmocka_unit_test(test_batch),
        cmocka_unit_test(test_lifecycle),      cmocka_unit_test(test_swapped),
        cmocka_unit_test(test_approval),       cmocka_unit_test(test_approval_floor),
        cmocka_unit_test(test_concurrent),     cmocka_unit_test(test_bad_frames),
    };
    const struct CMUnitTest starting[] = {
        cmocka_unit_test_setup_teardown(test_pin_latch, make_only, remove_only),
        cmocka_unit_test_setup_teardown(test_start_failures, make_only, remove_only),
        cmocka_unit_test_setup_teardown(test_killed_starts, make_only, remove_only),
    };
    int failed = cmocka_run_group_tests_name("a running worker", running, start, stop);
    failed += cmocka_run_group_tests_name("starts of a worker", starting, NULL, NULL);
    return failed;
}
