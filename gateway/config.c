/* hsmgated's configuration: what the options may say, and what stands in for those left out.
 *
 * Each part has a file of its own (config_listeners.c, config_identity.c, …); every check adds its
 * finding and goes on, so that a person sees all of them at once, each as `FILE:LINE: option:
 * reason`. Paths are absolute: a daemon has no folder of its own. */
#include "gateway/config.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "gateway/config_check.h"
#include "gateway/worker_path.h"

static void check_worker(struct config_check *check, struct config_loaded *loaded)
{
    const char *worker =
        config_keep(loaded, loaded->file->worker != NULL ? mem_text(loaded->file->worker)
                                                         : worker_path_default());
    loaded->config.worker = worker;
    config_check_path(check, "worker", worker);
    if (worker[0] == '/' && access(worker, X_OK) != 0) {
        config_find(check, "worker", "the program %s cannot be run: %s", worker,
                    strerrordesc_np(errno));
    }
}

/* What callers reach the first listener by. */
static char *url_of(const struct config_listener *listener)
{
    const char *host = listener->host != NULL ? listener->host : "";
    bool six = strchr(host, ':') != NULL;
    return mem_format("%s://%s%s%s:%u", listener->tls != NULL ? "https" : "http", six ? "[" : "",
                      host, six ? "]" : "", (unsigned)listener->port);
}

static void check_public_url(struct config_check *check, struct config_loaded *loaded)
{
    const char *url = loaded->file->public_url;
    loaded->config.public_url =
        config_keep(loaded, url != NULL ? mem_text(url) : url_of(&loaded->config.listeners[0]));
    if (url == NULL) {
        return;
    }
    bool known = span_starts(span_text(url), "https://") || span_starts(span_text(url), "http://");
    if (!known || url[strlen(url) - 1] == '/') {
        config_find(check, "public_url", "must begin with https:// and not end with a slash");
    }
}

static void check_all(struct config_check *check, struct config_loaded *loaded)
{
    const struct config_file *file = loaded->file;
    config_check_path(check, "socket", file->socket);
    config_check_path(check, "database", file->database);
    loaded->config.socket_path = file->socket;
    loaded->config.database = file->database;
    config_check_listeners(check, loaded);
    config_check_audit(check, loaded);
    check_worker(check, loaded);
    check_public_url(check, loaded);
    config_check_identities(check, loaded);
    config_check_tokens(check, loaded);
    config_check_limits(check, loaded);
    config_check_lint(check, loaded);
    config_check_rotation(check, loaded);
    config_check_dialects(check, loaded);
}

static void free_at(struct config_loaded **loaded)
{
    config_free(*loaded != NULL ? &(*loaded)->config : NULL);
}

struct err config_load(const char *path, struct config **out, struct buf *message)
{
    CLEANUP(free_at) struct config_loaded *loaded = mem_alloc(sizeof(*loaded));
    TRY(config_file_load(path, &loaded->file, message));
    struct config_check check = {.path = path, .message = message};
    check_all(&check, loaded);
    ENSURE(check.findings == 0, ERR_CONFIG, "the configuration has %zu errors", check.findings);
    struct config_loaded *done = TAKE(loaded);
    *out = &done->config;
    return err_ok();
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    struct config_loaded *loaded = (struct config_loaded *)config;
    for (size_t i = 0; i < config->issuer_count; i++) {
        mem_free(loaded->claims[i]);
    }
    for (size_t i = 0; i < loaded->text_count; i++) {
        mem_free(loaded->texts[i]);
    }
    config_file_free(loaded->file);
    mem_free(loaded->claims);
    mem_free(loaded->issuers);
    mem_free(loaded->tokens);
    mem_free(loaded->listeners);
    mem_free(loaded->tls);
    mem_free(loaded->principal_rules);
    mem_free(loaded->key_rules);
    mem_free(loaded->mounts);
    mem_free(loaded->texts);
    mem_free(loaded);
}
