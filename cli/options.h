/* options: what can stand on a command line, parsed by argp from one table of options. */
#ifndef HSMGATE_CLI_OPTIONS_H
#define HSMGATE_CLI_OPTIONS_H

#include "base/buf.h"

#define OPTIONS_REPEAT_MAX 64

enum option_id {
    OPTION_JSON,
    OPTION_IN,
    OPTION_OUT,
    OPTION_CONTEXT,
    OPTION_RAW,
    OPTION_PLAINTEXT,
    OPTION_BYTES,
    OPTION_SCHEME,
    OPTION_ENCODING,
    OPTION_SIGNATURE,
    OPTION_MAC,
    OPTION_TTL,
    OPTION_TYP,
    OPTION_FORMAT,
    OPTION_ALGORITHM,
    OPTION_OWNER,
    OPTION_DESCRIPTION,
    OPTION_CONTACT,
    OPTION_CLASSIFICATION,
    OPTION_LABEL,
    OPTION_TOKEN,
    OPTION_PURPOSE,
    OPTION_ROTATE_EVERY,
    OPTION_OVERLAP,
    OPTION_PUBLISH_AHEAD,
    OPTION_MAX_USES,
    OPTION_JWT_MAX_TTL,
    OPTION_JWT_ISSUER,
    OPTION_JWT_AUDIENCE,
    OPTION_PREFIX,
    OPTION_FOLLOW,
    OPTION_AFTER,
    OPTION_LINES,
    OPTION_LOG,
    OPTION_CHECKPOINT,
    OPTION_KEY,
    OPTION_PRINCIPAL,
    OPTION_KEYS,
    OPTION_OPERATION,
    OPTION_JUSTIFICATION,
    OPTION_SOURCE,
    OPTION_EXPIRES,
    OPTION_ALLOW_DUAL_ROLE,
    OPTION_DRY_RUN,
    OPTION_SEVERITY,
    OPTION_KEY_NAME, /* --key NAME; OPTION_KEY is a file */
    OPTION_REJECTS,
    OPTION_STATE,
    OPTION_PATIENCE,
    OPTION_REASON,
    OPTION_IMMEDIATE,
    OPTION_ADOPT_ID,
    OPTION_ADOPT_LABEL,
    OPTION_ALLOW,
    OPTION_MODE,
    OPTION_DESTROY_AFTER, /* --after TIME; OPTION_AFTER is a sequence number */
    OPTION_DESPITE_USE,
    OPTION_DAYS,
    OPTION_SVG,
    OPTION_DATABASE,
    OPTION_AUDIT,
    OPTION_KEEP,
    OPTION_APPROVAL,
    OPTION_ID,
    OPTION_NAME,
    OPTION_PERSON_PRINCIPAL, /* --principal WHO, of a person: may be repeated */
    OPTION_PRIVATE_KEY,      /* --key FILE that signs or opens */
    OPTION_SSH_KEY,
    OPTION_FROM,
    OPTION_ADD,
    OPTION_REMOVE,
    OPTION_GROUP_LINE, /* --group ID:M:MEMBERS; OPTION_GROUP is an id */
    OPTION_REMOVE_GROUP,
    OPTION_AUTHORITY,
    OPTION_ROSTER,
    OPTION_STATEMENT,
    OPTION_VOTE,
    OPTION_WINDOW,
    OPTION_TICKET,
    OPTION_REQUESTER,
    OPTION_ROOT,
    OPTION_ROSTER_ROOT,
    OPTION_CHAIN_FILE,
    OPTION_CIPHERTEXT,
    OPTION_CURVE,
    OPTION_RECIPIENT,
    OPTION_GROUP,
    OPTION_M,
    OPTION_REQUEST_STATE,
    OPTION_AS,
    OPTION_TYPED,
    OPTION_VOTER_KEY,
    OPTION_WAIT,
    OPTION_SUBJECT,
    OPTION_COUNT
};

/* A set of options: a list that OPTION_COUNT ends; NULL is the empty set. Every command takes
 * --json, which stands in no list. */
typedef const enum option_id *option_set;
#define OPTION_SET(...) ((const enum option_id[]){__VA_ARGS__, OPTION_COUNT})
bool option_in(option_set set, enum option_id option);

struct repeated {
    const char *values[OPTIONS_REPEAT_MAX];
    size_t count;
};

/* Values borrow from argv; NULL when the option is absent. */
struct options {
    const char
        *values[OPTION_COUNT]; /* "" for options without a value; of a repeated one the last */
    struct repeated contexts;
    struct repeated labels;
    struct repeated audiences;
    struct repeated operations;
    struct repeated sources;
    struct repeated allowed;
    struct repeated principals;
    struct repeated added;
    struct repeated removed;
    struct repeated groups;
    struct repeated removed_groups;
    struct repeated votes;
    struct repeated voter_keys;
    const char *arguments[8];
    int argument_count;
};

struct command;

/* Parses what follows the command's words; on wrong usage says why on standard error and ends the
 * program with status 2, on --help prints the help and ends it with 0. */
void options_parse(const struct command *command, int argc, char **argv, struct options *out);
bool options_has(const struct options *options, enum option_id option);
/* `--name` of an option, for completion. */
const char *option_name(enum option_id option);

/* Splits `name=value` at the first `=`; ERR_INVALID_FIELD. */
MUST_USE struct err options_split_pair(const char *text, struct span *out_name,
                                       struct span *out_value);
/* Writes pairs as an object member `name`, when there are any. */
struct json_writer;
MUST_USE struct err options_put_pairs(struct json_writer *writer, const char *name,
                                      const struct repeated *pairs);
/* A whole number from `--bytes` and the like; ERR_INVALID_FIELD. */
MUST_USE struct err options_integer(const struct options *options, enum option_id option,
                                    int64_t *out);

#endif
