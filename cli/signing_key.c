/* Both ways give the same: a public key as rosters have it, and signatures as votes have them. */
#include "cli/signing_key.h"

#include "base/mem.h"
#include "base/public_key.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/pem_key.h"
#include "cli/ssh_keygen.h"

#define SSH_KEY_MAX ((size_t)16 << 10)

bool signing_key_choose(const struct options *options, int *out_exit, struct signing_key *out)
{
    *out = (struct signing_key){.pem = options->values[OPTION_PRIVATE_KEY],
                                .ssh = options->values[OPTION_SSH_KEY]};
    if ((out->pem == NULL) == (out->ssh == NULL)) {
        const struct err said = output_misuse(
            out_exit, "name your key: --key FILE.pem, or --ssh-key FILE.pub for one that "
                      "ssh-keygen signs with (agent, hardware)");
        return said.code != ERR_OK; /* it is ok, and so this is false */
    }
    return true;
}

void signing_key_clear(struct signing_key *key)
{
    pem_key_close(&key->opened);
    key->opened = NULL;
}

static struct err open_once(struct signing_key *signer)
{
    return signer->opened != NULL ? err_ok() : pem_key_open(signer->pem, &signer->opened);
}

static struct err public_of_pem(struct signing_key *signer, struct buf *bytes,
                                struct voter_key *out)
{
    CLEANUP(buf_clear) struct buf spki = {0};
    CLEANUP(buf_clear) struct buf text = {0};
    TRY(open_once(signer));
    TRY(pem_key_public(signer->opened, &spki));
    TRY(public_key_pem(buf_span(&spki), &text));
    return voter_key_read(buf_span(&text), bytes, out);
}

struct err signing_key_public(struct signing_key *signer, struct buf *bytes, struct voter_key *out)
{
    if (signer->pem != NULL) {
        return public_of_pem(signer, bytes, out);
    }
    CLEANUP(buf_clear) struct buf text = {0};
    TRY(input_read_named(signer->ssh, SSH_KEY_MAX, &text));
    const struct err err = voter_key_read(buf_span(&text), bytes, out);
    ENSURE(err.code == ERR_OK, err.code, "%s: %s", signer->ssh, err.detail);
    return err_ok();
}

struct err signing_key_sign(struct signing_key *signer, const char *name_space, struct span message,
                            struct buf *out)
{
    if (signer->pem != NULL) {
        TRY(open_once(signer));
        return pem_key_sign(signer->opened, message, out);
    }
    CLEANUP(buf_clear) struct buf armor = {0};
    TRY(ssh_keygen_sign(signer->ssh, name_space, message, &armor));
    return vote_signature_read(VOTE_SSHSIG, buf_span(&armor), out);
}

enum vote_format signing_key_format(const struct signing_key *signer)
{
    return signer->pem != NULL ? VOTE_RAW : VOTE_SSHSIG;
}
