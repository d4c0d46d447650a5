/* Finding a command by its words, and what follows from the table. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

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
    static command_handler *const offline[] = {
        auditor_verify, auditor_prove,  auditor_check,      restore_restore, completion_bash,
        voter_keygen,   voter_register, break_glass_unseal, evidence_verify};
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
        printf("  %-29s %s\n", commands[i].words, commands[i].summary);
    }
}
