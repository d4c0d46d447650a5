/* Each anti-pattern is found, what is right is not, and every command that a finding proposes is
 * one that the command line takes. */
#include "base_test.h"

#include "cli/command.h"
#include "gateway/lint.h"
#include "keystore/grant.h"
#include "keystore/grants.h"
#include "pkcs11/token.h"
#include "quorum/quorum.h"

#define DAY    ((int64_t)24 * 3600 * 1000)
#define NOW    ((int64_t)1780272000 * 1000) /* 2026-06-01 */
#define MAX    8
#define BIT(w) OPERATION_BIT(OPERATION_##w)

static const char *const administrators[] = {"token:root", "unix:0"};
static const struct config_issuer issuers[] = {
    {.issuer = "https://people.example", .people = true},
    {.issuer = "https://ci.example"},
};
static const struct config_tls tls = {.client_ca = "/ca.pem"};
static const struct config_listener listeners[] = {{.host = "127.0.0.1"}, {.tls = &tls}};
static const struct config usual = {
    .listeners = listeners,
    .listener_count = ARRAY_LEN(listeners),
    .socket_path = "/run/s",
    .administrators = administrators,
    .administrator_count = ARRAY_LEN(administrators),
    .issuers = issuers,
    .issuer_count = ARRAY_LEN(issuers),
    .lint = {.age_s = {[CLASS_INTERNAL] = 730 * 86400,
                       [CLASS_CONFIDENTIAL] = 365 * 86400,
                       [CLASS_REGULATED] = 90 * 86400}},
};

/* One finding: the severity's first letter, rule, subject, and what its remedy begins with. */
struct wanted {
    char severity;
    const char *rule;
    const char *subject;
    const char *remedy;
};

struct world {
    const char *name;
    const struct config *config; /* NULL: the usual one */
    const struct roster *roster; /* or NULL */
    const struct key *keys[MAX];
    struct grant grants[MAX]; /* in the order of ids; empty members get what is usual */
    int64_t used_at[MAX];
    struct bearer bearers[MAX];
    struct wanted wanted[MAX]; /* in order, up to one without a rule */
};

/* --- keys --- */

static const struct version fresh = {
    .number = 1, .state = VERSION_ACTIVE, .activated_at = NOW - 10 * DAY};
static const struct version old_versions[] = {
    {.number = 1, .state = VERSION_RETIRING, .activated_at = NOW - 900 * DAY},
    {.number = 2, .state = VERSION_ACTIVE, .activated_at = NOW - 100 * DAY}};
#define WHO .owner = "team", .contact = "team@example.org"
#define FACTS(...)  \
    {               \
        __VA_ARGS__ \
    }
#define FACTS_KEY(key_name, ...)               \
    (&(const struct key){.name = (key_name),   \
                         .facts = __VA_ARGS__, \
                         .primary = 1,         \
                         .versions = &fresh,   \
                         .version_count = 1})
#define KEY(key_name)               FACTS_KEY(key_name, FACTS(WHO, .classification = CLASS_INTERNAL))
#define LABELLED(key_name, pair)    FACTS_KEY(key_name, FACTS(WHO, .labels = (pair), .label_count = 1))
#define REACHED(key_name, whom, at) FACTS_KEY(key_name, FACTS(.owner = (whom), .contact = (at)))
#define CONTACT(text)               REACHED("a/app/k", "team", text)
#define OLD_KEY(key_name, class)                                         \
    (&(const struct key){.name = (key_name),                             \
                         .facts = FACTS(WHO, .classification = (class)), \
                         .primary = 2,                                   \
                         .versions = old_versions,                       \
                         .version_count = ARRAY_LEN(old_versions)})

/* --- a run --- */

static const struct grants *make_grants(const struct world *world)
{
    const struct grant *all[MAX];
    size_t count = 0;
    for (; count < MAX && world->grants[count].id != NULL; count++) {
        struct grant grant = world->grants[count];
        grant.principal = grant.principal != NULL ? grant.principal : "spiffe://example/app";
        grant.keys = grant.keys != NULL ? grant.keys : "a/app/*";
        grant.operations = grant.operations != 0 ? grant.operations : BIT(SIGN);
        grant.justification = grant.justification != NULL ? grant.justification : "it's needed";
        grant.created_at = grant.created_at != 0 ? grant.created_at : NOW - 10 * DAY;
        grant.updated_by = "unix:0";
        all[count] = grant_make(&grant, NULL, world->used_at[count]);
    }
    return grants_make(all, count);
}

