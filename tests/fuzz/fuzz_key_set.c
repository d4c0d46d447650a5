/* JWK sets of issuers: what is kept has a kid that finds it, and is written so that it can be read
 * again. */
#include <assert.h>

#include "base/mem.h"
#include "gateway/key_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const algorithms[] = {"RS256", "ES256", "ES384", "ES512"};
    struct key_set *set = NULL;
    struct err err = key_set_parse("fuzz", span_of(data, size), &set);
    if (err.code != ERR_OK) {
        assert(set == NULL);
        return 0;
    }
    assert(key_set_count(set) <= KEY_SET_KEYS_MAX);
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        CLEANUP(buf_clear) struct buf jwk = {0};
        CLEANUP(json_clear) struct json json = {0};
        const struct jws_algorithm *algorithm = jws_algorithm_find(span_text(algorithms[i]));
        err = key_set_find(set, span_text("k"), algorithm, &jwk);
        assert(err.code != ERR_OK || json_parse(buf_span(&jwk), &json).code == ERR_OK);
        assert(err.code == ERR_OK || jwk.len == 0);
    }
    key_set_free(set);
    return 0;
}
