/* test_frame: frames survive the way there and back, and nothing malformed is taken. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sync.h"
#include "pkcs11/frame.h"

#define ITEM_HEAD_LEN 32
#define SOON_MS       20
#define LONG_MS       30000
#define LARGE_LEN     ((size_t)3 << 20)

static const struct frame_item sample = {
    .key = {.cka_id = {1, 2, 3},
            .cka_id_len = 3,
            .algorithm = ALGORITHM_RSA_4096,
            .purpose = PURPOSE_DECRYPT,
            .identity = {9, 8},
            .identity_len = 2},
    .mechanism = TOKEN_RSA_OAEP_SHA256,
    .bytes = 77,
    .reveal = true,
    .class = FRAME_EXISTS,
    .ckr = 0x1122334455667788,
    .input = {(const uint8_t *)"input", 5},
    .aad = {(const uint8_t *)"aad!", 4},
    .iv = {(const uint8_t *)"iv", 2},
};

static const struct frame_head sample_head = {.kind = FRAME_RUN,
                                              .op = TOKEN_DATA_KEY,
                                              .class = FRAME_CAPACITY,
                                              .deadline_ms = 123456,
                                              .epoch = 0xFFFFFFFF,
                                              .share = 0x5A};

static void encode_sample(struct buf *out, size_t count)
{
    struct frame_item items[3] = {sample, {.class = FRAME_OK}, sample};
    assert_int_equal(frame_encode(&sample_head, items, count, out).code, ERR_OK);
}

static struct err decode(struct span frame, struct frame_head *head, struct frame_item *items)
{
    size_t len = frame.len < FRAME_HEAD_LEN ? frame.len : FRAME_HEAD_LEN;
    TRY(frame_decode_head(span_of(frame.data, len), head));
    return frame_decode_items(head, span_of(frame.data + len, frame.len - len), items);
}

static void test_round_trip(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    struct frame_head head = {0};
    struct frame_item items[3] = {0};
    encode_sample(&out, 3);
    assert_int_equal(decode(buf_span(&out), &head, items).code, ERR_OK);
    assert_int_equal(head.kind, FRAME_RUN);
    assert_int_equal(head.op, TOKEN_DATA_KEY);
    assert_int_equal(head.class, FRAME_CAPACITY);
    assert_int_equal(head.count, 3);
    assert_int_equal(head.deadline_ms, 123456);
    assert_int_equal(head.epoch, 0xFFFFFFFF);
    assert_int_equal(head.share, 0x5A);
    for (int i = 0; i < 3; i += 2) {
        assert_memory_equal(&items[i].key, &sample.key, sizeof(sample.key));
        assert_int_equal(items[i].mechanism, sample.mechanism);
        assert_int_equal(items[i].bytes, 77);
        assert_true(items[i].reveal);
        assert_int_equal(items[i].class, FRAME_EXISTS);
        assert_true(items[i].ckr == sample.ckr);
        assert_true(span_is(items[i].input, "input"));
        assert_true(span_is(items[i].aad, "aad!"));
        assert_true(span_is(items[i].iv, "iv"));
    }
    assert_int_equal(items[1].input.len + items[1].aad.len + items[1].iv.len, 0);
}

/* The wire is a contract between two programs: its bytes are pinned. */
static void test_wire(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    encode_sample(&out, 1);
    static const uint8_t head[] = {'H', 'S', 'G', '1', 2, 3, 7,    0x5A, 0,    0,    0,    1,
                                   0,   0,   0,   48,  0, 1, 0xE2, 0x40, 0xFF, 0xFF, 0xFF, 0xFF};
    static const uint8_t item[] = {3, 2, 10, 3, 9, 1, 11, 0, 0, 0, 0, 77, 0, 0, 0, 5};
    assert_int_equal(out.len, FRAME_HEAD_LEN + ITEM_HEAD_LEN + 16);
    assert_memory_equal(out.data, head, sizeof(head));
    assert_memory_equal(out.data + FRAME_HEAD_LEN, item, sizeof(item));
}

