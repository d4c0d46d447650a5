/* The claims of a JWT whose signature is good. A claim of the wrong type is never taken for an
 * absent one; a principal that does not fit is refused, never cut, because a cut name may be
 * another's. */
#include "gateway/issuer_claims.h"

#include "base/mem.h"

static bool is_accepted(const struct config_issuer *issuer, struct span audience)
{
    for (size_t i = 0; i < issuer->audience_count; i++) {
        if (span_is(audience, issuer->audiences[i])) {
            return true;
        }
    }
    return false;
}

/* RFC 7519 §4.1.3: a text or a list of texts. */
static struct err check_audience(const struct config_issuer *issuer,
                                 const struct json_value *claims)
{
    const struct json_value *aud = json_member(claims, "aud");
    struct span text;
    bool accepted = json_as_text(aud, &text) && is_accepted(issuer, text);
    for (const struct json_value *item = json_is(aud, JSON_ARRAY) ? json_first(aud) : NULL;
         item != NULL; item = json_next(item)) {
        ENSURE(json_as_text(item, &text), ERR_UNAUTHENTICATED, "The JWT's `aud` holds no text.");
        accepted = accepted || is_accepted(issuer, text);
    }
    ENSURE(accepted, ERR_UNAUTHENTICATED, "The JWT's `aud` is not one that this gateway takes.");
    return err_ok();
}

/* RFC 7519 §2 NumericDate, whole seconds. Absent: `otherwise`. */
static struct err read_time(const struct json_value *claims, const char *name, int64_t otherwise,
                            int64_t *out)
{
    const struct json_value *value = json_member(claims, name);
    int64_t seconds = otherwise;
    ENSURE(value == NULL || json_as_integer(value, &seconds), ERR_UNAUTHENTICATED,
           "The JWT's `%s` is not a number of whole seconds.", name);
    *out = seconds;
    return err_ok();
}

static struct err check_times(const struct json_value *claims, int64_t now_s)
{
    int64_t exp = 0, nbf = 0, iat = 0;
    TRY(read_time(claims, "exp", INT64_MIN, &exp));
    TRY(read_time(claims, "nbf", INT64_MIN, &nbf));
    TRY(read_time(claims, "iat", INT64_MIN, &iat));
    ENSURE(exp != INT64_MIN, ERR_UNAUTHENTICATED, "The JWT has no `exp`.");
    ENSURE(now_s < exp, ERR_UNAUTHENTICATED, "The JWT has expired.");
    ENSURE(nbf <= now_s + ISSUER_LEEWAY_S, ERR_UNAUTHENTICATED, "The JWT is not valid yet (nbf).");
    ENSURE(iat <= now_s + ISSUER_LEEWAY_S, ERR_UNAUTHENTICATED,
           "The JWT was issued in the future (iat).");
    return err_ok();
}

/* A text is the value, a list holds it, a flag is `true` or `false`. */
static bool claim_has(const struct json_value *claim, const char *value)
{
    struct span text;
    bool flag = false;
    if (json_as_text(claim, &text)) {
        return span_is(text, value);
    }
    if (json_as_flag(claim, &flag)) {
        return strcmp(value, flag ? "true" : "false") == 0;
    }
    for (const struct json_value *item = json_is(claim, JSON_ARRAY) ? json_first(claim) : NULL;
         item != NULL; item = json_next(item)) {
        if (json_as_text(item, &text) && span_is(text, value)) {
            return true;
        }
    }
    return false;
}

/* C0, DEL and C1 (U+0080 to U+009F, in UTF-8 C2 80 to C2 9F) end lines or fake them. */
static bool has_control(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool c1 = text.data[i] == 0xc2 && i + 1 < text.len && text.data[i + 1] < 0xa0;
        if (text.data[i] < 0x20 || text.data[i] == 0x7f || c1) {
            return true;
        }
    }
    return false;
}

static struct err write_principal(const struct config_issuer *issuer,
                                  const struct json_value *claims, char out[PRINCIPAL_MAX])
{
    char principal[PRINCIPAL_MAX];
    struct span subject;
    ENSURE(json_as_text(json_member(claims, issuer->principal_claim), &subject) && subject.len > 0,
           ERR_UNAUTHENTICATED, "The JWT has no text in `%.64s`.", issuer->principal_claim);
    ENSURE(!has_control(subject), ERR_UNAUTHENTICATED, "The JWT's `%.64s` has a control character.",
           issuer->principal_claim);
    int len = snprintf(principal, sizeof(principal), "oidc:%s#%.*s", issuer->issuer,
                       (int)subject.len, (const char *)subject.data);
    ENSURE(len > 0 && (size_t)len < sizeof(principal), ERR_UNAUTHENTICATED,
           "The JWT's `%.64s` is too long for a principal.", issuer->principal_claim);
    memcpy(out, principal, sizeof(principal));
    return err_ok();
}

struct err issuer_claims_check(const struct config_issuer *issuer, const struct json_value *claims,
                               int64_t now_ms, char out[PRINCIPAL_MAX])
{
    TRY(check_audience(issuer, claims));
    TRY(check_times(claims, now_ms / 1000));
    for (size_t i = 0; i < issuer->claim_count; i++) {
        ENSURE(claim_has(json_member(claims, issuer->claims[i].name), issuer->claims[i].value),
               ERR_UNAUTHENTICATED, "The JWT's `%.64s` is not what this gateway asks.",
               issuer->claims[i].name);
    }
    return write_principal(issuer, claims, out);
}
