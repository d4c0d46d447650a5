/* session: leases sessions, replaces those that are no longer known to be clean.
 *
 * After a failed call a session may still have an operation active, and the next user's bytes would
 * go into it. So a session comes back only after success or a code that is known to end the
 * operation; else its handle is dropped. Dropped handles stay open until the token runs out of
 * sessions; when there are too many the verdict is a lost device, and the front starts a fresh
 * worker. A leased session belongs to its thread; the mutex guards only the lists. */
#include "pkcs11/session.h"

#include "base/banned.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"

static CK_RV open_handle(const struct login *login, CK_SESSION_HANDLE *out)
{
    const struct module *module = login->module;
    return module->list->C_OpenSession(module->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                                       NULL, out);
}

struct err session_pool_open(struct session_pool *pool, struct login *login, unsigned wanted)
{
    CK_RV ckr = CKR_OK;
    *pool = (struct session_pool){.login = login};
    sync_init(&pool->mutex, &pool->returned);
    repeats_init(&pool->repeats);
    while (pool->count < wanted && pool->count < SESSION_MAX) {
        struct session *session = &pool->all[pool->count];
        ckr = open_handle(login, &session->handle);
        if (ckr != CKR_OK) {
            break;
        }
        session->list = login->module->list;
        session->login = login;
        session->repeats = &pool->repeats;
        session->epoch = login_epoch(login);
        session->live = true;
        session->next = pool->free;
        pool->free = session;
        pool->count++;
    }
    ENSURE(pool->count > 0, ERR_TOKEN_UNAVAILABLE, "C_OpenSession failed with CKR_%s (0x%lx)",
           ckr_name(ckr), ckr);
    return err_ok();
}

static struct session *take_free(struct session_pool *pool, int64_t deadline_ns)
{
    sync_lock(&pool->mutex);
    bool in_time = true;
    while (pool->free == NULL && in_time) {
        in_time = sync_wait(&pool->returned, &pool->mutex, deadline_ns);
    }
    struct session *session = pool->free;
    if (session != NULL) {
        pool->free = session->next;
    }
    sync_unlock(&pool->mutex);
    return session;
}

struct ckr_verdict session_lease(struct session_pool *pool, int64_t deadline_ns,
                                 struct session **out)
{
    struct session *session = take_free(pool, deadline_ns);
    if (session == NULL) {
        return ckr_own(FRAME_CAPACITY);
    }
    session->deadline_ns = deadline_ns;
    struct ckr_verdict verdict = session_ready(pool, session);
    if (verdict.class != FRAME_OK) {
        session_release(pool, session);
        return verdict;
    }
    *out = session;
    return verdict;
}

void session_release(struct session_pool *pool, struct session *session)
{
    sync_lock(&pool->mutex);
    session->next = pool->free;
    pool->free = session;
    sync_wake_one(&pool->returned);
    sync_unlock(&pool->mutex);
}

static CK_SESSION_HANDLE take_dropped(struct session_pool *pool)
{
    sync_lock(&pool->mutex);
    CK_SESSION_HANDLE handle =
        pool->dropped_count > 0 ? pool->dropped[--pool->dropped_count] : CK_INVALID_HANDLE;
    sync_unlock(&pool->mutex);
    return handle;
}

/* A token that has run out of sessions gets the dropped ones back, one at a time. */
static CK_RV open_another(struct session_pool *pool, CK_SESSION_HANDLE *out)
{
    CK_RV ckr = open_handle(pool->login, out);
    while (ckr == CKR_SESSION_COUNT) {
        CK_SESSION_HANDLE old = take_dropped(pool);
        if (old == CK_INVALID_HANDLE) {
            break;
        }
        CK_RV closed = pool->login->module->list->C_CloseSession(old);
        log_info("session", "closed a dropped session: CKR_%s", ckr_name(closed));
        ckr = open_handle(pool->login, out);
    }
    return ckr;
}

static void drop(struct session_pool *pool, struct session *session)
{
    bool gone =
        session->unfit == CKR_SESSION_HANDLE_INVALID || session->unfit == CKR_SESSION_CLOSED;
    if (!gone) {
        sync_lock(&pool->mutex);
        if (pool->dropped_count < SESSION_DROPPED_MAX) {
            pool->dropped[pool->dropped_count++] = session->handle;
        }
        sync_unlock(&pool->mutex);
    }
    log_info("session", "gave a session up after CKR_%s", ckr_name(session->unfit));
    session->live = false;
}

static struct ckr_verdict replace(struct session_pool *pool, struct session *session)
{
    sync_lock(&pool->mutex);
    bool too_many = pool->dropped_count == SESSION_DROPPED_MAX;
    sync_unlock(&pool->mutex);
    if (too_many) {
        return ckr_own(FRAME_DEVICE_LOST);
    }
    CK_RV ckr = open_another(pool, &session->handle);
    session->live = ckr == CKR_OK;
    return ckr_verdict(ckr);
}

struct ckr_verdict session_ready(struct session_pool *pool, struct session *session)
{
    uint32_t epoch = login_epoch(pool->login);
    bool old = session->epoch != epoch;
    if (session->live && session->unfit == CKR_OK && old &&
        !login_covers(pool->login, session->handle)) {
        session->unfit = CKR_SESSION_HANDLE_INVALID;
    }
    if (session->live && session->unfit != CKR_OK) {
        drop(pool, session);
    }
    struct ckr_verdict verdict = session->live ? ckr_done() : replace(pool, session);
    if (verdict.class == FRAME_OK) {
        session->unfit = CKR_OK;
        session->epoch = epoch;
    }
    return verdict;
}

/* The epoch tells a login that was lost and made again during the search. */
struct ckr_verdict session_sees_all(const struct session *session)
{
    bool same = login_epoch(session->login) == session->epoch &&
                login_covers(session->login, session->handle);
    return ckr_verdict(same ? CKR_OK : CKR_USER_NOT_LOGGED_IN);
}

void session_pool_clear(struct session_pool *pool)
{
    sync_destroy(&pool->mutex, &pool->returned);
    repeats_clear(&pool->repeats);
}
