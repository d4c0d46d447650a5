/* request: one request as a block of its own, and the table of its states. */
#ifndef HSMGATE_KEYSTORE_REQUEST_H
#define HSMGATE_KEYSTORE_REQUEST_H

#include "keystore/keystore.h"

/* More than two for each of the people of a roster: who has voted may leave it. */
#define REQUEST_VOTES_MAX 1024

/* A copy with all that it points to, in one block. */
const struct quorum_request *request_make(const struct quorum_request *draft);
/* What may follow what; nothing leaves the states that end a request. Pure. */
bool request_allows(enum request_state from, enum request_state to);
/* Whether requests are made of this kind of statement; not of NULL. */
bool request_kind_known(const char *kind);

#endif
