/* The public key to which an opened plaintext is sealed, as a JWK in and out.
 *
 * A point off its curve would give the plaintext to whoever chose it (invalid-curve attacks), so it
 * is checked wherever one is read. A private member is refused by name: somebody who sends it has
 * given the key away. */
#include "quorum/recipient.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "quorum/canonical.h"

static const struct curve {
    const char *name;
    int nid;
    size_t len; /* of a coordinate */
} curves[] = {
    [RECIPIENT_P256] = {"P-256", NID_X9_62_prime256v1, 32},
    [RECIPIENT_P384] = {"P-384", NID_secp384r1, 48},
};

static void group_free(EC_GROUP **group)
{
    EC_GROUP_free(*group);
    ERR_clear_error();
}

static void point_free(EC_POINT **point)
{
    EC_POINT_free(*point);
}

bool recipient_is_valid(const struct recipient *recipient)
{
    if ((size_t)recipient->curve >= ARRAY_LEN(curves)) {
        return false;
    }
    const struct curve *curve = &curves[recipient->curve];
    uint8_t octets[1 + 2 * RECIPIENT_COORDINATE_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(octets + 1, recipient->x, curve->len);
    memcpy(octets + 1 + curve->len, recipient->y, curve->len);
    CLEANUP(group_free) EC_GROUP *group = EC_GROUP_new_by_curve_name(curve->nid);
    CLEANUP(point_free) EC_POINT *point = group != NULL ? EC_POINT_new(group) : NULL;
    return point != NULL &&
           EC_POINT_oct2point(group, point, octets, 1 + 2 * curve->len, NULL) == 1 &&
           EC_POINT_is_on_curve(group, point, NULL) == 1;
}

struct jwk {
    struct span kty;
    struct span crv;
    struct span x;
    struct span y;
    struct span kid;
    struct span use;
    struct span alg;
    const struct json_value *key_ops;
};

static struct err read_members(const struct json_value *object, struct jwk *out)
{
    const struct json_field fields[] = {
        {"kty", JSON_TEXT, JSON_REQUIRED, 0, &out->kty, NULL},
        {"crv", JSON_TEXT, JSON_REQUIRED, 0, &out->crv, NULL},
        {"x", JSON_TEXT, JSON_REQUIRED, 0, &out->x, NULL},
        {"y", JSON_TEXT, JSON_REQUIRED, 0, &out->y, NULL},
        {"kid", JSON_TEXT, JSON_OPTIONAL, 0, &out->kid, NULL},
        {"use", JSON_TEXT, JSON_OPTIONAL, 0, &out->use, NULL},
        {"alg", JSON_TEXT, JSON_OPTIONAL, 0, &out->alg, NULL},
        {"key_ops", JSON_ARRAY, JSON_OPTIONAL, 0, &out->key_ops, NULL},
    };
    TRY(canonical_err(json_read(object, fields, ARRAY_LEN(fields))));
    ENSURE(span_is(out->kty, "EC"), ERR_INVALID_FIELD, "the recipient's kty is not EC");
    ENSURE(span_is(out->use, "enc"), ERR_INVALID_FIELD, "the recipient's use is not enc");
    ENSURE(span_is(out->alg, "ECDH-ES"), ERR_INVALID_FIELD, "the recipient's alg is not ECDH-ES");
    return err_ok();
}

static struct err read_curve(struct span name, enum recipient_curve *out)
{
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        if (span_is(name, curves[i].name)) {
            *out = (enum recipient_curve)i;
            return err_ok();
        }
    }
    return err_new(ERR_INVALID_FIELD, __func__, "the recipient's crv is not P-256 or P-384");
}

static struct err read_coordinate(struct span text, size_t len, uint8_t *out)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    TRY(canonical_err(base64url_decode(text, &bytes)));
    ENSURE(bytes.len == len, ERR_INVALID_FIELD, "the recipient's x and y have %zu bytes each", len);
    memcpy(out, bytes.data, len);
    return err_ok();
}

struct err recipient_read(const struct json_value *jwk, struct recipient *out)
{
    struct jwk members = {.use = span_text("enc"), .alg = span_text("ECDH-ES")};
    struct recipient read = {0};
    TRY(read_members(jwk, &members));
    TRY(read_curve(members.crv, &read.curve));
    TRY(read_coordinate(members.x, curves[read.curve].len, read.x));
    TRY(read_coordinate(members.y, curves[read.curve].len, read.y));
    ENSURE(recipient_is_valid(&read), ERR_INVALID_FIELD,
           "the recipient is not a point on its curve");
    *out = read;
    return err_ok();
}

void recipient_put(struct json_writer *writer, const char *name, const struct recipient *recipient)
{
    const struct curve *curve = &curves[recipient->curve];
    json_begin_object(writer, name);
    json_put_text(writer, "crv", curve->name);
    json_put_text(writer, "kty", "EC");
    json_put_bytes_url(writer, "x", span_of(recipient->x, curve->len));
    json_put_bytes_url(writer, "y", span_of(recipient->y, curve->len));
    json_end_object(writer);
}
