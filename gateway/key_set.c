/* A JWK set, made into what verification needs: for each key its kid, what it may be used for, and
 * a JWK that is written anew from the checked numbers. Nothing of the issuer's text but those
 * numbers goes on to the library that verifies.
 *
 * A set is never changed once it is made; who owns it locks. */
#include "gateway/key_set.h"

#include "base/encoding.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/fetch.h"

#define MODULUS_MIN  256  /* bytes: RFC 7518 §3.3 */
#define MODULUS_MAX  1024 /* bytes: what verifying may cost */
#define EXPONENT_MAX 8    /* bytes */

struct key {
    char *kid;
    char *key_type;
    char *curve;     /* or NULL */
    char *algorithm; /* the only one, or NULL */
    struct buf jwk;
};

struct key_set {
    struct key *keys;
    size_t count;
};

/* The one reason that is nobody's mistake: issuers publish such keys beside the others. */
static const char other_purpose[] = "it is not for signatures";

static char *copy_text(const struct json_value *object, const char *name)
{
    struct span text;
    return json_as_text(json_member(object, name), &text) ? span_to_text(text) : NULL;
}

static void key_clear(struct key *key)
{
    mem_free(key->kid);
    mem_free(key->key_type);
    mem_free(key->curve);
    mem_free(key->algorithm);
    buf_clear(&key->jwk);
    *key = (struct key){0};
}

void key_set_free(struct key_set *set)
{
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        key_clear(&set->keys[i]);
    }
    mem_free(set->keys);
    mem_free(set);
}

/* --- one key --- */

/* Decodes a member of base64url; false when it is not there or not of that. */
static bool number(const struct json_value *jwk, const char *name, struct buf *out)
{
    struct span text;
    return json_as_text(json_member(jwk, name), &text) &&
           base64url_decode(text, out).code == ERR_OK && out->len > 0;
}

/* RFC 7518 §6.3.1. The reason why it is left out, or NULL. */
static const char *take_rsa(const struct json_value *jwk, struct json_writer *writer)
{
    CLEANUP(buf_clear) struct buf n = {0}, e = {0};
    if (!number(jwk, "n", &n) || !number(jwk, "e", &e)) {
        return "its numbers cannot be read";
    }
    if (n.data[0] == 0 || n.len < MODULUS_MIN || (n.len == MODULUS_MIN && n.data[0] < 0x80)) {
        return "it is an RSA key under 2048 bits";
    }
    bool odd = (e.data[e.len - 1] & 1) == 1;
    bool one = e.len == 1 && e.data[0] == 1;
    if (n.len > MODULUS_MAX || e.len > EXPONENT_MAX || e.data[0] == 0 || !odd || one) {
        return "its numbers are out of range";
    }
    json_put_text(writer, "kty", "RSA");
    json_put_bytes_url(writer, "n", buf_span(&n));
    json_put_bytes_url(writer, "e", buf_span(&e));
    return NULL;
}

/* RFC 7518 §6.2.1: each coordinate has the field's full length. */
static const char *take_ec(const struct json_value *jwk, struct json_writer *writer)
{
    static const char *const schemes[] = {"ES256", "ES384", "ES512"};
    CLEANUP(buf_clear) struct buf x = {0}, y = {0};
    struct span curve = {0};
    (void)json_as_text(json_member(jwk, "crv"), &curve);
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        const struct jws_algorithm *algorithm = jws_algorithm_find(span_text(schemes[i]));
        if (!span_is(curve, algorithm->curve)) {
            continue;
        }
        if (!number(jwk, "x", &x) || !number(jwk, "y", &y) || x.len != algorithm->coordinate_len ||
            y.len != algorithm->coordinate_len) {
            return "its numbers cannot be read";
        }
        json_put_text(writer, "kty", "EC");
        json_put_text(writer, "crv", algorithm->curve);
        json_put_bytes_url(writer, "x", buf_span(&x));
        json_put_bytes_url(writer, "y", buf_span(&y));
        return NULL;
    }
    return "its curve is not P-256, P-384 or P-521";
}

/* RFC 7517 §4.2 and §4.3: both may be absent. */
static bool may_verify(const struct json_value *jwk)
{
    const struct json_value *use = json_member(jwk, "use");
    const struct json_value *operations = json_member(jwk, "key_ops");
    struct span text;
    bool listed = operations == NULL;
    if (use != NULL && !(json_as_text(use, &text) && span_is(text, "sig"))) {
        return false;
    }
    for (const struct json_value *item = json_first(operations); item != NULL;
         item = json_next(item)) {
        listed = listed || (json_as_text(item, &text) && span_is(text, "verify"));
    }
    return listed;
}

