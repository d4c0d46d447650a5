/* Who callers may be: administrators, and the issuers whose JWTs are believed. */
#include "base/mem.h"
#include "gateway/config_check.h"
#include "gateway/jws.h"

#define DEFAULT_REFRESH_S 300
#define REFRESH_MAX_S     86400

/* Each way of proving who one is has a form of principal. */
static bool is_principal(struct span name)
{
    static const char *const forms[] = {"token:", "dns:", "cn:", "spiffe://"};
    if (span_starts(name, "unix:")) {
        return name.len > 5 && strspn((const char *)name.data + 5, "0123456789") == name.len - 5;
    }
    if (span_starts(name, "oidc:")) {
        const uint8_t *hash = memchr(name.data, '#', name.len);
        return hash != NULL && hash > name.data + 5 && hash + 1 < name.data + name.len;
    }
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (span_starts(name, forms[i])) {
            return name.len > strlen(forms[i]);
        }
    }
    return false;
}

static void check_administrators(struct config_check *check, struct config_loaded *loaded)
{
    const struct config_file *file = loaded->file;
    char option[CONFIG_OPTION_MAX];
    for (unsigned i = 0; i < file->administrators_count; i++) {
        if (!is_principal(span_text(file->administrators[i]))) {
            config_find(check, config_option(option, "administrators", i, ""),
                        "must be unix:UID, token:NAME, spiffe://…, dns:NAME, cn:NAME or "
                        "oidc:ISSUER#SUBJECT");
        }
    }
    loaded->config.administrators = (const char *const *)file->administrators;
    loaded->config.administrator_count = file->administrators_count;
}

/* RFC 7518 §3.1: what the verifying library can do, and only public-key algorithms. */
static void check_algorithms(struct config_check *check, const char *option,
                             const struct config_file_issuer *from, struct config_issuer *out)
{
    static const char *const usual[] = {"RS256", "PS256", "ES256"};
    out->algorithms = usual;
    out->algorithm_count = ARRAY_LEN(usual);
    if (from->algorithms_count > 0) {
        out->algorithms = (const char *const *)from->algorithms;
        out->algorithm_count = from->algorithms_count;
    }
    for (size_t i = 0; i < out->algorithm_count; i++) {
        const char *reason = jws_algorithm_refusal(out->algorithms[i]);
        if (reason != NULL) {
            config_find(check, option, "%.16s cannot be used: %s", out->algorithms[i], reason);
        }
    }
}

static struct config_claim *copy_claims(const struct config_file_issuer *from)
{
    struct config_claim *claims = mem_array(from->claims_count, sizeof(*claims));
    for (unsigned i = 0; i < from->claims_count; i++) {
        claims[i] = (struct config_claim){from->claims[i].name, from->claims[i].value};
    }
    return claims;
}

static void check_issuer(struct config_check *check, struct config_loaded *loaded, size_t index)
{
    char option[CONFIG_OPTION_MAX];
    const struct config_file_issuer *from = &loaded->file->issuers[index];
    struct config_issuer *out = &loaded->issuers[index];
    loaded->claims[index] = copy_claims(from);
    *out = (struct config_issuer){
        .issuer = from->issuer,
        .audiences = (const char *const *)from->audiences,
        .audience_count = from->audiences_count,
        .jwks_file = from->jwks_file,
        .jwks_url = from->jwks_url,
        .jwks_ca = from->jwks_ca,
        .principal_claim = from->principal_claim != NULL ? from->principal_claim : "sub",
        .claims = loaded->claims[index],
        .claim_count = from->claims_count,
        .people = from->people,
    };
    for (size_t i = 0; i < index; i++) {
        if (strcmp(from->issuer, loaded->file->issuers[i].issuer) == 0) {
            config_find(check, config_option(option, "issuers", index, "issuer"),
                        "stands in the list twice");
        }
    }
    if (strchr(from->issuer, '#') != NULL) {
        config_find(check, config_option(option, "issuers", index, "issuer"),
                    "must have no `#`: it ends the issuer in the name of a principal");
    }
    if ((from->jwks_file == NULL) == (from->jwks_url == NULL)) {
        config_find(check, config_option(option, "issuers", index, "issuer"),
                    "needs one of jwks_file and jwks_url");
    }
    config_check_path(check, config_option(option, "issuers", index, "jwks_file"), from->jwks_file);
    config_check_url(check, config_option(option, "issuers", index, "jwks_url"), from->jwks_url);
    config_check_readable(check, config_option(option, "issuers", index, "jwks_ca"), from->jwks_ca);
    check_algorithms(check, config_option(option, "issuers", index, "algorithms"), from, out);
    out->refresh_s =
        config_check_duration(check, config_option(option, "issuers", index, "refresh"),
                              from->refresh, DEFAULT_REFRESH_S, REFRESH_MAX_S);
}

void config_check_identities(struct config_check *check, struct config_loaded *loaded)
{
    size_t count = loaded->file->issuers_count;
    check_administrators(check, loaded);
    loaded->issuers = mem_array(count, sizeof(*loaded->issuers));
    loaded->claims = mem_array(count, sizeof(struct config_claim *));
    loaded->config.issuers = loaded->issuers;
    loaded->config.issuer_count = count;
    for (size_t i = 0; i < count; i++) {
        check_issuer(check, loaded, i);
    }
}
