/* Public keys as people have them, from OpenSSL or OpenSSH, into their one form.
 *
 * Somebody who pastes the wrong file is told what is wanted; a private key is refused by its first
 * line and looked at no further. */
#include "base/encoding.h"
#include "base/mem.h"
#include "quorum/armor.h"
#include "quorum/canonical.h"
#include "quorum/ssh_wire.h"
#include "quorum/voter_key.h"

#define KEY_TEXT_MAX ((size_t)4 << 10)
#define LABEL        "PUBLIC KEY"
#define WANTED                                                                         \
    "wanted is a public key of Ed25519 or P-256, as PEM `PUBLIC KEY` or as OpenSSH's " \
    "line"

static bool holds(struct span text, const char *part)
{
    return text.len > 0 && memmem(text.data, text.len, part, strlen(part)) != NULL;
}

/* Kind, SPKI and application are appended in one piece, so that nothing moves afterwards. */
static struct err keep(const struct ssh_wire_key *key, struct buf *bytes, struct voter_key *out)
{
    CLEANUP(buf_clear) struct buf both = {0};
    ENSURE(voter_key_spki(key->kind, key->point, &both), ERR_INVALID_FIELD,
           "the key is not a sound point of its curve");
    size_t spki = both.len;
    TRY(buf_append(&both, key->application));
    size_t before = bytes->len;
    TRY(canonical_err(buf_append(bytes, buf_span(&both))));
    struct voter_key read = *out;
    read.kind = key->kind;
    read.spki = span_of(bytes->data + before, spki);
    read.application = span_of(bytes->data + before + spki, both.len - spki);
    struct span point = {0};
    if (!voter_key_point(&read, &point)) {
        buf_truncate(bytes, before);
        return err_new(ERR_INVALID_FIELD, __func__,
                       "the application of a security key must begin with `ssh:`");
    }
    *out = read;
    return err_ok();
}

static struct err read_pem(struct span text, struct buf *bytes, struct voter_key *out)
{
    CLEANUP(buf_clear) struct buf spki = {0};
    ENSURE(armor_read(text, LABEL, &spki), ERR_INVALID_FIELD, "this is no clean PEM; " WANTED);
    for (int i = VOTER_KEY_ED25519; i <= VOTER_KEY_P256; i++) {
        const struct voter_key key = {.kind = (enum voter_key_kind)i, .spki = buf_span(&spki)};
        struct ssh_wire_key found = {.kind = key.kind};
        if (voter_key_point(&key, &found.point)) {
            return keep(&found, bytes, out);
        }
    }
    return err_new(ERR_INVALID_FIELD, __func__, "this key is of another kind or form; " WANTED);
}

/* Up to the next blank or the end. */
static struct span take_word(struct span *rest)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->data, ' ', rest->len) : NULL;
    size_t len = end != NULL ? (size_t)(end - rest->data) : rest->len;
    size_t used = end != NULL ? len + 1 : len;
    struct span word = span_of(rest->data, len);
    *rest = span_of(rest->data + used, rest->len - used);
    return word;
}

static struct span without_line_end(struct span text)
{
    size_t len = text.len;
    if (len > 0 && text.data[len - 1] == '\n') {
        len--;
        len -= len > 0 && text.data[len - 1] == '\r' ? 1 : 0;
    }
    return span_of(text.data, len);
}

/* Type, base64 of the blob that names the type again, and a comment. */
static struct err read_line(struct span text, struct buf *bytes, struct voter_key *out)
{
    CLEANUP(buf_clear) struct buf blob = {0};
    struct ssh_wire_key key = {0};
    enum voter_key_kind kind = VOTER_KEY_ED25519;
    struct span rest = without_line_end(text);
    ENSURE(canonical_is_line(rest), ERR_INVALID_FIELD, "this is not one line; " WANTED);
    ENSURE(ssh_wire_kind(take_word(&rest), &kind), ERR_INVALID_FIELD,
           "this is no key of a kind that can vote; " WANTED);
    ENSURE(base64_decode(take_word(&rest), &blob).code == ERR_OK &&
               ssh_wire_key(buf_span(&blob), &key) && key.kind == kind,
           ERR_INVALID_FIELD, "the line's key is broken or of another type than the line says");
    return keep(&key, bytes, out);
}

struct err voter_key_read(struct span text, struct buf *bytes, struct voter_key *out)
{
    ENSURE(text.len > 0 && text.len <= KEY_TEXT_MAX, ERR_INVALID_FIELD,
           "the key is empty or too long; " WANTED);
    ENSURE(!holds(text, "PRIVATE KEY-----"), ERR_INVALID_FIELD,
           "this is a private key: keep it; " WANTED);
    return armor_begins(text) ? read_pem(text, bytes, out) : read_line(text, bytes, out);
}
