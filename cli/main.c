/* hsmgate: the command line. Finds the command by its words, parses its options, runs it, and turns
 * an error into one line, a next step and a status. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"

static void print_usage(void)
{
    printf("usage: hsmgate COMMAND [ARGUMENT...] [--json] [OPTION...]\n\ncommands:\n");
    command_print_all();
    printf("\n`hsmgate COMMAND --help` shows the options of a command.\n"
           "The gateway is named by HSMGATE_ADDR (default http://127.0.0.1:8200, or "
           "unix:/path/to/socket), you by HSMGATE_TOKEN.\n"
           "Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n");
}

static int unknown_command(int argc, char **argv)
{
    fprintf(stderr, "hsmgate: there is no command '%s%s%s'\ntry: hsmgate --help\n", argv[1],
            argc > 2 ? " " : "", argc > 2 ? argv[2] : "");
    return EXIT_USAGE;
}

static void close_client(struct client **client)
{
    client_close(*client);
}

static int run(const struct command *command, const struct options *options)
{
    CLEANUP(close_client) struct client *client = NULL;
    int status = EXIT_DONE;
    const bool offline = command_is_offline(command);
    struct err err = offline ? err_ok() : client_open(&client);
    if (err.code == ERR_OK) {
        err = command->run(client, options, &status);
    }
    if (err.code != ERR_OK) {
        (offline ? output_reason : output_error)(&err);
        return EXIT_REFUSED;
    }
    if (fflush(stdout) != 0) {
        fprintf(stderr, "hsmgate: standard output cannot be written\n");
        return EXIT_REFUSED;
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage();
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage();
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("hsmgate %s\n", HSMGATE_VERSION);
        return EXIT_DONE;
    }
    int words = 0;
    const struct command *command = command_find(argc - 1, argv + 1, &words);
    if (command == NULL) {
        return unknown_command(argc, argv);
    }
    struct options options = {0};
    options_parse(command, argc - words, argv + words, &options);
    return run(command, &options);
}
