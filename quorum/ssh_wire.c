/* The few things of SSH's binary format that voters need.
 *
 * Everything is read to its end: what is left over in a key or a signature would be bytes that
 * nobody looked at. */
#include "quorum/ssh_wire.h"

#include "base/mem.h"
#include "quorum/voter_key.h"

#define CURVE "nistp256"

static const char *const types[VOTER_KEY_KIND_COUNT] = {
    [VOTER_KEY_ED25519] = "ssh-ed25519",
    [VOTER_KEY_P256] = "ecdsa-sha2-nistp256",
    [VOTER_KEY_SK_ED25519] = "sk-ssh-ed25519@openssh.com",
    [VOTER_KEY_SK_P256] = "sk-ecdsa-sha2-nistp256@openssh.com",
};

const char *ssh_wire_type(enum voter_key_kind kind)
{
    return (size_t)kind < VOTER_KEY_KIND_COUNT ? types[kind] : "";
}

bool ssh_wire_kind(struct span type, enum voter_key_kind *out)
{
    for (size_t i = 0; i < VOTER_KEY_KIND_COUNT; i++) {
        if (span_is(type, types[i])) {
            *out = (enum voter_key_kind)i;
            return true;
        }
    }
    return false;
}

bool ssh_wire_string(struct cursor *cursor, struct span *out)
{
    uint32_t len = 0;
    return cursor_u32(cursor, &len).code == ERR_OK && cursor_bytes(cursor, len, out).code == ERR_OK;
}

bool ssh_wire_number(struct cursor *cursor, uint8_t *out, size_t len)
{
    struct span number = {0};
    if (!ssh_wire_string(cursor, &number) || number.len == 0 || (number.data[0] & 0x80) != 0) {
        return false; /* zero, or negative */
    }
    if (number.data[0] == 0) {
        if (number.len == 1 || (number.data[1] & 0x80) == 0) {
            return false; /* a zero in front that no sign bit needs */
        }
        number = span_of(number.data + 1, number.len - 1);
    }
    if (number.len > len) {
        return false;
    }
    memset(out, 0, len - number.len);
    memcpy(out + len - number.len, number.data, number.len);
    return true;
}

static bool has_curve(enum voter_key_kind kind)
{
    return kind == VOTER_KEY_P256 || kind == VOTER_KEY_SK_P256;
}

bool ssh_wire_key(struct span blob, struct ssh_wire_key *out)
{
    struct ssh_wire_key key = {0};
    struct cursor cursor = cursor_of(blob);
    struct span type = {0};
    struct span curve = {0};
    if (!ssh_wire_string(&cursor, &type) || !ssh_wire_kind(type, &key.kind)) {
        return false;
    }
    if (has_curve(key.kind) && !(ssh_wire_string(&cursor, &curve) && span_is(curve, CURVE))) {
        return false;
    }
    if (!ssh_wire_string(&cursor, &key.point) ||
        (voter_key_is_sk(key.kind) && !ssh_wire_string(&cursor, &key.application)) ||
        cursor.rest.len > 0) {
        return false;
    }
    *out = key;
    return true;
}