static size_t count_keys(const struct world *world)
{
    size_t count = 0;
    while (count < MAX && world->keys[count] != NULL) {
        count++;
    }
    return count;
}

static size_t count_bearers(const struct world *world)
{
    size_t count = 0;
    while (count < MAX && world->bearers[count].name[0] != '\0') {
        count++;
    }
    return count;
}

/* --- remedies --- */

/* The next word as a shell reads it, at most 255 bytes; false at the end. */
static bool next_word(const char **text, char out[256])
{
    const char *at = *text + strspn(*text, " ");
    size_t len = 0;
    bool quoted = false;
    if (*at == '\0') {
        return false;
    }
    for (; *at != '\0' && (quoted || *at != ' '); at++) {
        if (*at == '\'') {
            quoted = !quoted;
        } else if (!quoted && *at == '\\') {
            out[len++] = *++at;
        } else {
            assert_true(quoted || strchr("*?#$&|;<>()[]{}~\"`!\n", *at) == NULL ||
                        (at[0] == '&' && (at[1] == '&' || at[-1] == '&')));
            out[len++] = *at;
        }
        assert_true(len < 255);
    }
    assert_false(quoted);
    out[len] = '\0';
    *text = at;
    return true;
}

/* One command after the other through the table of the command line, which ends the test with a
 * message when it does not take one. */
static void assert_remedy_parses(const char *remedy)
{
    static char words[128][256];
    char *argv[128];
    int argc = 0;
    bool more = true;
    while (more) {
        more = next_word(&remedy, words[argc]);
        if (more && strcmp(words[argc], "&&") != 0) {
            argv[argc] = words[argc];
            argc++;
            continue;
        }
        argv[argc] = NULL;
        struct options options = {0};
        int taken = 0;
        assert_string_equal(argv[0], "hsmgate");
        const struct command *command = command_find(argc - 1, argv + 1, &taken);
        assert_non_null(command);
        options_parse(command, argc - taken, argv + taken, &options);
        argc = 0;
    }
}

static void assert_finding(const struct world *world, const struct lint_finding *finding,
                           const struct wanted *wanted)
{
    if (wanted->rule == NULL) {
        fail_msg("%s: found %s of %s: %s", world->name, finding->rule, finding->subject,
                 finding->reason);
    }
    assert_string_equal(finding->rule, wanted->rule);
    assert_string_equal(finding->subject, wanted->subject);
    assert_int_equal(lint_severity_name(finding->severity)[0], wanted->severity);
    assert_string_equal(finding->remedy, wanted->remedy);
    assert_true(strlen(finding->reason) > 20 && strchr(finding->reason, '\n') == NULL);
    assert_remedy_parses(finding->remedy);
}

static void check(const struct world *world)
{
    CLEANUP(grants_release_at) const struct grants *grants = make_grants(world);
    CLEANUP(lint_findings_clear) struct lint_findings findings;
    const struct lint_facts facts = {
        .config = world->config != NULL ? world->config : &usual,
        .keys = world->keys,
        .key_count = count_keys(world),
        .grants = grants,
        .bearers = world->bearers,
        .bearer_count = count_bearers(world),
        .roster = world->roster,
        .now = NOW,
    };
    lint_run(&facts, &findings);
    static const struct wanted nothing = {0};
    for (size_t i = 0; i < findings.count; i++) {
        assert_finding(world, &findings.all[i], i < MAX ? &world->wanted[i] : &nothing);
    }
    if (findings.count < MAX && world->wanted[findings.count].rule != NULL) {
        fail_msg("%s: not found: %s of %s", world->name, world->wanted[findings.count].rule,
                 world->wanted[findings.count].subject);
    }
}

static void check_all(const struct world *worlds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check(&worlds[i]);
    }
}

/* --- the rules --- */

#define NO_CONTACT(key)                                                                 \
    {                                                                                   \
        'w', "key-without-contact", key, "hsmgate key update " key " --contact ADDRESS" \
    }

