/* Copies of checkpoints: to files, a command and a webhook that the test plays. */
#include <ftw.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/checkpoint.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/sync.h"
#include "base_test.h"
#include "gateway/copies.h"
#include "gateway/copy_command.h"
#include "gateway/copy_place.h"
#include "gateway/fetch.h"

#define WITHIN_MS 30000

static char folder[64];

/* --- the webhook, instead of gateway/fetch.c --- */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int status;      /* that it answers */
    bool held;       /* calls wait */
    size_t waiting;  /* calls that do */
    size_t calls;    /* that were answered */
    struct buf last; /* body */
} hook;

struct err fetch_post(const char *url, const char *ca, const struct fetch_message *message,
                      int64_t deadline_ns, int *out_status)
{
    (void)deadline_ns;
    assert_string_equal(url, "https://hook.example/secret");
    assert_string_equal(ca, "/etc/ca.pem");
    assert_string_equal(message->content_type, "text/plain; charset=utf-8");
    sync_lock(&hook.mutex);
    hook.waiting++;
    sync_wake_all(&hook.changed);
    while (hook.held) {
        (void)sync_wait(&hook.changed, &hook.mutex, clock_deadline(WITHIN_MS));
    }
    hook.waiting--;
    hook.calls++;
    buf_reset(&hook.last);
    assert_ok(buf_append(&hook.last, message->body));
    int status = hook.status;
    sync_unlock(&hook.mutex);
    ENSURE(status != 0, ERR_IO, "nobody is there");
    *out_status = status;
    return err_ok();
}

static void hook_set(int status, bool held)
{
    sync_lock(&hook.mutex);
    hook.status = status;
    hook.held = held;
    sync_wake_all(&hook.changed);
    sync_unlock(&hook.mutex);
}

static void hook_wait_call(void)
{
    sync_lock(&hook.mutex);
    while (hook.waiting == 0) {
        assert_true(sync_wait(&hook.changed, &hook.mutex, clock_deadline(WITHIN_MS)));
    }
    sync_unlock(&hook.mutex);
}

/* --- helpers --- */

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/hsmgate-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    memset(&hook, 0, sizeof(hook));
    sync_init(&hook.mutex, &hook.changed);
    hook.status = 204;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    buf_clear(&hook.last);
    sync_destroy(&hook.mutex, &hook.changed);
    return 0;
}

static char *in_folder(const char *name)
{
    return mem_format("%s/%s", folder, name);
}

/* A note of its shape; nobody here judges the signature. */
static void make_note(const char *origin, uint64_t size, uint8_t root, struct buf *out)
{
    struct tree_head head = {.size = size};
    const uint8_t signature[68] = {1};
    memset(&head.root, root, sizeof(head.root));
    buf_reset(out);
    assert_ok(checkpoint_body(origin, &head, out));
    assert_ok(buf_printf(out, "\n\xe2\x80\x94 %s ", origin));
    assert_ok(base64_encode(span_of(signature, sizeof(signature)), out));
    assert_ok(buf_append_u8(out, '\n'));
}

static void put(struct copies *copies, uint64_t size)
{
    CLEANUP(buf_clear) struct buf note = {0};
    make_note("tests", size, (uint8_t)size, &note);
    copies_put(copies, buf_span(&note));
}

static void assert_file_has(const char *path, uint64_t size)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(buf_clear) struct buf note = {0};
    make_note("tests", size, (uint8_t)size, &note);
    assert_ok(file_read(path, &bytes));
    assert_true(span_equal(buf_span(&bytes), buf_span(&note)));
}

static struct copies_pace quick(int64_t attempt_ms)
{
    return (struct copies_pace){.attempt_ms = attempt_ms, .retry_ms = 5, .retry_max_ms = 20};
}

/* Looks until the status satisfies. */
static struct copies_status wait_status(struct copies *copies,
                                        bool (*good)(const struct copies_status *))
{
    pthread_mutex_t mutex;
    pthread_cond_t never;
    struct copies_status status;
    int64_t deadline = clock_deadline(WITHIN_MS);
    sync_init(&mutex, &never);
    copies_status(copies, &status);
    while (!good(&status)) {
        assert_true(clock_left_ms(deadline) > 0);
        sync_lock(&mutex);
        (void)sync_wait(&never, &mutex, clock_deadline(2));
        sync_unlock(&mutex);
        copies_status(copies, &status);
    }
    sync_destroy(&mutex, &never);
    return status;
}

