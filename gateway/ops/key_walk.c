/* A page of keys. The store gives them in chunks, each a snapshot of its own, so a list that takes
 * long holds nothing up. */
#include "gateway/ops/key_walk.h"

#include "base/mem.h"

#define CHUNK 128

static bool is_shown(struct call *call, const struct key_walk *walk, const struct key *key)
{
    bool listed = walk->listed == NULL || walk->listed(key, walk->context);
    return listed && pipeline_may(call, "read", span_text(key->name));
}

static bool is_full(const struct key_walk *walk, size_t visited)
{
    return visited == walk->most || (walk->full != NULL && walk->full(walk->context));
}

/* Sets `more` when it ends before the chunk does. */
static struct err walk_chunk(struct call *call, struct key_walk *walk, const struct key **keys,
                             size_t count, size_t *visited)
{
    for (size_t i = 0; i < count; i++) {
        bool shown = is_shown(call, walk, keys[i]);
        walk->more = shown && is_full(walk, *visited);
        if (walk->more) {
            return err_ok();
        }
        if (shown) {
            TRY(walk->visit(keys[i], walk->context));
            (*visited)++;
        }
        snprintf(walk->after, sizeof(walk->after), "%s", keys[i]->name);
    }
    return err_ok();
}

struct err key_walk(struct call *call, struct key_walk *walk)
{
    size_t visited = 0, count = CHUNK;
    walk->more = false;
    while (count == CHUNK && !walk->more) {
        const struct key **keys = keystore_list(call->gateway->store, walk->prefix,
                                                span_text(walk->after), CHUNK, LIST_USABLE, &count);
        struct err err = walk_chunk(call, walk, keys, count, &visited);
        keystore_list_free(keys, count);
        TRY(err);
    }
    return err_ok();
}
