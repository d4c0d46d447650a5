/* The table of commands: words, arguments, what each takes and needs, and who runs it. Commands of
 * one group (`key …`) stand together. */
#include "base/mem.h"
#include "cli/command.h"

#define TAKES(...) OPTION_SET(__VA_ARGS__)
#define NEEDS(...) OPTION_SET(__VA_ARGS__)

/* What several commands take. */
#define FACTS                                                                              \
    OPTION_OWNER, OPTION_DESCRIPTION, OPTION_CONTACT, OPTION_CLASSIFICATION, OPTION_LABEL, \
        OPTION_ROTATE_EVERY, OPTION_OVERLAP, OPTION_PUBLISH_AHEAD, OPTION_MAX_USES,        \
        OPTION_JWT_MAX_TTL, OPTION_JWT_ISSUER, OPTION_JWT_AUDIENCE, OPTION_MODE
#define ADOPT  OPTION_ADOPT_ID, OPTION_ADOPT_LABEL, OPTION_ALLOW
#define FILES  OPTION_IN, OPTION_OUT
#define CIPHER FILES, OPTION_CONTEXT, OPTION_RAW
#define GRANT                                                                              \
    OPTION_PRINCIPAL, OPTION_KEYS, OPTION_OPERATION, OPTION_JUSTIFICATION, OPTION_CONTEXT, \
        OPTION_SOURCE, OPTION_EXPIRES, OPTION_TTL
#define SIGNING OPTION_IN, OPTION_RAW, OPTION_SCHEME, OPTION_ENCODING

