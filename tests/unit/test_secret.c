/* Secrets: reading from descriptors and files, comparing, the pages they live in, hardening. */
#include "base_test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"

/* A file in memory with this content. */
static int memory_file(struct span bytes)
{
    int fd = memfd_create("secret", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_ok(fd_write_all(fd, bytes));
    return fd;
}

static void set_replaces_and_clear_forgets(void **state)
{
    (void)state;
    struct secret secret = {0};
    secret_clear(&secret);
    secret_set(&secret, span_text("1234"));
    assert_span_is(secret_span(&secret), "1234");
    secret_set(&secret, secret_span(&secret)); /* from itself */
    assert_span_is(secret_span(&secret), "1234");
    secret_set(&secret, (struct span){0});
    assert_int_equal(secret_span(&secret).len, 0);
    secret_clear(&secret);
    assert_null(secret.data);
    secret_clear(&secret);
}

static void one_newline_is_taken_off(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {{"1234\n", "1234"}, {"1234", "1234"}, {"1234\n\n", "1234\n"},
                 {"\n", ""},         {"", ""},         {" 12 34 ", " 12 34 "}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(fd_close) int fd = memory_file(span_text(cases[i].in));
        CLEANUP(secret_clear) struct secret secret = {0};
        assert_ok(secret_read_fd(&secret, fd, 64));
        assert_span_is(secret_span(&secret), cases[i].out);
        assert_ok(secret_read_fd(&secret, fd, 64)); /* again, from the start */
        assert_span_is(secret_span(&secret), cases[i].out);
    }
}

static void the_maximum_holds_to_the_byte(void **state)
{
    (void)state;
    CLEANUP(fd_close) int fd = memory_file(span_text("12345\n"));
    CLEANUP(secret_clear) struct secret secret = {0};
    assert_ok(secret_read_fd(&secret, fd, 5));
    assert_code(secret_read_fd(&secret, fd, 4), ERR_TOO_LARGE);
    assert_span_is(secret_span(&secret), "12345");
    CLEANUP(fd_close) int longer = memory_file(span_text("123456789"));
    assert_code(secret_read_fd(&secret, longer, 5), ERR_TOO_LARGE);
}

static void a_pipe_is_read_to_its_end(void **state)
{
    (void)state;
    int ends[2];
    CLEANUP(secret_clear) struct secret secret = {0};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_ok(fd_write_all(ends[1], span_text("12")));
    assert_ok(fd_write_all(ends[1], span_text("34\n")));
    fd_close(&ends[1]);
    assert_ok(secret_read_fd(&secret, ends[0], 64));
    assert_span_is(secret_span(&secret), "1234");
    fd_close(&ends[0]);
    assert_code(secret_read_fd(&secret, -1, 64), ERR_IO);
    assert_span_is(secret_span(&secret), "1234");
}

static void a_file_must_be_private(void **state)
{
    (void)state;
    char path[] = "/tmp/hsmgate-test-secret-XXXXXX";
    CLEANUP(fd_close) int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0);
    assert_ok(fd_write_all(fd, span_text("1234\n")));
    CLEANUP(secret_clear) struct secret secret = {0};
    static const struct {
        mode_t mode;
        enum err_code code;
    } cases[] = {{0600, ERR_OK},     {0400, ERR_OK},     {0640, ERR_CONFIG}, {0604, ERR_CONFIG},
                 {0660, ERR_CONFIG}, {0620, ERR_CONFIG}, {0644, ERR_CONFIG}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(fchmod(fd, cases[i].mode), 0);
        assert_code(secret_read_file(&secret, path, 64), cases[i].code);
    }
    assert_span_is(secret_span(&secret), "1234");
    assert_int_equal(unlink(path), 0);
    assert_code(secret_read_file(&secret, path, 64), ERR_NOT_FOUND);
    assert_code(secret_read_file(&secret, "/tmp", 64), ERR_CONFIG);
    assert_code(secret_read_file(&secret, "/dev/null/x", 64), ERR_IO);
}

