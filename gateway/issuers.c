/* Issuers and their key sets. Each issuer has a thread that alone reads its set, from a file or
 * over the network, so that one that hangs holds up nobody: requests only look at the keys that are
 * there and, when a `kid` is unknown, ask the thread to look again soon.
 *
 * A set that cannot be had leaves the old keys in place for KEYS_LAST_MS: an issuer may be down,
 * but a key that it withdrew must not live for ever because somebody keeps us from hearing so.
 *
 * An issuer's mutex guards what its struct says; neither the network nor the log is touched under
 * it, and nothing verified. */
#include "gateway/issuers.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "gateway/fetch.h"
#include "gateway/issuer_claims.h"
#include "gateway/key_set.h"

#define NS_PER_S       INT64_C(1000000000)
#define FETCH_MS       5000
#define EARLY_EVERY_NS (30 * NS_PER_S)
#define RETRY_FIRST_S  2
#define KEYS_LAST_MS   (INT64_C(24) * 3600 * 1000)

struct issuer {
    const struct config_issuer *config;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t wake;
    struct key_set *keys; /* NULL: never had one */
    int64_t fetched_ms;   /* wall clock, last success; 0: never */
    int64_t due_ns;       /* monotonic: the next reading */
    int64_t early_ns;     /* monotonic: before it no unknown kid brings a reading forward */
    int64_t retry_s;      /* what the next failure waits; 0: none failed since the last success */
    uint64_t failures;
    bool stopping;
};

struct issuers {
    struct issuer *list;
    size_t count;
    size_t started; /* of them have a thread */
};

/* --- reading key sets --- */

/* What a reading leads to. */
static void settle(struct issuer *issuer, struct key_set **keys, bool good)
{
    int64_t refresh_s = issuer->config->refresh_s;
    int64_t wait_s = refresh_s;
    sync_lock(&issuer->mutex);
    if (good) {
        struct key_set *old = issuer->keys;
        issuer->keys = *keys;
        *keys = old; /* freed outside the lock */
        issuer->fetched_ms = clock_wall_ms();
        issuer->retry_s = 0;
    } else {
        issuer->failures++;
        issuer->retry_s = issuer->retry_s == 0 ? RETRY_FIRST_S : issuer->retry_s * 2;
        issuer->retry_s = issuer->retry_s > refresh_s ? refresh_s : issuer->retry_s;
        wait_s = issuer->retry_s;
    }
    issuer->due_ns = clock_mono_ns() + wait_s * NS_PER_S;
    sync_unlock(&issuer->mutex);
}

static void read_keys(struct issuer *issuer)
{
    const struct config_issuer *config = issuer->config;
    struct key_set *keys = NULL;
    struct err err = key_set_read(config->issuer, config->jwks_file, config->jwks_url,
                                  config->jwks_ca, clock_deadline(FETCH_MS), &keys);
    size_t count = key_set_count(keys);
    settle(issuer, &keys, err.code == ERR_OK);
    key_set_free(keys);
    if (err.code != ERR_OK) {
        log_warning("issuers", "%s: the key set could not be read: %s", config->issuer, err.detail);
    } else {
        log_debug("issuers", "%s: %zu keys", config->issuer, count);
    }
}

/* Waits until a reading is due; false when the gateway stops. */
static bool wait_due(struct issuer *issuer)
{
    sync_lock(&issuer->mutex);
    while (!issuer->stopping && clock_mono_ns() < issuer->due_ns) {
        (void)sync_wait(&issuer->wake, &issuer->mutex, issuer->due_ns);
    }
    bool stopping = issuer->stopping;
    sync_unlock(&issuer->mutex);
    return !stopping;
}

static void *issuer_run(void *arg)
{
    struct issuer *issuer = arg;
    while (wait_due(issuer)) {
        read_keys(issuer);
    }
    return NULL;
}

/* --- open and close --- */

static struct err check_config(const struct config_issuer *config)
{
    ENSURE((config->jwks_file == NULL) != (config->jwks_url == NULL), ERR_CONFIG,
           "issuer %.64s needs one of jwks_file and jwks_url", config->issuer);
    if (config->jwks_url != NULL) {
        TRY(fetch_check_url(config->jwks_url));
    }
    ENSURE(config->audience_count > 0 && config->algorithm_count > 0 && config->refresh_s > 0,
           ERR_CONFIG, "issuer %.64s needs audiences, algorithms and refresh", config->issuer);
    for (size_t i = 0; i < config->algorithm_count; i++) {
        const char *reason = jws_algorithm_refusal(config->algorithms[i]);
        ENSURE(reason == NULL, ERR_CONFIG, "algorithm %.16s: %s", config->algorithms[i], reason);
    }
    return err_ok();
}

/* For CLEANUP. */
static void close_at(struct issuers **issuers)
{
    issuers_close(*issuers);
}

struct err issuers_open(const struct config *config, struct issuers **out)
{
    CLEANUP(close_at) struct issuers *issuers = mem_alloc(sizeof(*issuers));
    for (size_t i = 0; i < config->issuer_count; i++) {
        TRY(check_config(&config->issuers[i]));
    }
    issuers->list = mem_array(config->issuer_count, sizeof(*issuers->list));
    for (size_t i = 0; i < config->issuer_count; i++) {
        struct issuer *issuer = &issuers->list[i];
        issuer->config = &config->issuers[i];
        sync_init(&issuer->mutex, &issuer->wake);
        issuers->count++;
        if (issuer->config->jwks_file != NULL) {
            read_keys(issuer); /* a file is there at once, before the first request */
        }
    }
    for (; issuers->started < issuers->count; issuers->started++) {
        struct issuer *issuer = &issuers->list[issuers->started];
        issuer->thread = sync_thread("issuer", issuer_run, issuer);
    }
    *out = TAKE(issuers);
    return err_ok();
}

