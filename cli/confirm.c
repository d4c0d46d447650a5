/* The terminal itself is asked, not standard input: a pipe must not answer for a person. */
#include "cli/confirm.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define LINE_MAX_LEN 512

static void close_file(FILE **file)
{
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

static struct err ask(const struct confirmation *about, char line[LINE_MAX_LEN])
{
    CLEANUP(close_file) FILE *in = fopen("/dev/tty", "re");
    CLEANUP(close_file) FILE *out = fopen("/dev/tty", "we");
    ENSURE(in != NULL && out != NULL, ERR_IO,
           "there is no terminal to ask on: say --yes-i-typed with %s", about->what);
    fprintf(out, "\nTo %s, type %s: ", about->act, about->what);
    ENSURE(fflush(out) == 0 && fgets(line, LINE_MAX_LEN, in) != NULL, ERR_IO,
           "nothing was typed, and nothing was signed");
    line[strcspn(line, "\r\n")] = '\0';
    return err_ok();
}

struct err confirm(const struct options *options, const struct confirmation *about)
{
    char line[LINE_MAX_LEN];
    const char *typed = options->values[OPTION_TYPED];
    if (typed == NULL) {
        TRY(ask(about, line));
        typed = line;
    }
    ENSURE(strcmp(typed, about->word) == 0, ERR_INVALID_FIELD,
           "'%.60s' is not %s ('%.60s'): nothing was signed", typed, about->what, about->word);
    return err_ok();
}
