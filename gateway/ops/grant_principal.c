/* The shapes of principals, one row each. A grant for a text that no caller can ever be would look
 * like protection and be none, and patterns are not among the shapes: a grant is for exactly one.
 */
#include "gateway/ops/grant_principal.h"

#include "base/mem.h"
#include "base/name.h"
#include "keystore/keystore.h"

static bool is_printable(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= 0x20 || text.data[i] == 0x7f) {
            return false;
        }
    }
    return text.len > 0;
}

static bool is_of(struct span text, const char *allowed)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr(allowed, text.data[i]) == NULL || text.data[i] == 0) {
            return false;
        }
    }
    return text.len > 0;
}

/* SPIFFE-ID §2: a trust domain in lower case and a path. */
static bool is_spiffe(struct span rest)
{
    const uint8_t *slash = rest.len == 0 ? NULL : memchr(rest.data, '/', rest.len);
    if (slash == NULL) {
        return false;
    }
    size_t len = (size_t)(slash - rest.data);
    return is_of(span_of(rest.data, len), "abcdefghijklmnopqrstuvwxyz0123456789.-_") &&
           rest.len > len + 1 && is_printable(rest) && memchr(rest.data, '*', rest.len) == NULL;
}

static bool is_dns(struct span rest)
{
    return is_of(rest, "abcdefghijklmnopqrstuvwxyz0123456789.-_") && rest.data[0] != '.';
}

/* Names of people and machines may have blanks, but not at the ends. */
static bool is_common_name(struct span rest)
{
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.data[i] < 0x20 || rest.data[i] == 0x7f) {
            return false;
        }
    }
    return rest.len > 0 && rest.data[0] != ' ' && rest.data[rest.len - 1] != ' ';
}

static bool is_oidc(struct span rest)
{
    const uint8_t *mark = rest.len == 0 ? NULL : memchr(rest.data, '#', rest.len);
    return mark != NULL && mark > rest.data && mark + 1 < rest.data + rest.len &&
           is_printable(rest);
}

static bool is_bearer(struct span rest)
{
    return name_check_namespace(rest).code == ERR_OK && memchr(rest.data, '/', rest.len) == NULL;
}

static bool is_uid(struct span rest)
{
    return is_of(rest, "0123456789") && rest.len <= 10 && (rest.len == 1 || rest.data[0] != '0');
}

static const struct {
    const char *lead;
    bool (*fits)(struct span rest);
} shapes[] = {
    {"spiffe://", is_spiffe}, {"dns:", is_dns},      {"cn:", is_common_name},
    {"oidc:", is_oidc},       {"token:", is_bearer}, {"unix:", is_uid},
};

struct err grant_check_principal(struct span principal)
{
    ENSURE(principal.len < GRANT_PRINCIPAL_MAX, ERR_INVALID_FIELD,
           "principal must be at most %d bytes long.", GRANT_PRINCIPAL_MAX - 1);
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        size_t lead = strlen(shapes[i].lead);
        if (span_starts(principal, shapes[i].lead) &&
            shapes[i].fits(span_of(principal.data + lead, principal.len - lead))) {
            return err_ok();
        }
    }
    return err_new(ERR_INVALID_FIELD, __func__,
                   "principal must be spiffe://DOMAIN/PATH, dns:NAME, cn:NAME, oidc:ISSUER#SUB, "
                   "token:NAME or unix:UID.");
}
