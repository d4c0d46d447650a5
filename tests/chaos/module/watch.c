/* watch: what a careful caller never does with a module.
 *
 * One seat per open session, one mutex for all. An operation ends with CKR_OK and room for its
 * output, or with a code that is known to end it; after anything else it counts as active, and then
 * only its own functions, C_GetSessionInfo and C_CloseSession may come, and what is found may be
 * looked at while the search goes on. */
#include "tests/chaos/module/watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/chaos/module/board.h"

#define SEATS 1024

struct seat {
    CK_SESSION_HANDLE session; /* CK_INVALID_HANDLE: free */
    enum operation active;
    bool inside;  /* a call is under way */
    bool suspect; /* its last call failed */
    bool told;    /* that an operation was left active: once is enough */
};

static struct {
    pthread_mutex_t mutex; /* guards seats and open */
    struct seat seats[SEATS];
    CK_ULONG open;
    _Atomic pid_t owner; /* who called C_Initialize */
} watch = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* The mutex is held. */
static struct seat *seat_of(CK_SESSION_HANDLE session)
{
    for (unsigned i = 0; session != CK_INVALID_HANDLE && i < SEATS; i++) {
        if (watch.seats[i].session == session) {
            return &watch.seats[i];
        }
    }
    return NULL;
}

void watch_initialize(const CK_C_INITIALIZE_ARGS *args)
{
    atomic_store(&watch.owner, getpid());
    if (args == NULL || (args->flags & CKF_OS_LOCKING_OK) == 0) {
        board_violation("C_Initialize without CKF_OS_LOCKING_OK");
    }
}

static void check_process(const char *name)
{
    pid_t owner = atomic_load(&watch.owner);
    if (owner != 0 && owner != getpid()) {
        board_violation("%s after a fork", name);
    }
}

/* The mutex is held. */
static void check_operation(enum function function, struct seat *seat)
{
    const struct function_info *info = &function_info[function];
    bool own = (info->operation == seat->active && info->part != BEGINS) ||
               (seat->active == FIND && function == F_C_GetAttributeValue);
    if (seat->active == NO_OPERATION || own || seat->told || function == F_C_GetSessionInfo ||
        function == F_C_CloseSession) {
        return;
    }
    board_violation("%s on session %lu, where operation %d is active", info->name, seat->session,
                    (int)seat->active);
    seat->told = true;
}

/* A session that is given up may be closed at any time, a good one never while others work. The
 * mutex is held. */
static void check_close(const struct seat *closing)
{
    if (closing->active != NO_OPERATION || closing->suspect) {
        return;
    }
    for (unsigned i = 0; i < SEATS; i++) {
        if (watch.seats[i].session != CK_INVALID_HANDLE && watch.seats[i].inside &&
            &watch.seats[i] != closing) {
            board_violation("C_CloseSession of the good session %lu while session %lu works",
                            closing->session, watch.seats[i].session);
            return;
        }
    }
}

void watch_enter(enum function function, CK_SESSION_HANDLE session)
{
    const char *name = function_info[function].name;
    check_process(name);
    if (function == F_C_Logout || function == F_C_Finalize || function == F_C_CloseAllSessions) {
        board_violation("%s in service", name);
    }
    (void)pthread_mutex_lock(&watch.mutex);
    struct seat *seat = seat_of(session);
    if (seat != NULL) {
        if (seat->inside) {
            board_violation("%s on session %lu while another call is under way", name, session);
        }
        seat->inside = true;
        check_operation(function, seat);
        if (function == F_C_CloseSession) {
            check_close(seat);
        }
    }
    (void)pthread_mutex_unlock(&watch.mutex);
}

static bool is_known_to_end(enum function function, CK_RV ckr)
{
    switch (ckr) {
    case CKR_DATA_INVALID:
    case CKR_DATA_LEN_RANGE:
    case CKR_ENCRYPTED_DATA_INVALID:
    case CKR_ENCRYPTED_DATA_LEN_RANGE:
    case CKR_SIGNATURE_INVALID:
    case CKR_SIGNATURE_LEN_RANGE:
        return true;
    case CKR_GENERAL_ERROR: /* how a tampered tag is refused */
    case CKR_FUNCTION_FAILED:
        return function == F_C_Decrypt;
    default:
        return false;
    }
}

static enum operation active_after(enum function function, enum operation before,
                                   const struct watch_end *end)
{
    const struct function_info *info = &function_info[function];
    if (info->part == BEGINS) {
        return end->made && end->ckr == CKR_OK ? info->operation : before;
    }
    bool ended = info->part == ENDS ||
                 (info->part == WHOLE &&
                  ((end->ckr == CKR_OK && end->offered) || is_known_to_end(function, end->ckr)));
    return ended && end->made ? NO_OPERATION : before;
}

void watch_leave(enum function function, CK_SESSION_HANDLE session, const struct watch_end *end)
{
    (void)pthread_mutex_lock(&watch.mutex);
    struct seat *seat = seat_of(session);
    if (seat != NULL) {
        if (end->made && end->ckr == CKR_OPERATION_ACTIVE && !seat->told) {
            board_violation("%s on a session with an operation", function_info[function].name);
        }
        seat->inside = false;
        seat->suspect = end->ckr != CKR_OK;
        seat->active = active_after(function, seat->active, end);
    }
    (void)pthread_mutex_unlock(&watch.mutex);
}

void watch_opened(CK_SESSION_HANDLE session, CK_FLAGS flags)
{
    if ((flags & CKF_RW_SESSION) == 0) {
        board_violation("C_OpenSession for reading only");
    }
    (void)pthread_mutex_lock(&watch.mutex);
    for (unsigned i = 0; i < SEATS; i++) {
        if (watch.seats[i].session == CK_INVALID_HANDLE) {
            watch.seats[i] = (struct seat){.session = session};
            watch.open++;
            break;
        }
    }
    (void)pthread_mutex_unlock(&watch.mutex);
}

void watch_closed(CK_SESSION_HANDLE session)
{
    (void)pthread_mutex_lock(&watch.mutex);
    struct seat *seat = seat_of(session);
    if (seat != NULL) {
        *seat = (struct seat){0};
        watch.open--;
    }
    (void)pthread_mutex_unlock(&watch.mutex);
}

void watch_all_closed(void)
{
    (void)pthread_mutex_lock(&watch.mutex);
    for (unsigned i = 0; i < SEATS; i++) {
        watch.seats[i] = (struct seat){0};
    }
    watch.open = 0;
    (void)pthread_mutex_unlock(&watch.mutex);
}

CK_ULONG watch_open_sessions(void)
{
    (void)pthread_mutex_lock(&watch.mutex);
    CK_ULONG open = watch.open;
    (void)pthread_mutex_unlock(&watch.mutex);
    return open;
}

CK_SESSION_HANDLE watch_any_session(void)
{
    CK_SESSION_HANDLE any = CK_INVALID_HANDLE;
    (void)pthread_mutex_lock(&watch.mutex);
    for (unsigned i = 0; any == CK_INVALID_HANDLE && i < SEATS; i++) {
        any = watch.seats[i].session;
    }
    (void)pthread_mutex_unlock(&watch.mutex);
    return any;
}
