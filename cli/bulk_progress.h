/* bulk_progress: what a person sees of a bulk rewrap while it runs, on standard error. */
#ifndef HSMGATE_CLI_BULK_PROGRESS_H
#define HSMGATE_CLI_BULK_PROGRESS_H

#include "cli/bulk_batch.h"

struct bulk_progress {
    bool quiet;
    bool terminal;
    bool shown;       /* a status line stands on the terminal */
    uint64_t size;    /* bytes of the input; 0: not known */
    int64_t start_ns; /* of this run */
    int64_t next_ns;
    struct bulk_counts first; /* done by runs before this one */
};
/* `first` is what runs before this one did. */
void bulk_progress_start(struct bulk_progress *progress, uint64_t size,
                         const struct bulk_counts *first);
/* Five times a second on a terminal, else every ten seconds; other calls do nothing. */
void bulk_progress_show(struct bulk_progress *progress, const struct bulk_counts *counts);
/* Takes the status line away, before something else is printed. */
void bulk_progress_clear(struct bulk_progress *progress);
/* The status as text: lines, percent and time left when the size is known, rate, bad lines. */
#define BULK_STATUS_MAX 160
void bulk_progress_line(const struct bulk_progress *progress, const struct bulk_counts *counts,
                        int64_t now_ns, char out[BULK_STATUS_MAX]);
/* Lines a second of this run. */
double bulk_progress_rate(const struct bulk_progress *progress, const struct bulk_counts *counts,
                          int64_t now_ns);

#endif
