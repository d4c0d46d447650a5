/* A vote file is the body of the request that sends it, so whatever speaks HTTP can send one that
 * was signed on a machine without network. */
#include "cli/ballot.h"

#include "base/mem.h"
#include "cli/input.h"

#define BALLOT_MAX ((size_t)16 << 10)

void ballot_clear(struct ballot *ballot)
{
    buf_clear(&ballot->signature);
    json_clear(&ballot->json);
}

static struct err check(struct signing_key *signer, const struct vote *vote, struct span message)
{
    struct voter_key key = {0};
    CLEANUP(buf_clear) struct buf bytes = {0};
    TRY(signing_key_public(signer, &bytes, &key));
    ENSURE(voter_key_verify(&key, vote->format, SIGNING_VOTE, message, vote->signature),
           ERR_INVALID_FIELD, "what was signed is not of this public key: is it of another pair?");
    return err_ok();
}

struct err ballot_sign(struct signing_key *signer, const struct ballot_order *order,
                       struct ballot *out)
{
    CLEANUP(buf_clear) struct buf message = {0};
    struct vote *vote = &out->vote;
    clock_format(order->now_ms, out->signed_at);
    *vote = (struct vote){.voter = order->voter,
                          .choice = order->choice,
                          .signed_at = span_text(out->signed_at),
                          .format = signing_key_format(signer)};
    TRY(vote_message(vote, order->statement, &message));
    TRY(signing_key_sign(signer, SIGNING_VOTE, buf_span(&message), &out->signature));
    vote->signature = buf_span(&out->signature);
    return check(signer, vote, buf_span(&message));
}

struct err ballot_write(const struct vote *vote, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    vote_put(&writer, NULL, vote);
    return json_finish(&writer);
}

static struct err read_text(struct span text, struct ballot *out)
{
    TRY(json_parse(text, &out->json));
    return vote_read(out->json.root, &out->signature, &out->vote);
}

struct err ballot_read(const char *path, struct ballot *out)
{
    CLEANUP(buf_clear) struct buf text = {0};
    TRY(input_read_named(path, BALLOT_MAX, &text));
    const struct err err = read_text(buf_span(&text), out);
    ENSURE(err.code == ERR_OK, err.code, "%s is no vote: %s", path, err.detail);
    return err_ok();
}
