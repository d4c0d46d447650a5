/* Between the yaml*.c files only. */
#ifndef HSMGATE_BASE_YAML_INNER_H
#define HSMGATE_BASE_YAML_INNER_H

#include "base/buf.h"

#define YAML_PART_MAX 256

/* What is wrong with a file, and where. */
struct yaml_problem {
    char option[YAML_PART_MAX]; /* "" for the whole file */
    char reason[YAML_PART_MAX];
    unsigned line; /* from 1; 0: not known */
};

/* One YAML document that is not empty, without aliases, with text names that are unique in their
 * mapping, 16 levels deep at most; false with the first problem. */
bool yaml_tree_check(struct span text, struct yaml_problem *out_problem);
/* Line of the option's name, or of the entry for `tokens[0]`; 0 when it is not there. */
unsigned yaml_tree_line(struct span text, const char *option);
/* One call of `each` for each pair at the option, where `[]` stands for any entry; false with a
 * problem when something there is no mapping of texts. */
bool yaml_tree_pairs(struct span text, const char *option,
                     void (*each)(void *arg, unsigned entry, struct span name, struct span value),
                     void *arg, struct yaml_problem *out_problem);

#endif
