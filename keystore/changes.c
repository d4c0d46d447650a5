/* changes: a list that one reader empties. A key that changes many times meanwhile may stand there
 * as often, so the list has an end: beyond it the answer is "all of them". */
#include "keystore/changes.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/sync.h"
#include "keystore/store.h"

#define LIST_MAX ((size_t)1 << 16)

void changes_init(struct changes *changes)
{
    *changes = (struct changes){0};
    sync_init(&changes->mutex, &changes->noted);
}

void changes_clear(struct changes *changes)
{
    mem_free(changes->pending.ids);
    sync_destroy(&changes->mutex, &changes->noted);
}

static void append(struct changes *changes, struct uuid id)
{
    struct key_changes *pending = &changes->pending;
    if (pending->all || pending->count == LIST_MAX) {
        pending->all = true;
        return;
    }
    if (pending->count == changes->room) {
        changes->room = changes->room == 0 ? 16 : changes->room * 2;
        pending->ids = mem_resize(pending->ids, changes->room, sizeof(*pending->ids));
    }
    pending->ids[pending->count++] = id;
}

void changes_note(struct changes *changes, struct uuid id)
{
    sync_lock(&changes->mutex);
    if (changes->watched) {
        append(changes, id);
        sync_wake_all(&changes->noted);
    }
    sync_unlock(&changes->mutex);
}

void keystore_await_changes(struct keystore *store, int64_t deadline_ns, struct key_changes *out)
{
    struct changes *changes = &store->changes;
    sync_lock(&changes->mutex);
    changes->watched = true;
    bool in_time = clock_mono_ns() < deadline_ns;
    while (!changes->woken && changes->pending.count == 0 && !changes->pending.all && in_time) {
        in_time = sync_wait(&changes->noted, &changes->mutex, deadline_ns);
    }
    *out = changes->pending;
    changes->pending = (struct key_changes){0};
    changes->room = 0;
    changes->woken = false;
    sync_unlock(&changes->mutex);
}

void keystore_wake_changes(struct keystore *store)
{
    struct changes *changes = &store->changes;
    sync_lock(&changes->mutex);
    changes->woken = true;
    sync_wake_all(&changes->noted);
    sync_unlock(&changes->mutex);
}
