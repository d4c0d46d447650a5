/* Names of keys with capital letters, which Vault allows and the native API does not: `CA-A` is
 * kept as `-_c-_a--_a` behind its first character, so each name has one form here and comes back as
 * it was. Names without capitals stay as they are. Pure. */
#include "base/mem.h"
#include "gateway/vault/vault.h"

#define MARK "-_"

static bool is_capital(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_small(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_mark(struct span text, size_t at)
{
    return at > 0 && at + 2 < text.len && text.data[at] == MARK[0] &&
           text.data[at + 1] == MARK[1] && is_small(text.data[at + 2]);
}

struct err vault_name_encode(struct span name, struct buf *out)
{
    ENSURE(name.len == 0 || !is_capital(name.data[0]), ERR_INVALID_NAME,
           "a key's name must not begin with a capital letter here");
    for (size_t i = 0; i < name.len; i++) {
        ENSURE(!is_mark(name, i), ERR_INVALID_NAME,
               "a key's name must not have `" MARK "` before a letter: capitals are kept so here");
        uint8_t small = (uint8_t)(name.data[i] | 0x20);
        if (is_capital(name.data[i])) {
            TRY(buf_append_text(out, MARK));
            TRY(buf_append(out, span_of(&small, 1)));
        } else {
            TRY(buf_append(out, span_of(&name.data[i], 1)));
        }
    }
    return err_ok();
}

struct span vault_name_decode(struct span name, char out[NAME_MAX_LEN + 1])
{
    size_t len = 0;
    for (size_t i = 0; i < name.len && len < NAME_MAX_LEN; i++) {
        if (is_mark(name, i)) {
            out[len++] = (char)(name.data[i + 2] & ~0x20);
            i += 2;
        } else {
            out[len++] = (char)name.data[i];
        }
    }
    out[len] = '\0';
    return span_of(out, len);
}
