/* fuzz_envelope: what decode accepts, encode writes back as the same bytes; the rest is refused
 * with the one error. */
#include <assert.h>

#include "base/envelope.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_clear) struct buf again = {0};
    CLEANUP(buf_clear) struct buf aad = {0};
    struct span bytes = span_of(data, size);
    struct envelope envelope = {0};
    struct err err = envelope_decode(bytes, &envelope);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_CIPHERTEXT);
        assert(strcmp(err.detail, envelope_refusal().detail) == 0);
        assert(envelope.version == 0);
        return 0;
    }
    assert(size <= ENVELOPE_MAX);
    err = envelope_encode(&envelope, &again);
    assert(err.code == ERR_OK && span_equal(buf_span(&again), bytes));
    err = envelope_aad(&envelope, envelope.body, &aad);
    assert(err.code == ERR_OK && aad.len > ENVELOPE_HEAD_LEN + envelope.body.len);
    return 0;
}
