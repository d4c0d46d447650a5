/* One posix_spawn per delivery.
 *
 * The input fits into an empty pipe, so it is written before the program starts and nothing of ours
 * ever waits for the program to read. It runs in a process group of its own, which is what gets
 * killed: a helper that it left behind must not go on with an old checkpoint. */
#include "gateway/copy_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define FIRST_OTHER_FD 3

static struct err open_input(struct span input, int *out)
{
    int ends[2] = {-1, -1};
    ENSURE(input.len <= COPY_COMMAND_INPUT_MAX, ERR_TOO_LARGE, "too much for a pipe");
    ENSURE(pipe2(ends, O_CLOEXEC) == 0, ERR_IO, "pipe: %s", strerrordesc_np(errno));
    struct err err = fd_write_all(ends[1], input);
    fd_close(&ends[1]);
    if (err.code != ERR_OK) {
        fd_close(&ends[0]);
        return err;
    }
    *out = ends[0];
    return err_ok();
}

static int add_actions(posix_spawn_file_actions_t *actions, int input)
{
    int failed = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);
    failed = failed != 0 ? failed
                         : posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null",
                                                            O_WRONLY, 0);
    return failed != 0 ? failed : posix_spawn_file_actions_addclosefrom_np(actions, FIRST_OTHER_FD);
}

/* No signal blocked (our threads block all), none ignored, a group of its own. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    int failed = posix_spawnattr_setsigmask(attributes, &none);
    failed = failed != 0 ? failed : posix_spawnattr_setsigdefault(attributes, &all);
    failed = failed != 0 ? failed : posix_spawnattr_setpgroup(attributes, 0);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
    return failed != 0 ? failed : posix_spawnattr_setflags(attributes, flags);
}

static void free_argv(char ***argv)
{
    for (size_t i = 0; *argv != NULL && (*argv)[i] != NULL; i++) {
        mem_free((*argv)[i]);
    }
    mem_free(*argv);
}

static int start(const char *const *argv, size_t argc, int input, pid_t *out)
{
    CLEANUP(free_argv) char **own = mem_array(argc + 1, sizeof(char *));
    for (size_t i = 0; i < argc; i++) {
        own[i] = mem_text(argv[i]);
    }
    char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
    char language[] = "LANG=C.UTF-8";
    char *environment[] = {path, language, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    (void)posix_spawn_file_actions_init(&actions); /* both only allocate nothing on Linux */
    (void)posix_spawnattr_init(&attributes);
    int failed = add_actions(&actions, input);
    failed = failed != 0 ? failed : set_attributes(&attributes);
    if (failed == 0) {
        failed = posix_spawn(out, own[0], &actions, &attributes, own, environment);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return failed;
}

/* True when the program ended by itself before the deadline and before we were told to stop. */
static bool wait_end(int pidfd, int64_t deadline_ns, int stop)
{
    for (;;) {
        struct pollfd ready[] = {{.fd = pidfd, .events = POLLIN}, {.fd = stop, .events = POLLIN}};
        int64_t left = clock_left_ms(deadline_ns);
        int found = poll(ready, ARRAY_LEN(ready), left > INT32_MAX ? INT32_MAX : (int)left);
        if (found < 0 && errno == EINTR) {
            continue;
        }
        return found > 0 && ready[0].revents != 0;
    }
}

static int reap(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

struct err copy_command_run(const char *const *argv, size_t argc, struct span input,
                            int64_t deadline_ns, int stop)
{
    CLEANUP(fd_close) int from = -1;
    TRY(open_input(input, &from));
    pid_t pid = 0;
    int failed = start(argv, argc, from, &pid);
    ENSURE(failed == 0, ERR_IO, "it cannot be started: %s", strerrordesc_np(failed));
    CLEANUP(fd_close) int pidfd = pidfd_open(pid, 0);
    bool ended = pidfd >= 0 && wait_end(pidfd, deadline_ns, stop);
    (void)kill(-pid, SIGKILL);
    int status = reap(pid);
    ENSURE(ended, ERR_DEADLINE, "it took too long and was killed");
    ENSURE(!WIFSIGNALED(status), ERR_IO, "it was killed by signal %d", WTERMSIG(status));
    ENSURE(WEXITSTATUS(status) == 0, ERR_IO, "it ended with status %d", WEXITSTATUS(status));
    return err_ok();
}
