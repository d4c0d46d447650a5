/* Base64, base64url and hex by tables, strict: one text for each value, or an error.
 *
 * OpenSSL's decoders skip blanks and take unused bits, so two texts could stand for one ciphertext.
 * A decode table gives a digit's value with DIGIT set, 0 for any other byte, so that a group of
 * four is checked by one AND. On failure the output buf is as before. */
#include "base/encoding.h"

#define DIGIT 0x40
#define VALUE 0x3F

struct alphabet {
    const char *digits;
    const uint8_t *values;
    bool padded;
};

/* clang-format off */
static const uint8_t standard_values[256] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x7E, 0x00, 0x00, 0x00, 0x7F,
    0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x7B, 0x7C, 0x7D, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E,
    0x4F, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F, 0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
    0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70, 0x71, 0x72, 0x73, 0x00, 0x00, 0x00, 0x00, 0x00,
};
/* clang-format on */

/* clang-format off */
static const uint8_t url_values[256] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x7E, 0x00, 0x00,
    0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x7B, 0x7C, 0x7D, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E,
    0x4F, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x00, 0x00, 0x00, 0x00, 0x7F,
    0x00, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F, 0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
    0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70, 0x71, 0x72, 0x73, 0x00, 0x00, 0x00, 0x00, 0x00,
};
/* clang-format on */

static const struct alphabet standard = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", standard_values, true};
static const struct alphabet url = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", url_values, false};

size_t base64_encoded_len(size_t len)
{
    return (len / 3 + (len % 3 != 0)) * 4;
}

/* Two digits for 12 bits. */
static void encode_pair(const char *digits, uint32_t bits, uint8_t *out)
{
    out[0] = (uint8_t)digits[bits >> 6 & VALUE];
    out[1] = (uint8_t)digits[bits & VALUE];
}

static void encode_groups(const char *digits, const uint8_t *in, size_t groups, uint8_t *out)
{
    for (size_t i = 0; i < groups; i++, in += 3, out += 4) {
        uint32_t group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        encode_pair(digits, group >> 12, out);
        encode_pair(digits, group, out + 2);
    }
}

/* The last 1 or 2 bytes, as 2 or 3 digits. */
static void encode_tail(const char *digits, const uint8_t *in, size_t bytes, uint8_t *out)
{
    uint32_t second = bytes == 2 ? in[1] : 0;
    encode_pair(digits, (uint32_t)in[0] << 4 | second >> 4, out);
    if (bytes == 2) {
        out[2] = (uint8_t)digits[second << 2 & VALUE];
    }
}

static struct err encode(const struct alphabet *alphabet, struct span bytes, struct buf *out)
{
    size_t tail = bytes.len % 3;
    size_t tail_digits = tail == 0 ? 0 : alphabet->padded ? 4 : tail + 1;
    ENSURE(bytes.len <= SIZE_MAX / 2, ERR_TOO_LARGE, "too many bytes for base64");
    size_t groups = bytes.len / 3;
    uint8_t *at = NULL;
    TRY(buf_extend(out, groups * 4 + tail_digits, &at));
    encode_groups(alphabet->digits, bytes.data, groups, at);
    if (tail > 0) {
        at += groups * 4;
        encode_tail(alphabet->digits, bytes.data + groups * 3, tail, at);
        if (alphabet->padded) {
            memset(at + tail + 1, '=', 3 - tail);
        }
    }
    return err_ok();
}

/* Whole groups of four digits; false at the first group with a foreign byte. */
static bool decode_groups(const uint8_t *values, const uint8_t *in, size_t groups, uint8_t *out)
{
    for (size_t i = 0; i < groups; i++, in += 4, out += 3) {
        uint32_t a = values[in[0]];
        uint32_t b = values[in[1]];
        uint32_t c = values[in[2]];
        uint32_t d = values[in[3]];
        if ((a & b & c & d & DIGIT) == 0) {
            return false;
        }
        uint32_t group = (a & VALUE) << 18 | (b & VALUE) << 12 | (c & VALUE) << 6 | (d & VALUE);
        out[0] = (uint8_t)(group >> 16);
        out[1] = (uint8_t)(group >> 8);
        out[2] = (uint8_t)group;
    }
    return true;
}