const struct command commands[] = {
    {"key create", "NAME", "Make a key on a token.",
     TAKES(FACTS, ADOPT, OPTION_ALGORITHM, OPTION_TOKEN, OPTION_PURPOSE),
     NEEDS(OPTION_ALGORITHM, OPTION_OWNER), 1, 1, key_create},
    {"key list", "", "List the keys that you may see.", TAKES(OPTION_PREFIX), NULL, 0, 0, key_list},
    {"key show", "NAME", "Show a key and its versions.", NULL, NULL, 1, 1, key_show},
    {"key update", "NAME", "Change what is said of a key.", TAKES(FACTS), NULL, 1, 1, key_update},
    {"key rotate", "NAME",
     "Make a new version, to be the primary; the old one still opens and verifies.",
     TAKES(ADOPT, OPTION_IMMEDIATE), NULL, 1, 1, key_rotate},
    {"key promote", "NAME@VERSION", "Make a version the primary now.", TAKES(OPTION_REASON), NULL,
     1, 1, key_promote},
    {"key retire", "NAME@VERSION", "Stop publishing a version; it still opens and verifies.",
     TAKES(OPTION_REASON), NULL, 1, 1, key_retire},
    {"key disable", "NAME@VERSION", "Let a version do nothing until it is enabled.",
     TAKES(OPTION_REASON), NULL, 1, 1, key_disable},
    {"key enable", "NAME@VERSION", "Let a disabled version do again what it did.",
     TAKES(OPTION_REASON), NULL, 1, 1, key_enable},
    {"key compromise", "NAME@VERSION", "Take a version out of use for good: others may have it.",
     TAKES(OPTION_REASON), NEEDS(OPTION_REASON), 1, 1, key_compromise},
    {"key destroy", "NAME@VERSION", "Schedule the destruction of a version's material.",
     TAKES(OPTION_REASON, OPTION_DESTROY_AFTER, OPTION_DESPITE_USE), NEEDS(OPTION_REASON), 1, 1,
     key_destroy},
    {"key cancel-destroy", "NAME@VERSION", "Take that back.", NULL, NULL, 1, 1, key_cancel_destroy},
    {"key confirm-destroy", "NAME@VERSION",
     "Let a destruction go on that waits because a clock jumped.", TAKES(OPTION_REASON),
     NEEDS(OPTION_REASON), 1, 1, key_confirm_destroy},
    {"key plan", "NAME", "Show what will happen to a key's versions, and when.", NULL, NULL, 1, 1,
     key_plan},
    {"key public-key", "NAME[@VERSION]", "Print the public half.", TAKES(OPTION_FORMAT, OPTION_OUT),
     NULL, 1, 1, key_public_key},
    {"encrypt", "NAME", "Encrypt up to 64 KiB.", TAKES(CIPHER), NULL, 1, 1, data_encrypt},
    {"decrypt", "NAME[@VERSION]", "Open what encrypt made.", TAKES(CIPHER), NULL, 1, 1,
     data_decrypt},
    {"data-key", "NAME", "Make a data key and print it wrapped.",
     TAKES(OPTION_OUT, OPTION_CONTEXT, OPTION_RAW, OPTION_BYTES, OPTION_PLAINTEXT), NULL, 1, 1,
     data_data_key},
    {"unwrap", "NAME[@VERSION]", "Open what data-key made.", TAKES(CIPHER), NULL, 1, 1,
     data_unwrap},
    {"rewrap", "[NAME]", "Move ciphertexts to the primary version; no plaintext is shown.",
     TAKES(CIPHER, OPTION_KEY_NAME, OPTION_REJECTS, OPTION_STATE, OPTION_PATIENCE), NULL, 0, 1,
     rewrap_rewrap},
    {"sign", "NAME", "Sign a file or standard input; more than 64 KiB is hashed here.",
     TAKES(SIGNING, OPTION_OUT), NULL, 1, 1, sign_sign},
    {"verify", "NAME[@VERSION]", "Check a signature; exit status 1 when it is not valid.",
     TAKES(SIGNING, OPTION_SIGNATURE), NEEDS(OPTION_SIGNATURE), 1, 1, sign_verify},
    {"mac", "NAME", "Make a message authentication code.", TAKES(FILES, OPTION_RAW), NULL, 1, 1,
     sign_mac},
    {"verify-mac", "NAME[@VERSION]", "Check a MAC; exit status 1 when it is not valid.",
     TAKES(OPTION_IN, OPTION_RAW, OPTION_MAC), NEEDS(OPTION_MAC), 1, 1, sign_verify_mac},
    {"jwt", "NAME", "Sign a JWT over the claims (JSON) in the input.",
     TAKES(FILES, OPTION_TTL, OPTION_TYP), NULL, 1, 1, sign_jwt},
    {"jwks", "NAME|NAMESPACE/", "Print the public key set of a key or of a namespace.",
     TAKES(OPTION_OUT), NULL, 1, 1, status_jwks},
    {"random", "", "Print random bytes of the token.", TAKES(OPTION_BYTES, OPTION_RAW, OPTION_OUT),
     NULL, 0, 0, status_random},
    {"token create", "NAME", "Make a bearer token and print it, once.",
     TAKES(OPTION_TTL, OPTION_OUT), NEEDS(OPTION_TTL), 1, 1, access_token_create},
    {"token revoke", "NAME", "Revoke a bearer token; works at once.", NULL, NULL, 1, 1,
     access_token_revoke},
    {"token list", "", "List the bearer tokens.", NULL, NULL, 0, 0, access_token_list},
    {"grant list", "", "List the grants.", TAKES(OPTION_PRINCIPAL, OPTION_PREFIX), NULL, 0, 0,
     grant_list},
    {"grant show", "ID", "Show a grant.", NULL, NULL, 1, 1, grant_show},
    {"grant put", "ID", "Make a grant, or replace it as a whole.",
     TAKES(GRANT, OPTION_ALLOW_DUAL_ROLE),
     NEEDS(OPTION_PRINCIPAL, OPTION_KEYS, OPTION_OPERATION, OPTION_JUSTIFICATION), 1, 1, grant_put},
    {"grant delete", "ID", "Delete a grant; works at once.", NULL, NULL, 1, 1, grant_delete},
    {"grant apply", "FILE", "Make the grants of a namespace those of a file; shows the changes.",
     TAKES(OPTION_DRY_RUN), NULL, 1, 1, grant_apply},
    {"authorize", "PRINCIPAL OPERATION [KEY]",
     "Show whether somebody may do something; exit status 1 when not.",
     TAKES(OPTION_CONTEXT, OPTION_SOURCE), NULL, 2, 3, grant_authorize},
    {"lint", "", "Show what is unwise in keys, grants and tokens; exit status 1 when there is any.",
     TAKES(OPTION_SEVERITY), NULL, 0, 0, lint_lint},
    {"rotation calendar", "", "Show what will happen to all keys, in order of time.",
     TAKES(OPTION_PREFIX, OPTION_DAYS, OPTION_SVG), NULL, 0, 0, rotation_calendar},
    {"tokens", "", "Show the PKCS#11 tokens and what they passed.", NULL, NULL, 0, 0,
     status_tokens},
    {"whoami", "", "Show who you are to the gateway.", NULL, NULL, 0, 0, access_whoami},
    {"audit tail", "", "Show the newest audit records.",
     TAKES(OPTION_FOLLOW, OPTION_AFTER, OPTION_LINES), NULL, 0, 0, status_audit_tail},
    {"audit verify", "", "Check a log folder offline; exit status 0 only when it is intact.",
     TAKES(OPTION_LOG, OPTION_CHECKPOINT, OPTION_KEY), NEEDS(OPTION_LOG), 0, 0, auditor_verify},
    {"audit prove", "SEQ", "Write the proof that a record is in a log folder.",
     TAKES(OPTION_LOG, OPTION_CHECKPOINT, OPTION_OUT), NEEDS(OPTION_LOG), 1, 1, auditor_prove},
    {"audit check", "PROOF", "Check such a proof without the log.", TAKES(OPTION_KEY), NULL, 1, 1,
     auditor_check},
    {"audit checkpoint", "", "Print the newest signed checkpoint.", TAKES(OPTION_OUT), NULL, 0, 0,
     auditor_checkpoint},
    {"audit key", "", "Print the key that checks checkpoints.", TAKES(OPTION_OUT), NULL, 0, 0,
     auditor_key},
    {"status", "", "Show whether the gateway serves; exit status 1 when it does not.", NULL, NULL,
     0, 0, status_status},
    {"completion bash", "", "Print the completion for bash.", NULL, NULL, 0, 0, completion_bash},
};
const size_t command_count = ARRAY_LEN(commands);