/* One byte of a good frame set to a value that must not be taken. */
static const struct {
    size_t at;
    uint8_t value;
} damages[] = {
    {0, 'h'},
    {4, 0},
    {4, FRAME_KIND_END},
    {5, TOKEN_OP_COUNT},
    {6, FRAME_CLASS_END},
    {8, 1},
    {10, 1},
    {11, 0},
    {11, 2},
    {12, 0x80},
    {15, 47},
    {15, 49},
    {FRAME_HEAD_LEN + 0, TOKEN_CKA_ID_MAX + 1},
    {FRAME_HEAD_LEN + 0, 2},
    {FRAME_HEAD_LEN + 1, TOKEN_IDENTITY_MAX + 1},
    {FRAME_HEAD_LEN + 2, ALGORITHM_COUNT},
    {FRAME_HEAD_LEN + 3, PURPOSE_COUNT},
    {FRAME_HEAD_LEN + 4, TOKEN_MECHANISM_COUNT},
    {FRAME_HEAD_LEN + 5, 2},
    {FRAME_HEAD_LEN + 6, FRAME_CLASS_END},
    {FRAME_HEAD_LEN + 7, 1},
    {FRAME_HEAD_LEN + 12, 0xFF},
    {FRAME_HEAD_LEN + 15, 6},
    {FRAME_HEAD_LEN + 16, 0x80},
    {FRAME_HEAD_LEN + 20, 0xFF},
    {FRAME_HEAD_LEN + 23, 1},
};

static void test_damage(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        CLEANUP(buf_clear) struct buf out = {0};
        struct frame_head head = {0};
        struct frame_item items[FRAME_ITEMS_MAX] = {0};
        encode_sample(&out, 1);
        assert_int_equal(decode(buf_span(&out), &head, items).code, ERR_OK);
        out.data[damages[i].at] = damages[i].value;
        struct err err = decode(buf_span(&out), &head, items);
        if (err.code != ERR_CORRUPT) {
            fail_msg("byte %zu = %u was taken", damages[i].at, damages[i].value);
        }
    }
}

static void test_cut(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    struct frame_head head = {0};
    struct frame_item items[3] = {0};
    encode_sample(&out, 3);
    for (size_t len = 0; len < out.len; len++) {
        /* an exact copy, so that the sanitizer sees a read behind the end */
        CLEANUP(mem_free_at) uint8_t *copy = mem_copy(out.data, len);
        assert_int_equal(decode(span_of(copy, len), &head, items).code, ERR_CORRUPT);
        if (len >= FRAME_HEAD_LEN) {
            head.body_len = (uint32_t)(len - FRAME_HEAD_LEN);
            struct span body = span_of(copy + FRAME_HEAD_LEN, head.body_len);
            assert_int_equal(frame_decode_items(&head, body, items).code, ERR_CORRUPT);
        }
    }
}

static void test_limits(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) uint8_t *large = mem_alloc(LARGE_LEN);
    CLEANUP(buf_clear) struct buf out = {.max = FRAME_HEAD_LEN + FRAME_BODY_MAX};
    struct frame_item items[FRAME_ITEMS_MAX + 1] = {0};
    items[0].input = span_of(large, LARGE_LEN);
    assert_int_equal(frame_encode(&sample_head, items, FRAME_ITEMS_MAX, &out).code, ERR_OK);
    buf_reset(&out);
    struct err err = frame_encode(&sample_head, items, FRAME_ITEMS_MAX + 1, &out);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    items[1].aad = span_of(large, LARGE_LEN);
    assert_int_equal(frame_encode(&sample_head, items, 2, &out).code, ERR_TOO_LARGE);
    items[0].input.len = SIZE_MAX;
    items[1].aad.len = 0;
    assert_int_equal(frame_encode(&sample_head, items, 2, &out).code, ERR_TOO_LARGE);
    assert_int_equal(out.len, 0);
}

static struct frame_hello sample_hello(void)
{
    struct frame_hello hello = {.probe = {.algorithms = 5,
                                          .mechanisms = 6,
                                          .sessions = 7,
                                          .empty_plaintext = true,
                                          .copies_extractable = true,
                                          .tamper_ckr = 0x40},
                                .ckr = 0xA0,
                                .label = "label",
                                .serial = "serial",
                                .manufacturer = "maker",
                                .model = "model"};
    memset(hello.error, 'e', sizeof(hello.error) - 1);
    return hello;
}

