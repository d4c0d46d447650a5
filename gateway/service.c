/* One gateway process from start to stop. Opening goes from what everything needs to what serves:
 * store, audit log, issuers, tokens, witness, server. Closing goes the other way round, so that no
 * request can meet a part that is gone. */
#include "gateway/service.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/access_keys.h"
#include "gateway/aws/replay.h"
#include "gateway/backups.h"
#include "gateway/dialect.h"
#include "gateway/events.h"
#include "gateway/issuers.h"
#include "gateway/limits.h"
#include "gateway/observer.h"
#include "gateway/pipeline.h"
#include "gateway/quorum_watch.h"
#include "gateway/token_starter.h"
#include "gateway/witness.h"

#define AUDIT_QUEUE_MAX            8192
#define REQUEST_QUEUE_MAX          1024
#define QUEUE_WAIT_MS              30 /* so that a refusal leaves within 50 */
#define BODY_MAX                   ((size_t)1 << 20)
#define SPARE_DESCRIPTORS          64
#define PROCESSORS_PER_DATA_THREAD 4
#define DRAINED_MS                 1000 /* server_close after a successful drain */
#define EVENTS_MS                  2000 /* for the last events */

struct service {
    struct gateway gateway;
    struct token_starter *starter;
};

/* Logs where opening failed and what helps, and hands the error on to main's exit code. */
static struct err explain(struct err err, const char *what, const char *path, const char *next)
{
    log_error("start", "%s %s: %s; %s", what, path, err.detail, next);
    return err;
}

static struct err open_store(struct gateway *gateway)
{
    const char *path = gateway->config->database;
    struct err err = keystore_open(path, &gateway->store);
    switch ((int)err.code) {
    case ERR_OK:
        return err;
    case ERR_NEWER:
        return explain(err, "database", path, "install the newer hsmgate again, or a backup");
    case ERR_CONFLICT:
        return explain(err, "database", path, "stop the other hsmgated first");
    case ERR_CORRUPT:
        return explain(err, "database", path, "restore it from a backup");
    default:
        return explain(err, "database", path, "check that its folder exists and may be written");
    }
}

static struct err open_audit(struct gateway *gateway)
{
    const struct config_audit *wanted = &gateway->config->audit;
    const char *folder = wanted->folder;
    struct audit_config config = {.folder = folder,
                                  .second_folder = wanted->second_folder,
                                  .need = wanted->need,
                                  .queue_max = AUDIT_QUEUE_MAX,
                                  .file_max = wanted->file_max,
                                  .daily = wanted->daily};
    struct err err = audit_open(&config, &gateway->audit);
    switch ((int)err.code) {
    case ERR_OK:
        return err;
    case ERR_CONFLICT:
        return explain(err, "audit log", folder, "stop the other hsmgated first");
    case ERR_CORRUPT:
        return explain(err, "audit log", folder,
                       "look at it with `hsmgate audit verify`, keep it for examination, and set "
                       "another folder");
    default:
        return explain(err, "audit log", folder, "check its permissions and the disk's space");
    }
}

/* The first start on a copy: who reads the log must know that the store went back in time. */
static struct err record_restored(const struct gateway *gateway)
{
    int64_t taken_at = keystore_restored_from(gateway->store);
    CLEANUP(buf_clear) struct buf detail = {0};
    if (taken_at == 0) {
        return err_ok();
    }
    struct json_writer writer = json_writer_on(&detail);
    json_begin_object(&writer, NULL);
    json_put_time(&writer, "taken_at", taken_at);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    log_warning("start", "the database is a copy from a backup, started for the first time: uses "
                         "since then are not counted, and what was changed since then is undone; "
                         "`hsmgate lint` and `hsmgate token inventory` say what to look at");
    const struct audit_record record = {.time = clock_wall_ms(),
                                        .kind = "system",
                                        .operation = span_text("restored"),
                                        .outcome = "ok",
                                        .detail = buf_span(&detail)};
    return audit_write(gateway->audit, &record);
}

/* Somebody has written into the database: who reads the log must see it. */
static struct err record_distrust(const struct gateway *gateway, const char *why)
{
    CLEANUP(buf_clear) struct buf detail = {0};
    struct json_writer writer = json_writer_on(&detail);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "why", why);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    const struct audit_record record = {.time = clock_wall_ms(),
                                        .kind = "system",
                                        .operation = span_text("rosters-distrusted"),
                                        .outcome = "failed",
                                        .detail = buf_span(&detail)};
    return audit_write(gateway->audit, &record);
}

