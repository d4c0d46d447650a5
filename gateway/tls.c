/* The current trust of a listener, and the thread that keeps it current.
 *
 * That thread alone loads: asked by a signal, or because the files look different from when they
 * were loaded and have looked the same for one interval, so that a certificate and a key that are
 * replaced one after the other are read together. It compares what the paths lead to, which sees
 * renamed files and swapped symbolic links alike. What cannot be used changes nothing: the old
 * trust stays, and the failure is counted and logged with what to do. Connections hold references
 * to the trust that they were verified with. */
#include "gateway/tls.h"

#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"

#define LOOK_MS   1000
#define FILES_MAX 4

/* What a path leads to; all zero when to nothing. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
};

struct tls {
    const struct config_tls *config;
    pthread_mutex_t mutex; /* guards trust, wanted and closing */
    pthread_cond_t changed;
    struct tls_trust *trust;
    bool wanted;
    bool closing;
    pthread_t thread;
    bool started;
    struct stamp loaded[FILES_MAX]; /* this one and the next are the thread's own */
    struct stamp seen[FILES_MAX];
    uint64_t warned; /* generation whose CRL was reported as expired; the thread's own */
    _Atomic uint64_t generation;
    _Atomic uint64_t handshakes;
    _Atomic uint64_t refused[TLS_REFUSAL_COUNT];
    _Atomic uint64_t reloads;
    _Atomic uint64_t reload_failures;
};

static void look(const struct config_tls *config, struct stamp out[FILES_MAX])
{
    const char *const paths[FILES_MAX] = {config->certificate, config->key, config->client_ca,
                                          config->client_crl};
    memset(out, 0, FILES_MAX * sizeof(*out)); /* compared as bytes, padding too */
    for (size_t i = 0; i < FILES_MAX; i++) {
        struct stat status;
        if (paths[i] != NULL && stat(paths[i], &status) == 0) {
            out[i].device = status.st_dev;
            out[i].inode = status.st_ino;
            out[i].size = status.st_size;
            out[i].modified = status.st_mtim;
            out[i].changed = status.st_ctim;
        }
    }
}

static bool same(const struct stamp *a, const struct stamp *b)
{
    return memcmp(a, b, FILES_MAX * sizeof(*a)) == 0;
}

static void log_taken(const struct tls_trust *trust)
{
    char ends[CLOCK_TEXT_MAX];
    char crl[CLOCK_TEXT_MAX] = "no CRL";
    clock_format(trust->certificate_ends_ms, ends);
    if (trust->crl_ends_ms > 0) {
        clock_format(trust->crl_ends_ms, crl);
    }
    log_info("tls", "certificates are loaded: ours until %s; CRL: %s", ends, crl);
}

static void load_again(struct tls *tls)
{
    struct tls_trust *fresh = NULL;
    struct err err = tls_trust_load(tls->config, clock_wall_ms(), &fresh);
    if (err.code != ERR_OK) {
        atomic_fetch_add(&tls->reload_failures, 1);
        log_error("tls", "the new files are not taken, the old ones stay in use: %s (%s)",
                  err.detail, tls->config->certificate);
        return;
    }
    log_taken(fresh);
    sync_lock(&tls->mutex);
    struct tls_trust *old = tls->trust;
    fresh->generation = old->generation + 1;
    tls->trust = fresh;
    atomic_store(&tls->generation, fresh->generation);
    sync_unlock(&tls->mutex);
    tls_trust_drop(old);
    atomic_fetch_add(&tls->reloads, 1);
}

/* An expired CRL refuses all client certificates: the operator should not learn it from them. */
static void watch_crl(struct tls *tls)
{
    struct tls_trust *trust = tls_current(tls);
    if (trust->crl_ends_ms > 0 && clock_wall_ms() >= trust->crl_ends_ms &&
        tls->warned != trust->generation) {
        tls->warned = trust->generation;
        log_error("tls",
                  "the CRL has expired and every client certificate is refused: put a fresh one "
                  "at %s",
                  tls->config->client_crl);
    }
    tls_trust_drop(trust);
}

