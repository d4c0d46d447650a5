/* The keys of checkpoints as text, in both directions: the verifier key of C2SP signed-note.
 *
 * The two kinds of key are told apart by the fixed start that their SubjectPublicKeyInfo has, so no
 * ASN.1 is parsed here. Nothing reads files or keeps state. */
#include "audit/checkpoint_inner.h"

#include <string.h>

#include "base/encoding.h"
#include "base/mem.h"

#include "base/banned.h"

#define ED25519_KEY_LEN 32

/* RFC 8410 §4, and RFC 5480 §2.1 for P-256 with an uncompressed point, each up to the key itself */
static const uint8_t ed25519_lead[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                       0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
static const uint8_t p256_lead[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
#define P256_POINT_LEN ((size_t)64) /* behind its 0x04 */

static bool starts_with(struct span bytes, const uint8_t *lead, size_t len, size_t rest)
{
    return bytes.len == len + rest && memcmp(bytes.data, lead, len) == 0;
}

uint8_t checkpoint_algorithm(struct span spki)
{
    if (starts_with(spki, ed25519_lead, sizeof(ed25519_lead), ED25519_KEY_LEN)) {
        return CHECKPOINT_ED25519;
    }
    bool is_p256 = starts_with(spki, p256_lead, sizeof(p256_lead), P256_POINT_LEN);
    return is_p256 ? CHECKPOINT_ECDSA : 0;
}

/* The key as a note names it: 32 bytes of Ed25519, or the whole SubjectPublicKeyInfo. */
static struct span encoded_key(uint8_t algorithm, struct span spki)
{
    size_t skip = algorithm == CHECKPOINT_ED25519 ? sizeof(ed25519_lead) : 0;
    return span_of(spki.data + skip, spki.len - skip);
}

void checkpoint_key_id(const char *name, struct span spki, uint8_t out[CHECKPOINT_ID_LEN])
{
    uint8_t algorithm = checkpoint_algorithm(spki);
    uint8_t type[] = {'\n', algorithm};
    struct span key = encoded_key(algorithm, spki);
    struct span parts[] = {span_text(name), span_of(type, sizeof(type)), key};
    uint8_t hash[SHA256_LEN];
    if (algorithm == CHECKPOINT_ECDSA) {
        digest_sha256_parts(&key, 1, hash);
    } else {
        digest_sha256_parts(parts, ARRAY_LEN(parts), hash);
    }
    memcpy(out, hash, CHECKPOINT_ID_LEN);
}

bool checkpoint_is_name(struct span name)
{
    bool ok = name.len > 0 && name.len < CHECKPOINT_ORIGIN_MAX;
    for (size_t i = 0; ok && i < name.len; i++) {
        ok = name.data[i] > ' ' && name.data[i] < 0x7f && name.data[i] != '+';
    }
    return ok;
}

struct err checkpoint_check_key(const struct checkpoint_key *key)
{
    ENSURE(checkpoint_is_name(span_text(key->name)), ERR_INVALID_FIELD,
           "a checkpoint key's name has up to 127 visible ASCII characters without `+`");
    ENSURE(checkpoint_algorithm(key->public_key) != 0, ERR_INVALID_FIELD,
           "a checkpoint key is Ed25519 or ECDSA on P-256");
    return err_ok();
}

struct err checkpoint_key_text(const struct checkpoint_key *key, struct buf *out)
{
    TRY(checkpoint_check_key(key));
    uint8_t id[CHECKPOINT_ID_LEN];
    uint8_t algorithm = checkpoint_algorithm(key->public_key);
    checkpoint_key_id(key->name, key->public_key, id);
    CLEANUP(buf_clear) struct buf typed = {0};
    TRY(buf_append_u8(&typed, algorithm));
    TRY(buf_append(&typed, encoded_key(algorithm, key->public_key)));
    TRY(buf_printf(out, "%s+", key->name));
    TRY(hex_encode(span_of(id, CHECKPOINT_ID_LEN), out));
    TRY(buf_append_text(out, "+"));
    return base64_encode(buf_span(&typed), out);
}

bool checkpoint_cut(struct span *rest, char mark, struct span *out)
{
    const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->data, mark, rest->len);
    if (at == NULL) {
        return false;
    }
    *out = span_of(rest->data, (size_t)(at - rest->data));
    *rest = span_of(at + 1, rest->len - out->len - 1);
    return true;
}

struct err checkpoint_base64(struct span text, const char *what, struct buf *out)
{
    ENSURE(base64_decode(text, out).code == ERR_OK, ERR_CORRUPT, "%s is not base64", what);
    return err_ok();
}

/* `typed` is the algorithm and the key behind it. */
static struct err read_typed_key(struct span typed, struct buf *out)
{
    ENSURE(typed.len > 1, ERR_CORRUPT, "the checkpoint key is too short");
    struct span key = span_of(typed.data + 1, typed.len - 1);
    if (typed.data[0] == CHECKPOINT_ED25519) {
        TRY(buf_append(out, span_of(ed25519_lead, sizeof(ed25519_lead))));
    }
    TRY(buf_append(out, key));
    ENSURE(checkpoint_algorithm(buf_span(out)) == typed.data[0], ERR_CORRUPT,
           "the checkpoint key is not Ed25519 or ECDSA on P-256");
    return err_ok();
}

static struct err check_key_id(struct span hex, const char *name, struct span spki)
{
    uint8_t id[CHECKPOINT_ID_LEN];
    checkpoint_key_id(name, spki, id);
    CLEANUP(buf_clear) struct buf given = {0};
    bool same = hex_decode(hex, &given).code == ERR_OK &&
                span_equal(buf_span(&given), span_of(id, CHECKPOINT_ID_LEN));
    ENSURE(same, ERR_CORRUPT, "the checkpoint key's id is not that of the key");
    return err_ok();
}

struct err checkpoint_verifier_read(struct span text, struct checkpoint_verifier *out)
{
    if (text.len > 0 && text.data[text.len - 1] == '\n') {
        text.len--;
    }
    struct span name;
    struct span id;
    bool cut = text.len <= CHECKPOINT_MAX && checkpoint_cut(&text, '+', &name) &&
               checkpoint_cut(&text, '+', &id);
    ENSURE(cut && checkpoint_is_name(name), ERR_CORRUPT,
           "a checkpoint key is NAME+ID+KEY on one line");
    char name_text[CHECKPOINT_ORIGIN_MAX] = {0};
    memcpy(name_text, name.data, name.len);
    CLEANUP(buf_clear) struct buf typed = {0};
    CLEANUP(buf_clear) struct buf spki = {0};
    TRY(checkpoint_base64(text, "the checkpoint key", &typed));
    TRY(read_typed_key(buf_span(&typed), &spki));
    TRY(check_key_id(id, name_text, buf_span(&spki)));
    memcpy(out->name, name_text, sizeof(name_text));
    out->public_key = (struct buf){0};
    buf_move(&out->public_key, &spki);
    return err_ok();
}

void checkpoint_verifier_clear(struct checkpoint_verifier *verifier)
{
    buf_clear(&verifier->public_key);
}
