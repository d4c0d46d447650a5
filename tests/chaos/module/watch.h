/* watch: checks the caller, session by session; what it must never do is a violation (board.h). */
#ifndef HSMGATE_TESTS_CHAOS_WATCH_H
#define HSMGATE_TESTS_CHAOS_WATCH_H

#include "tests/chaos/module/function.h"

#include <stdbool.h>

/* C_Initialize: with OS locking, and every later call from the same process. */
void watch_initialize(const CK_C_INITIALIZE_ARGS *args);
/* The call's thread comes; `session` is CK_INVALID_HANDLE where there is none. */
void watch_enter(enum function function, CK_SESSION_HANDLE session);

/* How a call ended. */
struct watch_end {
    CK_RV ckr;
    bool made;    /* the target was called */
    bool offered; /* there was room for the output */
};
void watch_leave(enum function function, CK_SESSION_HANDLE session, const struct watch_end *end);

void watch_opened(CK_SESSION_HANDLE session, CK_FLAGS flags);
void watch_closed(CK_SESSION_HANDLE session);
void watch_all_closed(void);
CK_ULONG watch_open_sessions(void);
CK_SESSION_HANDLE watch_any_session(void);

#endif