/* Who waits behind as many as work is served in twice the time of an operation, and no later. */
static unsigned queue_max_of(const struct config *config, const struct config_token *token)
{
    unsigned configured = config->limits.token_queue;
    return configured > 0 ? configured : token->channels;
}

static struct err open_tokens(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    gateway->tokens = mem_array(config->token_count, sizeof(struct token *));
    for (size_t i = 0; i < config->token_count; i++) {
        const struct config_token *token = &config->tokens[i];
        struct token_config wanted = {.name = token->name,
                                      .worker_path = config->worker,
                                      .worker_config = token->config,
                                      .channels = token->channels,
                                      .operation_ms = token->operation_ms,
                                      .calls_max = config->calls_max,
                                      .queue_max = queue_max_of(config, token)};
        struct err err = token_open(&wanted, &gateway->tokens[i]);
        if (err.code != ERR_OK) {
            return explain(err, "token", token->name, "check `worker` and the token's `config`");
        }
        gateway->token_count++;
    }
    return err_ok();
}

static struct err open_rotation(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    gateway->rotation = (struct rotation){.store = gateway->store,
                                          .tokens = gateway->tokens,
                                          .token_count = gateway->token_count,
                                          .rules = config->rotation.rules};
    struct err err = timekeeper_open(gateway->store, &gateway->rotation.timekeeper);
    if (err.code != ERR_OK) {
        return explain(err, "database", config->database, "restore it from a backup");
    }
    err = events_open(&config->events, events_pace_default(), &gateway->events);
    if (err.code != ERR_OK) {
        return explain(err, "events", config->events.webhook,
                       "check `events` in the configuration");
    }
    return backups_open(gateway, config->backups, &gateway->backups);
}

/* Into a store that has no roster yet. */
static struct err add_root(const struct gateway *gateway)
{
    const char *path = gateway->config->quorum.roster_file;
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    CLEANUP(buf_clear) struct buf bytes = {.max = ROSTER_MAX};
    struct err err = roster_book_view(gateway->rotation.rosters, &view);
    if (path == NULL || err.code != ERR_INVALID_STATE) {
        return err_ok();
    }
    err = file_read(path, &bytes);
    const struct roster_link root = {.roster = buf_span(&bytes)};
    if (err.code == ERR_OK) {
        err = roster_book_add(gateway->rotation.rosters, &root, clock_wall_ms());
    }
    return err.code == ERR_OK
               ? err
               : explain(err, "roster", path,
                         "check that it is the roster whose digest quorum.roster_root pins");
}

/* What was being opened when the last process ended is settled before anybody can ask again. */
static struct err open_quorum(struct gateway *gateway)
{
    const struct config_quorum *config = &gateway->config->quorum;
    size_t settled = 0;
    struct err err = keystore_settle_requests(gateway->store, clock_wall_ms(), &settled);
    if (err.code != ERR_OK) {
        return explain(err, "database", gateway->config->database, "restore it from a backup");
    }
    if (settled > 0) {
        log_warning("start",
                    "%zu requests were being opened when the gateway ended: look at them "
                    "with `hsmgate break-glass list --state indeterminate`",
                    settled);
    }
    if (!config->has_root) {
        return err_ok();
    }
    roster_book_open(gateway->store, config->root, &gateway->rotation.rosters);
    TRY(add_root(gateway));
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    err = roster_book_view(gateway->rotation.rosters, &view);
    if (err.code == ERR_APPROVAL_REQUIRED) {
        log_error("start", "%s Nothing opens by quorum until that is settled.", err.detail);
        return record_distrust(gateway, err.detail);
    }
    return err_ok();
}

static void start_scheduler(struct gateway *gateway)
{
    struct scheduler_config wanted = {.rotation = &gateway->rotation,
                                      .audit = gateway->audit,
                                      .observe = observer_step,
                                      .observer = gateway};
    gateway->scheduler = scheduler_open(&wanted);
}

/* For CLEANUP. */
static void close_at(struct service **service)
{
    service_close(*service);
}

struct err service_open(const struct config *config, struct service **out)
{
    CLEANUP(close_at) struct service *service = mem_alloc(sizeof(*service));
    struct gateway *gateway = &service->gateway;
    gateway->config = config;
    gateway->started_ms = clock_wall_ms();
    gateway->metrics = metrics_open();
    gateway->limits = limits_open(&config->limits);
    gateway->access_keys = access_keys_open();
    bool replays = config->aws.account != NULL || config->xks.prefix != NULL;
    gateway->replay = replays ? replay_open() : NULL;
    TRY(open_store(gateway));
    TRY(open_audit(gateway));
    TRY(record_restored(gateway));
    TRY(issuers_open(config, &gateway->issuers));
    TRY(open_tokens(gateway));
    TRY(open_rotation(gateway));
    TRY(open_quorum(gateway));
    service->starter = token_starter_open(&gateway->rotation);
    gateway->witness = witness_open(gateway);
    start_scheduler(gateway);
    quorum_watch_open(gateway);
    *out = TAKE(service);
    return err_ok();
}

