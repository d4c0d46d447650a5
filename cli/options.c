/* One table of options for all commands; each command picks its bits. argp does the parsing, the
 * help and the error messages. */
#include "cli/options.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/command.h"

#define KEY_OF(option) ((int)(option) + 0x100)

enum value_kind { VALUE_TEXT, VALUE_NUMBER, VALUE_PAIR, VALUE_SEVERITY };

struct option_row {
    const char *name;
    const char *value; /* NULL: a flag */
    const char *help;
    enum value_kind kind;
};

static const struct option_row rows[OPTION_COUNT] = {
    [OPTION_JSON] = {"json", NULL, "print what the server answered, as JSON", VALUE_TEXT},
    [OPTION_IN] = {"in", "FILE", "read the input from FILE instead of standard input", VALUE_TEXT},
    [OPTION_OUT] = {"out", "FILE",
                    "write the output to FILE (mode 0600) instead of standard output", VALUE_TEXT},
    [OPTION_CONTEXT] = {"context", "NAME=VALUE",
                        "a pair of the encryption context; may be repeated", VALUE_PAIR},
    [OPTION_RAW] = {"raw", NULL, "bytes instead of base64, in input and output", VALUE_TEXT},
    [OPTION_PLAINTEXT] = {"plaintext", "FILE", "also write the data key itself to FILE (mode 0600)",
                          VALUE_TEXT},
    [OPTION_BYTES] = {"bytes", "N", "how many bytes", VALUE_NUMBER},
    [OPTION_SCHEME] = {"scheme", "NAME",
                       "ES256, ES384, ES512, EdDSA, RS256 to RS512, PS256 to PS512", VALUE_TEXT},
    [OPTION_ENCODING] = {"encoding", "FORM", "der or jose, for ECDSA signatures (default der)",
                         VALUE_TEXT},
    [OPTION_SIGNATURE] = {"signature", "FILE",
                          "the signature to check, base64 or, with --raw, bytes", VALUE_TEXT},
    [OPTION_MAC] = {"mac", "FILE", "the MAC to check, base64 or, with --raw, bytes", VALUE_TEXT},
    [OPTION_TTL] = {"ttl", "TIME", "how long it is valid, such as 5m, 12h or 30d", VALUE_TEXT},
    [OPTION_TYP] = {"typ", "TYPE", "the typ header of the JWT", VALUE_TEXT},
    [OPTION_FORMAT] = {"format", "FORM", "pem, der or jwk (default pem)", VALUE_TEXT},
    [OPTION_ALGORITHM] = {"algorithm", "NAME",
                          "aes-256-gcm, hmac-sha256, ecdsa-p256, ed25519, rsa-2048 and so on",
                          VALUE_TEXT},
    [OPTION_OWNER] = {"owner", "WHO", "the team or person that owns the key", VALUE_TEXT},
    [OPTION_DESCRIPTION] = {"description", "TEXT", "what the key is for", VALUE_TEXT},
    [OPTION_CONTACT] = {"contact", "ADDRESS", "where the owner can be reached", VALUE_TEXT},
    [OPTION_CLASSIFICATION] = {"classification", "CLASS",
                               "public, internal, confidential (default) or regulated", VALUE_TEXT},
    [OPTION_LABEL] = {"label", "NAME=VALUE", "a label; may be repeated", VALUE_PAIR},
    [OPTION_TOKEN] = {"token", "NAME", "the PKCS#11 token that makes and holds the key",
                      VALUE_TEXT},
    [OPTION_PURPOSE] = {"purpose", "USE",
                        "sign, encrypt, mac or decrypt (default: by the algorithm)", VALUE_TEXT},
    [OPTION_ROTATE_EVERY] = {"rotate-every", "TIME", "rotate this often, such as 90d", VALUE_TEXT},
    [OPTION_OVERLAP] = {"overlap", "TIME", "how long a replaced version stays published",
                        VALUE_TEXT},
    [OPTION_PUBLISH_AHEAD] = {"publish-ahead", "TIME",
                              "how long a new version is published before it signs", VALUE_TEXT},
    [OPTION_MAX_USES] = {"max-uses", "N", "rotate after this many uses", VALUE_NUMBER},
    [OPTION_JWT_MAX_TTL] = {"jwt-max-ttl", "TIME", "the longest validity of a JWT of this key",
                            VALUE_TEXT},
    [OPTION_JWT_ISSUER] = {"jwt-issuer", "URL", "the iss claim of its JWTs", VALUE_TEXT},
    [OPTION_JWT_AUDIENCE] = {"jwt-audience", "NAME",
                             "an audience that its JWTs may name; may be repeated", VALUE_TEXT},
    [OPTION_PREFIX] = {"prefix", "TEXT", "only names that start with TEXT", VALUE_TEXT},
    [OPTION_FOLLOW] = {"follow", NULL, "go on with new records as they come", VALUE_TEXT},
    [OPTION_AFTER] = {"after", "SEQ", "start after this sequence number", VALUE_NUMBER},
    [OPTION_LINES] = {"lines", "N", "how many of the newest records (default 20)", VALUE_NUMBER},
    [OPTION_LOG] = {"log", "DIR", "the folder of the audit log", VALUE_TEXT},
    [OPTION_CHECKPOINT] = {"checkpoint", "FILE",
                           "a checkpoint kept elsewhere (default: the one in the log's folder)",
                           VALUE_TEXT},
    [OPTION_KEY] = {"key", "FILE", "the verifier key of the one who signs checkpoints", VALUE_TEXT},
    [OPTION_PRINCIPAL] =
        {"principal", "WHO",
         "spiffe://..., dns:NAME, cn:NAME, oidc:ISSUER#SUB, token:NAME or unix:UID", VALUE_TEXT},
    [OPTION_KEYS] = {"keys", "PATTERN", "key names; * is one segment, ** at the end is the rest",
                     VALUE_TEXT},
    [OPTION_OPERATION] = {"operation", "WORD",
                          "sign, verify, decrypt, rotate and so on; may be repeated", VALUE_TEXT},
    [OPTION_JUSTIFICATION] = {"justification", "TEXT", "why it is granted", VALUE_TEXT},
    [OPTION_SOURCE] =
        {"source", "NETWORK",
         "where the caller comes from, such as 10.0.0.0/8; may be repeated in a grant", VALUE_TEXT},
    [OPTION_EXPIRES] = {"expires", "TIME", "when the grant ends, such as 2027-01-31T00:00:00Z",
                        VALUE_TEXT},
    [OPTION_ALLOW_DUAL_ROLE] = {"allow-dual-role", NULL,
                                "let one principal both use and manage a key", VALUE_TEXT},
    [OPTION_DRY_RUN] = {"dry-run", NULL, "show what would change, and change nothing", VALUE_TEXT},
    [OPTION_SEVERITY] = {"severity", "LEVEL",
                         "the least severe findings wanted: note, warning (default) or error",
                         VALUE_SEVERITY},
};