static void keys_have_somebody_to_call(void **state)
{
    (void)state;
    const struct world worlds[] = {
        {.name = "none", .keys = {CONTACT(NULL)}, .wanted = {NO_CONTACT("a/app/k")}},
        {.name = "a name", .keys = {CONTACT("Alice")}, .wanted = {NO_CONTACT("a/app/k")}},
        {.name = "half a mail", .keys = {CONTACT("@x")}, .wanted = {NO_CONTACT("a/app/k")}},
        {.name = "no domain", .keys = {CONTACT("x@")}, .wanted = {NO_CONTACT("a/app/k")}},
        {.name = "two ats", .keys = {CONTACT("x@y@z")}, .wanted = {NO_CONTACT("a/app/k")}},
        {.name = "a blank", .keys = {CONTACT("a b@c")}, .wanted = {NO_CONTACT("a/app/k")}},
        {.name = "only a scheme", .keys = {CONTACT("https://")}, .wanted = {NO_CONTACT("a/app/k")}},
        {.name = "a file", .keys = {CONTACT("file:///x")}, .wanted = {NO_CONTACT("a/app/k")}},
        {.name = "a hash", .keys = {CONTACT("#")}, .wanted = {NO_CONTACT("a/app/k")}},
        {.name = "short", .keys = {CONTACT("+49 30")}, .wanted = {NO_CONTACT("a/app/k")}},
        {.name = "letters", .keys = {CONTACT("+49 CALL 123")}, .wanted = {NO_CONTACT("a/app/k")}},
        {.name = "the placeholder",
         .keys = {CONTACT("ADDRESS")},
         .wanted = {NO_CONTACT("a/app/k")}},
        {.name = "mail", .keys = {CONTACT("team@example.org")}},
        {.name = "page", .keys = {CONTACT("https://example.org/oncall")}},
        {.name = "telephone", .keys = {CONTACT("tel:+49-30-1234567")}},
        {.name = "number", .keys = {CONTACT("+49 (30) 123-4567")}},
        {.name = "slack", .keys = {CONTACT("slack://channel?id=7")}},
        {.name = "channel", .keys = {CONTACT("#payments-oncall")}},
        {.name = "the owner", .keys = {REACHED("a/app/k", "a@b", NULL)}},
        {.name = "ours", .keys = {REACHED("hsmgate/audit/checkpoint", "team", NULL)}},
        {.name = "two",
         .keys = {REACHED("b/b/b", "team", NULL), REACHED("a/b/b", "team", NULL)},
         .wanted = {NO_CONTACT("a/b/b"), NO_CONTACT("b/b/b")}},
    };
    check_all(worlds, ARRAY_LEN(worlds));
}

static void keys_grow_old_by_class(void **state)
{
    (void)state;
    const struct version edge = {
        .number = 1, .state = VERSION_ACTIVE, .activated_at = NOW - 90 * DAY};
    const struct key at_limit = {.name = "a/app/k",
                                 .facts = FACTS(WHO, .classification = CLASS_REGULATED),
                                 .primary = 1,
                                 .versions = &edge,
                                 .version_count = 1};
    const struct version disabled = {
        .number = 1, .state = VERSION_DISABLED, .activated_at = NOW - 900 * DAY};
    const struct key without = {.name = "a/app/k",
                                .facts = FACTS(WHO, .classification = CLASS_REGULATED),
                                .versions = &disabled,
                                .version_count = 1};
    const struct config strict = {.lint = {.age_s = {[CLASS_INTERNAL] = 99 * 86400}}};
    const struct world worlds[] = {
        {.name = "regulated",
         .keys = {OLD_KEY("a/app/k", CLASS_REGULATED)},
         .wanted = {{'e', "key-too-old", "a/app/k", "hsmgate key rotate a/app/k"}}},
        {.name = "confidential", .keys = {OLD_KEY("a/app/k", CLASS_CONFIDENTIAL)}},
        {.name = "public", .keys = {OLD_KEY("a/app/k", CLASS_PUBLIC)}},
        {.name = "stricter",
         .config = &strict,
         .keys = {OLD_KEY("a/app/k", CLASS_INTERNAL)},
         .wanted = {{'w', "key-too-old", "a/app/k", "hsmgate key rotate a/app/k"}}},
        {.name = "at the limit", .keys = {&at_limit}},
        {.name = "no primary", .keys = {&without}},
        {.name = "ours", .keys = {OLD_KEY("hsmgate/audit/checkpoint", CLASS_REGULATED)}},
    };
    check_all(worlds, ARRAY_LEN(worlds));
}

