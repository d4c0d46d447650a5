/* token_attribute: the words for what a key object says of itself, and what must not come together.
 *
 * They stand in inventories and in the records of adoptions, so a word never changes its meaning.
 * Nothing of the token's face is needed here: a program without a token may link this alone. */
#include <assert.h>

#include "base/mem.h"
#include "pkcs11/token.h"

#include "base/banned.h"

#define BIT(attribute) (1u << TOKEN_ATTRIBUTE_##attribute)

static const char *const names[] = {
    [TOKEN_ATTRIBUTE_EXTRACTABLE] = "extractable",
    [TOKEN_ATTRIBUTE_MODIFIABLE] = "modifiable",
    [TOKEN_ATTRIBUTE_NOT_SENSITIVE] = "not-sensitive",
    [TOKEN_ATTRIBUTE_PUBLIC_OBJECT] = "public-object",
    [TOKEN_ATTRIBUTE_WAS_EXTRACTABLE] = "was-extractable",
    [TOKEN_ATTRIBUTE_IMPORTED] = "imported",
    [TOKEN_ATTRIBUTE_COPYABLE] = "copyable",
    [TOKEN_ATTRIBUTE_ALWAYS_AUTHENTICATE] = "always-authenticate",
    [TOKEN_ATTRIBUTE_WRAPS] = "wraps",
    [TOKEN_ATTRIBUTE_UNWRAPS] = "unwraps",
    [TOKEN_ATTRIBUTE_DERIVES] = "derives",
    [TOKEN_ATTRIBUTE_ENCRYPTS] = "encrypts",
    [TOKEN_ATTRIBUTE_DECRYPTS] = "decrypts",
    [TOKEN_ATTRIBUTE_SIGNS] = "signs",
    [TOKEN_ATTRIBUTE_VERIFIES] = "verifies",
};
static_assert(ARRAY_LEN(names) == TOKEN_ATTRIBUTE_COUNT, "a word for each attribute");

const char *token_attribute_name(enum token_attribute attribute)
{
    assert((unsigned)attribute < TOKEN_ATTRIBUTE_COUNT);
    return names[attribute];
}

static bool has_all(const struct token_object *object, uint32_t attributes)
{
    return (object->attributes & attributes) == attributes;
}

/* Who can wrap any key of the token under this one, and decrypt what comes out, has that key in
 * clear (Clulow 2003): a secret key that may WRAP and DECRYPT is refused. A key that may UNWRAP and
 * DECRYPT opens in clear what others wrapped for it, where they meant it to become an object of the
 * token; that alone is how common tools make and import RSA keys, and only what was wrapped for
 * this key is at stake. When such a key is EXTRACTABLE too, the same goes wherever it is taken,
 * and it is refused, secret or private. WRAP on a public half does not count: the token lets
 * anybody bring a public key of their own to wrap with. */
bool token_object_leaks(const struct token_object *object)
{
    return has_all(object, BIT(WRAPS) | BIT(DECRYPTS)) ||
           has_all(object, BIT(UNWRAPS) | BIT(DECRYPTS) | BIT(EXTRACTABLE));
}