struct parsing {
    const struct command *command;
    struct options *options;
};

static error_t keep_repeated(struct argp_state *state, struct repeated *repeated, const char *value)
{
    if (repeated->count == OPTIONS_REPEAT_MAX) {
        argp_error(state, "more than %d of one option", OPTIONS_REPEAT_MAX);
        return EINVAL;
    }
    repeated->values[repeated->count++] = value;
    return 0;
}

static bool is_number(const char *text)
{
    char *end = NULL;
    errno = 0;
    (void)strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

/* A value of the wrong kind is wrong usage, found before anything is sent. */
static void check_value(struct argp_state *state, enum option_id option, const char *value)
{
    struct span name;
    struct span rest;
    if (rows[option].kind == VALUE_NUMBER && !is_number(value)) {
        argp_error(state, "--%s takes a whole number, not '%s'", rows[option].name, value);
    }
    if (rows[option].kind == VALUE_PAIR && options_split_pair(value, &name, &rest).code != ERR_OK) {
        argp_error(state, "--%s takes NAME=VALUE, not '%s'", rows[option].name, value);
    }
    if (rows[option].kind == VALUE_SEVERITY && strcmp(value, "note") != 0 &&
        strcmp(value, "warning") != 0 && strcmp(value, "error") != 0) {
        argp_error(state, "--%s takes note, warning or error, not '%s'", rows[option].name, value);
    }
}

static void check_required(struct argp_state *state, const struct parsing *parsing)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((parsing->command->required >> i & 1) != 0 && parsing->options->values[i] == NULL) {
            argp_error(state, "--%s %s is missing", rows[i].name, rows[i].value);
        }
    }
}

