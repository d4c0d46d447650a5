/* pipeline: the security policy, read from top to bottom: route -> caller -> key -> grant ->
 * approval -> limits -> context -> operation -> record.
 *
 * A request thread runs straight down. The reply leaves only through the audit writer; health
 * routes alone are exempt. */
#ifndef HSMGATE_GATEWAY_PIPELINE_H
#define HSMGATE_GATEWAY_PIPELINE_H

#include "base/json.h"
#include "base/name.h"
#include "gateway/gateway.h"
#include "gateway/policy.h"

#define PRINCIPAL_MAX      256
#define CALL_ARGUMENTS_MAX 2

struct call;
/* Does the operation: reads call->json, writes reply.body and status. On an error the pipeline
 * writes the problem. */
typedef struct err route_handler(struct call *call);

enum route_access {
    ACCESS_HEALTH, /* no caller, no record, answers while the audit log cannot be written */
    ACCESS_PUBLIC, /* no caller, recorded */
    ACCESS_CALLER, /* a known caller, no grant: whoami, version */
    ACCESS_GRANT   /* a grant for `operation` on the key or on everything */
};
enum route_target {
    TARGET_NONE,    /* the path is exact */
    TARGET_NEW_KEY, /* the name is in the body: the handler calls pipeline_grant itself, before it
                       touches anything */
    TARGET_KEY,     /* NAME[@N] in the path; call->key is set, never NULL, in the handler */
    TARGET_REST,    /* call->target is what follows the prefix, for the handler to check */
    TARGET_ITEM     /* the same for one segment, with the verb taken off */
};
enum route_body { BODY_NONE, BODY_JSON, BODY_JSON_OPTIONAL };

struct route {
    enum method method;
    const char *path;      /* exact, or prefix that ends in `/` for all but TARGET_NONE and
                              TARGET_NEW_KEY */
    const char *verb;      /* after the colon, or NULL */
    const char *operation; /* grant word, also for record and metrics */
    enum route_access access;
    enum route_target target;
    enum route_body body;
    route_handler *handler;
};

/* One request on its way through the pipeline. */
struct call {
    struct gateway *gateway;
    struct exchange *exchange;
    const struct route *route;
    const char *operation; /* the route's, or what it turned out to be; NULL: no route yet */
    const char *also;   /* another operation whose grant lets in, where a dialect has one word for
                           two: then the handler asks pipeline_grant_item; else NULL */
    struct span target; /* key name (checked for TARGET_KEY) or rest of the path */
    char name[NAME_MAX_LEN + 1]; /* the target's text where a dialect has to put it together */
    struct span arguments[CALL_ARGUMENTS_MAX]; /* what else a dialect's path says */
    uint32_t version_asked;                    /* NAME@N, 0: none */
    char principal[PRINCIPAL_MAX];             /* empty: none */
    const struct key *key;
    const struct grants *grants; /* one snapshot for the whole request; NULL until one is asked */
    const struct grant *grant;   /* the one that allowed it, or NULL; of `grants` */
    bool context_bound;          /* whether it may is for the contexts in the body to say, which are
                                    not settled yet; then `key` may be NULL */
    uint64_t forbidden_items[TOKEN_ITEMS_MAX / 64]; /* a bit for each that fits none */
    unsigned retry_after_s;                         /* of a limit that refused */
    struct json json; /* root is an object for BODY_JSON; NULL root when there was no body */
    int64_t now_ms;   /* for what expires and for dates of ours: never goes back */
    int64_t wall_ms;  /* what the wall clock says: for what others will compare with theirs */
    int64_t deadline_ns;
    /* what the record will say, set by the handler */
    uint32_t version;
    uint8_t digest[SHA256_LEN];
    bool has_digest;
    uint32_t items;
    uint32_t items_failed;
    struct buf detail; /* a JSON object's text, or empty */
};

/* server_handler: context is the gateway. */
void pipeline_run(void *gateway, struct exchange *exchange);
/* Grant stage for names that stand in the body or belong to items: ERR_FORBIDDEN, the same whether
 * the key exists or not. */
MUST_USE struct err pipeline_grant(struct call *call, const char *operation, struct span key_name);
/* The same as a question: nothing is counted or noted. For lists. */
bool pipeline_may(struct call *call, const char *operation, struct span key_name);
/* The rules and the caller's side of a question, for handlers that decide about grants. */
struct policy pipeline_policy(struct call *call);
struct policy_question pipeline_question(const struct call *call, const char *operation,
                                         struct span key_name);
/* Grant of the operation for one item, its context included, where the route has two of them:
 * ERR_FORBIDDEN. */
MUST_USE struct err pipeline_grant_item(struct call *call, const char *operation,
                                        const struct json_value *item);
/* Whether the item of a batch was refused for its context. */
bool pipeline_item_forbidden(const struct call *call, size_t item);
/* What such an item, and a caller without a grant, is told: ERR_FORBIDDEN. */
struct err pipeline_refusal(void);
/* Takes `items` from the caller's and the key's rate: ERR_RATE_LIMITED. */
MUST_USE struct err pipeline_take_rate(struct call *call, uint32_t items);
/* Likewise `items` more, once the body says how many there are: never refused, but owed. */
void pipeline_owe_rate(struct call *call, uint32_t items);
/* Writes what is about to be done as a durable record of kind `intent`: before a change that cannot
 * be undone. ERR_AUDIT_UNAVAILABLE. */
MUST_USE struct err call_intent(const struct call *call);
/* Starts the JSON reply: 200, application/json; the caller writes the root object into it and ends
 * with json_finish. */
struct json_writer call_reply_json(struct call *call, int status);

/* The table of everything that is served; openapi.json is held against it by a test. */
extern const struct route routes[];
extern const size_t route_count;
/* Finds the route; ERR_NOT_FOUND, ERR_METHOD_NOT_ALLOWED (out_allow: static text of the methods),
 * ERR_INVALID_NAME, ERR_INVALID_PATH. */
MUST_USE struct err route_find(const struct request *request, const struct route **out_route,
                               struct span *out_target, uint32_t *out_version,
                               const char **out_allow);

/* Whether it is for a health route, which must answer while every other request waits. */
bool route_is_urgent(const struct request *request);

#endif