static bool none_waits(const struct copies_status *status)
{
    return status->waiting == 0;
}

static bool one_waits(const struct copies_status *status)
{
    return status->waiting == 1;
}

static bool has_failed_thrice(const struct copies_status *status)
{
    return status->failures >= 3;
}

/* --- places --- */

static void each_place_gets_the_newest(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *first = in_folder("first");
    CLEANUP(mem_free_at) char *second = in_folder("second");
    CLEANUP(mem_free_at) char *third = in_folder("third");
    const char *const files[] = {first, second};
    const char *const command[] = {"/bin/sh", "-c", "cat > \"$0.new\" && mv \"$0.new\" \"$0\"",
                                   third};
    const struct config_audit config = {.copy_files = files,
                                        .copy_file_count = 2,
                                        .copy_command = command,
                                        .copy_command_count = 4,
                                        .copy_webhook = "https://hook.example/secret",
                                        .copy_webhook_ca = "/etc/ca.pem"};
    struct copies *copies = copies_open(&config, quick(WITHIN_MS));
    struct copies_status status;
    copies_status(copies, &status);
    assert_int_equal(status.waiting, 0); /* nothing to bring yet */
    for (uint64_t size = 7; size < 10; size++) {
        put(copies, size);
        status = wait_status(copies, none_waits);
        assert_file_has(first, size);
        assert_file_has(second, size);
        assert_file_has(third, size);
        assert_int_equal(status.delivered, (size - 6) * 4);
    }
    assert_int_equal(status.failures, 0);
    assert_int_equal(hook.calls, 3);
    struct stat info;
    assert_int_equal(stat(first, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
    copies_close(copies, WITHIN_MS);
    copies_close(NULL, 0);
}

static void a_failing_place_is_tried_until_it_has_it(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *missing = in_folder("missing");
    CLEANUP(mem_free_at) char *path = in_folder("missing/copy");
    const char *const files[] = {path};
    const struct config_audit config = {.copy_files = files, .copy_file_count = 1};
    struct copies *copies = copies_open(&config, quick(WITHIN_MS));
    put(copies, 5);
    struct copies_status status = wait_status(copies, has_failed_thrice);
    assert_int_equal(status.waiting, 1);
    assert_int_equal(status.delivered, 0);
    assert_int_equal(mkdir(missing, 0700), 0);
    status = wait_status(copies, none_waits);
    assert_int_equal(status.delivered, 1);
    assert_file_has(path, 5);
    copies_close(copies, 0);
}

static void a_webhook_must_say_yes(void **state)
{
    (void)state;
    const struct config_audit config = {.copy_webhook = "https://hook.example/secret",
                                        .copy_webhook_ca = "/etc/ca.pem"};
    hook_set(500, false);
    struct copies *copies = copies_open(&config, quick(WITHIN_MS));
    put(copies, 5);
    struct copies_status status = wait_status(copies, has_failed_thrice);
    assert_int_equal(status.waiting, 1);
    hook_set(0, false);
    uint64_t before = status.failures;
    while (status.failures < before + 3) {
        status = wait_status(copies, one_waits);
    }
    hook_set(200, false);
    (void)wait_status(copies, none_waits);
    copies_close(copies, 0);
}

static void a_slow_place_leaves_out_what_was_replaced(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *path = in_folder("copy");
    CLEANUP(buf_clear) struct buf newest = {0};
    const char *const files[] = {path};
    const struct config_audit config = {.copy_files = files,
                                        .copy_file_count = 1,
                                        .copy_webhook = "https://hook.example/secret",
                                        .copy_webhook_ca = "/etc/ca.pem"};
    hook_set(200, true);
    struct copies *copies = copies_open(&config, quick(WITHIN_MS));
    put(copies, 1);
    hook_wait_call();
    for (uint64_t size = 2; size < 5; size++) {
        put(copies, size);
        (void)wait_status(copies, one_waits); /* the file has it, whatever the webhook does */
        assert_file_has(path, size);
    }
    hook_set(200, false);
    (void)wait_status(copies, none_waits);
    assert_int_equal(hook.calls, 2);
    make_note("tests", 4, 4, &newest);
    assert_true(span_equal(buf_span(&hook.last), buf_span(&newest)));
    copies_close(copies, WITHIN_MS);
}

static void closing_ends_a_command_that_hangs(void **state)
{
    (void)state;
    const char *const command[] = {"/bin/sleep", "1000"};
    const struct config_audit config = {.copy_command = command, .copy_command_count = 2};
    struct copies *copies = copies_open(&config, quick(WITHIN_MS * 100));
    put(copies, 5);
    (void)wait_status(copies, one_waits);
    copies_close(copies, 10);
}

static void a_note_too_long_is_not_taken(void **state)
{
    (void)state;
    static uint8_t large[CHECKPOINT_MAX + 1];
    const struct config_audit config = {0};
    struct copies *copies = copies_open(&config, copies_pace_default());
    copies_put(copies, span_of(large, sizeof(large)));
    copies_close(copies, 0);
}

/* --- a file is evidence --- */

static struct err deliver_over(const char *old, size_t old_len)
{
    CLEANUP(mem_free_at) char *path = in_folder("copy");
    CLEANUP(buf_clear) struct buf note = {0};
    CLEANUP(buf_clear) struct buf now = {0};
    const struct copy_place place = {.kind = COPY_FILE, .target = path};
    assert_ok(file_write(path, span_of(old, old_len), 0600));
    make_note("tests", 50, 50, &note);
    struct err err = copy_place_deliver(&place, buf_span(&note), clock_deadline(WITHIN_MS), -1);
    assert_ok(file_read(path, &now));
    struct span expected = err.code == ERR_OK ? buf_span(&note) : span_of(old, old_len);
    assert_true(span_equal(buf_span(&now), expected));
    return err;
}

static struct err deliver_over_note(const char *origin, uint64_t size, uint8_t root)
{
    CLEANUP(buf_clear) struct buf old = {0};
    make_note(origin, size, root, &old);
    return deliver_over((const char *)old.data, old.len);
}

static void a_file_is_replaced_by_later_checkpoints_only(void **state)
{
    (void)state;
    static char long_text[CHECKPOINT_MAX + 1];
    assert_ok(deliver_over("", 0));
    assert_ok(deliver_over_note("tests", 49, 1));
    assert_ok(deliver_over_note("tests", 50, 50));
    assert_code(deliver_over_note("tests", 50, 51), ERR_CONFLICT);
    assert_code(deliver_over_note("tests", 51, 50), ERR_CONFLICT);
    assert_code(deliver_over_note("other", 1, 50), ERR_CONFLICT);
    assert_code(deliver_over("precious\n", 9), ERR_CONFLICT);
    assert_code(deliver_over(long_text, sizeof(long_text)), ERR_CONFLICT);
}

static void a_file_that_cannot_be_read_is_left_alone(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf note = {0};
    const struct copy_place place = {.kind = COPY_FILE, .target = folder};
    make_note("tests", 50, 50, &note);
    assert_code(copy_place_deliver(&place, buf_span(&note), clock_deadline(WITHIN_MS), -1), ERR_IO);
    CLEANUP(mem_free_at) char *path = in_folder("copy");
    const struct copy_place fine = {.kind = COPY_FILE, .target = path};
    assert_code(copy_place_deliver(&fine, span_text("x"), clock_deadline(WITHIN_MS), -1), ERR_OK);
    assert_code(copy_place_deliver(&fine, span_text("x"), clock_deadline(WITHIN_MS), -1),
                ERR_CORRUPT); /* our own note has no shape */
}

static void names_show_no_url(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf name = {0};
    copy_place_name(&(struct copy_place){.kind = COPY_WEBHOOK, .target = "https://x/secret"},
                    &name);
    assert_span_is(buf_span(&name), "webhook");
    buf_reset(&name);
    copy_place_name(&(struct copy_place){.kind = COPY_COMMAND, .target = "/bin/true"}, &name);
    assert_span_is(buf_span(&name), "command /bin/true");
}

/* --- commands --- */

static struct err run_script(const char *script, const char *path, int64_t within_ms, int stop)
{
    const char *const argv[] = {"/bin/sh", "-c", script, path};
    return copy_command_run(argv, 4, span_text("the note\n"), clock_deadline(within_ms), stop);
}

static void assert_file_is(const char *path, const char *expected)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    assert_ok(file_read(path, &bytes));
    assert_span_is(buf_span(&bytes), expected);
}

static void a_command_gets_the_note_and_nothing_else(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *path = in_folder("out");
    CLEANUP(fd_close) int inherited = dup(STDIN_FILENO); /* without close-on-exec */
    assert_int_equal(setenv("HSMGATE_TOKEN", "hg_secret", 1), 0);
    assert_ok(run_script("cat > \"$0\"", path, WITHIN_MS, -1));
    assert_file_is(path, "the note\n");
    assert_ok(run_script("for v in $(env | cut -d= -f1 | sort); do case $v in PWD|SHLVL|_|OLDPWD) "
                         ";; *) echo $v;; esac; done > \"$0\"",
                         path, WITHIN_MS, -1));
    assert_file_is(path, "LANG\nPATH\n");
    assert_ok(run_script("exec 4>\"$0\"; for n in 0 1 2 3 4 5 6 7 8 9 10 11 12; do "
                         "[ -e /proc/$$/fd/$n ] && echo $n >&4; done; true",
                         path, WITHIN_MS, -1));
    assert_file_is(path, "0\n1\n2\n4\n");
    assert_int_equal(unsetenv("HSMGATE_TOKEN"), 0);
}

static void a_command_can_fail(void **state)
{
    (void)state;
    const char *const missing[] = {"/nowhere/program"};
    static uint8_t large[COPY_COMMAND_INPUT_MAX + 1];
    assert_code(run_script("exit 3", "x", WITHIN_MS, -1), ERR_IO);
    assert_code(run_script("kill -9 $$", "x", WITHIN_MS, -1), ERR_IO);
    assert_code(copy_command_run(missing, 1, span_text("x"), clock_deadline(WITHIN_MS), -1),
                ERR_IO);
    assert_code(
        copy_command_run(missing, 1, span_of(large, sizeof(large)), clock_deadline(WITHIN_MS), -1),
        ERR_TOO_LARGE);
    assert_ok(run_script("true", "x", WITHIN_MS, -1)); /* one that does not read */
}

static void a_command_is_killed_with_what_it_started(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *path = in_folder("pid");
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(fd_close) int stop = eventfd(0, EFD_CLOEXEC);
    assert_code(run_script("sleep 1000 & echo $! > \"$0\"; wait", path, 2000, stop), ERR_DEADLINE);
    assert_ok(file_read(path, &text));
    assert_ok(buf_append_u8(&text, 0));
    pid_t left = (pid_t)strtol((const char *)text.data, NULL, 10);
    assert_true(left > 1);
    int64_t deadline = clock_deadline(WITHIN_MS);
    CLEANUP(mem_free_at) char *entry = mem_format("/proc/%d/exe", (int)left);
    char target[64];
    while (readlink(entry, target, sizeof(target)) > 0) { /* a zombie of init has none */
        assert_true(clock_left_ms(deadline) > 0);
    }
    const uint64_t one = 1;
    assert_int_equal(write(stop, &one, sizeof(one)), sizeof(one));
    assert_code(run_script("sleep 1000", path, WITHIN_MS * 100, stop), ERR_DEADLINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_place_gets_the_newest, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failing_place_is_tried_until_it_has_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_webhook_must_say_yes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slow_place_leaves_out_what_was_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_ends_a_command_that_hangs, setup, teardown),
        cmocka_unit_test_setup_teardown(a_note_too_long_is_not_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_replaced_by_later_checkpoints_only, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(names_show_no_url, setup, teardown),
        cmocka_unit_test_setup_teardown(a_command_gets_the_note_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(a_command_can_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(a_command_is_killed_with_what_it_started, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