static void material_is_ours_and_counted(void **state)
{
    (void)state;
    const struct version imported = {.number = 1,
                                     .state = VERSION_ACTIVE,
                                     .activated_at = NOW,
                                     .adopted = true,
                                     .attributes = 1u << TOKEN_ATTRIBUTE_IMPORTED};
    const struct version tight = {.number = 1,
                                  .state = VERSION_ACTIVE,
                                  .activated_at = NOW,
                                  .adopted = true,
                                  .attributes = 1u << TOKEN_ATTRIBUTE_SIGNS};
    const struct version unsure = {
        .number = 1, .state = VERSION_ACTIVE, .activated_at = NOW, .count_unsure = true};
    const struct key adopted = {.name = "a/app/k",
                                .facts = FACTS(WHO, .classification = CLASS_INTERNAL),
                                .primary = 1,
                                .versions = &imported,
                                .version_count = 1};
    struct key regulated = adopted, ours = adopted, manual = adopted, automatic = adopted;
    regulated.facts.classification = CLASS_REGULATED;
    ours.versions = &tight;
    manual.versions = automatic.versions = &unsure;
    automatic.facts.rotation.mode = ROTATION_AUTOMATIC;
    const struct world worlds[] = {
        {.name = "imported",
         .keys = {&adopted},
         .wanted = {{'w', "material-known-outside", "a/app/k", "hsmgate key rotate a/app/k"}}},
        {.name = "imported and regulated",
         .keys = {&regulated},
         .wanted = {{'e', "material-known-outside", "a/app/k", "hsmgate key rotate a/app/k"}}},
        {.name = "adopted, and always on the token", .keys = {&ours}},
        {.name = "from a backup",
         .keys = {&manual},
         .wanted = {{'e', "uses-not-counted", "a/app/k", "hsmgate key rotate a/app/k"}}},
        {.name = "from a backup, and rotating", .keys = {&automatic}},
    };
    check_all(worlds, ARRAY_LEN(worlds));
}

#define TWO(severity, remedy)                                                     \
    {                                                                             \
        severity, "principal-in-two-environments", "spiffe://example/app", remedy \
    }

static void a_principal_stays_in_one_environment(void **state)
{
    (void)state;
    const struct label testing = {"environment", "test"};
    const struct label blue = {"env", "blue"};
    const struct config live = {
        .listeners = listeners,
        .listener_count = ARRAY_LEN(listeners),
        .lint = {.production = (const char *const[]){"live"}, .production_count = 1}};
    const struct world worlds[] = {
        {.name = "prod and test",
         .grants = {{.id = "p", .keys = "a/prod/*"}, {.id = "t", .keys = "a/test/*"}},
         .wanted = {TWO('e', "hsmgate grant delete t")}},
        {.name = "test and dev",
         .grants = {{.id = "d", .keys = "a/dev/*"}, {.id = "t", .keys = "testing/*"}},
         .wanted = {TWO('w', "hsmgate grant delete t")}},
        {.name = "all three",
         .grants = {{.id = "d", .keys = "sandbox/x/*"},
                    {.id = "p", .keys = "a/production/k"},
                    {.id = "s", .keys = "stage/a/*"}},
         .wanted = {TWO('e', "hsmgate grant delete d && hsmgate grant delete s")}},
        {.name = "two names of one",
         .grants = {{.id = "p", .keys = "a/prod/*"}, {.id = "q", .keys = "a/production/*"}}},
        {.name = "by the keys that it reaches",
         .keys = {KEY("a/prod/k"), KEY("a/test/k"), KEY("b/dev/k")},
         .grants = {{.id = "p", .keys = "a/*/k"}},
         .wanted = {TWO('e', "hsmgate grant delete p")}},
        {.name = "by labels",
         .keys = {LABELLED("a/app/k", &testing), LABELLED("a/web/k", &blue)},
         .grants = {{.id = "p", .keys = "a/*/k"}},
         .wanted = {TWO('w', "hsmgate grant delete p")}},
        {.name = "the last segment is a key's own", .grants = {{.id = "p", .keys = "prod/test"}}},
        {.name = "reading is not using",
         .grants = {{.id = "p", .keys = "a/prod/*"},
                    {.id = "t", .keys = "a/test/*", .operations = BIT(READ)}}},
        {.name = "it has ended",
         .grants = {{.id = "p", .keys = "a/prod/*"},
                    {.id = "t", .keys = "a/test/*", .expires_at = NOW}},
         .wanted = {{'n', "grant-expired", "t", "hsmgate grant delete t"}}},
        {.name = "two principals",
         .grants = {{.id = "p", .keys = "a/prod/*"},
                    {.id = "t", .keys = "a/test/*", .principal = "spiffe://example/test"}}},
        {.name = "one in the midst of others",
         .grants = {{.id = "p", .keys = "a/prod/*"},
                    {.id = "q", .keys = "a/prod/*", .principal = "spiffe://example/other"},
                    {.id = "t", .keys = "a/test/*"},
                    {.id = "u", .keys = "a/prod/*", .principal = "spiffe://example/more"}},
         .wanted = {TWO('e', "hsmgate grant delete t")}},
        {.name = "no production by another name",
         .config = &live,
         .grants = {{.id = "p", .keys = "prod/*"}, {.id = "t", .keys = "a/test/*"}}},
        {.name = "production by its own name",
         .config = &live,
         .grants = {{.id = "l", .keys = "live/*"},
                    {.id = "p", .keys = "prod/*"},
                    {.id = "t", .keys = "a/test/*"}},
         .wanted = {TWO('e', "hsmgate grant delete t")}},
    };
    check_all(worlds, ARRAY_LEN(worlds));
}

