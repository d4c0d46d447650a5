/* command: the one table of everything that `hsmgate` does; usage, help and completion come from
 * it. */
#ifndef HSMGATE_CLI_COMMAND_H
#define HSMGATE_CLI_COMMAND_H

#include "cli/client.h"
#include "cli/options.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

/* Runs with the parsed arguments; what fails comes back as an error, which main shows with a next
 * step. `out_exit` is EXIT_DONE when the handler starts. */
typedef struct err command_handler(struct client *client, const struct options *options,
                                   int *out_exit);

struct command {
    const char *words;    /* `key create` */
    const char *synopsis; /* what follows the words, without options: `NAME` */
    const char *summary;
    option_set options;  /* what it takes besides those that every command takes */
    option_set required; /* those of them that must be there */
    int arguments_min;
    int arguments_max;
    command_handler *run;
};

extern const struct command commands[];
extern const size_t command_count;

/* The command that argv (after the program's name) starts with, and how many words it takes; NULL
 * when there is none. */
const struct command *command_find(int argc, char **argv, int *out_words);
/* Whether it works without the gateway: no client is opened for it. */
bool command_is_offline(const struct command *command);
/* Every command with its summary. */
void command_print_all(void);

command_handler key_create, key_list, key_show, key_public_key, key_update;
command_handler key_rotate, key_promote, key_retire, key_disable, key_enable, key_compromise;
command_handler key_plan, key_retire_check, rotation_calendar;
command_handler drill_revoke, drill_rotate, drill_restore;
command_handler backup_backup, backup_list, restore_restore;
command_handler tokens_inventory, clock_show, clock_accept;
command_handler key_destroy, key_cancel_destroy, key_confirm_destroy;
command_handler data_encrypt, data_decrypt, data_data_key, data_unwrap, data_rewrap;
command_handler rewrap_rewrap;
command_handler sign_sign, sign_verify, sign_mac, sign_verify_mac, sign_jwt;
command_handler access_token_create, access_token_revoke, access_token_list, access_whoami;
command_handler access_key_create, access_key_revoke, access_key_list;
command_handler status_status, status_tokens, status_random, status_jwks, status_audit_tail;
command_handler grant_list, grant_show, grant_put, grant_delete, grant_apply, grant_authorize;
command_handler lint_lint;
command_handler auditor_verify, auditor_prove, auditor_check, auditor_checkpoint, auditor_key;
command_handler voter_keygen, voter_register;
command_handler roster_show, roster_verify, roster_report, roster_draft, roster_propose,
    roster_publish;
command_handler break_glass_request, break_glass_request_destroy, break_glass_request_rule,
    break_glass_request_unfreeze;
command_handler break_glass_list, break_glass_show, break_glass_save, break_glass_cancel,
    break_glass_watch, break_glass_evidence;
command_handler break_glass_approve, break_glass_deny, break_glass_submit;
command_handler break_glass_open, break_glass_unseal;
command_handler evidence_verify, key_freeze, key_unfreeze, drill_break_glass;
command_handler completion_bash;

#endif
