/* line: a queue of waiting threads. One condition for all of them would wake any, so that under
 * load some would wait for ever while newcomers go past; here each has its own, and the first is
 * called. The queue is as short as its owner's limit, so a place is looked for from the front. */
#include "pkcs11/line.h"

#include <assert.h>

#include "base/banned.h"

void line_join(struct line *line, struct line_place *place)
{
    place->next = NULL;
    sync_init_condition(&place->called);
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
    sync_destroy_condition(&place->called);
}

void line_call_first(struct line *line)
{
    if (line->first != NULL) {
        sync_wake_one(&line->first->called);
    }
}

void line_call_all(struct line *line)
{
    for (struct line_place *place = line->first; place != NULL; place = place->next) {
        sync_wake_one(&place->called);
    }
}