#define WIDE                                                           \
    {                                                                  \
        'e', "wide-grant-in-production", "g", "hsmgate grant delete g" \
    }

static void production_is_granted_narrowly(void **state)
{
    (void)state;
    const struct label production = {"environment", "production"};
    const struct world worlds[] = {
        {.name = "all", .grants = {{.id = "g", .keys = "**"}}, .wanted = {WIDE}},
        {.name = "management too",
         .grants = {{.id = "g", .keys = "**", .operations = BIT(ROTATE)}},
         .wanted = {WIDE}},
        {.name = "below", .grants = {{.id = "g", .keys = "a/prod/**"}}, .wanted = {WIDE}},
        {.name = "above",
         .keys = {KEY("a/prod/k")},
         .grants = {{.id = "g", .keys = "a/**"}},
         .wanted = {WIDE}},
        {.name = "above, by label",
         .keys = {LABELLED("a/app/k", &production)},
         .grants = {{.id = "g", .keys = "a/**"}},
         .wanted = {WIDE}},
        {.name = "elsewhere", .keys = {KEY("b/prod/k")}, .grants = {{.id = "g", .keys = "a/**"}}},
        {.name = "test", .grants = {{.id = "g", .keys = "a/test/**"}}},
        {.name = "one level", .grants = {{.id = "g", .keys = "a/prod/*"}}},
        {.name = "to look", .grants = {{.id = "g", .keys = "**", .operations = BIT(READ)}}},
        {.name = "ended",
         .grants = {{.id = "g", .keys = "**", .expires_at = NOW - 1}},
         .wanted = {{'n', "grant-expired", "g", "hsmgate grant delete g"}}},
    };
    check_all(worlds, ARRAY_LEN(worlds));
}

#define UNUSED                                             \
    {                                                      \
        'w', "grant-unused", "g", "hsmgate grant delete g" \
    }

static void grants_are_used_or_go(void **state)
{
    (void)state;
    const struct world worlds[] = {
        {.name = "never",
         .grants = {{.id = "g", .created_at = NOW - 90 * DAY - 1}},
         .wanted = {UNUSED}},
        {.name = "new", .grants = {{.id = "g", .created_at = NOW - 90 * DAY}}},
        {.name = "long ago",
         .grants = {{.id = "g", .created_at = NOW - 300 * DAY}},
         .used_at = {NOW - 91 * DAY},
         .wanted = {UNUSED}},
        {.name = "lately",
         .grants = {{.id = "g", .created_at = NOW - 300 * DAY}},
         .used_at = {NOW - 89 * DAY}},
        {.name = "ended",
         .grants = {{.id = "g", .created_at = NOW - 300 * DAY, .expires_at = NOW - 1}},
         .wanted = {{'n', "grant-expired", "g", "hsmgate grant delete g"}}},
    };
    check_all(worlds, ARRAY_LEN(worlds));
}

