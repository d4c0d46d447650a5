/* dialect: a wire format that clients speak. All of them go through one pipeline and use the same
 * operations; a dialect says which route a request takes, and words what was decided. */
#ifndef HSMGATE_GATEWAY_DIALECT_H
#define HSMGATE_GATEWAY_DIALECT_H

#include "gateway/pipeline.h"

struct batch;
struct item;

struct dialect {
    const char *name; /* in records; NULL: the native API */
    /* Whether the request is in this dialect: by its path and headers alone. */
    bool (*takes)(const struct gateway *gateway, const struct request *request);
    /* Sets the call's route and what it points to; errors as route_find. */
    struct err (*find)(struct call *call);
    /* Sets the call's key and target where they stand in the body, which it parses then; the caller
     * is known. NULL: the path says them. */
    struct err (*key)(struct call *call);
    bool any_media_type; /* of bodies, which are JSON all the same; an empty one counts as none */
    /* The member of a body that holds a batch (NULL: there are none), and whether others beside it
     * are ignored. */
    const char *items;
    bool items_win;
    /* The context of an item as the native API would have it: an object, or NULL for none. What has
     * to be made for it stands in `made`. */
    struct err (*context)(const struct call *call, const struct json_value *item, struct json *made,
                          const struct json_value **out);
    /* Whether the body is of the operation's shape and may be answered now: asked behind the
     * grants, before the handler of a route that has none to ask itself. NULL: the handlers read it
     * strictly. */
    struct err (*check)(const struct call *call);
    struct err (*reply_one)(const struct batch *batch, const struct item *item);
    struct err (*reply_many)(const struct batch *batch);
    /* Makes the whole reply an error. `route` is NULL when there is none. */
    void (*refuse)(struct exchange *exchange, const struct route *route, const struct err *err);
};

extern const struct dialect dialect_native;

/* Never NULL. */
const struct dialect *dialect_of(const struct gateway *gateway, const struct request *request);

/* Whether the state of the gateway is asked, in any dialect. */
bool dialect_is_urgent(const struct request *request);

/* server_refuser: in the words of the dialect that the request is in; `gateway` is one. */
void dialect_refuse(void *gateway, struct exchange *exchange, const struct err *err);

#endif
