/* fitness: the rules for adoption, on what a description says and nothing else.
 *
 * What we make ourselves is right by template; what others made is judged by what it may do. A role
 * that the key lacks is refused here with its reason, not found at the first use. Roles that it has
 * besides are taken, unless they give keys away: the worker uses a key for its purpose alone. */
#include "pkcs11/fitness.h"

#include "base/banned.h"

#define BIT(attribute) (1u << TOKEN_ATTRIBUTE_##attribute)

/* MACs are checked by making them again, so CKA_VERIFY is not needed. */
static const uint32_t roles[PURPOSE_COUNT] = {
    [PURPOSE_ENCRYPT] = BIT(ENCRYPTS) | BIT(DECRYPTS),
    [PURPOSE_MAC] = BIT(SIGNS),
    [PURPOSE_SIGN] = BIT(SIGNS),
    [PURPOSE_DECRYPT] = BIT(DECRYPTS),
};

static bool has_all(const struct token_object *object, uint32_t attributes)
{
    return (object->attributes & attributes) == attributes;
}

enum frame_unfit fitness_judge(const struct token_object *object, const struct token_key *key)
{
    if (object->cka_id_len == 0) {
        return FRAME_UNFIT_NO_ID;
    }
    if (!object->has_algorithm || object->algorithm != key->algorithm) {
        return FRAME_UNFIT_ALGORITHM;
    }
    if (token_object_leaks(object)) {
        return FRAME_UNFIT_LEAKY;
    }
    if (!has_all(object, roles[key->purpose])) {
        return FRAME_UNFIT_ROLE;
    }
    return has_all(object, BIT(ALWAYS_AUTHENTICATE)) ? FRAME_UNFIT_ASKING : FRAME_FIT;
}
