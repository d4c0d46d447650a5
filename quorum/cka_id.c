/* CKA_ID of keys that demand approvals: the rule stands on the token, beside the key that it
 * guards.
 *
 * The object cannot be modified, so M and the group are what they were when the key was made,
 * whatever a database says since. The last byte counts whatever the UUID looks like: a key that
 * says how many must agree is never opened by fewer because something else about it is odd. */
#include "base/mem.h"
#include "quorum/quorum.h"

#define LAYOUT_AT    UUID_LEN
#define LAYOUT       0x01
#define M_AT         (UUID_LEN + 1)
#define GROUP_LEN    6
#define VERSION_AT   6 /* RFC 9562 §4.2: the high half of this byte */
#define VARIANT_AT   8 /* RFC 9562 §4.1: the two high bits of this one */
#define VERSION_MASK 0xF0
#define VARIANT_MASK 0xC0
#define VARIANT      0x80

enum { VERSION_RANDOM = 0x40, VERSION_OURS = 0x80 };

static void group_digest(struct span group, uint8_t out[SHA256_LEN])
{
    const struct span parts[] = {span_text("hsmgate/v1/group\n"), group};
    digest_sha256_parts(parts, ARRAY_LEN(parts), out);
}

void approval_cka_id(struct span group, uint8_t m, const uint8_t random[UUID_LEN],
                     uint8_t out[APPROVAL_CKA_ID_LEN])
{
    uint8_t version = VERSION_RANDOM;
    memcpy(out, random, UUID_LEN);
    if (m > 0) {
        uint8_t digest[SHA256_LEN];
        group_digest(group, digest);
        memcpy(out, digest, GROUP_LEN);
        version = VERSION_OURS;
    }
    out[VERSION_AT] = (uint8_t)((out[VERSION_AT] & ~VERSION_MASK) | version);
    out[VARIANT_AT] = (uint8_t)((out[VARIANT_AT] & ~VARIANT_MASK) | VARIANT);
    out[LAYOUT_AT] = LAYOUT;
    out[M_AT] = m;
}

uint32_t approval_m_of(struct span cka_id)
{
    bool is_ours = cka_id.len == APPROVAL_CKA_ID_LEN && cka_id.data[LAYOUT_AT] == LAYOUT;
    return is_ours ? cka_id.data[M_AT] : 0;
}

bool approval_group_is(struct span cka_id, struct span group)
{
    if (approval_m_of(cka_id) == 0 || (cka_id.data[VERSION_AT] & VERSION_MASK) != VERSION_OURS ||
        (cka_id.data[VARIANT_AT] & VARIANT_MASK) != VARIANT) {
        return false;
    }
    uint8_t digest[SHA256_LEN];
    group_digest(group, digest);
    return memcmp(cka_id.data, digest, GROUP_LEN) == 0;
}