static void people_leave(void **state)
{
    (void)state;
    const struct label pairs[] = {{"a b", "it's"}, {"t", "x"}};
    struct network source;
    assert_ok(network_parse(span_text("10.0.0.0/8"), &source));
    const struct world worlds[] = {
        {.name = "oidc",
         .grants = {{.id = "g", .principal = "oidc:https://people.example#alice"}},
         .wanted = {{'w', "person-without-end", "g",
                     "hsmgate grant put g --principal 'oidc:https://people.example#alice' --keys "
                     "'a/app/*' --operation sign --justification 'it'\\''s needed' --ttl 90d"}}},
        {.name = "everything is said again",
         .grants = {{.id = "g",
                     .principal = "unix:1000",
                     .keys = "a/app/k",
                     .operations = BIT(SIGN) | BIT(READ),
                     .context = pairs,
                     .context_count = ARRAY_LEN(pairs),
                     .sources = &source,
                     .source_count = 1,
                     .justification = "why",
                     .allow_dual_role = true}},
         .wanted = {{'w', "person-without-end", "g",
                     "hsmgate grant put g --principal unix:1000 --keys a/app/k --operation sign "
                     "--operation read --context 'a b=it'\\''s' --context t=x --source 10.0.0.0/8 "
                     "--justification why --allow-dual-role --ttl 90d"}}},
        {.name = "with an end",
         .grants = {{.id = "g", .principal = "unix:1000", .expires_at = NOW + 1}}},
        {.name = "a service", .grants = {{.id = "g", .principal = "unix:999"}}},
        {.name = "a pipeline", .grants = {{.id = "g", .principal = "oidc:https://ci.example#x"}}},
    };
    check_all(worlds, ARRAY_LEN(worlds));
}

#define NOBODY                                                 \
    {                                                          \
        'w', "grant-for-nobody", "g", "hsmgate grant delete g" \
    }

static void principals_can_be_proved(void **state)
{
    (void)state;
    static const struct config_tls unasked = {.client_certificates = CLIENT_CERTIFICATES_NONE,
                                              .client_ca = "/ca.pem"};
    static const struct config_listener plain[] = {{.tls = NULL}, {.tls = &unasked}};
    const struct config bare = {.listeners = plain, .listener_count = ARRAY_LEN(plain)};
    const struct bearer app = {.name = "app", .expires_at = NOW + 90 * DAY};
    static const char *const proved[] = {
        "spiffe://x/y", "dns:a.example", "cn:a", "unix:0", "oidc:https://ci.example#x",
        "token:app"};
    static const char *const unproved[] = {"oidc:https://other.example#x",
                                           "oidc:https://ci.exampl#x", "oidc:https://ci.example/#x",
                                           "token:ap", "nobody"};
    for (size_t i = 0; i < ARRAY_LEN(proved); i++) {
        struct world world = {
            .name = proved[i], .grants = {{.id = "g", .principal = proved[i]}}, .bearers = {app}};
        check(&world);
        world.config = &bare;
        world.bearers[0].name[0] = '\0';
        world.wanted[0] = (struct wanted)NOBODY;
        check(&world);
    }
    for (size_t i = 0; i < ARRAY_LEN(unproved); i++) {
        const struct world world = {.name = unproved[i],
                                    .grants = {{.id = "g", .principal = unproved[i]}},
                                    .bearers = {app},
                                    .wanted = {NOBODY}};
        check(&world);
    }
}

/* An access key proves its subject, whatever its own name. */
static void access_keys_prove_their_subject(void **state)
{
    (void)state;
    const struct bearer key = {.name = "app-aws",
                               .access_key = "HGAKABCDEFGH23456789",
                               .subject = "app",
                               .expires_at = NOW + 90 * DAY};
    const struct world worlds[] = {
        {.name = "its subject",
         .grants = {{.id = "g", .principal = "token:app"}},
         .bearers = {key}},
        {.name = "its name",
         .grants = {{.id = "g", .principal = "token:app-aws"}},
         .bearers = {key},
         .wanted = {NOBODY}},
    };
    check_all(worlds, ARRAY_LEN(worlds));
}

#define DUAL(severity, id)                                             \
    {                                                                  \
        severity, "use-and-management", id, "hsmgate grant delete " id \
    }