static error_t keep_option(struct argp_state *state, struct options *options, enum option_id option,
                           const char *value)
{
    check_value(state, option, value);
    if (option == OPTION_CONTEXT) {
        return keep_repeated(state, &options->contexts, value);
    }
    if (option == OPTION_LABEL) {
        return keep_repeated(state, &options->labels, value);
    }
    if (option == OPTION_JWT_AUDIENCE) {
        return keep_repeated(state, &options->audiences, value);
    }
    if (option == OPTION_OPERATION) {
        options->values[option] = value; /* there: it may be required */
        return keep_repeated(state, &options->operations, value);
    }
    if (option == OPTION_SOURCE) {
        return keep_repeated(state, &options->sources, value);
    }
    if (options->values[option] != NULL) {
        argp_error(state, "--%s stands twice", rows[option].name);
        return EINVAL;
    }
    options->values[option] = value == NULL ? "" : value;
    return 0;
}

static error_t parse_one(int key, char *value, struct argp_state *state)
{
    const struct parsing *parsing = state->input;
    struct options *options = parsing->options;
    if (key >= KEY_OF(0) && key < KEY_OF(OPTION_COUNT)) {
        return keep_option(state, options, (enum option_id)(key - KEY_OF(0)), value);
    }
    if (key == ARGP_KEY_ARG) {
        if (options->argument_count == parsing->command->arguments_max) {
            argp_error(state, "too many arguments: %s", value);
            return EINVAL;
        }
        options->arguments[options->argument_count++] = value;
        return 0;
    }
    if (key != ARGP_KEY_END) {
        return ARGP_ERR_UNKNOWN;
    }
    if (options->argument_count < parsing->command->arguments_min) {
        argp_error(state, "%s is missing", parsing->command->synopsis);
        return EINVAL;
    }
    check_required(state, parsing);
    return 0;
}

static size_t build_table(const struct command *command, struct argp_option table[OPTION_COUNT + 1])
{
    size_t count = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (i == OPTION_JSON || (command->options >> i & 1) != 0) {
            table[count++] = (struct argp_option){
                .name = rows[i].name, .key = KEY_OF(i), .arg = rows[i].value, .doc = rows[i].help};
        }
    }
    table[count] = (struct argp_option){0};
    return count;
}

void options_parse(const struct command *command, int argc, char **argv, struct options *out)
{
    struct argp_option table[OPTION_COUNT + 1];
    build_table(command, table);
    struct parsing parsing = {.command = command, .options = out};
    CLEANUP(mem_free_at) char *name = mem_format("hsmgate %s", command->words);
    const struct argp argp = {.options = table,
                              .parser = parse_one,
                              .args_doc = command->synopsis,
                              .doc = command->summary};
    argp_err_exit_status = EXIT_USAGE;
    argv[0] = name;
    argp_parse(&argp, argc, argv, 0, NULL, &parsing);
}

bool options_has(const struct options *options, enum option_id option)
{
    return options->values[option] != NULL;
}

const char *option_name(enum option_id option)
{
    return rows[option].name;
}

struct err options_split_pair(const char *text, struct span *out_name, struct span *out_value)
{
    const char *equals = strchr(text, '=');
    ENSURE(equals != NULL && equals != text, ERR_INVALID_FIELD, "'%s' is not NAME=VALUE", text);
    *out_name = span_of(text, (size_t)(equals - text));
    *out_value = span_text(equals + 1);
    return err_ok();
}

struct err options_put_pairs(struct json_writer *writer, const char *name,
                             const struct repeated *pairs)
{
    if (pairs->count == 0) {
        return err_ok();
    }
    json_begin_object(writer, name);
    for (size_t i = 0; i < pairs->count; i++) {
        struct span pair_name = {0};
        struct span value = {0};
        TRY(options_split_pair(pairs->values[i], &pair_name, &value));
        CLEANUP(mem_free_at) char *text = span_to_text(pair_name);
        json_put_span(writer, text, value);
    }
    json_end_object(writer);
    return err_ok();
}

struct err options_integer(const struct options *options, enum option_id option, int64_t *out)
{
    const char *text = options->values[option];
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    ENSURE(errno == 0 && end != text && *end == '\0', ERR_INVALID_FIELD,
           "--%s takes a whole number, not '%s'", rows[option].name, text);
    *out = value;
    return err_ok();
}
