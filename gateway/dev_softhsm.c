/* The SoftHSM token of a development instance.
 *
 * softhsm2-util takes its PINs only from a terminal or from its arguments, where other users of the
 * machine could see them for a moment: good enough for a development token and nothing else. The
 * token is made in a folder beside and then renamed, so that an interrupted first start leaves no
 * half-made token. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/banned.h"
#include "base/file.h"
#include "base/mem.h"
#include "gateway/dev_inner.h"

#define LABEL   "hsmgate-dev"
#define INSTALL "install it with: apt-get install softhsm2"
#define PIN_LEN 18 /* random bytes: 24 characters */

static const char *const modules[] = {
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
};

const char *dev_softhsm_module(void)
{
    for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
        if (access(modules[i], R_OK) == 0) {
            return modules[i];
        }
    }
    return NULL;
}

/* Writes softhsm2.conf for the folder of tokens and makes it the one of our children. */
static struct err use_tokens(const char *conf, const char *tokens)
{
    CLEANUP(buf_clear) struct buf text = {0};
    TRY(buf_printf(&text,
                   "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n"
                   "slots.removable = false\n",
                   tokens));
    TRY(file_write(conf, buf_span(&text), 0600));
    ENSURE(setenv("SOFTHSM2_CONF", conf, 1) == 0, ERR_IO, "cannot set SOFTHSM2_CONF");
    return err_ok();
}

/* Runs the program with standard output thrown away. */
static struct err run(char *const *arguments)
{
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    int status = 0;
    ENSURE(posix_spawn_file_actions_init(&actions) == 0, ERR_IO, "out of memory");
    int failed =
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (failed == 0) {
        failed = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    ENSURE(failed != ENOENT, ERR_CONFIG, "%s is missing: " INSTALL, arguments[0]);
    ENSURE(failed == 0, ERR_IO, "cannot run %s: %s", arguments[0], strerrordesc_np(failed));
    while (waitpid(child, &status, 0) < 0) {
        ENSURE(errno == EINTR, ERR_IO, "cannot wait for %s", arguments[0]);
    }
    ENSURE(!WIFEXITED(status) || WEXITSTATUS(status) != 127, ERR_CONFIG, "%s is missing: " INSTALL,
           arguments[0]);
    ENSURE(WIFEXITED(status) && WEXITSTATUS(status) == 0, ERR_IO,
           "%s could not make the token; its message is above", arguments[0]);
    return err_ok();
}

static struct err init_token(const char *pin)
{
    char program[] = "softhsm2-util";
    char init[] = "--init-token";
    char free_slot[] = "--free";
    char label_option[] = "--label";
    char label[] = LABEL;
    char pin_option[] = "--pin";
    char so_pin_option[] = "--so-pin";
    CLEANUP(mem_free_at) char *user_pin = mem_text(pin);
    CLEANUP(mem_free_at) char *so_pin = mem_text(pin); /* nobody uses it again */
    char *arguments[] = {program,    init,     free_slot,     label_option, label,
                         pin_option, user_pin, so_pin_option, so_pin,       NULL};
    return run(arguments);
}

static struct err make_token(const char *folder, const char *conf, const char *tokens,
                             const char *pin)
{
    CLEANUP(mem_free_at) char *fresh = mem_format("%s/softhsm/new.XXXXXX", folder);
    ENSURE(mkdtemp(fresh) != NULL, ERR_IO, "cannot make a folder for the token: %s",
           strerrordesc_np(errno));
    TRY(use_tokens(conf, fresh));
    TRY(init_token(pin));
    ENSURE(rename(fresh, tokens) == 0, ERR_IO, "cannot put the token in its place: %s",
           strerrordesc_np(errno));
    return err_ok();
}

struct err dev_softhsm_prepare(const char *folder, const char *pin_path)
{
    ENSURE(dev_softhsm_module() != NULL, ERR_CONFIG, "libsofthsm2.so is missing: " INSTALL);
    CLEANUP(mem_free_at) char *home = mem_format("%s/softhsm", folder);
    CLEANUP(mem_free_at) char *conf = mem_format("%s/softhsm/softhsm2.conf", folder);
    CLEANUP(mem_free_at) char *tokens = mem_format("%s/softhsm/tokens", folder);
    CLEANUP(buf_clear) struct buf pin = {0};
    TRY(file_make_folder(home, 0700));
    TRY(dev_secret_file(pin_path, "", PIN_LEN, &pin));
    if (access(tokens, F_OK) != 0) {
        TRY(buf_append_u8(&pin, 0));
        TRY(make_token(folder, conf, tokens, (const char *)pin.data));
    }
    return use_tokens(conf, tokens);
}
