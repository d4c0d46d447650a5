/* fake_worker: a worker without a module, which does what its script says, for tests of the front.
 *
 * Each line of the script (the --config file) is `START CALL ACTION`: in the process's START-th
 * life (0: in every life) its CALL-th request (0: the hello) goes wrong as ACTION says; the table
 * below has the actions. Everything else is answered properly, with bytes that tests can foresee.
 * Lives are counted in the file SCRIPT.starts. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/sync.h"
#include "pkcs11/frame.h"

#define STEPS_MAX 32
#define OBJECTS   300
#define LIFE_MAX  1000000

enum action {
    ACTION_NONE,
    ACTION_DIE,        /* SIGKILL itself */
    ACTION_HANG,       /* never answer */
    ACTION_WAIT,       /* answer after SIGUSR1 */
    ACTION_WAIT_LOST,  /* likewise, with FRAME_DEVICE_LOST */
    ACTION_WAIT_PIN,   /* likewise, with FRAME_PIN */
    ACTION_EXIT,       /* leave before the hello */
    ACTION_GARBAGE,    /* bytes that are no frame */
    ACTION_EXTRA,      /* a byte behind the frame */
    ACTION_OTHER,      /* the reply to another operation */
    ACTION_SHORT,      /* every output one byte too short */
    ACTION_NO_IV,      /* no extra output */
    ACTION_REVEAL,     /* a plaintext that nobody asked for */
    ACTION_MISSING,    /* one item too few */
    ACTION_PIN,        /* FRAME_PIN for the whole call, or in the hello */
    ACTION_LOST,       /* FRAME_DEVICE_LOST for the whole call, or in the hello */
    ACTION_ITEM_LOST,  /* FRAME_DEVICE_LOST for the last item */
    ACTION_ITEM_PIN,   /* FRAME_PIN for the last item */
    ACTION_ITEM_STALE, /* FRAME_STALE_EPOCH for the last item */
    ACTION_UNSUPPORTED,
    ACTION_CAPACITY,
    ACTION_MISTAKE,
    ACTION_EXISTS,
    ACTION_SWAPPED,
    ACTION_GONE,       /* FRAME_KEY_MISSING for the whole call */
    ACTION_UNFIT,      /* FRAME_UNFIT for the whole call: several have the label */
    ACTION_ITEM_UNFIT, /* likewise for the item */
    ACTION_UNFIT_MUTE, /* FRAME_UNFIT without an item that says why */
    ACTION_UNFIT_ODD,  /* FRAME_UNFIT for a reason that there is not */
    ACTION_UNAPPROVED, /* FRAME_UNAPPROVED for the whole call, with a reason */
    ACTION_ITEM_UNAPPROVED,
    ACTION_UNAPPROVED_MUTE, /* without a reason */
    ACTION_UNAPPROVED_ODD,  /* a reason that cannot be printed */
    ACTION_ITEM_UNAPPROVED_MUTE,
    ACTION_SPENT,
    ACTION_UNPINNED,
    ACTION_RENAMED,  /* another CKA_ID */
    ACTION_ODD_BITS, /* attributes that there are not */
    ACTION_FEW,      /* the hello names one session only */
    ACTION_COUNT
};

static const char *const action_names[ACTION_COUNT] = {
    [ACTION_NONE] = "none",
    [ACTION_DIE] = "die",
    [ACTION_HANG] = "hang",
    [ACTION_WAIT] = "wait",
    [ACTION_WAIT_LOST] = "wait-lost",
    [ACTION_WAIT_PIN] = "wait-pin",
    [ACTION_EXIT] = "exit",
    [ACTION_GARBAGE] = "garbage",
    [ACTION_EXTRA] = "extra",
    [ACTION_OTHER] = "other",
    [ACTION_SHORT] = "short",
    [ACTION_NO_IV] = "no-iv",
    [ACTION_REVEAL] = "reveal",
    [ACTION_MISSING] = "missing",
    [ACTION_PIN] = "pin",
    [ACTION_LOST] = "lost",
    [ACTION_ITEM_LOST] = "item-lost",
    [ACTION_ITEM_PIN] = "item-pin",
    [ACTION_ITEM_STALE] = "item-stale",
    [ACTION_UNSUPPORTED] = "unsupported",
    [ACTION_CAPACITY] = "capacity",
    [ACTION_MISTAKE] = "mistake",
    [ACTION_EXISTS] = "exists",
    [ACTION_SWAPPED] = "swapped",
    [ACTION_GONE] = "gone",
    [ACTION_UNFIT] = "unfit",
    [ACTION_ITEM_UNFIT] = "item-unfit",
    [ACTION_UNFIT_MUTE] = "unfit-mute",
    [ACTION_UNFIT_ODD] = "unfit-odd",
    [ACTION_UNAPPROVED] = "unapproved",
    [ACTION_ITEM_UNAPPROVED] = "item-unapproved",
    [ACTION_UNAPPROVED_MUTE] = "unapproved-mute",
    [ACTION_UNAPPROVED_ODD] = "unapproved-odd",
    [ACTION_ITEM_UNAPPROVED_MUTE] = "item-unapproved-mute",
    [ACTION_SPENT] = "spent",
    [ACTION_UNPINNED] = "unpinned",
    [ACTION_RENAMED] = "renamed",
    [ACTION_ODD_BITS] = "odd-bits",
    [ACTION_FEW] = "few",
};

