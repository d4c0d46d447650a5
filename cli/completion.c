/* Bash completion, written out of the table of commands. Key names are not offered: that would call
 * the server on a key press. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"

static void print_first_words(void)
{
    const char *previous = "";
    size_t previous_len = 0;
    for (size_t i = 0; i < command_count; i++) {
        const char *words = commands[i].words;
        const size_t len = strcspn(words, " ");
        if (len != previous_len || strncmp(words, previous, len) != 0) {
            printf("%.*s ", (int)len, words);
        }
        previous = words;
        previous_len = len;
    }
}

static void print_options(const struct command *command)
{
    printf("        '%s') options='--help --json", command->words);
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (i != OPTION_JSON && (command->options >> i & 1) != 0) {
            printf(" --%s", option_name((enum option_id)i));
        }
    }
    printf("' ;;\n");
}

/* A group is a first word that is followed by a second one; its members stand together in the
 * table. */
static void print_groups(void)
{
    static const char *const groups[] = {"key", "token", "grant", "audit", "completion"};
    for (size_t group = 0; group < sizeof groups / sizeof groups[0]; group++) {
        const size_t len = strlen(groups[group]);
        printf("        %s) words='", groups[group]);
        for (size_t i = 0; i < command_count; i++) {
            if (strncmp(commands[i].words, groups[group], len) == 0 &&
                commands[i].words[len] == ' ') {
                printf("%s ", commands[i].words + len + 1);
            }
        }
        printf("' ;;\n");
    }
}

struct err completion_bash(struct client *client, const struct options *options, int *out_exit)
{
    (void)client;
    (void)options;
    (void)out_exit;
    printf("# bash completion for hsmgate; made by `hsmgate completion bash`\n"
           "_hsmgate() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} words='' options=''\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        words='");
    print_first_words();
    printf("'\n"
           "    elif [ \"$COMP_CWORD\" -eq 2 ]; then\n"
           "        case ${COMP_WORDS[1]} in\n");
    print_groups();
    printf("        esac\n"
           "    fi\n"
           "    local command=${COMP_WORDS[1]}\n"
           "    case $command in key | token | grant | audit | completion) command+=\" "
           "${COMP_WORDS[2]-}\" "
           ";; esac\n"
           "    case $command in\n");
    for (size_t i = 0; i < command_count; i++) {
        print_options(&commands[i]);
    }
    printf("    esac\n"
           "    case $word in\n"
           "        -*) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\") ;;\n"
           "        *) mapfile -t COMPREPLY < <(if [ -n \"$words\" ]; then compgen -W \"$words\" "
           "-- \"$word\"; else compgen -f -- \"$word\"; fi) ;;\n"
           "    esac\n"
           "}\n"
           "complete -F _hsmgate hsmgate\n");
    return err_ok();
}
