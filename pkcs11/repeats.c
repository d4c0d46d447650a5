/* repeats: the worker's memory of the random bytes that the token gave.
 *
 * Two messages under one key with one IV of AES-GCM give both away, and the key to forge more; and
 * a generator that is stuck, or that begins at the same point after each reset, is how that comes
 * about. What was seen is kept as a piece of its hash, because data keys are random bytes too, each
 * in the place that the hash says: the next one there takes it. So what comes again within about
 * as many draws as there are places is found, which a stuck generator is with its second. */
#include "pkcs11/repeats.h"

#include <assert.h>
#include <string.h>

#include "base/banned.h"
#include "base/digest.h"
#include "base/sync.h"

void repeats_init(struct repeats *repeats)
{
    *repeats = (struct repeats){0};
    sync_init(&repeats->mutex, NULL);
}

void repeats_clear(struct repeats *repeats)
{
    sync_destroy(&repeats->mutex, NULL);
}

bool repeats_are_new(struct repeats *repeats, struct span bytes)
{
    uint8_t hash[SHA256_LEN];
    assert(bytes.len >= REPEATS_LEN_MIN);
    digest_sha256_parts(&bytes, 1, hash);
    size_t place = ((size_t)hash[SHA256_LEN - 2] << 8 | hash[SHA256_LEN - 1]) % REPEATS_MAX;
    sync_lock(&repeats->mutex);
    bool new = memcmp(repeats->seen[place], hash, REPEATS_LEN) != 0;
    memcpy(repeats->seen[place], hash, REPEATS_LEN);
    sync_unlock(&repeats->mutex);
    return new;
}