/* Classes of the whole reply or of its last item. */
static const struct {
    enum action action;
    enum frame_class class;
    bool whole;
    uint32_t bytes;   /* of the item, which comes with a whole refusal then … */
    const char *text; /* … and its input, or NULL */
} refusals[] = {
    {ACTION_PIN, FRAME_PIN, true, 0, NULL},
    {ACTION_LOST, FRAME_DEVICE_LOST, true, 0, NULL},
    {ACTION_WAIT_LOST, FRAME_DEVICE_LOST, true, 0, NULL},
    {ACTION_WAIT_PIN, FRAME_PIN, true, 0, NULL},
    {ACTION_ITEM_LOST, FRAME_DEVICE_LOST, false, 0, NULL},
    {ACTION_ITEM_PIN, FRAME_PIN, false, 0, NULL},
    {ACTION_ITEM_STALE, FRAME_STALE_EPOCH, false, 0, NULL},
    {ACTION_UNSUPPORTED, FRAME_UNSUPPORTED, false, 0, NULL},
    {ACTION_CAPACITY, FRAME_CAPACITY, true, 0, NULL},
    {ACTION_MISTAKE, FRAME_OUR_MISTAKE, false, 0, NULL},
    {ACTION_EXISTS, FRAME_EXISTS, false, 0, NULL},
    {ACTION_SWAPPED, FRAME_KEY_SWAPPED, false, 0, NULL},
    {ACTION_GONE, FRAME_KEY_MISSING, true, 0, NULL},
    {ACTION_UNFIT, FRAME_UNFIT, true, FRAME_UNFIT_SEVERAL, NULL},
    {ACTION_ITEM_UNFIT, FRAME_UNFIT, false, FRAME_UNFIT_SEVERAL, NULL},
    {ACTION_UNFIT_MUTE, FRAME_UNFIT, true, 0, NULL},
    {ACTION_UNFIT_ODD, FRAME_UNFIT, true, FRAME_UNFIT_END, NULL},
    {ACTION_UNAPPROVED, FRAME_UNAPPROVED, true, 0, "two people are missing"},
    {ACTION_ITEM_UNAPPROVED, FRAME_UNAPPROVED, false, 0, "two people are missing"},
    {ACTION_UNAPPROVED_MUTE, FRAME_UNAPPROVED, true, 0, NULL},
    {ACTION_UNAPPROVED_ODD, FRAME_UNAPPROVED, true, 0, "two people\nare missing"},
    {ACTION_ITEM_UNAPPROVED_MUTE, FRAME_UNAPPROVED, false, 0, NULL},
    {ACTION_SPENT, FRAME_SPENT, true, 0, NULL},
    {ACTION_UNPINNED, FRAME_UNPINNED, true, 0, NULL},
};

struct step {
    unsigned life;
    unsigned call;
    enum action action;
};

/* Set before threads start. */
static struct step steps[STEPS_MAX];
static size_t step_count;
static unsigned life;
static atomic_uint calls;

static void must(struct err err)
{
    if (err.code != ERR_OK) {
        (void)fprintf(stderr, "fake_worker: %s: %s\n", err.where, err.detail);
        _exit(3);
    }
}

static enum action action_by_name(const char *name)
{
    for (int i = 0; i < ACTION_COUNT; i++) {
        if (strcmp(action_names[i], name) == 0) {
            return (enum action)i;
        }
    }
    (void)fprintf(stderr, "fake_worker: no action %s\n", name);
    _exit(3);
}

static void read_script(const char *path)
{
    char name[32];
    FILE *file = fopen(path, "re");
    assert(file != NULL);
    struct step step = {0};
    /* NOLINTBEGIN(cert-err34-c): the scripts are our own tests' */
    while (step_count < STEPS_MAX &&
           fscanf(file, "%u %u %31s", &step.life, &step.call, name) == 3) {
        /* NOLINTEND(cert-err34-c) */
        step.action = action_by_name(name);
        steps[step_count] = step;
        step_count++;
    }
    (void)fclose(file);
}