/* Fills `out`; the reason why the key is left out, or NULL. */
static const char *take_key(const struct json_value *jwk, struct key *out)
{
    struct json_writer writer = json_writer_on(&out->jwk);
    struct span type = {0}, kid = {0};
    const char *reason = "its kind is unknown";
    bool has_kid = json_as_text(json_member(jwk, "kid"), &kid);
    if (!has_kid || kid.len == 0 || kid.len > JWS_KID_MAX) {
        return "it has no kid";
    }
    (void)json_as_text(json_member(jwk, "kty"), &type);
    if (span_is(type, "oct")) {
        return "it is a symmetric key";
    }
    if (json_member(jwk, "d") != NULL) {
        return "it is a private key, which the issuer should never publish";
    }
    if (!may_verify(jwk)) {
        return other_purpose;
    }
    json_begin_object(&writer, NULL);
    if (span_is(type, "RSA")) {
        reason = take_rsa(jwk, &writer);
    } else if (span_is(type, "EC")) {
        reason = take_ec(jwk, &writer);
    }
    json_end_object(&writer);
    out->kid = span_to_text(kid);
    out->key_type = span_to_text(type);
    out->curve = copy_text(jwk, "crv");
    out->algorithm = copy_text(jwk, "alg");
    struct err err = json_finish(&writer);
    return err.code != ERR_OK ? "it is too large" : reason;
}

/* --- the set --- */

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* RFC 7517 §4.5 lets different kinds of key share a kid; two of one kind would be a choice that
 * nobody made. */
static bool is_taken(const struct key_set *set, const struct key *key)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct key *other = &set->keys[i];
        if (strcmp(other->kid, key->kid) == 0 && strcmp(other->key_type, key->key_type) == 0 &&
            same_text(other->curve, key->curve)) {
            return true;
        }
    }
    return false;
}

static void add_key(struct key_set *set, const char *name, const struct json_value *jwk)
{
    CLEANUP(key_clear) struct key key = {0};
    const char *reason =
        set->count == KEY_SET_KEYS_MAX ? "the set has too many keys" : take_key(jwk, &key);
    if (reason == NULL && is_taken(set, &key)) {
        reason = "its kid stands in the set before";
    }
    if (reason != NULL) {
        struct span kid = {0};
        (void)json_as_text(json_member(jwk, "kid"), &kid);
        log_line(reason == other_purpose ? LOG_DEBUG : LOG_WARNING, "issuers",
                 "%s: key `%.*s` of the set is ignored: %s", name, kid.len > 64 ? 64 : (int)kid.len,
                 (const char *)kid.data, reason);
        return;
    }
    set->keys[set->count++] = key;
    key = (struct key){0};
}

struct err key_set_parse(const char *name, struct span text, struct key_set **out)
{
    CLEANUP(json_clear) struct json json = {0};
    TRY(json_parse(text, &json));
    const struct json_value *keys =
        json_is(json.root, JSON_OBJECT) ? json_member(json.root, "keys") : NULL;
    ENSURE(json_is(keys, JSON_ARRAY), ERR_INVALID_JSON, "it is not a JWK set: it has no `keys`");
    for (const struct json_value *jwk = json_first(keys); jwk != NULL; jwk = json_next(jwk)) {
        ENSURE(json_is(jwk, JSON_OBJECT), ERR_INVALID_JSON, "a key of the set is no object");
    }
    struct key_set *set = mem_alloc(sizeof(*set));
    size_t count = json_count(keys);
    set->keys = mem_array(count < KEY_SET_KEYS_MAX ? count : KEY_SET_KEYS_MAX, sizeof(*set->keys));
    for (const struct json_value *jwk = json_first(keys); jwk != NULL; jwk = json_next(jwk)) {
        add_key(set, name, jwk);
    }
    *out = set;
    return err_ok();
}

struct err key_set_read(const char *name, const char *file, const char *url, const char *ca,
                        int64_t deadline_ns, struct key_set **out)
{
    CLEANUP(buf_clear) struct buf text = {0};
    buf_init(&text, KEY_SET_BYTES_MAX);
    if (file != NULL) {
        TRY(file_read(file, &text));
    } else {
        TRY(fetch_get(url, ca, KEY_SET_BYTES_MAX, deadline_ns, &text));
    }
    return key_set_parse(name, buf_span(&text), out);
}

size_t key_set_count(const struct key_set *set)
{
    return set != NULL ? set->count : 0;
}

struct err key_set_find(const struct key_set *set, struct span kid,
                        const struct jws_algorithm *algorithm, struct buf *out)
{
    for (size_t i = 0; i < key_set_count(set); i++) {
        const struct key *key = &set->keys[i];
        bool fits = strcmp(key->key_type, algorithm->key_type) == 0 &&
                    same_text(key->curve, algorithm->curve) &&
                    (key->algorithm == NULL || strcmp(key->algorithm, algorithm->name) == 0);
        if (fits && span_is(kid, key->kid)) {
            return buf_append(out, buf_span(&key->jwk));
        }
    }
    return err_new(ERR_NOT_FOUND, __func__, "no key of the set fits");
}
