/* hsmgated, the front: arguments, signals, and the order of start and stop.
 *
 *   hsmgated --config FILE          serve
 *   hsmgated --check-config FILE    say what is wrong with it: exit 0 or 1
 *   hsmgated dev --data DIR         a development instance, all in DIR
 *   hsmgated --list-failpoints      where a test can end it
 *
 * SIGTERM and SIGINT drain for up to ten seconds. No secret is ever in the arguments. */
#include <argp.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/banned.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "gateway/dev.h"
#include "gateway/service.h"
#include "gateway/tls_trust.h"

#define DRAIN_MS       10000
#define TIDY_US        UINT64_C(60000000) /* between two looks for free memory */
#define TOKENS_MS      15000              /* serving begins then, even without them */
#define DEV_TOKEN_MS   60000
#define MESSAGE_MAX    65536
#define DEFAULT_LISTEN "127.0.0.1:8200"
#define OPTION_CHECK   256
#define OPTION_DATA    257
#define OPTION_LISTEN  258
#define OPTION_LIST    259
#define OPTION_TOKEN   260

const char *argp_program_version = "hsmgated " HSMGATE_VERSION;

struct arguments {
    const char *config;
    const char *check;
    const char *data;
    const char *listen;
    const char *token;
    bool dev;
    bool list;
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'c':
        arguments->config = value;
        return 0;
    case OPTION_CHECK:
        arguments->check = value;
        return 0;
    case OPTION_DATA:
        arguments->data = value;
        return 0;
    case OPTION_LISTEN:
        arguments->listen = value;
        return 0;
    case OPTION_TOKEN:
        arguments->token = value;
        return 0;
    case OPTION_LIST:
        arguments->list = true;
        return 0;
    case ARGP_KEY_ARG:
        arguments->dev = state->arg_num == 0 && strcmp(value, "dev") == 0;
        return arguments->dev ? 0 : ARGP_ERR_UNKNOWN;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"config", 'c', "FILE", 0, "Serve with this configuration", 0},
    {"check-config", OPTION_CHECK, "FILE", 0, "Check a configuration, name every error, exit", 0},
    {"data", OPTION_DATA, "DIR", 0, "dev: the folder that holds everything", 1},
    {"listen", OPTION_LISTEN, "HOST:PORT", 0, "dev: where to listen (default " DEFAULT_LISTEN ")",
     1},
    {"token", OPTION_TOKEN, "FILE", 0, "dev: a worker's file; its token serves, not one of DIR", 1},
    {"list-failpoints", OPTION_LIST, NULL, 0, "List where a test can end the process, exit", 2},
    {0},
};

static const struct argp argp = {
    options,
    parse_option,
    "--config FILE\n--check-config FILE\ndev --data DIR [--listen HOST:PORT] [--token FILE]\n"
    "--list-failpoints",
    "The front of hsmgate, a key gateway before PKCS#11 tokens.",
    NULL,
    NULL,
    NULL};

/* Exactly one of the ways to run. */
static bool usage_is_good(const struct arguments *arguments)
{
    int ways =
        (arguments->config != NULL) + (arguments->check != NULL) + arguments->dev + arguments->list;
    bool dev_options =
        arguments->data != NULL || arguments->listen != NULL || arguments->token != NULL;
    return ways == 1 && arguments->dev == (arguments->data != NULL) &&
           (arguments->dev || !dev_options);
}

/* Loads it, or prints what is wrong. */
static struct config *load_config(const char *path)
{
    CLEANUP(buf_clear) struct buf message = {.max = MESSAGE_MAX};
    struct config *config = NULL;
    struct err err = config_load(path, &config, &message);
    if (err.code == ERR_OK) {
        return config;
    }
    if (message.len > 0) {
        bool ended = message.data[message.len - 1] == '\n';
        fprintf(stderr, "%.*s%s", (int)message.len, (const char *)message.data, ended ? "" : "\n");
    } else {
        fprintf(stderr, "%s: %s\n", path, err.detail);
    }
    return NULL;
}

/* What only shows when the certificates are read as a start would read them. */
static bool certificates_are_good(const char *path, const struct config *config)
{
    bool good = true;
    for (size_t i = 0; i < config->listener_count; i++) {
        struct tls_trust *trust = NULL;
        struct err err = config->listeners[i].tls != NULL
                             ? tls_trust_load(config->listeners[i].tls, clock_wall_ms(), &trust)
                             : err_ok();
        tls_trust_drop(trust);
        if (err.code != ERR_OK) {
            fprintf(stderr, "%s: listeners[%zu].tls: %s\n", path, i, err.detail);
            good = false;
        }
    }
    return good;
}

