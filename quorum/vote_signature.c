/* Signatures as people send them: what a command printed, however it was packed on its way.
 *
 * Only the packing is undone, to the one form that is kept: raw bytes, or the blob inside the
 * armour of `ssh-keygen -Y sign`. That begins with its magic, so no blob can itself look like
 * armour, and what was read once reads the same again. */
#include "base/encoding.h"
#include "base/mem.h"
#include "quorum/armor.h"
#include "quorum/canonical.h"
#include "quorum/sshsig.h"

#define ARMOR_LABEL "SSH SIGNATURE"
/* Base64 of armoured base64, with its lines and labels, fits. */
#define TEXT_MAX (2 * VOTE_SIGNATURE_MAX + 512)

static struct err read_armor(struct span text, struct buf *out)
{
    ENSURE(armor_read(text, ARMOR_LABEL, out), ERR_INVALID_FIELD,
           "the signature is not what `ssh-keygen -Y sign` writes");
    return err_ok();
}

static struct err unpack(enum vote_format format, struct span text, struct buf *out)
{
    if (format == VOTE_SSHSIG && armor_begins(text)) {
        return read_armor(text, out);
    }
    CLEANUP(buf_clear) struct buf bytes = {0};
    TRY(canonical_err(base64_decode(text, &bytes)));
    if (format == VOTE_SSHSIG && armor_begins(buf_span(&bytes))) {
        return read_armor(buf_span(&bytes), out);
    }
    return canonical_err(buf_append(out, buf_span(&bytes)));
}

struct err vote_signature_read(enum vote_format format, struct span text, struct buf *out)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    ENSURE(text.len <= TEXT_MAX, ERR_INVALID_FIELD, "the signature is too long");
    TRY(unpack(format, text, &bytes));
    ENSURE(format != VOTE_SSHSIG || span_starts(buf_span(&bytes), SSHSIG_MAGIC), ERR_INVALID_FIELD,
           "the signature is no SSHSIG");
    ENSURE(bytes.len > 0 && bytes.len <= VOTE_SIGNATURE_MAX, ERR_INVALID_FIELD,
           "the signature is empty or longer than %zu bytes", VOTE_SIGNATURE_MAX);
    return canonical_err(buf_append(out, buf_span(&bytes)));
}
