/* repeats: finds out when a token gives the same random bytes twice. */
#ifndef HSMGATE_PKCS11_REPEATS_H
#define HSMGATE_PKCS11_REPEATS_H

#include <pthread.h>

#include "pkcs11/token.h"

#define REPEATS_MAX     1024
#define REPEATS_LEN     12
#define REPEATS_LEN_MIN TOKEN_IV_LEN /* fewer bytes may come twice by chance */

struct repeats {
    pthread_mutex_t mutex; /* guards what follows */
    uint8_t seen[REPEATS_MAX][REPEATS_LEN];
};

void repeats_init(struct repeats *repeats);
void repeats_clear(struct repeats *repeats);
/* Remembers them. False when the same bytes came before, not too long ago. */
bool repeats_are_new(struct repeats *repeats, struct span bytes);

#endif
