/* token_attribute: the words for what a key object says of itself.
 *
 * They stand in inventories and in the records of adoptions, so a word never changes its meaning.
 * Nothing of the token's face is needed here: a program without a token may link this alone. */
#include <assert.h>

#include "base/mem.h"
#include "pkcs11/token.h"

#include "base/banned.h"

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
