/* Bash completion, written out of the table of commands. Key names are not offered: that would call
 * the server on a key press. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"

/* Length of a command's first word. */
static size_t first_len(size_t command)
{
    return strcspn(commands[command].words, " ");
}

/* Commands of one first word stand together in the table: whether this is the first of them. */
static bool starts_group(size_t command)
{
    const size_t len = first_len(command);
    return command == 0 || first_len(command - 1) != len ||
           strncmp(commands[command - 1].words, commands[command].words, len) != 0;
}

/* A group is a first word that is followed by a second one. */
static bool is_group(size_t command)
{
    return starts_group(command) && commands[command].words[first_len(command)] == ' ';
}

static void print_first_words(void)
{
    for (size_t i = 0; i < command_count; i++) {
        if (starts_group(i)) {
            printf("%.*s ", (int)first_len(i), commands[i].words);
        }
    }
}

static void print_options(const struct command *command)
{
    printf("        '%s') options='--help --json", command->words);
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (i != OPTION_JSON && option_in(command->options, (enum option_id)i)) {
            printf(" --%s", option_name((enum option_id)i));
        }
    }
    printf("' ;;\n");
}

static void print_groups(void)
{
    for (size_t i = 0; i < command_count; i++) {
        const size_t len = first_len(i);
        if (!is_group(i)) {
            continue;
        }
        printf("        %.*s) words='", (int)len, commands[i].words);
        for (size_t j = i; j == i || (j < command_count && !starts_group(j)); j++) {
            printf("%s ", commands[j].words + len + 1);
        }
        printf("' ;;\n");
    }
}

/* `key | token | grant`, as a pattern. */
static void print_group_pattern(void)
{
    const char *between = "";
    for (size_t i = 0; i < command_count; i++) {
        if (is_group(i)) {
            printf("%s%.*s", between, (int)first_len(i), commands[i].words);
            between = " | ";
        }
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
           "    case $command in ");
    print_group_pattern();
    printf(") command+=\" ${COMP_WORDS[2]-}\" ;; esac\n"
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