static void use_and_management_are_apart(void **state)
{
    (void)state;
    const struct world worlds[] = {
        {.name = "in one, allowed",
         .grants = {{.id = "g", .operations = BIT(SIGN) | BIT(ROTATE), .allow_dual_role = true}},
         .wanted = {DUAL('w', "g")}},
        {.name = "in one, not allowed",
         .grants = {{.id = "g", .operations = BIT(SIGN) | BIT(ROTATE)}},
         .wanted = {DUAL('e', "g")}},
        {.name = "in two, the second allowed",
         .grants =
             {{.id = "g"},
              {.id = "h", .keys = "a/**", .operations = BIT(ROTATE), .allow_dual_role = true}},
         .wanted = {DUAL('w', "h")}},
        {.name = "in two, the first allowed",
         .grants = {{.id = "g", .allow_dual_role = true}, {.id = "h", .operations = BIT(ROTATE)}},
         .wanted = {DUAL('w', "g")}},
        {.name = "in two, not allowed",
         .grants = {{.id = "g"}, {.id = "h", .operations = BIT(ROTATE)}},
         .wanted = {DUAL('e', "h")}},
        {.name = "other keys",
         .grants = {{.id = "g"}, {.id = "h", .keys = "b/app/*", .operations = BIT(ROTATE)}}},
        {.name = "another principal",
         .grants = {{.id = "g"}, {.id = "h", .principal = "unix:1", .operations = BIT(ROTATE)}}},
        {.name = "ended",
         .grants = {{.id = "g"}, {.id = "h", .operations = BIT(ROTATE), .expires_at = NOW - 1}},
         .wanted = {{'n', "grant-expired", "h", "hsmgate grant delete h"}}},
    };
    check_all(worlds, ARRAY_LEN(worlds));
}

#define SOON(token)                                                         \
    {                                                                       \
        'w', "token-about-to-expire", token,                                \
            "hsmgate token revoke " token " && hsmgate token create " token \
            " --ttl 90d --out " token ".token"                              \
    }

static void tokens_end_and_are_replaced(void **state)
{
    (void)state;
    const struct world worlds[] = {
        {.name = "never",
         .bearers = {{.name = "app"}},
         .wanted = {{'w', "token-without-end", "app", "hsmgate token revoke app"}}},
        {.name = "soon",
         .bearers = {{.name = "app", .expires_at = NOW + 14 * DAY}},
         .wanted = {SOON("app")}},
        {.name = "at once",
         .bearers = {{.name = "a", .expires_at = NOW + 1}},
         .wanted = {SOON("a")}},
        {.name = "later", .bearers = {{.name = "app", .expires_at = NOW + 14 * DAY + 1}}},
        {.name = "over",
         .bearers = {{.name = "app", .expires_at = NOW}},
         .wanted = {{'n', "token-expired", "app", "hsmgate token revoke app"}}},
        {.name = "an administrator's",
         .bearers = {{.name = "root", .expires_at = NOW + 90 * DAY}},
         .wanted = {{'n', "administrator-token", "root", "hsmgate token revoke root"}}},
        {.name = "worst first",
         .keys = {REACHED("b/b/b", "team", NULL)},
         .grants = {{.id = "z", .keys = "**"}, {.id = "zz", .keys = "a/prod/**"}},
         .bearers = {{.name = "root"}, {.name = "app"}},
         .wanted = {{'e', "wide-grant-in-production", "z", "hsmgate grant delete z"},
                    {'e', "wide-grant-in-production", "zz", "hsmgate grant delete zz"},
                    NO_CONTACT("b/b/b"),
                    {'w', "token-without-end", "app", "hsmgate token revoke app"},
                    {'w', "token-without-end", "root", "hsmgate token revoke root"},
                    {'n', "administrator-token", "root", "hsmgate token revoke root"}}},
        {.name = "nothing at all"},
    };
    check_all(worlds, ARRAY_LEN(worlds));
}

#define ACCESS_KEY(key_name, whose, ends)                                         \
    {                                                                             \
        .name = key_name, .access_key = "HGAKABCDEFGH23456789", .subject = whose, \
        .expires_at = (ends)                                                      \
    }
#define REVOKE_KEY(key_name) "hsmgate access-key revoke " key_name

