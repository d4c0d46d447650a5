/* newborns: keys that this very process made a short while ago, which may be unmade freely. */
#ifndef HSMGATE_PKCS11_NEWBORNS_H
#define HSMGATE_PKCS11_NEWBORNS_H

#include <pthread.h>

#include "pkcs11/token.h"

#define NEWBORNS_MAX    256
#define NEWBORNS_TIME_S 600

struct newborn {
    uint8_t cka_id[TOKEN_CKA_ID_MAX];
    size_t cka_id_len; /* 0: none */
    int64_t until_ns;
};

struct newborns {
    pthread_mutex_t mutex; /* guards what follows */
    struct newborn all[NEWBORNS_MAX];
    size_t next; /* the oldest, whose place the next one takes */
};

void newborns_init(struct newborns *newborns);
void newborns_clear(struct newborns *newborns);
/* The CKA_ID was free and a key is about to get it. Times on the monotonic clock. */
void newborns_note(struct newborns *newborns, struct span cka_id, int64_t now_ns);
bool newborns_has(struct newborns *newborns, struct span cka_id, int64_t now_ns);

#endif