static unsigned count_life(const char *path)
{
    CLEANUP(mem_free_at) char *starts = mem_format("%s.starts", path);
    int fd = open(starts, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert(fd >= 0 && write(fd, "x", 1) == 1);
    struct stat info;
    assert(fstat(fd, &info) == 0 && info.st_size < LIFE_MAX);
    (void)close(fd);
    return (unsigned)info.st_size;
}

static enum action action_of(unsigned call)
{
    for (size_t i = 0; i < step_count; i++) {
        if ((steps[i].life == 0 || steps[i].life == life) && steps[i].call == call) {
            return steps[i].action;
        }
    }
    return ACTION_NONE;
}

static void hang(void)
{
    for (;;) {
        (void)pause();
    }
}

/* The signal is blocked in all threads, so one that comes early is not lost. */
static void wait_for_signal(void)
{
    sigset_t set;
    int got = 0;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    while (sigwait(&set, &got) != 0) {
    }
}

/* Memory of one reply, freed with it. */
struct scratch {
    struct buf parts[3 * TOKEN_ITEMS_MAX];
    size_t used;
};

static struct span filled(struct scratch *scratch, size_t len, uint8_t byte, struct span before)
{
    struct buf *buf = &scratch->parts[scratch->used];
    scratch->used++;
    uint8_t *place = NULL;
    must(buf_append(buf, before));
    must(buf_extend(buf, len, &place));
    if (len > 0) {
        memset(place, byte, len);
    }
    return buf_span(buf);
}

static void open_ciphertext(const struct frame_item *item, struct frame_item *out)
{
    struct span input = item->input;
    if (input.len < TOKEN_TAG_LEN || input.data[input.len - 1] != 'T') {
        out->class = FRAME_CALLER_DATA;
        out->ckr = 5;
        return;
    }
    out->input = span_of(input.data, input.len - TOKEN_TAG_LEN);
}

static void run_item(struct scratch *scratch, enum token_op op, const struct frame_item *item,
                     struct frame_item *out)
{
    struct span none = {0};
    switch (op) {
    case TOKEN_SIGN:
        out->input = filled(scratch, algorithm_info(item->key.algorithm)->signature_len,
                            item->input.len > 0 ? item->input.data[0] : 'S', none);
        break;
    case TOKEN_ENCRYPT:
        out->input = filled(scratch, TOKEN_TAG_LEN, 'T', item->input);
        out->aad = filled(scratch, TOKEN_IV_LEN, 'I', none);
        break;
    case TOKEN_DECRYPT:
        open_ciphertext(item, out);
        break;
    case TOKEN_DATA_KEY:
        out->input = filled(scratch, item->bytes + TOKEN_TAG_LEN, 'T', none);
        out->aad = filled(scratch, TOKEN_IV_LEN, 'I', none);
        out->iv = item->reveal ? filled(scratch, item->bytes, 'K', none) : none;
        break;
    case TOKEN_RANDOM:
        out->input = filled(scratch, item->bytes, 'R', none);
        break;
    case TOKEN_OP_COUNT:
        break;
    }
}

static void generate(struct scratch *scratch, const struct frame_item *item, struct frame_item *out)
{
    out->key = item->key;
    enum family family = algorithm_info(item->key.algorithm)->family;
    out->key.identity_len = family == FAMILY_AES ? 28 : 16;
    if (family != FAMILY_AES && family != FAMILY_HMAC) {
        out->input = filled(scratch, 4, 'P', item->input);
        digest_sha256_parts(&out->input, 1, out->key.identity);
        out->key.identity_len = SHA256_LEN;
    }
}

/* What is on the token bears the label as its CKA_ID. */
static void adopt(struct scratch *scratch, const struct frame_item *item, struct frame_item *out)
{
    generate(scratch, item, out);
    out->bytes = 1u << TOKEN_ATTRIBUTE_IMPORTED | 1u << TOKEN_ATTRIBUTE_SIGNS;
    if (item->key.cka_id_len == 0) {
        out->key.cka_id_len = item->input.len;
        memcpy(out->key.cka_id, item->input.data, item->input.len);
    }
}

static void destroy(const struct frame_item *item, struct frame_item *out)
{
    out->class = item->key.cka_id[0] == 0xEE ? FRAME_KEY_MISSING : FRAME_OK;
}

static void send_inventory(int fd)
{
    static struct token_object objects[OBJECTS];
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = (struct token_object){.class = TOKEN_OBJECT_SECRET,
                                           .has_algorithm = i % 2 == 1,
                                           .algorithm = ALGORITHM_AES_256_GCM,
                                           .attributes = 1u << TOKEN_ATTRIBUTE_ENCRYPTS,
                                           .cka_id_len = 2};
        objects[i].cka_id[0] = (uint8_t)(i >> 8);
        objects[i].cka_id[1] = (uint8_t)i;
        (void)snprintf(objects[i].label, sizeof(objects[i].label), "object %u", i);
    }
    CLEANUP(buf_clear) struct buf out = {0};
    must(frame_encode_objects(objects, OBJECTS, life, &out));
    must(frame_send(fd, buf_span(&out), 0));
}

