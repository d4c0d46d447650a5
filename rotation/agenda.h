/* agenda: which key is to be looked at when, one entry for each key, the earliest first. Not
 * thread-safe: the scheduler's mutex guards it. */
#ifndef HSMGATE_ROTATION_AGENDA_H
#define HSMGATE_ROTATION_AGENDA_H

#include "base/digest.h"

struct agenda_entry {
    struct uuid id;
    int64_t due_ns;   /* monotonic */
    unsigned failed;  /* tries in a row */
    int64_t retry_ns; /* monotonic: no try before */
    bool working;     /* somebody is at it: it is not on the agenda meanwhile */
    size_t place;     /* in the heap; AGENDA_OFF when it is not there */
    struct agenda_entry *next;
};
#define AGENDA_OFF SIZE_MAX

struct agenda {
    struct agenda_entry **heap;
    size_t count;
    size_t room;
    struct agenda_entry **buckets;
    size_t bucket_count;
    size_t known; /* entries in the buckets */
};

void agenda_clear(struct agenda *agenda);
/* NULL when the key has none. */
struct agenda_entry *agenda_find(const struct agenda *agenda, struct uuid id);
/* Puts the key on the agenda, or moves it there; the entry stays valid until agenda_drop. */
struct agenda_entry *agenda_put(struct agenda *agenda, struct uuid id, int64_t due_ns);
/* Forgets the key. */
void agenda_drop(struct agenda *agenda, struct uuid id);
/* The earliest entry, or NULL. */
struct agenda_entry *agenda_first(const struct agenda *agenda);
/* Takes an entry off the heap; it stays known. */
void agenda_take(struct agenda *agenda, struct agenda_entry *entry);

#endif