static void test_hello(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    struct frame_hello hello = sample_hello();
    struct frame_hello back = {0};
    struct frame_head head = {0};
    assert_int_equal(frame_encode_hello(FRAME_PIN, &hello, 3, &out).code, ERR_OK);
    assert_int_equal(frame_decode_head(span_of(out.data, FRAME_HEAD_LEN), &head).code, ERR_OK);
    struct span body = span_of(out.data + FRAME_HEAD_LEN, head.body_len);
    assert_int_equal(frame_decode_hello(&head, body, &back).code, ERR_OK);
    assert_memory_equal(&back, &hello, sizeof(hello));
    assert_int_equal(head.class, FRAME_PIN);
    assert_int_equal(head.epoch, 3);
    head.kind = FRAME_RUN;
    assert_int_equal(frame_decode_hello(&head, body, &back).code, ERR_CORRUPT);
}

/* The payload of a hello, as its item's input, changed and put into a frame again. */
static struct err decode_payload(struct span payload, enum frame_kind kind)
{
    CLEANUP(buf_clear) struct buf out = {0};
    struct frame_item item = {.input = payload};
    struct frame_head head = {.kind = kind};
    struct frame_hello hello = {0};
    CLEANUP(mem_free_at) struct token_object *objects = NULL;
    size_t count = 0;
    TRY(frame_encode(&head, &item, 1, &out));
    TRY(frame_decode_head(span_of(out.data, FRAME_HEAD_LEN), &head));
    struct span body = span_of(out.data + FRAME_HEAD_LEN, head.body_len);
    return kind == FRAME_HELLO ? frame_decode_hello(&head, body, &hello)
                               : frame_decode_objects(&head, body, &objects, &count);
}

static void test_hello_damage(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    struct frame_hello hello = sample_hello();
    assert_int_equal(frame_encode_hello(FRAME_OK, &hello, 3, &out).code, ERR_OK);
    assert_int_equal(buf_append_u8(&out, 0).code, ERR_OK);
    uint8_t *payload = out.data + FRAME_HEAD_LEN + ITEM_HEAD_LEN;
    size_t len = out.len - 1 - FRAME_HEAD_LEN - ITEM_HEAD_LEN;
    assert_int_equal(decode_payload(span_of(payload, len), FRAME_HELLO).code, ERR_OK);
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(decode_payload(span_of(payload, cut), FRAME_HELLO).code, ERR_CORRUPT);
    }
    assert_int_equal(decode_payload(span_of(payload, len + 1), FRAME_HELLO).code, ERR_CORRUPT);
    payload[12] = 2; /* a flag */
    assert_int_equal(decode_payload(span_of(payload, len), FRAME_HELLO).code, ERR_CORRUPT);
    payload[12] = 1;
    payload[31] = TOKEN_TEXT_MAX + 1; /* the first text's length */
    assert_int_equal(decode_payload(span_of(payload, len), FRAME_HELLO).code, ERR_CORRUPT);
    payload[31] = 5;
    payload[32] = 0; /* NUL in a text */
    assert_int_equal(decode_payload(span_of(payload, len), FRAME_HELLO).code, ERR_CORRUPT);
}

static void test_objects(void **state)
{
    (void)state;
    static struct token_object objects[FRAME_ITEMS_MAX * 4];
    size_t count = ARRAY_LEN(objects);
    for (size_t i = 0; i < count; i++) {
        objects[i] = (struct token_object){.class = TOKEN_OBJECT_PUBLIC, .cka_id_len = i % 33};
        objects[i].has_algorithm = i % 3 > 0;
        objects[i].algorithm = i % 3 > 0 ? (enum algorithm)(i % ALGORITHM_COUNT) : 0;
        objects[i].attributes = (uint32_t)(i * 37) % (1u << TOKEN_ATTRIBUTE_COUNT);
        memset(objects[i].label, 'a', i % (TOKEN_TEXT_MAX + 1));
    }
    CLEANUP(buf_clear) struct buf out = {0};
    CLEANUP(mem_free_at) struct token_object *back = NULL;
    struct frame_head head = {0};
    size_t got = 0;
    assert_int_equal(frame_encode_objects(objects, count, 1, &out).code, ERR_OK);
    assert_int_equal(frame_decode_head(span_of(out.data, FRAME_HEAD_LEN), &head).code, ERR_OK);
    struct span body = span_of(out.data + FRAME_HEAD_LEN, head.body_len);
    assert_int_equal(frame_decode_objects(&head, body, &back, &got).code, ERR_OK);
    assert_int_equal(got, count);
    assert_memory_equal(back, objects, sizeof(objects));
}

