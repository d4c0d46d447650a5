/* The message lies in an anonymous file that is the child's standard input, the signature comes by
 * a pipe: no file that others could change, no deadlock, no shell. Standard error stays ours, for
 * "touch your key". */
#include "cli/ssh_keygen.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define ARMOR_MAX ((size_t)16 << 10)

static struct err message_file(struct span message, int *out)
{
    CLEANUP(fd_close) int fd = memfd_create("hsmgate-message", MFD_CLOEXEC);
    ENSURE(fd >= 0, ERR_IO, "no memory for the message: %s", strerror(errno));
    TRY(fd_write_all(fd, message));
    ENSURE(lseek(fd, 0, SEEK_SET) == 0, ERR_IO, "the message cannot be read again");
    *out = fd_take(&fd);
    return err_ok();
}

static struct err start(const char *const *argv, int in, int out, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    ENSURE(posix_spawn_file_actions_init(&actions) == 0, ERR_INTERNAL, "no memory");
    int failed = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    failed = failed != 0 ? failed : posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    failed = failed != 0 ? failed
                         : posix_spawnp(pid, argv[0], &actions, NULL,
                                        /* posix_spawn(3) does not write to them */
                                        (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    ENSURE(failed == 0, ERR_IO, "ssh-keygen (of OpenSSH 8.1 or newer) cannot be run: %s",
           strerror(failed));
    return err_ok();
}

static struct err read_all(int fd, struct buf *out)
{
    uint8_t chunk[4096];
    for (;;) {
        const ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(got >= 0 && out->len + (size_t)got <= ARMOR_MAX, ERR_IO,
               "what ssh-keygen wrote cannot be read");
        if (got == 0) {
            return err_ok();
        }
        TRY(buf_append(out, span_of(chunk, (size_t)got)));
    }
}

static bool ended_well(pid_t pid)
{
    int status = 0;
    pid_t seen;
    do {
        seen = waitpid(pid, &status, 0);
    } while (seen < 0 && errno == EINTR);
    return seen == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct err ssh_keygen_sign(const char *key_path, const char *name_space, struct span message,
                           struct buf *out)
{
    const char *const argv[] = {"ssh-keygen", "-q", "-Y",     "sign", "-n",
                                name_space,   "-f", key_path, NULL};
    CLEANUP(fd_close) int in = -1;
    int ends[2] = {-1, -1};
    TRY(message_file(message, &in));
    ENSURE(pipe2(ends, O_CLOEXEC) == 0, ERR_IO, "no pipe: %s", strerror(errno));
    CLEANUP(fd_close) int from = ends[0];
    CLEANUP(fd_close) int to = ends[1];
    pid_t pid = 0;
    TRY(start(argv, in, to, &pid));
    fd_close(&to);
    const struct err err = read_all(from, out);
    fd_close(&from); /* a child that still writes must not wait for us */
    const bool good = ended_well(pid);
    TRY(err);
    ENSURE(good, ERR_IO,
           "ssh-keygen did not sign: is the private key of %s in a file beside it, in your "
           "agent (ssh-add -L), or plugged in?",
           key_path);
    return err_ok();
}
