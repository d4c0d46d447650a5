/* Votes as JSON: what was read is written and read as the same vote, and can be asked for the bytes
 * that it signs. */
#include <assert.h>

#include "base/mem.h"
#include "quorum/quorum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct vote *vote)
{
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(buf_clear) struct buf signature = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct vote again = {0};
    struct json_writer writer = json_writer_on(&text);
    vote_put(&writer, NULL, vote);
    assert(json_finish(&writer).code == ERR_OK);
    assert(json_parse(buf_span(&text), &json).code == ERR_OK);
    assert(vote_read(json.root, &signature, &again).code == ERR_OK);
    assert(span_equal(vote->voter, again.voter) && vote->choice == again.choice &&
           span_equal(vote->signed_at, again.signed_at) && vote->format == again.format &&
           span_equal(vote->signature, again.signature));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_clear) struct buf signature = {0};
    CLEANUP(buf_clear) struct buf message = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct vote vote = {0};
    if (json_parse(span_of(data, size), &json).code != ERR_OK) {
        return 0;
    }
    struct err err = vote_read(json.root, &signature, &vote);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_FIELD || err.code == ERR_UNKNOWN_FIELD);
        assert(signature.len == 0 && vote.signature.len == 0);
        return 0;
    }
    assert(vote.signature.len > 0 && vote.signature.len <= VOTE_SIGNATURE_MAX);
    check_again(&vote);
    assert(vote_message(&vote, span_text("{}"), &message).code == ERR_OK);
    assert(memmem(message.data, message.len, "\n{}", 3) != NULL);
    return 0;
}
