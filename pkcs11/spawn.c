/* spawn: one posix_spawn per worker.
 *
 * The front has many threads, so there is no fork of our own: between fork and exec another
 * thread's locks would be held for ever. posix_spawn does what is needed in the child: the sockets
 * go to the numbers of frame.h, everything else of ours closes on exec. The child's ends are first
 * moved above those numbers, or dup2 would overwrite one with another. The worker gets a process
 * group of its own, so that a terminal's interrupt reaches the front alone, which then ends the
 * worker. */
#include "pkcs11/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "pkcs11/frame.h"

#include "base/banned.h"

#define SOCKETS_MAX (SPAWN_CHANNELS_MAX + 1) /* control first, then the channels */

/* Socket pairs while a worker is being started; -1: not open. */
struct sockets {
    unsigned count;
    int ours[SOCKETS_MAX];
    int theirs[SOCKETS_MAX];
};

static void sockets_close(struct sockets *sockets)
{
    for (unsigned i = 0; i < sockets->count; i++) {
        fd_close(&sockets->ours[i]);
        fd_close(&sockets->theirs[i]);
    }
}

static struct err open_pair(struct sockets *sockets, int above)
{
    int pair[2] = {-1, -1};
    ENSURE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, ERR_IO, "socketpair: %s",
           strerrordesc_np(errno));
    int moved = fcntl(pair[1], F_DUPFD_CLOEXEC, above);
    int why = errno;
    fd_close(&pair[1]);
    if (moved < 0) {
        fd_close(&pair[0]);
        return err_new(ERR_IO, __func__, "descriptor above %d: %s", above, strerrordesc_np(why));
    }
    sockets->ours[sockets->count] = pair[0];
    sockets->theirs[sockets->count] = moved;
    sockets->count++;
    return err_ok();
}

static bool belongs_to_front(const char *variable)
{
    static const char *const prefixes[] = {"LISTEN_", "WATCHDOG_",
                                           "NOTIFY_SOCKET=", "HSMGATE_TOKEN="};
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Our environment for the worker; free the array, the strings are ours. */
static char **worker_environment(void)
{
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    char **variables = mem_array(count + 1, sizeof(char *));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!belongs_to_front(environ[i])) {
            variables[kept] = environ[i];
            kept++;
        }
    }
    return variables;
}

static int add_actions(posix_spawn_file_actions_t *actions, const struct sockets *sockets)
{
    int failed = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    for (unsigned i = 0; i < sockets->count && failed == 0; i++) {
        int target = FRAME_CONTROL_FD + (int)i;
        failed = posix_spawn_file_actions_adddup2(actions, sockets->theirs[i], target);
    }
    return failed;
}

/* No signal blocked (our supervisor blocks all), none ignored, a group of its own. */
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

static int run(const struct token_config *config, const struct sockets *sockets, pid_t *out)
{
    CLEANUP(mem_free_at) char *channels = mem_format("%u", config->channels);
    CLEANUP(mem_free_at) char *program = mem_text(config->worker_path);
    CLEANUP(mem_free_at) char *file = mem_text(config->worker_config);
    CLEANUP(mem_free_at) char **environment = worker_environment();
    char name[] = "hsmgate-token";
    char config_option[] = "--config";
    char channels_option[] = "--channels";
    char *argv[] = {name, config_option, file, channels_option, channels, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    (void)posix_spawn_file_actions_init(&actions); /* both only allocate nothing on Linux */
    (void)posix_spawnattr_init(&attributes);
    int failed = add_actions(&actions, sockets);
    failed = failed != 0 ? failed : set_attributes(&attributes);
    if (failed == 0) {
        failed = posix_spawn(out, program, &actions, &attributes, argv, environment);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return failed;
}

struct err spawn_start(const struct token_config *config, struct spawn *out)
{
    CLEANUP(sockets_close) struct sockets sockets = {0};
    ENSURE(config->channels <= SPAWN_CHANNELS_MAX, ERR_CONFIG, "more than %d channels",
           SPAWN_CHANNELS_MAX);
    for (unsigned i = 0; i < config->channels + 1; i++) {
        TRY(open_pair(&sockets, FRAME_CHANNEL_FD + (int)config->channels));
    }
    pid_t pid = 0;
    int failed = run(config, &sockets, &pid);
    ENSURE(failed == 0, ERR_IO, "cannot start the worker: %s", strerrordesc_np(failed));
    out->pid = pid;
    out->pidfd = pidfd_open(pid, 0);
    out->control = sockets.ours[0];
    sockets.ours[0] = -1;
    out->channel_count = config->channels;
    for (unsigned i = 0; i < config->channels; i++) {
        out->channels[i] = sockets.ours[i + 1];
        sockets.ours[i + 1] = -1;
    }
    return err_ok();
}

int spawn_reap(struct spawn *spawn)
{
    int status = 0;
    while (waitpid(spawn->pid, &status, 0) < 0 && errno == EINTR) {
    }
    spawn->pid = 0;
    fd_close(&spawn->pidfd);
    fd_close(&spawn->control);
    for (unsigned i = 0; i < spawn->channel_count; i++) {
        fd_close(&spawn->channels[i]);
    }
    spawn->channel_count = 0;
    return status;
}
