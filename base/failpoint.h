/* failpoint: named places between two steps, where a test can end the process as a power cut would.
 *
 * Off unless the environment variable HSMGATE_FAILPOINTS names a file that belongs to root and that
 * nobody else may write. Its lines are read again at every failpoint that is met:
 *
 *   trace FILE          append the name of each failpoint that is met; before the lines that end
 *   NAME kill [N]       end this process by SIGKILL, the Nth time it is met (default the first)
 *   NAME kill-parent [N]  likewise this process's parent first: the worker's way to end both */
#ifndef HSMGATE_BASE_FAILPOINT_H
#define HSMGATE_BASE_FAILPOINT_H

#include "base/buf.h"

enum failpoint {
    /* the front, making a version */
    FAILPOINT_RESERVED,  /* the row is there, the token knows nothing */
    FAILPOINT_GENERATED, /* the token has the material, the row does not say so */
    FAILPOINT_RECORDED,  /* the row knows the material's identity */
    FAILPOINT_CHECKED,   /* it was used once and software agreed */
    FAILPOINT_PUBLISHED, /* verifiers can see it */
    FAILPOINT_PROMOTING, /* about to become the primary */
    FAILPOINT_PROMOTED,
    FAILPOINT_RETIRING, /* about to leave the key sets */
    FAILPOINT_RETIRED,
    FAILPOINT_MOVING, /* any other change of state that a person asked for */
    FAILPOINT_MOVED,
    /* the front, destroying a version */
    FAILPOINT_DESTROY_MARKED,   /* the row says that the token is about to be told */
    FAILPOINT_DESTROY_ON_TOKEN, /* the material is gone, the row does not say so */
    FAILPOINT_DESTROYED,
    /* the front, a request that a quorum decides */
    FAILPOINT_REQUESTING,      /* about to be written */
    FAILPOINT_REQUESTED,       /* on disk, nobody was told */
    FAILPOINT_VOTING,          /* a vote is checked, not written */
    FAILPOINT_VOTED,           /* on disk, the request has not moved by it */
    FAILPOINT_DECIDING,        /* its votes amount to something else than its state says */
    FAILPOINT_DECIDED,         /* its state says so, nobody was told */
    FAILPOINT_OPENING,         /* about to be spent */
    FAILPOINT_SPENT,           /* spent, the token knows nothing */
    FAILPOINT_OPENED_ON_TOKEN, /* the token has done it, the row does not say so */
    FAILPOINT_OPENED,          /* the row says so, nobody has the answer */
    FAILPOINT_ROSTER_PUBLISHING,
    FAILPOINT_ROSTER_PUBLISHED,
    /* the worker */
    FAILPOINT_TOKEN_GENERATED,  /* the objects are on the token, unread */
    FAILPOINT_TOKEN_READ_BACK,  /* their attributes are as they must be */
    FAILPOINT_TOKEN_PROVED,     /* identity made, used once; the front does not know */
    FAILPOINT_TOKEN_DESTROYING, /* one object of the version is gone, perhaps not all */
    FAILPOINT_TOKEN_SPENT,      /* a statement is noted as spent, nothing is decrypted */
    FAILPOINT_TOKEN_UNSEALED,   /* decrypted; neither sealed nor answered */
    FAILPOINT_COUNT
};

const char *failpoint_name(enum failpoint point);
/* One sentence of what has happened when it is met, and what has not. */
const char *failpoint_text(enum failpoint point);
bool failpoint_by_name(struct span name, enum failpoint *out);

/* Nothing, in one comparison, unless they are on. Safe from any thread. */
void failpoint_hit(enum failpoint point);
/* The file that turns them on, or NULL; says why in the log when one is named that may not. Call
 * once, before threads start. */
const char *failpoint_start(void);

#endif
