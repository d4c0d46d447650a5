/* world: what happens to all sessions, to the login and to all object handles at once. */
#ifndef HSMGATE_TESTS_CHAOS_WORLD_H
#define HSMGATE_TESTS_CHAOS_WORLD_H

#include <p11-kit/pkcs11.h>

void world_init(CK_FUNCTION_LIST *target);
/* Between these two, nothing happens to the world: they stand around each call of the target. */
void world_enter(void);
void world_leave(void);

void world_close_sessions(void);
void world_log_out(void);
void world_renumber(void);
/* Closes the sessions of a device that goes, once until it is back. */
void world_remove(void);

/* The caller's numbers for the target's object handles, and back; one of an older numbering becomes
 * CK_INVALID_HANDLE, which the target then refuses in its own words. */
CK_OBJECT_HANDLE world_show(CK_OBJECT_HANDLE target);
CK_OBJECT_HANDLE world_find(CK_OBJECT_HANDLE shown);
/* The slot in which sessions are opened. */
void world_note_slot(CK_SLOT_ID slot);

#endif
