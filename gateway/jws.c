/* A JWS in compact form, taken apart strictly before anything is verified: what the header may say
 * is decided here, and only the mathematics is left for the library behind jws_signature. What is
 * not signed by a key of our own choice never chooses anything.
 *
 * Nothing here is shared; nothing locks. */
#include "gateway/jws.h"

#include <strings.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/jws_signature.h"

/* RFC 7518 §3.1. EdDSA is missing because libjose 11 has none. */
static const struct jws_algorithm algorithms[] = {
    {"RS256", "RSA", NULL, 0},    {"RS384", "RSA", NULL, 0},    {"RS512", "RSA", NULL, 0},
    {"PS256", "RSA", NULL, 0},    {"PS384", "RSA", NULL, 0},    {"PS512", "RSA", NULL, 0},
    {"ES256", "EC", "P-256", 32}, {"ES384", "EC", "P-384", 48}, {"ES512", "EC", "P-521", 66},
};

const struct jws_algorithm *jws_algorithm_find(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        if (span_is(name, algorithms[i].name)) {
            return &algorithms[i];
        }
    }
    return NULL;
}

const char *jws_algorithm_refusal(const char *name)
{
    if (jws_algorithm_find(span_text(name)) != NULL) {
        return NULL;
    }
    if (strcasecmp(name, "none") == 0) {
        return "a token without a signature proves nothing";
    }
    if (strncasecmp(name, "HS", 2) == 0) {
        return "HMAC would need the issuer's secret, and its public key is no secret";
    }
    if (strcasecmp(name, "EdDSA") == 0 || strcasecmp(name, "Ed25519") == 0) {
        return "libjose of Debian 12 has no EdDSA: let the issuer sign with ES256 or RS256";
    }
    return "not one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512";
}

/* --- opening --- */

static struct err split(struct span token, struct span out[3])
{
    ENSURE(token.len <= JWS_LEN_MAX, ERR_UNAUTHENTICATED, "The JWT is longer than %d bytes.",
           JWS_LEN_MAX);
    size_t start = 0;
    size_t part = 0;
    for (size_t i = 0; i <= token.len; i++) {
        if (i < token.len && token.data[i] != '.') {
            continue;
        }
        ENSURE(part < 3 && i > start, ERR_UNAUTHENTICATED,
               "The JWT must have three parts: header, payload and signature.");
        out[part++] = span_of(token.data + start, i - start);
        start = i + 1;
    }
    ENSURE(part == 3, ERR_UNAUTHENTICATED,
           "The JWT must have three parts: header, payload and signature.");
    return err_ok();
}

/* Decodes a part and parses it as an object. */
static struct err read_object(struct span part, const char *what, struct json *out)
{
    CLEANUP(buf_clear) struct buf text = {0};
    CLEANUP(json_clear) struct json json = {0};
    buf_init(&text, JWS_LEN_MAX);
    struct err err = base64url_decode(part, &text);
    ENSURE(err.code == ERR_OK, ERR_UNAUTHENTICATED, "The JWT's %s is not base64url.", what);
    err = json_parse(buf_span(&text), &json);
    ENSURE(err.code == ERR_OK && json_is(json.root, JSON_OBJECT), ERR_UNAUTHENTICATED,
           "The JWT's %s is not a JSON object with every name once.", what);
    *out = json;
    json = (struct json){0};
    return err_ok();
}

static struct err check_base64url(struct span part, const char *what)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    struct err err = base64url_decode(part, &bytes);
    ENSURE(err.code == ERR_OK, ERR_UNAUTHENTICATED, "The JWT's %s is not base64url.", what);
    return err_ok();
}

/* RFC 7515 §4.1.9: a media type, `application/` may be left out; RFC 9068 §2.1. */
static bool type_is_jwt(struct span type)
{
    static const char *const types[] = {"JWT", "at+jwt", "application/jwt", "application/at+jwt"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (type.len == strlen(types[i]) &&
            strncasecmp((const char *)type.data, types[i], type.len) == 0) {
            return true;
        }
    }
    return false;
}

/* Header members that change what is verified or with which key (RFC 7515 §4.1, RFC 7516 §4.1,
 * RFC 7797); others say nothing that is used here and are ignored, as RFC 7515 §4 demands. */
static struct err check_header_names(const struct json_value *header)
{
    static const char *const refused[] = {"crit", "b64", "zip", "cty", "enc",
                                          "jwk",  "jku", "x5u", "x5c"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        ENSURE(json_member(header, refused[i]) == NULL, ERR_UNAUTHENTICATED,
               "The JWT's header has `%s`, which is not taken.", refused[i]);
    }
    return err_ok();
}

static struct err read_header(struct jws *jws)
{
    const struct json_value *header = jws->header.root;
    struct span alg = {0}, type = {0};
    TRY(check_header_names(header));
    bool named = json_as_text(json_member(header, "alg"), &alg);
    jws->algorithm = named ? jws_algorithm_find(alg) : NULL;
    ENSURE(jws->algorithm != NULL, ERR_UNAUTHENTICATED,
           "The JWT's `alg` is not one that is ever taken.");
    bool has_kid = json_as_text(json_member(header, "kid"), &jws->kid);
    ENSURE(has_kid && jws->kid.len > 0 && jws->kid.len <= JWS_KID_MAX, ERR_UNAUTHENTICATED,
           "The JWT's header needs a `kid`.");
    const struct json_value *typ = json_member(header, "typ");
    ENSURE(typ == NULL || (json_as_text(typ, &type) && type_is_jwt(type)), ERR_UNAUTHENTICATED,
           "The JWT's `typ` must be JWT or at+jwt.");
    return err_ok();
}

struct err jws_open(struct span token, struct jws *out)
{
    CLEANUP(jws_clear) struct jws jws = {0};
    TRY(split(token, jws.part));
    TRY(read_object(jws.part[0], "header", &jws.header));
    TRY(read_header(&jws));
    TRY(read_object(jws.part[1], "payload", &jws.claims));
    TRY(check_base64url(jws.part[2], "signature"));
    *out = jws;
    jws = (struct jws){0};
    return err_ok();
}

void jws_clear(struct jws *jws)
{
    json_clear(&jws->header);
    json_clear(&jws->claims);
    *jws = (struct jws){0};
}

struct err jws_verify(const struct jws *jws, struct span jwk)
{
    ENSURE(jws_signature_is_good(jws->part, jws->algorithm->name, jwk), ERR_UNAUTHENTICATED,
           "The JWT's signature is not valid.");
    return err_ok();
}
