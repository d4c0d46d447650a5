/* Public keys as people have them: what was read is in its one form, is read the same from PEM, and
 * no rubbish is its signature. */
#include <assert.h>

#include "base/mem.h"
#include "base/public_key.h"
#include "quorum/quorum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pem(const struct voter_key *key)
{
    CLEANUP(buf_clear) struct buf pem = {0};
    CLEANUP(buf_clear) struct buf bytes = {0};
    struct voter_key again = {0};
    assert(public_key_pem(key->spki, &pem).code == ERR_OK);
    assert(voter_key_read(buf_span(&pem), &bytes, &again).code == ERR_OK);
    assert(span_equal(key->spki, again.spki) && again.application.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t rubbish[64] = {1};
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(buf_clear) struct buf message = {0};
    struct voter_key key = {0};
    struct err err = voter_key_read(span_of(data, size), &bytes, &key);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_FIELD && bytes.len == 0 && key.spki.len == 0);
        return 0;
    }
    bool is_sk = key.kind == VOTER_KEY_SK_ED25519 || key.kind == VOTER_KEY_SK_P256;
    assert(is_sk == (key.application.len > 0));
    assert(voter_key_message(span_text("ann"), &key, &message).code == ERR_OK);
    assert(!voter_key_verify(&key, VOTE_RAW, "", buf_span(&message), span_of(rubbish, 64)));
    check_pem(&key);
    return 0;
}
