/* line: a queue of waiting callers. One condition for all of them would wake any, so that under
 * load some would wait for ever while newcomers go past; here each has its own, and the first is
 * called. The queue is as short as its owner's limit, so a place is looked for from the front. */
#include "pkcs11/line.h"

#include <assert.h>

#include "base/sync.h"

#include "base/banned.h"

void line_join(struct line *line, struct line_place *place)
{
    place->next = NULL;
    place->called = (struct sync_gate){0};
    if (line->first == NULL) {
        line->first = place;
    } else {
        line->last->next = place;
    }
    line->last = place;
    line->count++;
}

void line_leave(struct line *line, struct line_place *place)
{
    struct line_place *before = NULL;
    struct line_place **at = &line->first;
    while (*at != place) {
        assert(*at != NULL);
        before = *at;
        at = &before->next;
    }
    *at = place->next;
    line->last = line->last == place ? before : line->last;
    line->count--;
}

/* Gates are opened with the mutex held, so nobody is at one that is shut again here. */
void line_wait(struct line_place *place, pthread_mutex_t *mutex, int64_t deadline_ns)
{
    sync_gate_shut(&place->called);
    sync_unlock(mutex);
    (void)sync_gate_wait(&place->called, deadline_ns);
    sync_lock(mutex);
}

void line_call_first(struct line *line)
{
    if (line->first != NULL) {
        sync_gate_open(&line->first->called);
    }
}

void line_call_all(struct line *line)
{
    for (struct line_place *place = line->first; place != NULL; place = place->next) {
        sync_gate_open(&place->called);
    }
}