static void test_objects_damage(void **state)
{
    (void)state;
    static const uint8_t good[] = {
        TOKEN_OBJECT_OTHER, ALGORITHM_COUNT, 0, 0, 0x7f, 0xff, 1, 7, 2, 'a', 'b'};
    static const struct {
        const char *name;
        size_t at;
        uint8_t value;
        enum err_code code;
    } changes[] = {
        {"the class of a secret key", 0, TOKEN_OBJECT_SECRET, ERR_OK},
        {"a class that there is not", 0, TOKEN_OBJECT_OTHER + 1, ERR_CORRUPT},
        {"no algorithm", 1, 0, ERR_OK},
        {"an algorithm that there is not", 1, ALGORITHM_COUNT + 1, ERR_CORRUPT},
        {"the first attribute that there is not", 4, 0xff, ERR_CORRUPT},
        {"the last attribute that there is not", 2, 0x80, ERR_CORRUPT},
        {"a CKA_ID that is too long", 6, TOKEN_CKA_ID_MAX + 1, ERR_CORRUPT},
        {"a label that is too long", 8, TOKEN_TEXT_MAX + 1, ERR_CORRUPT},
        {"a label with NUL", 9, 0, ERR_CORRUPT},
    };
    static_assert(TOKEN_ATTRIBUTE_COUNT == 15, "the bits of `good` are all there are");
    assert_int_equal(decode_payload(span_of(good, 0), FRAME_INVENTORY).code, ERR_OK);
    assert_int_equal(decode_payload(span_of(good, sizeof(good)), FRAME_INVENTORY).code, ERR_OK);
    for (size_t cut = 1; cut < sizeof(good); cut++) {
        assert_int_equal(decode_payload(span_of(good, cut), FRAME_INVENTORY).code, ERR_CORRUPT);
    }
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        uint8_t changed[sizeof(good)];
        memcpy(changed, good, sizeof(good));
        changed[changes[i].at] = changes[i].value;
        struct err err = decode_payload(span_of(changed, sizeof(changed)), FRAME_INVENTORY);
        if (err.code != changes[i].code) {
            fail_msg("%s: %s", changes[i].name, err_word(err.code));
        }
    }
}

struct pair {
    int fds[2];
};

static void open_pair(struct pair *pair)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair->fds), 0);
}

static void close_pair(struct pair *pair)
{
    fd_close(&pair->fds[0]);
    fd_close(&pair->fds[1]);
}

static void test_transfer(void **state)
{
    (void)state;
    CLEANUP(close_pair) struct pair pair = {{-1, -1}};
    CLEANUP(buf_clear) struct buf out = {0};
    CLEANUP(buf_clear) struct buf body = {0};
    struct frame_head head = {0};
    struct frame_item items[3] = {0};
    open_pair(&pair);
    encode_sample(&out, 3);
    for (int i = 0; i < 3; i++) { /* with a deadline, and for ever */
        int64_t deadline = i == 0 ? 0 : clock_deadline(LONG_MS);
        assert_int_equal(frame_send(pair.fds[0], buf_span(&out), deadline).code, ERR_OK);
        assert_int_equal(frame_receive(pair.fds[1], deadline, &head, &body).code, ERR_OK);
        assert_int_equal(frame_decode_items(&head, buf_span(&body), items).code, ERR_OK);
        assert_true(span_is(items[2].iv, "iv"));
    }
}

struct sender {
    int fd;
    struct span frame;
    size_t step;
};