static void spoil_outputs(struct scratch *scratch, enum action action, struct frame_item *items,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (action == ACTION_SHORT) {
            items[i].input.len -= items[i].input.len > 0 ? 1 : 0;
            items[i].key.identity_len -= items[i].key.identity_len > 0 ? 1 : 0;
        } else if (action == ACTION_NO_IV) {
            items[i].aad = (struct span){0};
        } else if (action == ACTION_REVEAL) {
            items[i].iv = filled(scratch, 32, 'K', (struct span){0});
        } else if (action == ACTION_RENAMED) {
            items[i].key.cka_id[0] ^= 1;
        } else if (action == ACTION_ODD_BITS) {
            items[i].bytes |= 1u << TOKEN_ATTRIBUTE_COUNT;
        }
    }
}

static struct span text_of(const char *text)
{
    return text != NULL ? span_text(text) : (struct span){0};
}

static void spoil_classes(enum action action, struct frame_head *head, struct frame_item *items)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (refusals[i].action != action) {
            continue;
        }
        if (refusals[i].whole) {
            head->class = refusals[i].class;
            head->count = refusals[i].bytes > 0 || refusals[i].text != NULL ? 1 : 0;
            items[0] = (struct frame_item){.class = refusals[i].class, .bytes = refusals[i].bytes};
            items[0].input = text_of(refusals[i].text);
        } else {
            struct frame_item *last = &items[head->count - 1];
            *last = (struct frame_item){.key = last->key,
                                        .class = refusals[i].class,
                                        .ckr = 0x30,
                                        .bytes = refusals[i].bytes};
            last->input = text_of(refusals[i].text);
        }
    }
}

static void send_reply(int fd, enum action action, struct frame_head *head,
                       const struct frame_item *items)
{
    CLEANUP(buf_clear) struct buf out = {0};
    buf_init(&out, FRAME_HEAD_LEN + FRAME_BODY_MAX);
    if (action == ACTION_GARBAGE) {
        must(buf_append_text(&out, "HTTP/1.1 200 OK\r\nServer: another\r\n\r\n"));
    } else {
        head->op = action == ACTION_OTHER ? (head->op + 1) % TOKEN_OP_COUNT : head->op;
        size_t count = head->count - (action == ACTION_MISSING ? 1 : 0);
        must(frame_encode(head, items, count, &out));
    }
    if (action == ACTION_EXTRA) {
        must(buf_append_u8(&out, 0));
    }
    must(frame_send(fd, buf_span(&out), 0));
}

static void answer(int fd, const struct frame_head *request, struct span body)
{
    CLEANUP(mem_free_at) struct frame_item *items = mem_array(TOKEN_ITEMS_MAX, sizeof(*items));
    CLEANUP(mem_free_at) struct frame_item *replies = mem_array(TOKEN_ITEMS_MAX, sizeof(*items));
    CLEANUP(mem_free_at) struct scratch *scratch = mem_alloc(sizeof(*scratch));
    must(frame_decode_items(request, body, items));
    struct frame_head head = {
        .kind = request->kind, .op = request->op, .count = request->count, .epoch = life};
    enum action action = action_of(atomic_fetch_add(&calls, 1) + 1);
    if (action == ACTION_DIE) {
        (void)raise(SIGKILL);
    } else if (action == ACTION_HANG) {
        hang();
    } else if (action == ACTION_WAIT || action == ACTION_WAIT_LOST || action == ACTION_WAIT_PIN) {
        wait_for_signal();
    }
    for (uint32_t i = 0; i < request->count; i++) {
        if (request->kind == FRAME_RUN) {
            run_item(scratch, request->op, &items[i], &replies[i]);
        } else if (request->kind == FRAME_GENERATE) {
            generate(scratch, &items[i], &replies[i]);
        } else if (request->kind == FRAME_ADOPT) {
            adopt(scratch, &items[i], &replies[i]);
        } else if (request->kind == FRAME_OPEN) {
            /* what it got, in the shape of a JWE */
            replies[i].input = filled(scratch, 1, 'J', (struct span){0});
            replies[i].input = filled(scratch, 2, '.', replies[i].input);
            replies[i].input = filled(scratch, 1, 'I', replies[i].input);
            replies[i].input = filled(scratch, 1, '.', replies[i].input);
            replies[i].input = filled(scratch, items[i].iv.len, 'C', replies[i].input);
            replies[i].input = filled(scratch, 1, '.', replies[i].input);
            replies[i].input = filled(scratch, 1, 'T', replies[i].input);
        } else if (request->kind == FRAME_DESTROY) {
            destroy(&items[i], &replies[i]);
        }
    }
    if (request->kind == FRAME_INVENTORY && action == ACTION_NONE) {
        send_inventory(fd);
    } else {
        spoil_outputs(scratch, action, replies, head.count);
        spoil_classes(action, &head, replies);
        send_reply(fd, action, &head, replies);
    }
    for (size_t i = 0; i < scratch->used; i++) {
        buf_clear(&scratch->parts[i]);
    }
}

