/* worker: the start of one token, from the module to the first session.
 *
 * The order matters: the anchor session and the login before any other session, so that all are
 * logged in from their first moment; the probe last, alone on the token. */
#include "pkcs11/worker.h"

#include <stdio.h>

#include "base/banned.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

static struct err probe_now(struct worker *worker)
{
    struct ckr_verdict verdict = probe_run(&worker->pool, &worker->probe);
    ENSURE(verdict.class == FRAME_OK, ERR_TOKEN_UNAVAILABLE,
           "the token gave way while it was tried out: CKR_%s (0x%lx)", ckr_name(verdict.ckr),
           verdict.ckr);
    return err_ok();
}

/* A generator that is stuck would be found with the second IV, but by every new worker again, and
 * all of those first IVs would be one. Other failures are those of who needs random bytes. */
static struct err try_random(struct worker *worker)
{
    struct session *session = NULL;
    uint8_t bytes[REPEATS_LEN_MIN];
    const struct operation_place place = {bytes, sizeof(bytes)};
    struct ckr_verdict verdict = session_lease(&worker->pool, clock_mono_ns(), &session);
    if (verdict.class != FRAME_OK) {
        return err_ok();
    }
    for (int i = 0; i < 2 && verdict.class == FRAME_OK; i++) {
        verdict = operation_random(session, place);
    }
    session_release(&worker->pool, session);
    ENSURE(verdict.class != FRAME_LYING, ERR_CORRUPT, "the token's random bytes repeat");
    return err_ok();
}

/* The module from its beginning, before anybody is served. */
static struct err begin_again(struct worker *worker, unsigned channels)
{
    CK_FUNCTION_LIST *list = worker->module.list;
    CK_RV ckr = list->C_Finalize(NULL);
    ENSURE(ckr == CKR_OK, ERR_TOKEN_UNAVAILABLE, "C_Finalize failed with CKR_%s (0x%lx)",
           ckr_name(ckr), ckr);
    TRY(module_attach(list, worker->config, &worker->module));
    TRY(login_renew(&worker->login, login_epoch(&worker->login)));
    session_pool_clear(&worker->pool);
    return session_pool_open(&worker->pool, &worker->login, channels);
}

/* Keys on the token that a probe made. */
static struct err sweep(struct worker *worker, size_t *out_count)
{
    struct session *session = NULL;
    struct ckr_verdict verdict = session_lease(&worker->pool, clock_mono_ns(), &session);
    if (verdict.class == FRAME_OK) {
        verdict = probe_sweep(session, out_count);
        session_release(&worker->pool, session);
    }
    ENSURE(verdict.class == FRAME_OK, ERR_TOKEN_UNAVAILABLE,
           "keys of a probe cannot be destroyed: CKR_%s (0x%lx)", ckr_name(verdict.ckr),
           verdict.ckr);
    return err_ok();
}

/* A module that keeps no session objects is not left as the probe left it: tpm2-pkcs11 holds on to
 * keys and to places in the TPM until its end, and after the destruction of its first object it
 * gives new ones the handles of others. */
static struct err tidy(struct worker *worker, unsigned channels, bool probed)
{
    size_t swept = 0;
    if (!worker->probe.makes_token_keys) {
        return err_ok();
    }
    if (probed) {
        TRY(begin_again(worker, channels));
    }
    TRY(sweep(worker, &swept));
    return swept > 0 ? begin_again(worker, channels) : err_ok();
}

static struct err learn(struct worker *worker, unsigned channels)
{
    const struct worker_config *config = worker->config;
    if (probe_load(config->latch_dir, config->module, &worker->module, &worker->probe)) {
        return tidy(worker, channels, false);
    }
    TRY(probe_now(worker));
    struct err err = probe_save(config->latch_dir, config->module, &worker->module, &worker->probe);
    if (err.code != ERR_OK) {
        log_warning("worker", "the probe's result is not kept: %s", err.detail);
    }
    return tidy(worker, channels, true);
}

struct err worker_start(struct worker *worker, const struct worker_config *config,
                        unsigned channels)
{
    worker->config = config;
    object_map_init(&worker->objects);
    login_init(&worker->login, &worker->module, config);
    TRY(login_renew(&worker->login, 0));
    TRY(session_pool_open(&worker->pool, &worker->login, channels));
    TRY(try_random(worker));
    TRY(learn(worker, channels));
    worker->probe.found.sessions = worker->pool.count;
    if (worker->probe.found.copies_extractable) {
        log_warning("worker", "the token copies keys that must not leave it into keys that may: "
                              "whoever has the PIN can take them out");
    }
    newborns_init(&worker->newborns);
    judge_init(&worker->judge, config, worker->module.serial);
    return err_ok();
}

enum frame_class worker_class_of(struct err err)
{
    switch ((int)err.code) {
    case ERR_OK:
        return FRAME_OK;
    case ERR_PIN:
        return FRAME_PIN;
    case ERR_CONFIG:
        return FRAME_OUR_MISTAKE;
    case ERR_CORRUPT:
        return FRAME_LYING;
    default:
        return FRAME_DEVICE_LOST;
    }
}

void worker_describe(const struct worker *worker, struct err err, struct frame_hello *out)
{
    const struct module *module = &worker->module;
    *out = (struct frame_hello){.probe = worker->probe.found};
    (void)snprintf(out->label, sizeof(out->label), "%s", module->label);
    (void)snprintf(out->serial, sizeof(out->serial), "%s", module->serial);
    (void)snprintf(out->manufacturer, sizeof(out->manufacturer), "%s", module->manufacturer);
    (void)snprintf(out->model, sizeof(out->model), "%s", module->model);
    if (err.code != ERR_OK) {
        (void)snprintf(out->error, sizeof(out->error), "%s", err.detail);
    }
}

void worker_clear(struct worker *worker)
{
    session_pool_clear(&worker->pool);
    object_map_clear(&worker->objects);
    newborns_clear(&worker->newborns);
    judge_clear(&worker->judge);
    login_clear(&worker->login);
}
