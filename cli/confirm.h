/* confirm: what cannot be undone wants a word typed that only somebody types who has read. */
#ifndef HSMGATE_CLI_CONFIRM_H
#define HSMGATE_CLI_CONFIRM_H

#include "cli/options.h"

/* Asks on the terminal for `word`, or takes --yes-i-typed. ERR_INVALID_FIELD when it is another
 * word, ERR_IO without a terminal. `what` says what the word is, `act` what is about to happen. */
struct confirmation {
    const char *what; /* `the key's name` */
    const char *act;  /* `sign a yes` */
    const char *word;
};
MUST_USE struct err confirm(const struct options *options, const struct confirmation *about);

#endif