/* An access list: owner rw, one user r, owning group `group`, mask r, others none. */
static bool set_list(int fd, uint8_t group, uint32_t user)
{
    const uint8_t id[4] = {(uint8_t)user, (uint8_t)(user >> 8), (uint8_t)(user >> 16),
                           (uint8_t)(user >> 24)};
    const uint8_t list[] = {
        2,    0, 0,     0,                             /* version */
        0x01, 0, 6,     0, 0xFF,  0xFF,  0xFF,  0xFF,  /* owner */
        0x02, 0, 4,     0, id[0], id[1], id[2], id[3], /* a user */
        0x04, 0, group, 0, 0xFF,  0xFF,  0xFF,  0xFF,  /* owning group */
        0x10, 0, 4,     0, 0xFF,  0xFF,  0xFF,  0xFF,  /* mask */
        0x20, 0, 0,     0, 0xFF,  0xFF,  0xFF,  0xFF,  /* others */
    };
    return fsetxattr(fd, "system.posix_acl_access", list, sizeof(list), 0) == 0;
}

static void an_access_list_for_us_alone_is_private(void **state)
{
    (void)state;
    char path[] = "/var/tmp/hsmgate-test-secret-XXXXXX";
    CLEANUP(fd_close) int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0);
    assert_ok(fd_write_all(fd, span_text("1234")));
    CLEANUP(secret_clear) struct secret secret = {0};
    if (!set_list(fd, 0, geteuid())) {
        assert_int_equal(unlink(path), 0);
        skip(); /* the file system has no access lists */
    }
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_ok(secret_read_file(&secret, path, 64));
    assert_true(set_list(fd, 4, geteuid()));
    assert_code(secret_read_file(&secret, path, 64), ERR_CONFIG);
    assert_true(set_list(fd, 0, geteuid() + 1));
    assert_code(secret_read_file(&secret, path, 64), ERR_CONFIG);
    assert_int_equal(unlink(path), 0);
}

static void equality_is_of_length_and_content(void **state)
{
    (void)state;
    struct span none = {0};
    assert_true(secret_equal(none, none));
    assert_true(secret_equal(span_text("abc"), span_text("abc")));
    assert_false(secret_equal(span_text("abc"), span_text("abd")));
    assert_false(secret_equal(span_text("abc"), span_text("ab")));
    assert_false(secret_equal(span_text("abc"), none));
}

/* Whether /proc/self/smaps shows the flag for the page of `address`. */
static bool page_has_flag(const void *address, const char *flag)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    assert_non_null(maps);
    char line[512];
    bool inside = false;
    bool found = false;
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long long from = 0;
        unsigned long long to = 0;
        if (sscanf(line, "%llx-%llx ", &from, &to) == 2) {
            inside = (uintptr_t)address >= from && (uintptr_t)address < to;
        } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            found = strstr(line, flag) != NULL;
        }
    }
    assert_int_equal(fclose(maps), 0);
    return found;
}

static void pages_are_locked_and_not_dumped(void **state)
{
    (void)state;
    CLEANUP(secret_clear) struct secret secret = {0};
    secret_set(&secret, span_text("1234"));
    assert_true(page_has_flag(secret.data, " dd"));
    assert_true(UNDER_SANITIZER || page_has_flag(secret.data, " lo"));
}

static void hardening_forbids_core_files(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        secret_harden_process();
        struct rlimit limit = {1, 1};
        bool ok = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && getrlimit(RLIMIT_CORE, &limit) == 0 &&
                  limit.rlim_max == 0;
        void *later =
            mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        _exit(ok && later != MAP_FAILED ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_replaces_and_clear_forgets),
        cmocka_unit_test(one_newline_is_taken_off),
        cmocka_unit_test(the_maximum_holds_to_the_byte),
        cmocka_unit_test(a_pipe_is_read_to_its_end),
        cmocka_unit_test(a_file_must_be_private),
        cmocka_unit_test(an_access_list_for_us_alone_is_private),
        cmocka_unit_test(equality_is_of_length_and_content),
        cmocka_unit_test(pages_are_locked_and_not_dumped),
        cmocka_unit_test(hardening_forbids_core_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
