/* login: C_Login behind the PIN latch, once per epoch.
 *
 * After a reset or a dropped network all sessions, the login and all object handles are dead at
 * once. Whoever notices first makes the new login; its epoch tells everybody else that what they
 * hold is old. The mutex is held over C_Login on purpose: that is the single flight, and nobody
 * who waits for it could do anything without it. */
#include "pkcs11/login.h"

#include "base/banned.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "pkcs11/latch.h"

void login_init(struct login *login, const struct module *module,
                const struct worker_config *config)
{
    *login = (struct login){
        .module = module, .config = config, .pin = {.source = &config->pin}, .anchor = 0};
    sync_init(&login->mutex, NULL);
}

void login_clear(struct login *login)
{
    pin_clear(&login->pin);
    sync_destroy(&login->mutex, NULL);
}

uint32_t login_epoch(const struct login *login)
{
    return atomic_load(&login->epoch);
}

bool login_covers(const struct login *login, CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info = {0};
    return login->module->list->C_GetSessionInfo(session, &info) == CKR_OK &&
           info.state == CKS_RW_USER_FUNCTIONS;
}

/* A low counter is somebody's wrong PIN. When it was ours and the operator has given another one
 * since, that one may be tried; else a person must look first. */
static struct err check_flags(const struct module *module, const struct latch *latch)
{
    CK_FLAGS flags = 0;
    TRY(module_token_flags(module, &flags));
    ENSURE((flags & CKF_USER_PIN_LOCKED) == 0, ERR_PIN, "the token's user PIN is locked");
    ENSURE((flags & CKF_USER_PIN_FINAL_TRY) == 0, ERR_PIN,
           "one more wrong PIN would lock the token: log in once by hand");
    ENSURE((flags & CKF_USER_PIN_COUNT_LOW) == 0 || latch->refused_count > 0, ERR_PIN,
           "somebody gave the token a wrong PIN: log in once by hand");
    return err_ok();
}

/* Whether the code blames the PIN itself, and not the token's state. */
static bool blames_pin(CK_RV ckr)
{
    return ckr == CKR_PIN_INCORRECT || ckr == CKR_PIN_INVALID || ckr == CKR_PIN_LEN_RANGE ||
           ckr == CKR_PIN_LOCKED;
}

static struct err judge(struct latch *latch, CK_RV ckr)
{
    if (ckr_rule(ckr)->class == FRAME_OK) {
        return latch_accept(latch);
    }
    TRY(blames_pin(ckr) ? latch_refuse(latch) : latch_abandon(latch));
    bool pin = ckr_rule(ckr)->class == FRAME_PIN;
    return err_new(pin ? ERR_PIN : ERR_TOKEN_UNAVAILABLE, __func__,
                   "C_Login failed with CKR_%s (0x%lx)%s", ckr_name(ckr), ckr,
                   blames_pin(ckr) ? ": mend the PIN, then restart hsmgated" : "");
}

static struct err enter(struct login *login)
{
    CLEANUP(secret_clear) struct secret pin = {0};
    CLEANUP(latch_clear) struct latch latch = {0};
    TRY(pin_read(&login->pin, &pin));
    TRY(latch_open(&latch, login->config->latch_dir, login->module->serial, secret_span(&pin)));
    TRY(check_flags(login->module, &latch));
    TRY(latch_begin(&latch, clock_wall_ms()));
    return judge(&latch, login->module->list->C_Login(login->anchor, CKU_USER, pin.data, pin.len));
}

static struct err open_anchor(struct login *login)
{
    CK_SESSION_INFO info = {0};
    CK_FUNCTION_LIST *list = login->module->list;
    if (login->anchor != 0 && list->C_GetSessionInfo(login->anchor, &info) == CKR_OK) {
        return err_ok();
    }
    CK_SESSION_HANDLE handle = 0;
    CK_RV ckr = list->C_OpenSession(login->module->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                                    NULL, &handle);
    ENSURE(ckr == CKR_OK, ERR_TOKEN_UNAVAILABLE, "C_OpenSession failed with CKR_%s (0x%lx)",
           ckr_name(ckr), ckr);
    login->anchor = handle;
    return err_ok();
}

static struct err renew(struct login *login)
{
    TRY(open_anchor(login));
    if (!login_covers(login, login->anchor)) {
        TRY(enter(login));
    }
    uint32_t epoch = atomic_fetch_add(&login->epoch, 1) + 1;
    log_info("login", "token '%s' (serial %s): epoch %u", login->module->label,
             login->module->serial, epoch);
    return err_ok();
}

struct err login_renew(struct login *login, uint32_t seen_epoch)
{
    sync_lock(&login->mutex);
    struct err err = login_epoch(login) == seen_epoch ? renew(login) : err_ok();
    sync_unlock(&login->mutex);
    return err;
}
