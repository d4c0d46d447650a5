/* hsmgated's configuration: what the options may say, and what stands in for those left out.
 *
 * Every check adds its finding and goes on, so that a person sees all of them at once, each as
 * `FILE:LINE: option: reason`. Paths are absolute: a daemon has no folder of its own. */
#include "gateway/config.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/yaml.h"
#include "gateway/config_file.h"
#include "gateway/listen_socket.h"
#include "gateway/worker_path.h"

#define DEFAULT_LISTEN        "127.0.0.1:8200"
#define DEFAULT_CHANNELS      16
#define DEFAULT_OPERATION_S   10
#define DEFAULT_IO_THREADS    1
#define SPARE_REQUEST_THREADS 32 /* that one token that hangs cannot hold */
#define TOKEN_REQUEST_THREADS 32 /* for each token, or one for each channel */
#define REQUEST_THREADS_MAX   1024
#define DEFAULT_CONNECTIONS   4096
#define DEFAULT_RECEIVE_S     30
#define DEFAULT_REQUEST_S     30
#define DEFAULT_JWKS_S        300

/* What config_load gives out: the face, and what it points into. */
struct loaded {
    struct config config; /* first: config_free gets its address */
    struct config_file *file;
    struct config_token *tokens;
    char *listen_host;
    char *worker;
    char *public_url;
};

/* A check under way; the findings gather in `message`. */
struct check {
    const char *path;
    struct buf *message;
    size_t findings;
};

__attribute__((format(printf, 3, 4))) static void find(struct check *check, const char *option,
                                                       const char *format, ...)
{
    char reason[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    const char *before = check->message->len > 0 ? "\n" : "";
    struct err full = buf_printf(check->message, "%s%s:%u: %s: %s", before, check->path,
                                 yaml_line_of(check->path, option), option, reason);
    check->findings += full.code == ERR_OK ? 1 : 2; /* a full buffer is a finding all the same */
}

static void check_path(struct check *check, const char *option, const char *value)
{
    if (value != NULL && value[0] != '/') {
        find(check, option, "must be an absolute path");
    }
}

/* Seconds; the default for an absent option. */
static int64_t check_duration(struct check *check, const char *option, const char *value,
                              int64_t otherwise, int64_t most)
{
    int64_t seconds = otherwise;
    if (value == NULL) {
        return seconds;
    }
    struct err err = clock_parse_duration(span_text(value), &seconds);
    if (err.code != ERR_OK) {
        find(check, option, "must be a duration such as 90s or 5m");
    } else if (seconds > most) {
        find(check, option, "must be at most %llds", (long long)most);
    }
    return seconds;
}

static unsigned check_number(struct check *check, const char *option, const unsigned *value,
                             unsigned otherwise, unsigned most)
{
    if (value == NULL) {
        return otherwise;
    }
    if (*value < 1 || *value > most) {
        find(check, option, "must be from 1 to %u", most);
    }
    return *value;
}

/* `HOST:PORT` or `[HOST]:PORT`. */
static void check_listen(struct check *check, const char *text, struct loaded *loaded)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long port = colon != NULL ? strtoul(colon + 1, &end, 10) : ULONG_MAX;
    if (colon == NULL || colon[1] < '0' || colon[1] > '9' || *end != '\0' || port < 1 ||
        port > UINT16_MAX) {
        find(check, "listen", "must be HOST:PORT, the port from 1 to 65535");
        return;
    }
    struct span host = span_of(text, (size_t)(colon - text));
    if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
        host = span_of(host.data + 1, host.len - 2);
    }
    loaded->listen_host = span_to_text(host);
    loaded->config.listen_host = loaded->listen_host;
    loaded->config.listen_port = (uint16_t)port;
    if (!listen_is_loopback(loaded->listen_host)) {
        find(check, "listen", "must be a loopback address (127.0.0.1 or [::1]): there is no TLS");
    }
}