static void *serve_channel(void *arg)
{
    int fd = *(const int *)arg;
    CLEANUP(buf_clear) struct buf body = {0};
    struct frame_head head = {0};
    while (frame_receive(fd, 0, &head, &body).code == ERR_OK) {
        answer(fd, &head, buf_span(&body));
    }
    return NULL;
}

/* What spawn_start promises about the process; a reason when it does not hold. */
static const char *find_leak(void)
{
    sigset_t blocked;
    (void)sigprocmask(SIG_SETMASK, NULL, &blocked);
    struct stat input;
    struct stat null;
    (void)fstat(STDIN_FILENO, &input);
    (void)stat("/dev/null", &null);
    if (sigismember(&blocked, SIGTERM) != 0) {
        return "signals are blocked";
    }
    if (input.st_rdev != null.st_rdev) {
        return "standard input is not /dev/null";
    }
    if (getenv("HSMGATE_TOKEN") != NULL || getenv("NOTIFY_SOCKET") != NULL) {
        return "the environment holds what is the front's";
    }
    return getenv("SOFTHSM2_CONF") == NULL ? "the environment lacks what modules need" : NULL;
}

static void say_hello(unsigned channels)
{
    enum action action = action_of(0);
    const char *leak = find_leak();
    struct frame_hello hello = {
        .probe = {.algorithms = 1u << ALGORITHM_ECDSA_P256 | 1u << ALGORITHM_RSA_2048,
                  .mechanisms = 1u << TOKEN_ECDSA,
                  .sessions = action == ACTION_FEW ? 1 : channels},
        .label = "fake",
        .serial = "0001",
        .manufacturer = "hsmgate",
        .model = "test"};
    enum frame_class class = FRAME_OK;
    if (action == ACTION_EXIT) {
        _exit(1);
    } else if (action == ACTION_HANG) {
        hang();
    } else if (action == ACTION_GARBAGE) {
        must(fd_write_all(FRAME_CONTROL_FD, span_text("this is not a frame, whatever it may be")));
        return;
    } else if (action == ACTION_PIN || action == ACTION_LOST || leak != NULL) {
        class = action == ACTION_PIN ? FRAME_PIN : FRAME_DEVICE_LOST;
        (void)snprintf(hello.error, sizeof(hello.error), "%s",
                       leak != NULL ? leak : "as the script says");
    }
    CLEANUP(buf_clear) struct buf out = {0};
    must(frame_encode_hello(class, &hello, life, &out));
    must(frame_send(FRAME_CONTROL_FD, buf_span(&out), 0));
}

int main(int argc, char **argv)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc != 5 || strcmp(argv[1], "--config") != 0 || strcmp(argv[3], "--channels") != 0) {
        return 2;
    }
    sigset_t usr1;
    (void)sigemptyset(&usr1);
    (void)sigaddset(&usr1, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, &usr1, NULL);
    read_script(argv[2]);
    life = count_life(argv[2]);
    unsigned channels = (unsigned)strtoul(argv[4], NULL, 10);
    int *fds = mem_array(channels, sizeof(int));
    for (unsigned i = 0; i < channels; i++) {
        fds[i] = FRAME_CHANNEL_FD + (int)i;
        (void)pthread_detach(sync_thread("channel", serve_channel, &fds[i]));
    }
    say_hello(channels);
    uint8_t byte = 0;
    while (read(FRAME_CONTROL_FD, &byte, 1) < 0 && errno == EINTR) {
    }
    _exit(0);
}
