/* Rules about keys: whom to call about it, whether its material is too old, whether others may know
 * it, and whether its uses are counted. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/lint_inner.h"
#include "pkcs11/token.h"

#define PHONE_DIGITS_MIN 6

/* `local@domain`, loosely: what a mail program would take, and no blank. */
static bool is_mail(const char *text)
{
    const char *at = strchr(text, '@');
    return at != NULL && at != text && at[1] != '\0' && strchr(at + 1, '@') == NULL &&
           strpbrk(text, " \t,;<>/") == NULL;
}

/* A URI (RFC 3986 §3) whose scheme reaches people. */
static bool is_address(const char *text)
{
    static const char *const schemes[] = {
        "https:", "http:", "mailto:", "tel:",    "sms:",   "sip:",    "sips:",
        "xmpp:",  "irc:",  "ircs:",   "matrix:", "slack:", "msteams:"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        const char *rest = text + strlen(schemes[i]);
        if (span_starts(span_text(text), schemes[i])) {
            return rest[strspn(rest, "/")] != '\0' && strpbrk(rest, " \t") == NULL;
        }
    }
    return false;
}

/* `#channel`, or a telephone number as ITU-T E.123 writes it: `+49 30 1234567`. */
static bool is_channel_or_phone(const char *text)
{
    if (text[0] == '#') {
        return text[1] != '\0' && strpbrk(text, " \t") == NULL;
    }
    size_t digits = 0;
    for (const char *at = text; *at != '\0'; at++) {
        digits += *at >= '0' && *at <= '9' ? 1 : 0;
    }
    return text[0] == '+' && digits >= PHONE_DIGITS_MIN &&
           text[1 + strspn(text + 1, "0123456789 -()")] == '\0';
}

static bool is_reachable(const char *text)
{
    return text != NULL && (is_mail(text) || is_address(text) || is_channel_or_phone(text));
}

static void check_contact(struct lint *lint, const struct key *key)
{
    if (is_reachable(key->facts.contact) || is_reachable(key->facts.owner)) {
        return;
    }
    const char *contact = key->facts.contact;
    char *reason = contact == NULL ? mem_text("It has no address as its contact")
                                   : mem_format("Its contact '%s' is no address", contact);
    lint_append(&reason,
                ", nor is its owner '%s' one: in an incident nobody can be reached. An address is "
                "a mail address, a URL (https, tel, slack), +telephone or #channel.",
                key->facts.owner);
    char *remedy = mem_text("hsmgate key update");
    lint_append_word(&remedy, key->name);
    lint_append(&remedy, " --contact ADDRESS");
    lint_add(lint, "key-without-contact", LINT_WARNING, key->name, reason, remedy);
}

static char *rotate_command(const struct key *key)
{
    char *command = mem_text("hsmgate key rotate");
    lint_append_word(&command, key->name);
    return command;
}

static void check_age(struct lint *lint, const struct key *key)
{
    const struct version *primary = key_primary(key);
    const int64_t limit_s = lint->facts->config->lint.age_s[key->facts.classification];
    if (primary == NULL || primary->activated_at == 0 || limit_s == 0) {
        return;
    }
    const int64_t age_ms = lint->facts->now - primary->activated_at;
    if (age_ms <= limit_s * 1000) {
        return;
    }
    const bool regulated = key->facts.classification == CLASS_REGULATED;
    lint_add(lint, "key-too-old", regulated ? LINT_ERROR : LINT_WARNING, key->name,
             mem_format(
                 "Version %u is the primary since %s, %lld days; its class, %s, allows %lld.",
                 primary->number, lint_date(primary->activated_at).text,
                 (long long)(age_ms / LINT_DAY_MS), classification_name(key->facts.classification),
                 (long long)(limit_s * 1000 / LINT_DAY_MS)),
             rotate_command(key));
}

static bool is_known_outside(const struct version *version)
{
    const uint32_t outside = 1u << TOKEN_ATTRIBUTE_EXTRACTABLE |
                             1u << TOKEN_ATTRIBUTE_NOT_SENSITIVE |
                             1u << TOKEN_ATTRIBUTE_PUBLIC_OBJECT |
                             1u << TOKEN_ATTRIBUTE_WAS_EXTRACTABLE | 1u << TOKEN_ATTRIBUTE_IMPORTED;
    return version->adopted && (version->attributes & outside) != 0;
}

static void check_material(struct lint *lint, const struct key *key)
{
    const struct version *primary = key_primary(key);
    if (primary == NULL || !is_known_outside(primary)) {
        return;
    }
    const bool regulated = key->facts.classification == CLASS_REGULATED;
    lint_add(lint, "material-known-outside", regulated ? LINT_ERROR : LINT_WARNING, key->name,
             mem_format("Version %u was adopted: its material came from elsewhere, or can leave "
                        "the token, so others may have it.",
                        primary->number),
             rotate_command(key));
}

/* An automatic key rotates by itself. */
static void check_count(struct lint *lint, const struct key *key)
{
    const struct version *primary = key_primary(key);
    if (primary == NULL || !primary->count_unsure ||
        key->facts.rotation.mode == ROTATION_AUTOMATIC) {
        return;
    }
    lint_add(lint, "uses-not-counted", LINT_ERROR, key->name,
             mem_format("The store is from a backup: what version %u encrypted after that is in no "
                        "count, and AES-GCM has a limit.",
                        primary->number),
             rotate_command(key));
}

void lint_keys(struct lint *lint)
{
    for (size_t i = 0; i < lint->facts->key_count; i++) {
        const struct key *key = lint->facts->keys[i];
        if (!lint_is_own_key(key->name)) {
            check_contact(lint, key);
            check_age(lint, key);
            check_material(lint, key);
            check_count(lint, key);
        }
    }
}