static void check_token(struct check *check, const struct config_file_token *from, unsigned index,
                        struct config_token *out)
{
    char option[64];
    (void)snprintf(option, sizeof(option), "tokens[%u].name", index);
    bool one_segment = strchr(from->name, '/') == NULL;
    if (!one_segment || name_check_namespace(span_text(from->name)).code != ERR_OK) {
        find(check, option, "must be lower-case letters, digits, '.', '_' and '-', 63 at most");
    }
    (void)snprintf(option, sizeof(option), "tokens[%u].config", index);
    check_path(check, option, from->config);
    if (from->config[0] == '/' && access(from->config, R_OK) != 0) {
        find(check, option, "cannot be read: %s", strerrordesc_np(errno));
    }
    (void)snprintf(option, sizeof(option), "tokens[%u].channels", index);
    out->channels = check_number(check, option, from->channels, DEFAULT_CHANNELS, 256);
    (void)snprintf(option, sizeof(option), "tokens[%u].operation_timeout", index);
    out->operation_ms =
        check_duration(check, option, from->operation_timeout, DEFAULT_OPERATION_S, 600) * 1000;
    out->name = from->name;
    out->config = from->config;
}

static void check_tokens(struct check *check, struct loaded *loaded)
{
    const struct config_file *file = loaded->file;
    loaded->tokens = mem_array(file->tokens_count, sizeof(*loaded->tokens));
    bool default_found = file->default_token == NULL;
    for (unsigned i = 0; i < file->tokens_count; i++) {
        check_token(check, &file->tokens[i], i, &loaded->tokens[i]);
        const char *name = file->tokens[i].name;
        default_found = default_found || strcmp(file->default_token, name) == 0;
        for (unsigned j = 0; j < i; j++) {
            if (strcmp(name, file->tokens[j].name) == 0) {
                find(check, "tokens", "two tokens have the name %s", name);
            }
        }
    }
    if (!default_found) {
        find(check, "default_token", "no token has this name");
    }
    loaded->config.tokens = loaded->tokens;
    loaded->config.token_count = file->tokens_count;
    loaded->config.default_token =
        file->default_token != NULL ? file->default_token : file->tokens[0].name;
}

/* `token:NAME` and `unix:UID` are the principals that this version can prove. */
static void check_administrators(struct check *check, struct loaded *loaded)
{
    const struct config_file *file = loaded->file;
    for (unsigned i = 0; i < file->administrators_count; i++) {
        struct span name = span_text(file->administrators[i]);
        bool by_uid = span_starts(name, "unix:") && name.len > 5 &&
                      strspn((const char *)name.data + 5, "0123456789") == name.len - 5;
        bool by_token = span_starts(name, "token:") && name.len > 6;
        if (!by_uid && !by_token) {
            char option[64];
            (void)snprintf(option, sizeof(option), "administrators[%u]", i);
            find(check, option, "must be unix:UID or token:NAME");
        }
    }
    loaded->config.administrators = (const char *const *)file->administrators;
    loaded->config.administrator_count = file->administrators_count;
}

static void check_worker(struct check *check, struct loaded *loaded)
{
    loaded->worker =
        loaded->file->worker != NULL ? mem_text(loaded->file->worker) : worker_path_default();
    loaded->config.worker = loaded->worker;
    check_path(check, "worker", loaded->worker);
    if (loaded->worker[0] == '/' && access(loaded->worker, X_OK) != 0) {
        find(check, "worker", "the program %s cannot be run: %s", loaded->worker,
             strerrordesc_np(errno));
    }
}

