/* The worker's file and where it says the PIN is; every complaint names line, option and reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "pkcs11/pin.h"

#define GOOD \
    "module: /lib/m.so\ntoken:\n  label: a token\npin:\n  file: /etc/pin\nlatch_dir: /var/state\n"

#define ROOT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char folder[64];
static char *path;

static int make(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/hsmgate-test-XXXXXX", 25);
    assert_non_null(mkdtemp(folder));
    path = mem_format("%s/file", folder);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    (void)unlink(path);
    mem_free(path);
    return rmdir(folder);
}

static void write_text(const char *text)
{
    struct err err = file_write(path, span_text(text), 0600);
    assert_int_equal(err.code, ERR_OK);
}

static void test_good(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf message = {0};
    CLEANUP(worker_config_free_at) struct worker_config *config = NULL;
    write_text(GOOD "init_args: \"configdir='sql:/x'\"\napproval_floor: 2\n"
                    "roster_root: " ROOT "\n");
    struct err err = worker_config_load(path, &config, &message);
    assert_int_equal(err.code, ERR_OK);
    assert_string_equal(config->module, "/lib/m.so");
    assert_string_equal(config->init_args, "configdir='sql:/x'");
    assert_string_equal(config->token.label, "a token");
    assert_null(config->token.serial);
    assert_string_equal(config->pin.file, "/etc/pin");
    assert_int_equal(config->approval_floor, 2);
    assert_string_equal(config->roster_root, ROOT);
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"token:\n  label: a\npin:\n  file: /p\nlatch_dir: /v\n", "module: missing"},
        {"module: m.so\ntoken:\n  label: a\npin:\n  file: /p\nlatch_dir: /v\n",
         ":1: module: must be an absolute path"},
        {"module: /m\ntoken:\n  label: a\n  serial: b\npin:\n  file: /p\nlatch_dir: /v\n",
         ":2: token: wants exactly one of label and serial"},
        {"module: /m\ntoken:\n  label: a\npin:\n  file: /p\n  descriptor: 9\nlatch_dir: /v\n",
         ":4: pin: wants exactly one of file, credential and descriptor"},
        {"module: /m\ntoken:\n  label: a\npin:\n  file: p\nlatch_dir: /v\n",
         ":5: pin.file: must be an absolute path"},
        {"module: /m\ntoken:\n  label: a\npin:\n  credential: a/b\nlatch_dir: /v\n",
         ":5: pin.credential: must be a name"},
        {"module: /m\ntoken:\n  label: a\npin:\n  descriptor: 4096\nlatch_dir: /v\n",
         ":5: pin.descriptor: must be at most"},
        {"module: /m\ntoken:\n  label: a\npin:\n  file: /p\nlatch_dir: v\n",
         ":6: latch_dir: must be an absolute path"},
        {GOOD "approval_floor: 1\n", ":7: approval_floor: must be 0, or 2 to 255"},
        {GOOD "approval_floor: 256\n", ":7: approval_floor: must be 0, or 2 to 255"},
        {GOOD "roster_root: \"\"\n", ":7: roster_root: must be 64 lower-case hex digits"},
        {GOOD "roster_root: " ROOT "0\n", ":7: roster_root: must be 64 lower-case hex digits"},
        {GOOD "roster_root: A123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
         ":7: roster_root: must be 64 lower-case hex digits"},
        {GOOD "so_pin: 1\n", ":7: so_pin: unknown option"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf message = {0};
        struct worker_config *config = NULL;
        write_text(cases[i].text);
        struct err err = worker_config_load(path, &config, &message);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_null(config);
        if (memmem(message.data, message.len, cases[i].says, strlen(cases[i].says)) == NULL) {
            fail_msg("'%.*s' does not say '%s'", (int)message.len, (const char *)message.data,
                     cases[i].says);
        }
    }
}

static enum err_code read_pin(const struct worker_pin *source, const char *expected)
{
    struct pin pin = {.source = source};
    enum err_code code = ERR_OK;
    /* Twice: a login after a reset reads it again. */
    for (int i = 0; i < 2 && code == ERR_OK; i++) {
        CLEANUP(secret_clear) struct secret secret = {0};
        struct err err = pin_read(&pin, &secret);
        code = err.code;
        assert_true(code != ERR_OK || span_is(secret_span(&secret), expected));
    }
    pin_clear(&pin);
    return code;
}

static void test_pin_file(void **state)
{
    (void)state;
    const struct worker_pin source = {.file = path};
    assert_int_equal(read_pin(&source, ""), ERR_CONFIG);
    write_text("123 4\n");
    assert_int_equal(read_pin(&source, "123 4"), ERR_OK);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(read_pin(&source, "123 4"), ERR_CONFIG);
    write_text("\n");
    assert_int_equal(read_pin(&source, ""), ERR_CONFIG);
}

static void test_pin_credential(void **state)
{
    (void)state;
    static char name[] = "file";
    const struct worker_pin source = {.credential = name};
    write_text("777");
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(read_pin(&source, "777"), ERR_CONFIG);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    assert_int_equal(read_pin(&source, "777"), ERR_OK);
}

static void test_pin_descriptor(void **state)
{
    (void)state;
    int ends[2];
    uint32_t number = 0;
    const struct worker_pin source = {.descriptor = &number};
    write_text("888\n");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    number = (uint32_t)fd;
    assert_int_equal(read_pin(&source, "888"), ERR_OK);
    assert_int_equal(read_pin(&source, "888"), ERR_OK);
    fd_close(&fd);
    assert_int_equal(read_pin(&source, "888"), ERR_CONFIG);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], "999\n", 4), 4);
    fd_close(&ends[1]);
    number = (uint32_t)ends[0];
    assert_int_equal(read_pin(&source, "999"), ERR_OK);
    fd_close(&ends[0]);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, make, drop)
    const struct CMUnitTest tests[] = {
        CASE(test_good),           CASE(test_bad), CASE(test_pin_file), CASE(test_pin_credential),
        CASE(test_pin_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