static void watch(struct tls *tls, bool wanted)
{
    struct stamp now[FILES_MAX];
    look(tls->config, now);
    if (wanted || (!same(now, tls->loaded) && same(now, tls->seen))) {
        memcpy(tls->loaded, now, sizeof(now));
        load_again(tls);
    }
    memcpy(tls->seen, now, sizeof(now));
    watch_crl(tls);
}

static void *run_thread(void *arg)
{
    struct tls *tls = arg;
    sync_lock(&tls->mutex);
    while (!tls->closing) {
        int64_t until = clock_deadline(LOOK_MS);
        while (!tls->closing && !tls->wanted && sync_wait(&tls->changed, &tls->mutex, until)) {
        }
        bool wanted = tls->wanted;
        tls->wanted = false;
        if (!tls->closing) {
            sync_unlock(&tls->mutex);
            watch(tls, wanted);
            sync_lock(&tls->mutex);
        }
    }
    sync_unlock(&tls->mutex);
    return NULL;
}

/* For CLEANUP. */
static void close_at(struct tls **tls)
{
    tls_close(*tls);
}

struct err tls_open(const struct config_tls *config, struct tls **out)
{
    CLEANUP(close_at) struct tls *tls = mem_alloc(sizeof(*tls));
    tls->config = config;
    sync_init(&tls->mutex, &tls->changed);
    look(config, tls->loaded); /* before reading: a change while reading is seen afterwards */
    memcpy(tls->seen, tls->loaded, sizeof(tls->seen));
    TRY(tls_trust_load(config, clock_wall_ms(), &tls->trust));
    tls->trust->generation = 1;
    atomic_store(&tls->generation, 1);
    log_taken(tls->trust);
    tls->thread = sync_thread("tls", run_thread, tls);
    tls->started = true;
    *out = TAKE(tls);
    return err_ok();
}

void tls_close(struct tls *tls)
{
    if (tls == NULL) {
        return;
    }
    if (tls->started) {
        sync_lock(&tls->mutex);
        tls->closing = true;
        sync_unlock(&tls->mutex);
        sync_wake_all(&tls->changed);
        (void)pthread_join(tls->thread, NULL);
    }
    tls_trust_drop(tls->trust);
    sync_destroy(&tls->mutex, &tls->changed);
    mem_free(tls);
}

void tls_reload(struct tls *tls)
{
    sync_lock(&tls->mutex);
    tls->wanted = true;
    sync_unlock(&tls->mutex);
    sync_wake_all(&tls->changed);
}

struct tls_trust *tls_current(struct tls *tls)
{
    sync_lock(&tls->mutex);
    struct tls_trust *trust = tls_trust_take(tls->trust);
    sync_unlock(&tls->mutex);
    return trust;
}

uint64_t tls_generation(struct tls *tls)
{
    return atomic_load(&tls->generation);
}

enum client_certificates tls_demand(const struct tls *tls)
{
    return tls->config->client_certificates;
}

void tls_count_handshake(struct tls *tls)
{
    atomic_fetch_add(&tls->handshakes, 1);
}

void tls_count_refusal(struct tls *tls, enum tls_refusal refusal)
{
    atomic_fetch_add(&tls->refused[refusal], 1);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

void tls_add_status(struct tls *tls, struct server_status *status)
{
    status->tls_handshakes += atomic_load(&tls->handshakes);
    status->tls_reloads += atomic_load(&tls->reloads);
    status->tls_reload_failures += atomic_load(&tls->reload_failures);
    for (size_t i = 0; i < TLS_REFUSAL_COUNT; i++) {
        status->tls_refused[i] += atomic_load(&tls->refused[i]);
    }
    struct tls_trust *trust = tls_current(tls);
    status->certificate_ends_ms = earlier(status->certificate_ends_ms, trust->certificate_ends_ms);
    status->crl_ends_ms = earlier(status->crl_ends_ms, trust->crl_ends_ms);
    tls_trust_drop(trust);
}