static void check_public_url(struct check *check, struct loaded *loaded)
{
    const char *url = loaded->file->public_url;
    if (url == NULL) {
        bool six = loaded->listen_host != NULL && strchr(loaded->listen_host, ':') != NULL;
        loaded->public_url = mem_format("http://%s%s%s:%u", six ? "[" : "",
                                        loaded->listen_host != NULL ? loaded->listen_host : "",
                                        six ? "]" : "", (unsigned)loaded->config.listen_port);
    } else {
        loaded->public_url = mem_text(url);
        bool known =
            span_starts(span_text(url), "https://") || span_starts(span_text(url), "http://");
        if (!known || url[strlen(url) - 1] == '/') {
            find(check, "public_url", "must begin with https:// and not end with a slash");
        }
    }
    loaded->config.public_url = loaded->public_url;
}

/* Some for each token and some more, so that a token that hangs cannot hold them all. */
static unsigned default_request_threads(const struct config *config)
{
    unsigned threads = SPARE_REQUEST_THREADS;
    for (size_t i = 0; i < config->token_count; i++) {
        unsigned channels = config->tokens[i].channels;
        threads += channels > TOKEN_REQUEST_THREADS ? channels : TOKEN_REQUEST_THREADS;
    }
    return threads < REQUEST_THREADS_MAX ? threads : REQUEST_THREADS_MAX;
}

/* What a token may hold of the request threads; the rest is for the others, half of few. */
static unsigned calls_max_of(const struct config *config)
{
    unsigned threads = config->request_threads;
    unsigned spare = threads < 2 * SPARE_REQUEST_THREADS ? threads / 2 : SPARE_REQUEST_THREADS;
    return config->token_count > 1 ? threads - spare : 0;
}

static void check_limits(struct check *check, struct loaded *loaded)
{
    const struct config_file *file = loaded->file;
    struct config *config = &loaded->config;
    config->io_threads =
        check_number(check, "io_threads", file->io_threads, DEFAULT_IO_THREADS, 64);
    config->request_threads = check_number(check, "request_threads", file->request_threads,
                                           default_request_threads(config), REQUEST_THREADS_MAX);
    config->calls_max = calls_max_of(config);
    config->connections_max =
        check_number(check, "connections", file->connections, DEFAULT_CONNECTIONS, 100000);
    config->receive_ms =
        check_duration(check, "receive_timeout", file->receive_timeout, DEFAULT_RECEIVE_S, 3600) *
        1000;
    config->request_ms =
        check_duration(check, "request_timeout", file->request_timeout, DEFAULT_REQUEST_S, 3600) *
        1000;
    config->jwks_max_age_s =
        check_duration(check, "jwks_max_age", file->jwks_max_age, DEFAULT_JWKS_S, 86400);
}

static void check_all(struct check *check, struct loaded *loaded)
{
    const struct config_file *file = loaded->file;
    check_listen(check, file->listen != NULL ? file->listen : DEFAULT_LISTEN, loaded);
    check_path(check, "socket", file->socket);
    check_path(check, "database", file->database);
    check_path(check, "audit", file->audit);
    loaded->config.socket_path = file->socket;
    loaded->config.database = file->database;
    loaded->config.audit_folder = file->audit;
    check_worker(check, loaded);
    check_public_url(check, loaded);
    check_administrators(check, loaded);
    check_tokens(check, loaded);
    check_limits(check, loaded);
}

static void free_at(struct loaded **loaded)
{
    config_free(*loaded != NULL ? &(*loaded)->config : NULL);
}

struct err config_load(const char *path, struct config **out, struct buf *message)
{
    CLEANUP(free_at) struct loaded *loaded = mem_alloc(sizeof(*loaded));
    TRY(config_file_load(path, &loaded->file, message));
    struct check check = {.path = path, .message = message};
    check_all(&check, loaded);
    ENSURE(check.findings == 0, ERR_CONFIG, "the configuration has %zu errors", check.findings);
    struct loaded *done = TAKE(loaded);
    *out = &done->config;
    return err_ok();
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    struct loaded *loaded = (struct loaded *)config;
    config_file_free(loaded->file);
    mem_free(loaded->tokens);
    mem_free(loaded->listen_host);
    mem_free(loaded->worker);
    mem_free(loaded->public_url);
    mem_free(loaded);
}
