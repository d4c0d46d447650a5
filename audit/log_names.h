/* log_names: the files of a log folder. A file is named by its first sequence. */
#ifndef HSMGATE_AUDIT_LOG_NAMES_H
#define HSMGATE_AUDIT_LOG_NAMES_H

#include "base/buf.h"

#define LOG_NAME_MAX 40

/* First sequences, ascending. */
struct log_names {
    uint64_t *firsts;
    size_t count;
};

/* `audit-000000000001.jsonl` */
void log_names_format(uint64_t first, char out[LOG_NAME_MAX]);
/* What stands beside it: `audit-000000000001.leaves`. */
void log_names_beside(uint64_t first, const char *ending, char out[LOG_NAME_MAX]);
#define LOG_LEAVES      "leaves"
#define LOG_CHECKPOINTS "checkpoints"
/* Lists what is there; other files are not ours and left alone. Clear with log_names_clear.
 * ERR_IO. */
MUST_USE struct err log_names_list(int folder, struct log_names *out);
void log_names_clear(struct log_names *names);
/* Index of the file that holds `seq` or, when none does, of the next one behind it; count at the
 * end. The last file is taken to hold everything behind its first. */
size_t log_names_find(const struct log_names *names, uint64_t seq);

#endif
