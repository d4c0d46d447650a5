/* fuzz_encoding: base64, base64url and hex against slow decoders that follow RFC 4648 letter by
 * letter. A text is taken by both, as the same bytes, or by neither; what is taken is the only text
 * of its bytes; and OpenSSL agrees wherever it is asked. */
#include <assert.h>
#include <openssl/evp.h>

#include "base/encoding.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Bit by bit; false when a letter is foreign or bits are left that are not zero. */
static bool decode_bits(const char *alphabet, struct span letters, uint8_t *out, size_t *out_len)
{
    unsigned bits = 0, count = 0;
    *out_len = 0;
    for (size_t i = 0; i < letters.len; i++) {
        const char *at = letters.data[i] == 0 ? NULL : strchr(alphabet, letters.data[i]);
        if (at == NULL) {
            return false;
        }
        bits = bits << 6 | (unsigned)(at - alphabet);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[(*out_len)++] = (uint8_t)(bits >> count);
            bits &= (1U << count) - 1;
        }
    }
    return bits == 0 && count < 6;
}

static bool decode_slowly(bool padded, struct span text, uint8_t *out, size_t *out_len)
{
    struct span letters = text;
    if (padded) {
        while (letters.len > 0 && letters.data[letters.len - 1] == '=') {
            letters.len--;
        }
        if (text.len - letters.len > 2 || text.len % 4 != 0) {
            return false;
        }
    }
    return decode_bits(padded ? standard : url, letters, out, out_len);
}

static void check_decode(bool padded, struct span text)
{
    CLEANUP(buf_clear) struct buf got = {0};
    CLEANUP(buf_clear) struct buf again = {0};
    CLEANUP(mem_free_at) uint8_t *want = mem_alloc(text.len + 1);
    size_t want_len = 0;
    bool good = decode_slowly(padded, text, want, &want_len);
    struct err err = padded ? base64_decode(text, &got) : base64url_decode(text, &got);
    assert(err.code == (good ? ERR_OK : ERR_INVALID_BASE64));
    if (!good) {
        assert(got.len == 0);
        return;
    }
    assert(span_equal(buf_span(&got), span_of(want, want_len)));
    err = padded ? base64_encode(buf_span(&got), &again) : base64url_encode(buf_span(&got), &again);
    assert(err.code == ERR_OK && span_equal(buf_span(&again), text));
}

static void check_encode(struct span bytes)
{
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(mem_free_at) uint8_t *want = mem_alloc(base64_encoded_len(bytes.len) + 1);
    int len = EVP_EncodeBlock(want, bytes.data, (int)bytes.len);
    assert(base64_encode(bytes, &text).code == ERR_OK);
    assert(len >= 0 && (size_t)len == base64_encoded_len(bytes.len));
    assert(span_equal(buf_span(&text), span_of(want, (size_t)len)));
    check_decode(true, buf_span(&text));
    buf_reset(&text);
    assert(base64url_encode(bytes, &text).code == ERR_OK);
    check_decode(false, buf_span(&text));
}

static void check_hex(struct span text)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    CLEANUP(buf_clear) struct buf got = {0};
    CLEANUP(buf_clear) struct buf again = {0};
    bool good = text.len % 2 == 0;
    for (size_t i = 0; good && i < text.len; i++) {
        const char *at = text.data[i] == 0 ? NULL : strchr(digits, text.data[i]);
        good = at != NULL || (text.data[i] >= 'A' && text.data[i] <= 'F');
        assert(at == NULL || hex_value(text.data[i]) == (unsigned)(at - digits) % 16);
    }
    struct err err = hex_decode(text, &got);
    assert(err.code == (good ? ERR_OK : ERR_INVALID_FIELD));
    assert(good ? got.len == text.len / 2 : got.len == 0);
    assert(hex_encode(buf_span(&got), &again).code == ERR_OK && again.len == 2 * got.len);
    for (size_t i = 0; i < again.len; i++) {
        assert(again.data[i] ==
               (text.data[i] >= 'A' && text.data[i] <= 'F' ? text.data[i] | 0x20 : text.data[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_of(data, size);
    check_decode(true, bytes);
    check_decode(false, bytes);
    check_hex(bytes);
    check_encode(bytes);
    return 0;
}
