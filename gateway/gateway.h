/* gateway: what main makes once and every request uses. No other mutable globals. */
#ifndef HSMGATE_GATEWAY_GATEWAY_H
#define HSMGATE_GATEWAY_GATEWAY_H

#include "audit/audit.h"
#include "gateway/config.h"
#include "gateway/metrics.h"
#include "gateway/server.h"
#include "keystore/keystore.h"
#include "rotation/rotation.h"

struct access_keys;
struct replay;
struct events;
struct backups;

struct gateway {
    const struct config *config;
    struct keystore *store;
    struct audit *audit;
    struct token **tokens;
    size_t token_count;
    struct rotation rotation;    /* over store and tokens */
    struct scheduler *scheduler; /* NULL until it runs */
    struct events *events;       /* tells others of it; NULL: nobody */
    struct backups *backups;     /* NULL: not served */
    struct metrics *metrics;
    struct server *server;   /* NULL until it listens */
    struct issuers *issuers; /* whose JWTs name callers; NULL: none */
    struct access_keys *access_keys;
    struct replay *replay; /* NULL where no dialect is spoken whose requests are signed */
    struct limits *limits;
    struct witness *witness;           /* signs and copies checkpoints; NULL until it runs */
    struct quorum_watch *quorum_watch; /* NULL: no roster is pinned */
    int64_t started_ms;
};

/* NULL when no token has the name. */
struct token *gateway_token(const struct gateway *gateway, const char *name);
/* Unix ms, never before what it was: for what expires. */
int64_t gateway_now(const struct gateway *gateway);

#endif
