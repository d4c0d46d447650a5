/* world: does to the target what a reset or a lost network does to an HSM.
 *
 * Sessions are really closed and the token is really logged out, so that all codes that follow are
 * the target's own. That happens while no call is inside the target: not all of them would live
 * through it otherwise, and it is not them that we test. */
#include "tests/chaos/module/world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "tests/chaos/module/board.h"
#include "tests/chaos/module/watch.h"

#define NUMBERING_BITS 40 /* below them is the target's handle */

static struct {
    CK_FUNCTION_LIST *target;
    pthread_rwlock_t lock; /* shared: a call is inside the target */
    _Atomic CK_SLOT_ID slot;
    _Atomic bool gone;
} world;

void world_init(CK_FUNCTION_LIST *target)
{
    pthread_rwlockattr_t attributes;
    (void)pthread_rwlockattr_init(&attributes);
    (void)pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    (void)pthread_rwlock_init(&world.lock, &attributes);
    world.target = target;
}

void world_enter(void)
{
    (void)pthread_rwlock_rdlock(&world.lock);
}

void world_leave(void)
{
    (void)pthread_rwlock_unlock(&world.lock);
}

void world_note_slot(CK_SLOT_ID slot)
{
    atomic_store(&world.slot, slot);
    atomic_store(&world.gone, false);
}

/* The lock is held for writing. */
static void renumber(void)
{
    atomic_fetch_add(&board()->numbering, 1);
}

void world_close_sessions(void)
{
    (void)pthread_rwlock_wrlock(&world.lock);
    renumber();
    (void)world.target->C_CloseAllSessions(atomic_load(&world.slot));
    watch_all_closed();
    (void)pthread_rwlock_unlock(&world.lock);
}

void world_log_out(void)
{
    (void)pthread_rwlock_wrlock(&world.lock);
    renumber();
    CK_SESSION_HANDLE any = watch_any_session();
    if (any != CK_INVALID_HANDLE) {
        (void)world.target->C_Logout(any);
    }
    (void)pthread_rwlock_unlock(&world.lock);
}

void world_renumber(void)
{
    (void)pthread_rwlock_wrlock(&world.lock);
    renumber();
    (void)pthread_rwlock_unlock(&world.lock);
}

void world_remove(void)
{
    if (!atomic_exchange(&world.gone, true)) {
        world_close_sessions();
    }
}

CK_OBJECT_HANDLE world_show(CK_OBJECT_HANDLE target)
{
    CK_ULONG numbering = atomic_load(&board()->numbering);
    return target == CK_INVALID_HANDLE ? target : target | numbering << NUMBERING_BITS;
}

CK_OBJECT_HANDLE world_find(CK_OBJECT_HANDLE shown)
{
    CK_ULONG numbering = atomic_load(&board()->numbering);
    bool current = shown >> NUMBERING_BITS == numbering;
    return current ? shown & (((CK_ULONG)1 << NUMBERING_BITS) - 1) : CK_INVALID_HANDLE;
}
