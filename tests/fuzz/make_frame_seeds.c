/* make_frame_seeds: writes one small frame of each kind into a folder, the seeds of fuzz_frame,
 * fuzz_request and fuzz_reply. Run it again when the wire format changes: `make_frame_seeds
 * tests/fuzz/corpus/frame`. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "pkcs11/frame.h"

static void keep(const char *folder, const char *name, struct err err, const struct buf *frame)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s", folder, name);
    err = err.code == ERR_OK ? file_write(path, buf_span(frame), 0644) : err;
    if (err.code != ERR_OK) {
        (void)fprintf(stderr, "make_frame_seeds: %s: %s\n", path, err.detail);
        exit(EXIT_FAILURE);
    }
}

static void seed_frames(const char *folder, enum frame_kind kind, const char *name, size_t count)
{
    CLEANUP(buf_clear) struct buf out = {0};
    struct frame_item items[3] = {
        {.key = {.cka_id = {1, 2}, .cka_id_len = 2, .identity = {3}, .identity_len = 1},
         .input = span_text("input"),
         .aad = span_text("aad"),
         .iv = span_text("0123456789ab")},
        {.mechanism = TOKEN_RSA_PKCS1, .bytes = 32, .reveal = true},
        {.class = FRAME_CALLER_DATA, .ckr = 0x40}};
    struct frame_head head = {.kind = kind, .deadline_ms = 5000, .epoch = 1};
    keep(folder, name, frame_encode(&head, items, count, &out), &out);
}

/* A key that two people must approve of, to be opened with. */
static void seed_demanding(const char *folder)
{
    CLEANUP(buf_clear) struct buf out = {0};
    struct frame_item item = {
        .key = {.cka_id = {[16] = 1, [17] = 2}, .cka_id_len = 18, .identity_len = 44},
        .input = span_text("a ciphertext and its tag"),
        .aad = span_text("aad"),
        .iv = span_text("0123456789ab")};
    struct frame_head head = {.kind = FRAME_RUN, .op = TOKEN_DECRYPT, .epoch = 1};
    keep(folder, "demanding", frame_encode(&head, &item, 1, &out), &out);
}

static void seed_hello(const char *folder)
{
    CLEANUP(buf_clear) struct buf out = {0};
    struct frame_hello hello = {.label = "label", .serial = "serial", .error = "reason"};
    keep(folder, "hello", frame_encode_hello(FRAME_PIN, &hello, 1, &out), &out);
}

static void seed_objects(const char *folder)
{
    CLEANUP(buf_clear) struct buf out = {0};
    struct token_object objects[2] = {{.cka_id = {1}, .cka_id_len = 1, .label = "one"},
                                      {.class = TOKEN_OBJECT_SECRET,
                                       .has_algorithm = true,
                                       .algorithm = ALGORITHM_AES_256_GCM,
                                       .attributes = 1u << TOKEN_ATTRIBUTE_VERIFIES,
                                       .label = "two"}};
    keep(folder, "objects", frame_encode_objects(objects, 2, 1, &out), &out);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: make_frame_seeds FOLDER\n");
        return 2;
    }
    seed_frames(argv[1], FRAME_RUN, "run", 3);
    seed_frames(argv[1], FRAME_OPEN, "open", 1);
    seed_frames(argv[1], FRAME_ROSTERS, "rosters", 1);
    seed_frames(argv[1], FRAME_GENERATE, "generate", 1);
    seed_frames(argv[1], FRAME_DESTROY, "destroy", 1);
    seed_frames(argv[1], FRAME_ADOPT, "adopt", 1);
    seed_frames(argv[1], FRAME_INVENTORY, "inventory", 0);
    seed_demanding(argv[1]);
    seed_hello(argv[1]);
    seed_objects(argv[1]);
    return EXIT_SUCCESS;
}