static void *send_in_steps(void *arg)
{
    const struct sender *sender = arg;
    for (size_t at = 0; at < sender->frame.len; at += sender->step) {
        size_t left = sender->frame.len - at;
        struct span part =
            span_of(sender->frame.data + at, left < sender->step ? left : sender->step);
        struct err err = frame_send(sender->fd, part, clock_deadline(LONG_MS));
        if (err.code != ERR_OK) {
            break;
        }
    }
    return NULL;
}

static void check_steps(struct span frame, size_t step, int64_t deadline)
{
    CLEANUP(close_pair) struct pair pair = {{-1, -1}};
    CLEANUP(buf_clear) struct buf body = {0};
    struct frame_head head = {0};
    open_pair(&pair);
    struct sender sender = {.fd = pair.fds[0], .frame = frame, .step = step};
    pthread_t thread = sync_thread("sender", send_in_steps, &sender);
    struct err err = frame_receive(pair.fds[1], deadline, &head, &body);
    (void)pthread_join(thread, NULL);
    assert_int_equal(err.code, ERR_OK);
    assert_int_equal(body.len, frame.len - FRAME_HEAD_LEN);
    assert_memory_equal(body.data, frame.data + FRAME_HEAD_LEN, body.len);
}

static void test_transfer_in_pieces(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    encode_sample(&out, 3);
    check_steps(buf_span(&out), 1, clock_deadline(LONG_MS));
    check_steps(buf_span(&out), 1, 0);
    check_steps(buf_span(&out), FRAME_HEAD_LEN + 1, 0);
    CLEANUP(mem_free_at) uint8_t *large = mem_alloc(LARGE_LEN);
    memset(large, 'L', LARGE_LEN);
    CLEANUP(buf_clear) struct buf frame = {0};
    struct frame_item item = {.input = span_of(large, LARGE_LEN)};
    assert_int_equal(frame_encode(&sample_head, &item, 1, &frame).code, ERR_OK);
    check_steps(buf_span(&frame), frame.len, clock_deadline(LONG_MS));
    check_steps(buf_span(&frame), frame.len, 0);
}

static void test_transfer_errors(void **state)
{
    (void)state;
    CLEANUP(close_pair) struct pair pair = {{-1, -1}};
    CLEANUP(buf_clear) struct buf out = {0};
    CLEANUP(buf_clear) struct buf body = {0};
    struct frame_head head = {0};
    open_pair(&pair);
    encode_sample(&out, 3);
    struct err err = frame_receive(pair.fds[1], clock_deadline(SOON_MS), &head, &body);
    assert_int_equal(err.code, ERR_DEADLINE);
    do { /* until the socket is full and nobody reads */
        err = frame_send(pair.fds[0], buf_span(&out), clock_deadline(SOON_MS));
    } while (err.code == ERR_OK);
    assert_int_equal(err.code, ERR_DEADLINE);
    err = frame_receive(pair.fds[1], clock_deadline(LONG_MS), &head, &body);
    assert_int_equal(err.code, ERR_CORRUPT); /* the next frame is there already */
    fd_close(&pair.fds[1]);
    err = frame_send(pair.fds[0], buf_span(&out), clock_deadline(LONG_MS));
    assert_int_equal(err.code, ERR_IO);
}

/* Ends of the stream: at a frame's border, in its head, in its body. */
static void test_transfer_ends(void **state)
{
    (void)state;
    static const size_t lens[] = {0, FRAME_HEAD_LEN - 1, FRAME_HEAD_LEN, FRAME_HEAD_LEN + 1};
    CLEANUP(buf_clear) struct buf out = {0};
    encode_sample(&out, 3);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        CLEANUP(close_pair) struct pair pair = {{-1, -1}};
        CLEANUP(buf_clear) struct buf body = {0};
        struct frame_head head = {0};
        open_pair(&pair);
        assert_int_equal(frame_send(pair.fds[0], span_of(out.data, lens[i]), 0).code, ERR_OK);
        fd_close(&pair.fds[0]);
        assert_int_equal(frame_receive(pair.fds[1], 0, &head, &body).code, ERR_IO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_wire),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_hello_damage),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_objects_damage),
        cmocka_unit_test(test_transfer),
        cmocka_unit_test(test_transfer_in_pieces),
        cmocka_unit_test(test_transfer_errors),
        cmocka_unit_test(test_transfer_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
