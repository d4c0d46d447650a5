/* Checkpoints as text, in both directions: C2SP tlog-checkpoint, signed-note.
 *
 * A note is split at its one empty line into the body, which is signed, and lines of signatures.
 * Signatures of keys we do not know are skipped, as signed-note demands; a bad one of the key we
 * know spoils the note. Nothing here reads files or keeps state. */
#include "audit/checkpoint_inner.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "base/public_key.h"

#include "base/banned.h"

#define SIGNATURE_LEAD    "\xe2\x80\x94 " /* em dash, blank */
#define RAW_SIGNATURE_LEN 64

/* --- writing --- */

struct err checkpoint_body(const char *origin, const struct tree_head *head, struct buf *out)
{
    ENSURE(checkpoint_is_name(span_text(origin)), ERR_INVALID_FIELD, "not the name of a log");
    TRY(buf_printf(out, "%s\n%" PRIu64 "\n", origin, head->size));
    TRY(base64_encode(span_of(head->root.bytes, TREE_HASH_LEN), out));
    return buf_append_text(out, "\n");
}

/* The signature as notes hold it. */
static struct err put_signature(uint8_t algorithm, struct span signature, struct buf *out)
{
    bool is_raw = signature.len == RAW_SIGNATURE_LEN;
    if (algorithm == CHECKPOINT_ECDSA && is_raw) {
        return ecdsa_raw_to_der(signature, out);
    }
    CLEANUP(buf_clear) struct buf raw = {0};
    bool ok = algorithm == CHECKPOINT_ECDSA
                  ? ecdsa_der_to_raw(signature, RAW_SIGNATURE_LEN, &raw).code == ERR_OK
                  : is_raw;
    ENSURE(ok, ERR_INVALID_FIELD, "the checkpoint's signature has another shape");
    return buf_append(out, signature);
}

struct err checkpoint_note(const struct checkpoint_key *key, const struct tree_head *head,
                           struct span signature, struct buf *out)
{
    TRY(checkpoint_check_key(key));
    uint8_t id[CHECKPOINT_ID_LEN];
    checkpoint_key_id(key->name, key->public_key, id);
    CLEANUP(buf_clear) struct buf signed_by = {0};
    TRY(buf_append(&signed_by, span_of(id, CHECKPOINT_ID_LEN)));
    TRY(put_signature(checkpoint_algorithm(key->public_key), signature, &signed_by));
    TRY(checkpoint_body(key->name, head, out));
    TRY(buf_printf(out, "\n" SIGNATURE_LEAD "%s ", key->name));
    TRY(base64_encode(buf_span(&signed_by), out));
    return buf_append_text(out, "\n");
}

/* --- reading a note --- */

struct note {
    struct span body;       /* with its last newline */
    struct span signatures; /* lines */
    struct span origin;
    struct tree_head head;
};

static struct err check_characters(struct span note)
{
    ENSURE(note.len > 0 && note.len <= CHECKPOINT_MAX, ERR_CORRUPT,
           "a checkpoint has 1 to %zu bytes", CHECKPOINT_MAX);
    for (size_t i = 0; i < note.len; i++) {
        ENSURE(note.data[i] >= ' ' || note.data[i] == '\n', ERR_CORRUPT,
               "the checkpoint has control characters");
    }
    return err_ok();
}

/* Splits at the one empty line. */
static struct err split_note(struct span bytes, struct note *out)
{
    TRY(check_characters(bytes));
    const uint8_t *gap = memmem(bytes.data, bytes.len, "\n\n", 2);
    ENSURE(gap != NULL, ERR_CORRUPT, "the checkpoint has no signature");
    out->body = span_of(bytes.data, (size_t)(gap - bytes.data) + 1);
    out->signatures = span_of(gap + 2, bytes.len - out->body.len - 1);
    return err_ok();
}

