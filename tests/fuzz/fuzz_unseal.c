/* fuzz_unseal: a sealed answer (JWE) to a key that is known here. Nobody who fuzzes can make a tag,
 * so what opens is the seed, letter by letter: a text that differs and still opens would be one
 * that somebody can change on its way. */
#include <assert.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "cli/ecdh_es.h"
#include "cli/unseal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 7517, appendix A.2 */
static const char jwk[] =
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}";
static const char half[] = "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE";

/* SHA-256 of the seed `sealed`, whose plaintext is `opened`. */
static const char seed_hex[] = "0bc6eed41f772de0d9c3ab040e18db9b6af0c0de47a2e7ce5efe0e69ff4c6c28";

static struct recipient_key key;

static void read_key(void)
{
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(buf_clear) struct buf d = {0};
    if (key.key != NULL) {
        return;
    }
    assert(json_parse(span_text(jwk), &json).code == ERR_OK);
    assert(recipient_read(json.root, &key.is).code == ERR_OK);
    assert(base64url_decode(span_text(half), &d).code == ERR_OK);
    assert(ecdh_es_key(&key.is, buf_span(&d), &key.key).code == ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(secret_clear) struct secret plain = {0};
    CLEANUP(buf_clear) struct buf hex = {0};
    uint8_t hash[SHA256_LEN];
    struct span jwe = span_of(data, size);
    read_key();
    struct err err = unseal(jwe, &key, &plain);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_CIPHERTEXT && plain.len == 0);
        return 0;
    }
    while (jwe.len > 0 && (jwe.data[jwe.len - 1] == '\n' || jwe.data[jwe.len - 1] == '\r')) {
        jwe.len--;
    }
    digest_sha256_parts(&jwe, 1, hash);
    assert(hex_encode(span_of(hash, sizeof(hash)), &hex).code == ERR_OK);
    assert(span_is(buf_span(&hex), seed_hex) && span_is(secret_span(&plain), "opened"));
    return 0;
}