static int check_config(const char *path)
{
    struct config *config = load_config(path);
    if (config == NULL) {
        return EXIT_FAILURE;
    }
    bool good = certificates_are_good(path, config);
    if (good) {
        printf("%s: ok\n", path);
    }
    config_free(config);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int list_failpoints(void)
{
    for (enum failpoint point = 0; point < FAILPOINT_COUNT; point++) {
        printf("%-18s %s\n", failpoint_name(point), failpoint_text(point));
    }
    return EXIT_SUCCESS;
}

static void start_failpoints(void)
{
    const char *path = failpoint_start();
    if (path != NULL) {
        log_warning("main",
                    "FAILPOINTS ARE ON: this process may end itself at any step, as %s says", path);
    }
}

/* Signals wait for watch(); every thread inherits the mask. */
static void prepare_process(sigset_t *out_signals)
{
    secret_harden_process();
    (void)mallopt(M_ARENA_MAX, 2); /* with one for each thread, each keeps what it once needed */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file at its limit is a full disk: the write says so */
    sigemptyset(out_signals);
    sigaddset(out_signals, SIGTERM);
    sigaddset(out_signals, SIGINT);
    sigaddset(out_signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, out_signals, NULL);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* Returns when the process should stop. */
static void watch(const sigset_t *signals, struct service *service)
{
    uint64_t watchdog_us = 0;
    bool watched = sd_watchdog_enabled(0, &watchdog_us) > 0;
    uint64_t pause_us = watched && watchdog_us / 2 < TIDY_US ? watchdog_us / 2 : TIDY_US;
    struct timespec pause = {.tv_sec = (time_t)(pause_us / 1000000),
                             .tv_nsec = (long)(pause_us % 1000000) * 1000};
    for (;;) {
        int got = sigtimedwait(signals, NULL, &pause);
        if (got == SIGTERM || got == SIGINT) {
            log_info("main", "stopping: %s", got == SIGTERM ? "SIGTERM" : "SIGINT");
            return;
        }
        if (got == SIGHUP) {
            log_info("main", "SIGHUP: certificates, CRLs and key sets are read again; the "
                             "configuration itself needs a restart");
            service_reload(service);
        }
        if (watched) {
            (void)sd_notify(0, "WATCHDOG=1");
        }
        if (got < 0) {
            (void)malloc_trim(0); /* what is free between what is in use goes back, too */
        }
    }
}

/* Further signals stay blocked: this takes ten seconds at most. */
static void stop(struct service *service)
{
    (void)sd_notify(0, "STOPPING=1");
    if (!service_drain(service, DRAIN_MS)) {
        log_error("main", "requests did not end within %d s: leaving without them",
                  DRAIN_MS / 1000);
        _exit(EXIT_FAILURE);
    }
    service_close(service);
}

static void close_service_at(struct service **service)
{
    service_close(*service);
}

static void free_config_at(struct config **config)
{
    config_free(*config);
}

static bool start_dev(struct dev *dev, struct service *service)
{
    struct err err = dev_admit(dev, service_store(service));
    if (err.code != ERR_OK) {
        log_error("dev", "cannot store the administrator's token: %s", err.detail);
        return false;
    }
    if (!service_wait_tokens(service, DEV_TOKEN_MS)) {
        char reason[ERR_DETAIL_MAX];
        service_token_error(service, reason);
        log_error("dev", "the token does not start: %s; see above, or use a new folder", reason);
        return false;
    }
    err = dev_admit_access_key(dev, service_gateway(service));
    if (err.code != ERR_OK) {
        log_error("dev", "cannot store the administrator's access key: %s", err.detail);
        return false;
    }
    return true;
}

static bool announce_dev(const struct dev *dev, const struct config *config)
{
    struct err err = dev_announce(dev, config->listeners[0].host, config->listeners[0].port);
    if (err.code != ERR_OK) {
        log_error("dev", "cannot write %s/env: %s", dev_folder(dev), err.detail);
        return false;
    }
    log_warning("dev", "THIS IS A DEVELOPMENT INSTANCE: software token, plain HTTP, secrets in %s",
                dev_folder(dev));
    log_warning("dev", "never put real keys in it; for the clients: . %s/env", dev_folder(dev));
    return true;
}

/* Runs until a signal; `dev` or NULL. */
static int serve(const char *config_path, struct dev *dev, const sigset_t *signals)
{
    CLEANUP(free_config_at) struct config *config = load_config(config_path);
    CLEANUP(close_service_at) struct service *service = NULL;
    if (config == NULL || service_open(config, &service).code != ERR_OK) {
        return EXIT_FAILURE;
    }
    if (dev != NULL && !start_dev(dev, service)) {
        return EXIT_FAILURE;
    }
    if (dev == NULL && !service_wait_tokens(service, TOKENS_MS)) {
        log_warning("main", "serving although not every token is ready: see above, and /readyz");
    }
    if (service_serve(service).code != ERR_OK || (dev != NULL && !announce_dev(dev, config))) {
        return EXIT_FAILURE;
    }
    (void)sd_notify(0, "READY=1");
    watch(signals, service);
    stop(TAKE(service));
    return EXIT_SUCCESS;
}

static int serve_dev(const struct arguments *arguments, const sigset_t *signals)
{
    struct dev *dev = NULL;
    const char *listen = arguments->listen != NULL ? arguments->listen : DEFAULT_LISTEN;
    struct err err = dev_prepare(arguments->data, listen, arguments->token, &dev);
    if (err.code != ERR_OK) {
        log_error("dev", "%s: %s", arguments->data, err.detail);
        return EXIT_FAILURE;
    }
    int result = serve(dev_config(dev), dev, signals);
    dev_close(dev);
    return result;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    sigset_t signals;
    argp_err_exit_status = 2;
    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0 || !usage_is_good(&arguments)) {
        fprintf(stderr, "hsmgated: give --config FILE, --check-config FILE, dev --data DIR, or "
                        "--list-failpoints\n"
                        "Try `hsmgated --help'.\n");
        return 2;
    }
    if (arguments.check != NULL) {
        return check_config(arguments.check);
    }
    if (arguments.list) {
        return list_failpoints();
    }
    prepare_process(&signals);
    start_failpoints();
    return arguments.dev ? serve_dev(&arguments, &signals)
                         : serve(arguments.config, NULL, &signals);
}
