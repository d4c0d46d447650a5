/* fuzz_spki: what a token gives as a public key, behind a byte for the algorithm. What is taken is
 * a DER SubjectPublicKeyInfo of that algorithm and no other, the same again, and can be written as
 * PEM and JWK; a bare point and the same point in an OCTET STRING are one key. */
#include <assert.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "base/public_key.h"
#include "pkcs11/spki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_der(struct span der, unsigned bits)
{
    const uint8_t *end = der.data;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &end, (long)der.len);
    assert(key != NULL && end == der.data + der.len);
    assert((unsigned)EVP_PKEY_get_bits(key) == bits);
    EVP_PKEY_free(key);
}

static void check_written(struct span der)
{
    CLEANUP(buf_clear) struct buf pem = {0};
    CLEANUP(buf_clear) struct buf jwk = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct json_writer writer = json_writer_on(&jwk);
    assert(public_key_pem(der, &pem).code == ERR_OK && pem.len > der.len);
    json_begin_object(&writer, NULL);
    assert(public_key_put_jwk(der, &writer).code == ERR_OK);
    json_end_object(&writer);
    assert(json_finish(&writer).code == ERR_OK);
    assert(json_parse(buf_span(&jwk), &json).code == ERR_OK);
    assert(json_member(json.root, "kty") != NULL);
}

/* The bare point, wrapped as a token should, is the same key. */
static void check_wrapped(enum algorithm algorithm, struct span point, struct span der)
{
    CLEANUP(buf_clear) struct buf wrapped = {0};
    CLEANUP(buf_clear) struct buf again = {0};
    assert(buf_append_u8(&wrapped, 0x04).code == ERR_OK);
    assert(point.len < 128 || buf_append_u8(&wrapped, 0x81).code == ERR_OK);
    assert(buf_append_u8(&wrapped, (uint8_t)point.len).code == ERR_OK);
    assert(buf_append(&wrapped, point).code == ERR_OK);
    assert(spki_of_point(algorithm, buf_span(&wrapped), &again).code == ERR_OK);
    assert(span_equal(buf_span(&again), der));
}

/* An OCTET STRING in one piece, with its length in any form. */
static bool is_wrap(struct span value, size_t len)
{
    size_t extra = value.data[1] < 128 ? 0 : value.data[1] & 0x7fU;
    size_t said = extra == 0 ? value.data[1] : 0;
    for (size_t i = 0; i < extra && 2 + i < value.len; i++) {
        said = said << 8 | value.data[2 + i];
    }
    return value.data[0] == 0x04 && said == len && value.len == 2 + extra + len;
}

static void check_point(enum algorithm algorithm, struct span value)
{
    CLEANUP(buf_clear) struct buf der = {0};
    const struct algorithm_info *info = algorithm_info(algorithm);
    struct err err = spki_of_point(algorithm, value, &der);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_CORRUPT && der.len == 0);
        return;
    }
    bool is_curve = info->family == FAMILY_EC;
    size_t bare = is_curve ? 1 + 2 * (size_t)((info->bits + 7) / 8) : 32;
    check_der(buf_span(&der), is_curve ? info->bits : 256);
    check_written(buf_span(&der));
    assert(value.len == bare || is_wrap(value, bare));
    check_wrapped(algorithm, span_of(value.data + value.len - bare, bare), buf_span(&der));
}

static void check_rsa(enum algorithm algorithm, struct span value)
{
    CLEANUP(buf_clear) struct buf der = {0};
    size_t len = algorithm_info(algorithm)->bits / 8;
    if (value.len < len) {
        return;
    }
    struct span modulus = span_of(value.data, len);
    struct span exponent = span_of(value.data + len, value.len - len);
    struct err err = spki_of_rsa(algorithm, modulus, exponent, &der);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_CORRUPT && der.len == 0);
        return;
    }
    check_der(buf_span(&der), algorithm_info(algorithm)->bits);
    check_written(buf_span(&der));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 2048) {
        return 0;
    }
    enum algorithm algorithm = (enum algorithm)(data[0] % ALGORITHM_COUNT);
    struct span value = span_of(data + 1, size - 1);
    if (algorithm_info(algorithm)->family == FAMILY_RSA) {
        check_rsa(algorithm, value);
    } else {
        check_point(algorithm, value);
    }
    return 0;
}
