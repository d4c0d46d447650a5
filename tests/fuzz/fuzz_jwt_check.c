/* fuzz_jwt_check: a key set in the first line and a JWT behind it, as the command line checks what
 * the gateway answers. What is good is good under a kid that the set lists, and not when one of its
 * letters changes. */
#include <assert.h>

#include "base/mem.h"
#include "cli/jwt_check.h"
#include "gateway/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_changed(const struct jwt_keys *keys, struct span token)
{
    CLEANUP(buf_clear) struct buf kid = {0};
    CLEANUP(buf_clear) struct buf other = {0};
    assert(buf_append(&other, token).code == ERR_OK);
    uint8_t *letter = &other.data[token.len / 2];
    *letter = *letter == 'A' ? 'B' : 'A';
    assert(jwt_check(keys, buf_span(&other), &kid).code != ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(jwt_keys_clear) struct jwt_keys keys = {0};
    CLEANUP(buf_clear) struct buf kid = {0};
    struct span token = span_of(data, size);
    struct span set = query_cut(&token, '\n');
    if (json_parse(set, &keys.set).code != ERR_OK) {
        return 0;
    }
    struct err err = jwt_check(&keys, token, &kid);
    assert(err.code == ERR_OK || err.code == ERR_NOT_FOUND || err.code == ERR_CORRUPT ||
           err.code == ERR_FORBIDDEN);
    if (err.code == ERR_OK) {
        assert(jwt_keys_list(&keys, buf_span(&kid)));
        check_changed(&keys, token);
    }
    return 0;
}
