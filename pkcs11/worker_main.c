/* hsmgate-token: owns one PKCS#11 token. The front starts it, one socketpair per channel.
 *
 * It alone loads the vendor's module and knows the PIN. It never forks, never logs out, and leaves
 * only with _exit, because exit handlers of a module's own OpenSSL crash. When the front dies, it
 * dies: by the parent-death signal and by the end of file on the control channel. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/banned.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/sync.h"
#include "pkcs11/work.h"

#define EXIT_USAGE   2
#define HELLO_MS     10000
#define CHANNELS_MAX 256

struct arguments {
    const char *config;
    const char *check;
    unsigned channels;
};

struct channel_thread {
    struct worker *worker;
    int fd;
};

static void __attribute__((noreturn)) leave(int status)
{
    (void)fflush(NULL);
    _exit(status);
}

static bool parse_channels(const char *text, unsigned *out)
{
    char *end = NULL;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < 1 || number > CHANNELS_MAX) {
        return false;
    }
    *out = (unsigned)number;
    return true;
}

static bool parse(int argc, char **argv, struct arguments *out)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"channels", required_argument, NULL, 'n'},
        {"check-config", required_argument, NULL, 'k'},
        {0},
    };
    int option = 0;
    bool right = true;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'c') {
            out->config = optarg;
        } else if (option == 'k') {
            out->check = optarg;
        } else {
            right = right && option == 'n' && parse_channels(optarg, &out->channels);
        }
    }
    bool serve = out->config != NULL && out->channels > 0 && out->check == NULL;
    bool check = out->check != NULL && out->config == NULL && out->channels == 0;
    return right && optind == argc && (serve || check);
}

static int check_config(const char *path)
{
    CLEANUP(buf_clear) struct buf message = {0};
    CLEANUP(worker_config_free_at) struct worker_config *config = NULL;
    struct err err = worker_config_load(path, &config, &message);
    if (err.code != ERR_OK) {
        (void)fprintf(stderr, "%.*s\n", (int)message.len, (const char *)message.data);
        return EXIT_FAILURE;
    }
    (void)printf("%s: ok\n", path);
    return EXIT_SUCCESS;
}

static struct err say_hello(const struct worker *worker, struct err err)
{
    CLEANUP(buf_clear) struct buf frame = {0};
    struct frame_hello hello;
    worker_describe(worker, err, &hello);
    TRY(frame_encode_hello(worker_class_of(err), &hello, login_epoch(&worker->login), &frame));
    return frame_send(FRAME_CONTROL_FD, buf_span(&frame), clock_deadline(HELLO_MS));
}

static void *serve_channel(void *arg)
{
    struct channel_thread *thread = arg;
    struct work work;
    work_init(&work, thread->worker);
    struct err err = work_serve(&work, thread->fd);
    if (err.code != ERR_IO) {
        /* A front that speaks nonsense is not a front of ours. */
        log_error("worker", "channel closed: %s", err.detail);
        leave(EXIT_FAILURE);
    }
    work_clear(&work);
    return NULL;
}

static void start_channels(struct worker *worker, unsigned count)
{
    struct channel_thread *threads = mem_array(count, sizeof(struct channel_thread));
    for (unsigned i = 0; i < count; i++) {
        char name[24];
        (void)snprintf(name, sizeof(name), "channel-%u", i);
        threads[i] = (struct channel_thread){worker, FRAME_CHANNEL_FD + (int)i};
        (void)sync_thread(name, serve_channel, &threads[i]);
    }
    /* Until the front is gone, by end of file or by any other word. */
    uint8_t byte = 0;
    (void)!read(FRAME_CONTROL_FD, &byte, 1);
    leave(EXIT_SUCCESS);
}

static struct err load(const char *path, struct worker_config **out)
{
    CLEANUP(buf_clear) struct buf message = {0};
    struct err err = worker_config_load(path, out, &message);
    ENSURE(err.code == ERR_OK, ERR_CONFIG, "%.*s", (int)message.len, (const char *)message.data);
    return err_ok();
}

static struct err start(struct worker *worker, const struct arguments *arguments)
{
    struct worker_config *config = NULL;
    TRY(load(arguments->config, &config));
    TRY(module_open(config, &worker->module));
    return worker_start(worker, config, arguments->channels);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    if (!parse(argc, argv, &arguments)) {
        (void)fprintf(stderr, "usage: hsmgate-token --config FILE --channels N\n"
                              "       hsmgate-token --check-config FILE\n");
        leave(EXIT_USAGE);
    }
    if (arguments.check != NULL) {
        leave(check_config(arguments.check));
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    secret_harden_process();
    (void)failpoint_start(); /* the front has said it already */
    struct worker *worker = mem_alloc(sizeof(*worker));
    struct err err = start(worker, &arguments);
    if (err.code != ERR_OK) {
        log_error("worker", "%s", err.detail);
    }
    struct err said = say_hello(worker, err);
    if (err.code != ERR_OK || said.code != ERR_OK) {
        leave(EXIT_FAILURE);
    }
    start_channels(worker, arguments.channels);
}
