/* A verifier of a few lines, as strict as those that production has: it knows one algorithm, takes
 * the key from the set alone, and does not fetch again because a kid is new to it. */
#include "cli/jwt_check.h"

#include <string.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/mem.h"
#include "base/public_key.h"
#include "cli/output.h"

#define COORDINATE_LEN 32
#define MS_PER_S       1000

/* DER of a SubjectPublicKeyInfo for P-256, up to the coordinates (RFC 5480 §2). */
static const uint8_t spki_start[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                     0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                     0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};

void jwt_keys_clear(struct jwt_keys *keys)
{
    json_clear(&keys->set);
    *keys = (struct jwt_keys){0};
}

struct err jwt_keys_refresh(struct jwt_keys *keys, struct client *client, const char *name)
{
    if (keys->set.root != NULL && clock_mono_ns() < keys->until_ns) {
        return err_ok();
    }
    CLEANUP(mem_free_at) char *path = mem_format("/jwks/%s", name);
    CLEANUP(response_clear) struct response response = {0};
    struct json set = {0};
    TRY(client_fetch(client, "GET", path, (struct span){0}, &response, &set));
    json_clear(&keys->set);
    keys->set = set;
    keys->max_age_s = response.max_age_s;
    keys->until_ns = clock_deadline(response.max_age_s * MS_PER_S);
    keys->fetched++;
    return err_ok();
}

static const struct json_value *find_key(const struct jwt_keys *keys, struct span kid)
{
    const struct json_value *all = json_member(keys->set.root, "keys");
    for (const struct json_value *key = json_first(all); key != NULL; key = json_next(key)) {
        if (span_equal(member_text(key, "kid"), kid)) {
            return key;
        }
    }
    return NULL;
}

bool jwt_keys_list(const struct jwt_keys *keys, struct span kid)
{
    return find_key(keys, kid) != NULL;
}

static struct err spki_of(const struct json_value *key, struct buf *out)
{
    static const char *const coordinates[] = {"x", "y"};
    ENSURE(span_is(member_text(key, "crv"), "P-256"), ERR_CORRUPT, "the key is not of P-256");
    TRY(buf_append(out, span_of(spki_start, sizeof spki_start)));
    for (size_t i = 0; i < ARRAY_LEN(coordinates); i++) {
        const size_t before = out->len;
        TRY(base64url_decode(member_text(key, coordinates[i]), out));
        ENSURE(out->len == before + COORDINATE_LEN, ERR_CORRUPT, "the key has no coordinates");
    }
    return err_ok();
}

/* What stands before the next point; false when there is none. */
static bool cut(struct span *rest, struct span *out)
{
    const uint8_t *point = rest->len > 0 ? memchr(rest->data, '.', rest->len) : NULL;
    if (point == NULL) {
        return false;
    }
    *out = span_of(rest->data, (size_t)(point - rest->data));
    *rest = span_of(point + 1, rest->len - out->len - 1);
    return true;
}

static struct err read_header(struct span text, struct buf *out_kid)
{
    CLEANUP(buf_clear) struct buf header = {0};
    CLEANUP(json_clear) struct json json = {0};
    TRY(base64url_decode(text, &header));
    TRY(json_parse(buf_span(&header), &json));
    ENSURE(span_is(member_text(json.root, "alg"), "ES256"), ERR_CORRUPT, "the JWT is not ES256");
    buf_reset(out_kid);
    return buf_append(out_kid, member_text(json.root, "kid"));
}

static struct err check(const struct jwt_keys *keys, struct span token, struct buf *out_kid)
{
    struct span header = {0};
    struct span payload = {0};
    struct span rest = token;
    CLEANUP(buf_clear) struct buf signature = {0};
    CLEANUP(buf_clear) struct buf spki = {0};
    uint8_t digest[DIGEST_MAX];
    bool valid = false;
    ENSURE(cut(&rest, &header) && cut(&rest, &payload), ERR_CORRUPT, "it is no JWT");
    TRY(read_header(header, out_kid));
    const struct json_value *key = find_key(keys, buf_span(out_kid));
    ENSURE(key != NULL, ERR_NOT_FOUND, "the key set does not list %.*s", (int)out_kid->len,
           (const char *)out_kid->data);
    TRY(spki_of(key, &spki));
    TRY(base64url_decode(rest, &signature));
    digest_of(DIGEST_SHA256, span_of(token.data, token.len - rest.len - 1), digest);
    TRY(public_key_verify(buf_span(&spki), SCHEME_ES256, span_of(digest, SHA256_LEN),
                          buf_span(&signature), &valid));
    ENSURE(valid, ERR_FORBIDDEN, "the signature is not good");
    return err_ok();
}

struct err jwt_check(const struct jwt_keys *keys, struct span token, struct buf *out_kid)
{
    struct err err = check(keys, token, out_kid);
    ENSURE(err.code == ERR_OK || err.code == ERR_NOT_FOUND || err.code == ERR_FORBIDDEN,
           ERR_CORRUPT, "%s", err.detail);
    return err;
}