struct keystore *service_store(struct service *service)
{
    return service->gateway.store;
}

const struct gateway *service_gateway(const struct service *service)
{
    return &service->gateway;
}

bool service_wait_tokens(struct service *service, int64_t wait_ms)
{
    return token_starter_wait(service->starter, clock_deadline(wait_ms));
}

void service_token_error(struct service *service, char out[ERR_DETAIL_MAX])
{
    struct token_status status;
    token_status(service->gateway.tokens[0], &status);
    (void)snprintf(out, ERR_DETAIL_MAX, "%s",
                   status.last_error[0] != '\0' ? status.last_error
                                                : token_state_name(status.state));
}

/* Files of the store and the log, callers of others, and every worker's restart, which has both
 * ends of its channels for a moment. */
static size_t spare_descriptors(const struct config *config)
{
    size_t spare = SPARE_DESCRIPTORS;
    for (size_t i = 0; i < config->token_count; i++) {
        spare += (size_t)2 * config->tokens[i].channels;
    }
    return spare;
}

/* They only compute: on a small machine a second one takes from the first, and from the tokens'
 * workers, what it has itself. */
static unsigned data_threads(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors > PROCESSORS_PER_DATA_THREAD
               ? (unsigned)processors / PROCESSORS_PER_DATA_THREAD
               : 1;
}

struct err service_serve(struct service *service)
{
    const struct config *config = service->gateway.config;
    struct server_config wanted = {.listeners = config->listeners,
                                   .listener_count = config->listener_count,
                                   .connections_per_address =
                                       config->limits.connections_per_address,
                                   .socket_path = config->socket_path,
                                   .io_threads = config->io_threads,
                                   .request_threads = config->request_threads,
                                   .data_threads = data_threads(),
                                   .lane = lane_of,
                                   .refuse = dialect_refuse,
                                   .connections_max = config->connections_max,
                                   .spare_descriptors = spare_descriptors(config),
                                   .queue_max = REQUEST_QUEUE_MAX,
                                   .queue_wait_ms = QUEUE_WAIT_MS,
                                   .body_max = BODY_MAX,
                                   .receive_ms = config->receive_ms,
                                   .request_ms = config->request_ms};
    struct err err =
        server_open(&wanted, pipeline_run, &service->gateway, &service->gateway.server);
    if (err.code != ERR_OK) {
        return explain(err, "server", config->listeners[0].host,
                       "check `listeners` and `socket`, and that nothing else uses them");
    }
    for (size_t i = 0; i < config->listener_count; i++) {
        log_info("server", "listening on %s port %u, %s", config->listeners[i].host,
                 (unsigned)server_port(service->gateway.server, i),
                 config->listeners[i].tls != NULL ? "TLS" : "plain HTTP");
    }
    if (config->socket_path != NULL) {
        log_info("server", "listening on %s", config->socket_path);
    }
    return err_ok();
}

void service_reload(struct service *service)
{
    if (service->gateway.server != NULL) {
        server_reload(service->gateway.server);
    }
    scheduler_nudge(service->gateway.scheduler);
    issuers_reload(service->gateway.issuers);
    witness_nudge(service->gateway.witness);
}

bool service_drain(struct service *service, int64_t drain_ms)
{
    return service->gateway.server == NULL || server_drain(service->gateway.server, drain_ms);
}

void service_close(struct service *service)
{
    if (service == NULL) {
        return;
    }
    struct gateway *gateway = &service->gateway;
    server_close(gateway->server, DRAINED_MS);
    scheduler_close(gateway->scheduler);
    quorum_watch_close(gateway->quorum_watch);
    backups_close(gateway->backups);
    witness_close(gateway->witness);
    token_starter_close(service->starter);
    for (size_t i = 0; i < gateway->token_count; i++) {
        token_close(gateway->tokens[i]);
    }
    issuers_close(gateway->issuers);
    events_close(gateway->events, EVENTS_MS);
    timekeeper_close(gateway->rotation.timekeeper);
    roster_book_close(gateway->rotation.rosters);
    audit_close(gateway->audit);
    keystore_close(gateway->store);
    limits_close(gateway->limits);
    access_keys_close(gateway->access_keys);
    replay_close(gateway->replay);
    metrics_close(gateway->metrics);
    mem_free(gateway->tokens);
    mem_free(service);
}
