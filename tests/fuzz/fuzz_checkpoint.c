/* fuzz_checkpoint: notes, verifier keys and proofs from strangers. The first byte chooses which;
 * what is taken must come out the same when it is written again. */
#include <assert.h>

#include "audit/checkpoint.h"
#include "audit/proof.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The example key of Go's note package. */
static const char some_key[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

static void try_note(struct span bytes)
{
    char origin[CHECKPOINT_ORIGIN_MAX];
    struct tree_head head;
    CLEANUP(buf_clear) struct buf body = {0};
    struct err err = checkpoint_read(bytes, origin, &head);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_CORRUPT);
        return;
    }
    err = checkpoint_body(origin, &head, &body);
    assert(err.code == ERR_OK && body.len < bytes.len);
    assert(span_equal(buf_span(&body), span_of(bytes.data, body.len)));
}

static void try_key(struct span bytes)
{
    CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier verifier = {0};
    CLEANUP(buf_clear) struct buf again = {0};
    struct err err = checkpoint_verifier_read(bytes, &verifier);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_CORRUPT && verifier.public_key.data == NULL);
        return;
    }
    struct checkpoint_key key = {verifier.name, buf_span(&verifier.public_key)};
    err = checkpoint_key_text(&key, &again);
    assert(err.code == ERR_OK && again.len <= bytes.len);
}

static void try_proof(struct span bytes)
{
    CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier verifier = {0};
    struct audit_proved proved;
    struct err err = checkpoint_verifier_read(span_text(some_key), &verifier);
    assert(err.code == ERR_OK);
    err = audit_check_proof(bytes, &verifier, &proved);
    assert(err.code == ERR_CORRUPT || err.code == ERR_FORBIDDEN);
    err = checkpoint_open(bytes, &verifier, &proved.head);
    assert(err.code == ERR_CORRUPT || err.code == ERR_FORBIDDEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct span) = {try_note, try_key, try_proof};
    if (size > 0) {
        tries[data[0] % ARRAY_LEN(tries)](span_of(data + 1, size - 1));
    }
    return 0;
}
