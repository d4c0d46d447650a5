/* Between the table of options and what parses by it. */
#ifndef HSMGATE_CLI_OPTION_TABLE_H
#define HSMGATE_CLI_OPTION_TABLE_H

#include "cli/options.h"

enum value_kind { VALUE_TEXT, VALUE_NUMBER, VALUE_PAIR, VALUE_DURATION, VALUE_HEX };

struct option_row {
    const char *name;
    const char *value; /* what stands for it in the help; NULL: a flag */
    const char *help;
    enum value_kind kind;
    size_t repeated;            /* where the values go in struct options; 0: it stands once */
    const char *const *choices; /* ended by NULL; NULL: any value of the kind */
};

extern const struct option_row option_rows[OPTION_COUNT];

#endif