/* The last 2 or 3 digits; their unused bits must be zero. */
static bool decode_tail(const uint8_t *values, const uint8_t *in, size_t digits, uint8_t *out)
{
    uint32_t a = values[in[0]];
    uint32_t b = values[in[1]];
    uint32_t c = digits == 3 ? values[in[2]] : DIGIT;
    uint32_t unused = digits == 3 ? c & 0x03 : b & 0x0F;
    if ((a & b & c & DIGIT) == 0 || unused != 0) {
        return false;
    }
    out[0] = (uint8_t)((a & VALUE) << 2 | (b & VALUE) >> 4);
    if (digits == 3) {
        out[1] = (uint8_t)((b & 0x0F) << 4 | (c & VALUE) >> 2);
    }
    return true;
}

/* Length without the padding, which must complete a group of four. */
static struct err count_digits(const struct alphabet *alphabet, struct span text, size_t *out)
{
    size_t digits = text.len;
    if (alphabet->padded) {
        ENSURE(text.len % 4 == 0, ERR_INVALID_BASE64, "base64 with a length not divisible by 4");
        while (digits > 0 && text.len - digits < 2 && text.data[digits - 1] == '=') {
            digits--;
        }
    }
    ENSURE(digits % 4 != 1, ERR_INVALID_BASE64, "base64 with an impossible length");
    *out = digits;
    return err_ok();
}

static struct err decode(const struct alphabet *alphabet, struct span text, struct buf *out)
{
    size_t digits = 0;
    TRY(count_digits(alphabet, text, &digits));
    size_t groups = digits / 4;
    size_t tail = digits % 4;
    size_t before = out->len;
    uint8_t *at = NULL;
    TRY(buf_extend(out, groups * 3 + (tail > 0 ? tail - 1 : 0), &at));
    bool ok = decode_groups(alphabet->values, text.data, groups, at);
    if (ok && tail > 0) {
        ok = decode_tail(alphabet->values, text.data + groups * 4, tail, at + groups * 3);
    }
    if (!ok) {
        buf_truncate(out, before);
    }
    ENSURE(ok, ERR_INVALID_BASE64, "not strict base64 (RFC 4648)");
    return err_ok();
}

struct err base64_encode(struct span bytes, struct buf *out)
{
    return encode(&standard, bytes, out);
}

struct err base64_decode(struct span text, struct buf *out)
{
    return decode(&standard, text, out);
}

struct err base64url_encode(struct span bytes, struct buf *out)
{
    return encode(&url, bytes, out);
}

struct err base64url_decode(struct span text, struct buf *out)
{
    return decode(&url, text, out);
}

void hex_write(struct span bytes, uint8_t *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        out[2 * i] = (uint8_t)digits[bytes.data[i] >> 4];
        out[2 * i + 1] = (uint8_t)digits[bytes.data[i] & 0x0F];
    }
}

struct err hex_encode(struct span bytes, struct buf *out)
{
    ENSURE(bytes.len <= SIZE_MAX / 2, ERR_TOO_LARGE, "too many bytes for hex");
    uint8_t *at = NULL;
    TRY(buf_extend(out, bytes.len * 2, &at));
    hex_write(bytes, at);
    return err_ok();
}

unsigned hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    unsigned lower = c | 0x20U;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 16;
}

struct err hex_decode(struct span text, struct buf *out)
{
    ENSURE(text.len % 2 == 0, ERR_INVALID_FIELD, "hex with an odd length");
    size_t before = out->len;
    uint8_t *at = NULL;
    TRY(buf_extend(out, text.len / 2, &at));
    bool ok = true;
    for (size_t i = 0; ok && i < text.len; i += 2) {
        unsigned high = hex_value(text.data[i]);
        unsigned low = hex_value(text.data[i + 1]);
        ok = high < 16 && low < 16;
        *at++ = (uint8_t)(high << 4 | (low & 0x0F));
    }
    if (!ok) {
        buf_truncate(out, before);
    }
    ENSURE(ok, ERR_INVALID_FIELD, "not hex");
    return err_ok();
}

size_t natural_write(uint64_t value, char out[NUMBER_TEXT_MAX])
{
    char digits[NUMBER_TEXT_MAX];
    size_t len = 0;
    do {
        digits[NUMBER_TEXT_MAX - ++len] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memcpy(out, digits + NUMBER_TEXT_MAX - len, len);
    return len;
}

size_t number_write(int64_t value, char out[NUMBER_TEXT_MAX])
{
    if (value >= 0) {
        return natural_write((uint64_t)value, out);
    }
    char digits[NUMBER_TEXT_MAX];
    size_t len = natural_write(0 - (uint64_t)value, digits); /* 19 at most */
    out[0] = '-';
    memcpy(out + 1, digits, len);
    return 1 + len;
}
