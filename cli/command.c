/* The table of commands, and finding one by its words. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define BIT(name) OPTION_BIT(name)
#define FACTS                                                                                   \
    (BIT(OWNER) | BIT(DESCRIPTION) | BIT(CONTACT) | BIT(CLASSIFICATION) | BIT(LABEL) |          \
     BIT(ROTATE_EVERY) | BIT(OVERLAP) | BIT(PUBLISH_AHEAD) | BIT(MAX_USES) | BIT(JWT_MAX_TTL) | \
     BIT(JWT_ISSUER) | BIT(JWT_AUDIENCE))
#define FILES  (BIT(IN) | BIT(OUT))
#define CIPHER (FILES | BIT(CONTEXT) | BIT(RAW))
#define GRANT                                                                          \
    (BIT(PRINCIPAL) | BIT(KEYS) | BIT(OPERATION) | BIT(JUSTIFICATION) | BIT(CONTEXT) | \
     BIT(SOURCE) | BIT(EXPIRES) | BIT(TTL))
#define SIGNING (BIT(IN) | BIT(RAW) | BIT(SCHEME) | BIT(ENCODING))

const struct command commands[] = {
    {"key create", "NAME", "Make a key on a token.",
     FACTS | BIT(ALGORITHM) | BIT(TOKEN) | BIT(PURPOSE), BIT(ALGORITHM) | BIT(OWNER), 1, 1,
     key_create},
    {"key list", "", "List the keys that you may see.", BIT(PREFIX), 0, 0, 0, key_list},
    {"key show", "NAME", "Show a key and its versions.", 0, 0, 1, 1, key_show},
    {"key update", "NAME", "Change what is said of a key.", FACTS, 0, 1, 1, key_update},
    {"key rotate", "NAME", "Make a new version the primary; the old one still opens and verifies.",
     0, 0, 1, 1, key_rotate},
    {"key public-key", "NAME[@VERSION]", "Print the public half.", BIT(FORMAT) | BIT(OUT), 0, 1, 1,
     key_public_key},
    {"encrypt", "NAME", "Encrypt up to 64 KiB.", CIPHER, 0, 1, 1, data_encrypt},
    {"decrypt", "NAME[@VERSION]", "Open what encrypt made.", CIPHER, 0, 1, 1, data_decrypt},
    {"data-key", "NAME", "Make a data key and print it wrapped.",
     BIT(OUT) | BIT(CONTEXT) | BIT(RAW) | BIT(BYTES) | BIT(PLAINTEXT), 0, 1, 1, data_data_key},
    {"unwrap", "NAME[@VERSION]", "Open what data-key made.", CIPHER, 0, 1, 1, data_unwrap},
    {"rewrap", "NAME", "Move a ciphertext to the primary version; its plaintext is not shown.",
     CIPHER, 0, 1, 1, data_rewrap},
    {"sign", "NAME", "Sign a file or standard input; more than 64 KiB is hashed here.",
     SIGNING | BIT(OUT), 0, 1, 1, sign_sign},
    {"verify", "NAME[@VERSION]", "Check a signature; exit status 1 when it is not valid.",
     SIGNING | BIT(SIGNATURE), BIT(SIGNATURE), 1, 1, sign_verify},
    {"mac", "NAME", "Make a message authentication code.", FILES | BIT(RAW), 0, 1, 1, sign_mac},
    {"verify-mac", "NAME[@VERSION]", "Check a MAC; exit status 1 when it is not valid.",
     BIT(IN) | BIT(RAW) | BIT(MAC), BIT(MAC), 1, 1, sign_verify_mac},
    {"jwt", "NAME", "Sign a JWT over the claims (JSON) in the input.", FILES | BIT(TTL) | BIT(TYP),
     0, 1, 1, sign_jwt},
    {"jwks", "NAME|NAMESPACE/", "Print the public key set of a key or of a namespace.", BIT(OUT), 0,
     1, 1, status_jwks},
    {"random", "", "Print random bytes of the token.", BIT(BYTES) | BIT(RAW) | BIT(OUT), 0, 0, 0,
     status_random},
    {"token create", "NAME", "Make a bearer token and print it, once.", BIT(TTL) | BIT(OUT),
     BIT(TTL), 1, 1, access_token_create},
    {"token revoke", "NAME", "Revoke a bearer token; works at once.", 0, 0, 1, 1,
     access_token_revoke},
    {"token list", "", "List the bearer tokens.", 0, 0, 0, 0, access_token_list},
    {"grant list", "", "List the grants.", BIT(PRINCIPAL) | BIT(PREFIX), 0, 0, 0, grant_list},
    {"grant show", "ID", "Show a grant.", 0, 0, 1, 1, grant_show},
    {"grant put", "ID", "Make a grant, or replace it as a whole.", GRANT | BIT(ALLOW_DUAL_ROLE),
     BIT(PRINCIPAL) | BIT(KEYS) | BIT(OPERATION) | BIT(JUSTIFICATION), 1, 1, grant_put},
    {"grant delete", "ID", "Delete a grant; works at once.", 0, 0, 1, 1, grant_delete},
    {"grant apply", "FILE", "Make the grants of a namespace those of a file; shows the changes.",
     BIT(DRY_RUN), 0, 1, 1, grant_apply},
    {"authorize", "PRINCIPAL OPERATION [KEY]",
     "Show whether somebody may do something; exit status 1 when not.", BIT(CONTEXT) | BIT(SOURCE),
     0, 2, 3, grant_authorize},
    {"lint", "", "Show what is unwise in keys, grants and tokens; exit status 1 when there is any.",
     BIT(SEVERITY), 0, 0, 0, lint_lint},
    {"tokens", "", "Show the PKCS#11 tokens and what they passed.", 0, 0, 0, 0, status_tokens},
    {"whoami", "", "Show who you are to the gateway.", 0, 0, 0, 0, access_whoami},
    {"audit tail", "", "Show the newest audit records.", BIT(FOLLOW) | BIT(AFTER) | BIT(LINES), 0,
     0, 0, status_audit_tail},
    {"audit verify", "", "Check a log folder offline; exit status 0 only when it is intact.",
     BIT(LOG) | BIT(CHECKPOINT) | BIT(KEY), BIT(LOG), 0, 0, auditor_verify},
    {"audit prove", "SEQ", "Write the proof that a record is in a log folder.",
     BIT(LOG) | BIT(CHECKPOINT) | BIT(OUT), BIT(LOG), 1, 1, auditor_prove},
    {"audit check", "PROOF", "Check such a proof without the log.", BIT(KEY), 0, 1, 1,
     auditor_check},
    {"audit checkpoint", "", "Print the newest signed checkpoint.", BIT(OUT), 0, 0, 0,
     auditor_checkpoint},
    {"audit key", "", "Print the key that checks checkpoints.", BIT(OUT), 0, 0, 0, auditor_key},
    {"status", "", "Show whether the gateway serves; exit status 1 when it does not.", 0, 0, 0, 0,
     status_status},
    {"completion bash", "", "Print the completion for bash.", 0, 0, 0, 0, completion_bash},
};
const size_t command_count = ARRAY_LEN(commands);

static bool starts_with(const struct command *command, int argc, char **argv, int *out_words)
{
    const char *second = strchr(command->words, ' ');
    const size_t first_len =
        second == NULL ? strlen(command->words) : (size_t)(second - command->words);
    if (argc < 1 || strlen(argv[0]) != first_len ||
        strncmp(argv[0], command->words, first_len) != 0) {
        return false;
    }
    *out_words = second == NULL ? 1 : 2;
    return second == NULL || (argc >= 2 && strcmp(argv[1], second + 1) == 0);
}

const struct command *command_find(int argc, char **argv, int *out_words)
{
    for (size_t i = 0; i < command_count; i++) {
        if (starts_with(&commands[i], argc, argv, out_words)) {
            return &commands[i];
        }
    }
    return NULL;
}

bool command_is_offline(const struct command *command)
{
    static command_handler *const offline[] = {auditor_verify, auditor_prove, auditor_check,
                                               completion_bash};
    for (size_t i = 0; i < ARRAY_LEN(offline); i++) {
        if (command->run == offline[i]) {
            return true;
        }
    }
    return false;
}

void command_print_all(void)
{
    for (size_t i = 0; i < command_count; i++) {
        printf("  %-16s %s\n", commands[i].words, commands[i].summary);
    }
}
