/* `vault:vN:…`, around ciphertexts, signatures and MACs: the version stands in the clear, and what
 * follows is base64. Pure. */
#include "base/mem.h"
#include "gateway/vault/vault.h"

#define PREFIX      "vault:v"
#define VERSION_MAX 0x7fffffff

static struct err refuse(const char *what)
{
    return err_new(ERR_INVALID_CIPHERTEXT, __func__, "%s", what);
}

struct err vault_text_parse(struct span text, uint32_t *out_version, struct span *out_rest)
{
    size_t at = sizeof(PREFIX) - 1;
    uint64_t version = 0;
    if (!span_starts(text, PREFIX)) {
        return refuse("it does not begin with `vault:v`");
    }
    if (at == text.len || text.data[at] < '1' || text.data[at] > '9') {
        return refuse("the version is not a number");
    }
    for (; at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
        version = version * 10 + (uint64_t)(text.data[at] - '0');
        if (version > VERSION_MAX) {
            return refuse("the version is too large");
        }
    }
    if (at == text.len || text.data[at] != ':') {
        return refuse("there is no colon behind the version");
    }
    *out_version = (uint32_t)version;
    *out_rest = span_of(text.data + at + 1, text.len - at - 1);
    return err_ok();
}
