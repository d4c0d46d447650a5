/* Lists of records that wait.
 *
 * Entries are linked into one list at a time: the pool, the queue or the batch of the writer. They
 * keep the memory of their line, so a busy log does not allocate. The lists do not lock; the writer
 * does. */
#include "audit/entry.h"

#include "base/mem.h"

#include "base/banned.h"

void entries_push(struct entries *entries, struct entry *entry)
{
    entry->next = NULL;
    if (entries->last == NULL) {
        entries->first = entry;
    } else {
        entries->last->next = entry;
    }
    entries->last = entry;
    entries->count++;
}

struct entry *entries_pop(struct entries *entries)
{
    struct entry *entry = entries->first;
    if (entry == NULL) {
        return NULL;
    }
    entries->first = entry->next;
    if (entries->first == NULL) {
        entries->last = NULL;
    }
    entries->count--;
    entry->next = NULL;
    return entry;
}

void entries_append(struct entries *to, struct entries *from)
{
    if (from->first == NULL) {
        return;
    }
    if (to->last == NULL) {
        to->first = from->first;
    } else {
        to->last->next = from->first;
    }
    to->last = from->last;
    to->count += from->count;
    *from = (struct entries){0};
}

void entries_clear(struct entries *entries)
{
    for (struct entry *entry = entries_pop(entries); entry != NULL; entry = entries_pop(entries)) {
        entry_free(entry);
    }
}

void entry_free(struct entry *entry)
{
    if (entry != NULL) {
        buf_clear(&entry->tail);
        mem_free(entry);
    }
}