/* Not by bearer tokens: their clients sign. */
static void access_keys_are_replaced_by_access_keys(void **state)
{
    (void)state;
    const struct world worlds[] = {
        {.name = "soon",
         .bearers = {ACCESS_KEY("app-aws", "app", NOW + 14 * DAY)},
         .wanted = {{'w', "token-about-to-expire", "app-aws",
                     REVOKE_KEY("app-aws") " && hsmgate access-key create app-aws --subject app"
                                           " --ttl 90d --out app-aws.credentials"}}},
        {.name = "over",
         .bearers = {ACCESS_KEY("app-aws", "app", NOW)},
         .wanted = {{'n', "token-expired", "app-aws", REVOKE_KEY("app-aws")}}},
        {.name = "an administrator's, by its subject",
         .bearers = {ACCESS_KEY("app-aws", "root", NOW + 90 * DAY)},
         .wanted = {{'n', "administrator-token", "app-aws", REVOKE_KEY("app-aws")}}},
        {.name = "nobody's, by its name", .bearers = {ACCESS_KEY("root", "app", NOW + 90 * DAY)}},
    };
    check_all(worlds, ARRAY_LEN(worlds));
}

/* --- quorums --- */

#define RULED(key_name, group_id, count)                             \
    FACTS_KEY(key_name, FACTS(WHO, .classification = CLASS_INTERNAL, \
                              .approval = {.group = (group_id), .m = (count)}))
#define DRAFT(group_rule) \
    "hsmgate roster draft --from current --out roster.json --group " group_rule ":MEMBER,…"
#define CANNOT(group_rule)                                        \
    {                                                             \
        'e', "quorum-cannot-decide", "a/app/k", DRAFT(group_rule) \
    }
#define NO_SPARE(group_rule)                                      \
    {                                                             \
        'w', "quorum-without-spare", "a/app/k", DRAFT(group_rule) \
    }

static struct roster_group group_of(const char *id, uint32_t m, size_t people)
{
    return (struct roster_group){.id = span_text(id), .m = m, .eligible_count = people};
}

static void quorums_can_decide(void **state)
{
    (void)state;
    const struct roster_group groups[] = {group_of("two", 2, 2), group_of("three", 2, 3),
                                          group_of("strict", 3, 3)};
    const struct roster roster = {.groups = groups, .group_count = ARRAY_LEN(groups)};
    const struct world worlds[] = {
        {.name = "no rule", .roster = &roster, .keys = {KEY("a/app/k")}},
        {.name = "one to spare", .roster = &roster, .keys = {RULED("a/app/k", "three", 2)}},
        {.name = "nobody to spare",
         .roster = &roster,
         .keys = {RULED("a/app/k", "two", 2)},
         .wanted = {NO_SPARE("two:2")}},
        {.name = "all of three",
         .roster = &roster,
         .keys = {RULED("a/app/k", "three", 3)},
         .wanted = {NO_SPARE("three:2")}},
        {.name = "the group wants more than the key",
         .roster = &roster,
         .keys = {RULED("a/app/k", "strict", 2)},
         .wanted = {NO_SPARE("strict:3")}},
        {.name = "more than there are",
         .roster = &roster,
         .keys = {RULED("a/app/k", "two", 3)},
         .wanted = {CANNOT("two:2")}},
        {.name = "no such group",
         .roster = &roster,
         .keys = {RULED("a/app/k", "gone", 4)},
         .wanted = {CANNOT("gone:4")}},
        {.name = "no roster", .keys = {RULED("a/app/k", "two", 2)}, .wanted = {CANNOT("two:2")}},
    };
    check_all(worlds, ARRAY_LEN(worlds));
}

static void severities_have_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LINT_SEVERITY_COUNT; i++) {
        enum lint_severity severity = LINT_SEVERITY_COUNT;
        const char *name = lint_severity_name((enum lint_severity)i);
        assert_true(lint_severity_by_name(span_text(name), &severity));
        assert_int_equal(severity, i);
    }
    enum lint_severity untouched = LINT_ERROR;
    assert_false(lint_severity_by_name(span_text("fatal"), &untouched));
    assert_int_equal(untouched, LINT_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_somebody_to_call),
        cmocka_unit_test(keys_grow_old_by_class),
        cmocka_unit_test(material_is_ours_and_counted),
        cmocka_unit_test(a_principal_stays_in_one_environment),
        cmocka_unit_test(production_is_granted_narrowly),
        cmocka_unit_test(grants_are_used_or_go),
        cmocka_unit_test(people_leave),
        cmocka_unit_test(principals_can_be_proved),
        cmocka_unit_test(access_keys_prove_their_subject),
        cmocka_unit_test(use_and_management_are_apart),
        cmocka_unit_test(tokens_end_and_are_replaced),
        cmocka_unit_test(access_keys_are_replaced_by_access_keys),
        cmocka_unit_test(quorums_can_decide),
        cmocka_unit_test(severities_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
