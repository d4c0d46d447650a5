/* entry: one record on its way to the disk, and lists of such. */
#ifndef HSMGATE_AUDIT_ENTRY_H
#define HSMGATE_AUDIT_ENTRY_H

#include "audit/audit.h"

struct entry {
    struct entry *next;
    int64_t time;      /* of the record, unix ms */
    int64_t queued_ns; /* monotonic */
    struct buf tail;   /* see record_write_tail */
    audit_release *release;
    void *arg;
};

/* First in, first out; a zeroed list is empty. */
struct entries {
    struct entry *first;
    struct entry *last;
    size_t count;
};

void entries_push(struct entries *entries, struct entry *entry);
/* The oldest, or NULL. */
struct entry *entries_pop(struct entries *entries);
/* Moves everything from `from` to the end of `to`. */
void entries_append(struct entries *to, struct entries *from);
/* Frees the entries. */
void entries_clear(struct entries *entries);
/* Frees one; takes NULL. */
void entry_free(struct entry *entry);

#endif