void issuers_close(struct issuers *issuers)
{
    if (issuers == NULL) {
        return;
    }
    for (size_t i = 0; i < issuers->started; i++) {
        sync_lock(&issuers->list[i].mutex);
        issuers->list[i].stopping = true;
        sync_wake_all(&issuers->list[i].wake);
        sync_unlock(&issuers->list[i].mutex);
    }
    for (size_t i = 0; i < issuers->count; i++) {
        struct issuer *issuer = &issuers->list[i];
        if (i < issuers->started) {
            pthread_join(issuer->thread, NULL);
        }
        key_set_free(issuer->keys);
        sync_destroy(&issuer->mutex, &issuer->wake);
    }
    mem_free(issuers->list);
    mem_free(issuers);
}

void issuers_reload(struct issuers *issuers)
{
    for (size_t i = 0; i < issuers->count; i++) {
        struct issuer *issuer = &issuers->list[i];
        sync_lock(&issuer->mutex);
        issuer->due_ns = 0;
        sync_wake_all(&issuer->wake);
        sync_unlock(&issuer->mutex);
    }
}

/* --- verifying --- */

static struct err refused(enum auth_failure kind, enum auth_failure *out_kind, struct err err)
{
    *out_kind = kind;
    err.code = ERR_UNAUTHENTICATED;
    return err;
}

static struct issuer *find_issuer(struct issuers *issuers, const struct json_value *claims)
{
    struct span iss;
    if (!json_as_text(json_member(claims, "iss"), &iss)) {
        return NULL;
    }
    for (size_t i = 0; i < issuers->count; i++) {
        if (span_is(iss, issuers->list[i].config->issuer)) {
            return &issuers->list[i];
        }
    }
    return NULL;
}

static bool is_allowed(const struct config_issuer *config, const struct jws_algorithm *algorithm)
{
    for (size_t i = 0; i < config->algorithm_count; i++) {
        if (strcmp(config->algorithms[i], algorithm->name) == 0) {
            return true;
        }
    }
    return false;
}

/* The issuer may have a new key: its thread looks again, now or once the last such look is
 * EARLY_EVERY_NS ago. The caller has the mutex. */
static void ask_early(struct issuer *issuer, int64_t now_ns)
{
    int64_t at = now_ns > issuer->early_ns ? now_ns : issuer->early_ns;
    if (at < issuer->due_ns) {
        issuer->due_ns = at;
        issuer->early_ns = at + EARLY_EVERY_NS;
        sync_wake_all(&issuer->wake);
    }
}

/* Copies the key out, so that verifying needs no lock. */
static struct err find_key(struct issuer *issuer, const struct jws *jws, int64_t now_ms,
                           struct buf *out)
{
    sync_lock(&issuer->mutex);
    bool fresh = issuer->keys != NULL && now_ms - issuer->fetched_ms < KEYS_LAST_MS;
    struct err err = key_set_find(fresh ? issuer->keys : NULL, jws->kid, jws->algorithm, out);
    if (err.code != ERR_OK) {
        ask_early(issuer, clock_mono_ns());
    }
    sync_unlock(&issuer->mutex);
    ENSURE(fresh, ERR_UNAUTHENTICATED, "The keys of the JWT's issuer could not be had.");
    ENSURE(err.code == ERR_OK, ERR_UNAUTHENTICATED,
           "The JWT's `kid` names no key of its issuer for this `alg`.");
    return err_ok();
}

struct err issuers_verify(struct issuers *issuers, struct span jwt, int64_t now_ms,
                          enum auth_failure *out_kind, char out[PRINCIPAL_MAX])
{
    CLEANUP(jws_clear) struct jws jws = {0};
    CLEANUP(buf_clear) struct buf key = {0};
    struct err err = jws_open(jwt, &jws);
    if (err.code != ERR_OK) {
        return refused(AUTH_JWT_SHAPE, out_kind, err);
    }
    struct issuer *issuer = find_issuer(issuers, jws.claims.root);
    if (issuer == NULL) {
        err = err_new(ERR_UNAUTHENTICATED, __func__, "The JWT's `iss` is not known here.");
        return refused(AUTH_JWT_ISSUER, out_kind, err);
    }
    if (!is_allowed(issuer->config, jws.algorithm)) {
        err = err_new(ERR_UNAUTHENTICATED, __func__, "The JWT's `alg` is not allowed here.");
        return refused(AUTH_JWT_SHAPE, out_kind, err);
    }
    err = find_key(issuer, &jws, now_ms, &key);
    if (err.code != ERR_OK) {
        return refused(AUTH_JWT_KEY, out_kind, err);
    }
    err = jws_verify(&jws, buf_span(&key));
    if (err.code != ERR_OK) {
        return refused(AUTH_JWT_SIGNATURE, out_kind, err);
    }
    err = issuer_claims_check(issuer->config, jws.claims.root, now_ms, out);
    return err.code == ERR_OK ? err : refused(AUTH_JWT_CLAIMS, out_kind, err);
}

struct issuer_status *issuers_status(struct issuers *issuers, size_t *out_count)
{
    struct issuer_status *list = mem_array(issuers->count, sizeof(*list));
    for (size_t i = 0; i < issuers->count; i++) {
        struct issuer *issuer = &issuers->list[i];
        sync_lock(&issuer->mutex);
        list[i] = (struct issuer_status){.issuer = issuer->config->issuer,
                                         .keys = key_set_count(issuer->keys),
                                         .fetched_ms = issuer->fetched_ms,
                                         .failures = issuer->failures};
        sync_unlock(&issuer->mutex);
    }
    *out_count = issuers->count;
    return list;
}
