/* Parsing a public key costs more than verifying with it, because OpenSSL asks all its decoders for
 * each one. So each thread keeps the few that it used last.
 *
 * A key is found by all of its bytes, so there is nothing to make invalid when keys change; public
 * keys are no secret. The threads share nothing, so nothing locks. */
#include "base/parsed_key.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <pthread.h>

#include "base/mem.h"

#define KEPT 8

struct kept {
    struct buf spki;
    EVP_PKEY *key; /* NULL: free */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t kept_key; /* made once; each thread's KEPT keys */

static void forget(struct kept *kept)
{
    EVP_PKEY_free(kept->key);
    kept->key = NULL;
    buf_clear(&kept->spki);
}

static void forget_all(void *memory)
{
    struct kept *kept = memory;
    for (size_t i = 0; i < KEPT; i++) {
        forget(&kept[i]);
    }
    mem_free(kept);
}

static void make_key(void)
{
    if (pthread_key_create(&kept_key, forget_all) != 0) {
        abort();
    }
}

/* The one place in this thread where the key may stand: by FNV-1a of its bytes. */
static struct kept *place_of(struct span spki)
{
    if (pthread_once(&once, make_key) != 0) {
        abort();
    }
    struct kept *kept = pthread_getspecific(kept_key);
    if (kept == NULL) {
        kept = mem_array(KEPT, sizeof(*kept));
        if (pthread_setspecific(kept_key, kept) != 0) {
            abort();
        }
    }
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < spki.len; i++) {
        hash = (hash ^ spki.data[i]) * 16777619u;
    }
    return &kept[(hash ^ hash >> 16) % KEPT];
}

static void pkey_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static struct err parse(struct span spki, struct kept *out)
{
    const unsigned char *at = spki.data;
    CLEANUP(pkey_free) EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)spki.len);
    ERR_clear_error();
    ENSURE(key != NULL && at == spki.data + spki.len, ERR_INTERNAL,
           "the stored public key cannot be read");
    TRY(buf_append(&out->spki, spki));
    out->key = TAKE(key);
    return err_ok();
}

struct err parsed_key(struct span spki, EVP_PKEY **out)
{
    struct kept *kept = place_of(spki);
    if (kept->key == NULL || !span_equal(buf_span(&kept->spki), spki)) {
        forget(kept);
        TRY(parse(spki, kept));
    }
    if (EVP_PKEY_up_ref(kept->key) != 1) {
        abort();
    }
    *out = kept->key;
    return err_ok();
}
