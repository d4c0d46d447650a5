/* fuzz_ecdsa: a DER signature is refused or is the only DER of its r‖s, and r‖s is refused or comes
 * back out of its DER. The first byte chooses the curve. */
#include <assert.h>

#include "base/mem.h"
#include "base/public_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_raw(struct span raw)
{
    CLEANUP(buf_clear) struct buf der = {0};
    CLEANUP(buf_clear) struct buf again = {0};
    struct err err = ecdsa_raw_to_der(raw, &der);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_FIELD && der.len == 0);
        return;
    }
    assert(raw.len == 64 || raw.len == 96 || raw.len == 132);
    err = ecdsa_der_to_raw(buf_span(&der), raw.len, &again);
    assert(err.code == ERR_OK && span_equal(buf_span(&again), raw));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t lengths[] = {64, 96, 132};
    if (size == 0) {
        return 0;
    }
    CLEANUP(buf_clear) struct buf raw = {0};
    CLEANUP(buf_clear) struct buf again = {0};
    struct span der = span_of(data + 1, size - 1);
    check_raw(der);
    size_t raw_len = lengths[data[0] % ARRAY_LEN(lengths)];
    struct err err = ecdsa_der_to_raw(der, raw_len, &raw);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_FIELD && raw.len == 0);
        return 0;
    }
    assert(raw.len == raw_len);
    err = ecdsa_raw_to_der(buf_span(&raw), &again);
    assert(err.code == ERR_OK && span_equal(buf_span(&again), der));
    return 0;
}