static bool read_size(struct span text, uint64_t *out)
{
    bool ok = text.len > 0 && text.len <= 19 && (text.data[0] != '0' || text.len == 1);
    uint64_t size = 0;
    for (size_t i = 0; ok && i < text.len; i++) {
        ok = text.data[i] >= '0' && text.data[i] <= '9';
        size = size * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = size;
    return ok;
}

static struct err read_root(struct span text, struct tree_hash *out)
{
    CLEANUP(buf_clear) struct buf root = {0};
    TRY(checkpoint_base64(text, "the checkpoint's root", &root));
    ENSURE(root.len == TREE_HASH_LEN, ERR_CORRUPT, "the checkpoint's root is not 32 bytes");
    memcpy(out->bytes, root.data, TREE_HASH_LEN);
    return err_ok();
}

/* Lines behind the third one are extensions, which tlog-checkpoint tells us to let be. */
static struct err read_body(struct note *note)
{
    struct span rest = note->body;
    struct span size;
    struct span root;
    bool cut = checkpoint_cut(&rest, '\n', &note->origin) && checkpoint_cut(&rest, '\n', &size) &&
               checkpoint_cut(&rest, '\n', &root);
    ENSURE(cut, ERR_CORRUPT, "a checkpoint has three lines at least");
    ENSURE(checkpoint_is_name(note->origin), ERR_CORRUPT,
           "the checkpoint's origin is not a log's name");
    ENSURE(read_size(size, &note->head.size), ERR_CORRUPT, "the checkpoint's size is no number");
    return read_root(root, &note->head.root);
}

/* One line of a signature: its key's name, and key id and signature in `out_bytes`. */
static struct err read_signature(struct span line, struct span *out_name, struct buf *out_bytes)
{
    ENSURE(span_starts(line, SIGNATURE_LEAD), ERR_CORRUPT, "a signature line begins with a dash");
    size_t lead = strlen(SIGNATURE_LEAD);
    struct span rest = span_of(line.data + lead, line.len - lead);
    bool cut = checkpoint_cut(&rest, ' ', out_name) && out_name->len > 0 &&
               memchr(out_name->data, '+', out_name->len) == NULL;
    ENSURE(cut, ERR_CORRUPT, "a signature line is a dash, a name and a signature");
    TRY(checkpoint_base64(rest, "a signature", out_bytes));
    ENSURE(out_bytes->len > CHECKPOINT_ID_LEN, ERR_CORRUPT, "a signature is too short");
    return err_ok();
}

/* True when the signature (key id first) is the key's and good; *out_ours when it names the key. */
static bool judge(const struct note *note, const struct checkpoint_verifier *verifier,
                  struct span bytes, bool *out_ours)
{
    uint8_t id[CHECKPOINT_ID_LEN];
    struct span key = buf_span(&verifier->public_key);
    checkpoint_key_id(verifier->name, key, id);
    assert(bytes.data != NULL);
    *out_ours = memcmp(bytes.data, id, CHECKPOINT_ID_LEN) == 0;
    if (!*out_ours) {
        return false;
    }
    struct span signature = span_of(bytes.data + CHECKPOINT_ID_LEN, bytes.len - CHECKPOINT_ID_LEN);
    bool valid = false;
    if (checkpoint_algorithm(key) == CHECKPOINT_ED25519) {
        return public_key_verify(key, SCHEME_EDDSA, note->body, signature, &valid).code == ERR_OK &&
               valid;
    }
    CLEANUP(buf_clear) struct buf raw = {0};
    uint8_t digest[SHA256_LEN];
    digest_sha256_parts(&note->body, 1, digest);
    return ecdsa_der_to_raw(signature, RAW_SIGNATURE_LEN, &raw).code == ERR_OK &&
           public_key_verify(key, SCHEME_ES256, span_of(digest, SHA256_LEN), buf_span(&raw), &valid)
                   .code == ERR_OK &&
           valid;
}

/* Every line must have its shape; the verifier's must be good, and one be there unless it is
 * NULL. */
static struct err read_signatures(const struct note *note,
                                  const struct checkpoint_verifier *verifier)
{
    struct span rest = note->signatures;
    size_t good = 0;
    ENSURE(rest.len > 0, ERR_CORRUPT, "the checkpoint has no signature");
    while (rest.len > 0) {
        struct span line = {0};
        struct span name = {0};
        CLEANUP(buf_clear) struct buf bytes = {0};
        ENSURE(checkpoint_cut(&rest, '\n', &line), ERR_CORRUPT,
               "the checkpoint's last line is not whole");
        TRY(read_signature(line, &name, &bytes));
        if (verifier != NULL && span_is(name, verifier->name)) {
            bool ours = false;
            bool valid = judge(note, verifier, buf_span(&bytes), &ours);
            ENSURE(valid || !ours, ERR_FORBIDDEN, "the checkpoint's signature is not good");
            good += valid ? 1 : 0;
        }
    }
    ENSURE(verifier == NULL || good > 0, ERR_FORBIDDEN,
           "the checkpoint is not signed by the key that was given");
    return err_ok();
}

static struct err read_note(struct span bytes, const struct checkpoint_verifier *verifier,
                            struct note *out)
{
    TRY(split_note(bytes, out));
    TRY(read_body(out));
    TRY(read_signatures(out, NULL)); /* shapes first, so that a code does not hang on the order */
    if (verifier != NULL) {
        TRY(read_signatures(out, verifier));
        ENSURE(span_is(out->origin, verifier->name), ERR_FORBIDDEN,
               "the checkpoint is that of another log");
    }
    return err_ok();
}

struct err checkpoint_read(struct span note, char out_origin[CHECKPOINT_ORIGIN_MAX],
                           struct tree_head *out)
{
    struct note read = {0};
    TRY(read_note(note, NULL, &read));
    memset(out_origin, 0, CHECKPOINT_ORIGIN_MAX);
    memcpy(out_origin, read.origin.data, read.origin.len);
    *out = read.head;
    return err_ok();
}

struct err checkpoint_open(struct span note, const struct checkpoint_verifier *verifier,
                           struct tree_head *out)
{
    struct note read = {0};
    TRY(read_note(note, verifier, &read));
    *out = read.head;
    return err_ok();
}
