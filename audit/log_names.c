/* Names of log files and the folder's list of them.
 *
 * Old files may be moved away by the operator; the newest one must stay, for it says where the
 * sequence goes on. */
#include "audit/log_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#include "base/banned.h"

#define LISTED_MAX ((size_t)1 << 20)

void log_names_format(uint64_t first, char out[LOG_NAME_MAX])
{
    log_names_beside(first, "jsonl", out);
}

void log_names_beside(uint64_t first, const char *ending, char out[LOG_NAME_MAX])
{
    (void)snprintf(out, LOG_NAME_MAX, "audit-%012" PRIu64 ".%s", first, ending);
}

static bool parse_name(const char *name, uint64_t *out)
{
    static const char lead[] = "audit-";
    if (strncmp(name, lead, sizeof(lead) - 1) != 0) {
        return false;
    }
    char again[LOG_NAME_MAX];
    uint64_t first = strtoull(name + sizeof(lead) - 1, NULL, 10);
    log_names_format(first, again); /* whatever strtoull let through differs here */
    *out = first;
    return first > 0 && strcmp(name, again) == 0;
}

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void close_folder(DIR **folder)
{
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

struct err log_names_list(int folder, struct log_names *out)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ENSURE(fd >= 0, ERR_IO, "cannot list the audit folder: %s", strerrordesc_np(errno));
    CLEANUP(close_folder) DIR *listing = fdopendir(fd);
    ENSURE(listing != NULL, ERR_IO, "cannot list the audit folder");
    CLEANUP(log_names_clear) struct log_names names = {0};
    /* cppcheck-suppress readdirCalled ; the listing is ours alone, readdir is safe then */
    for (struct dirent *item = readdir(listing); item != NULL; item = readdir(listing)) {
        uint64_t first = 0;
        if (parse_name(item->d_name, &first)) {
            ENSURE(names.count < LISTED_MAX, ERR_IO, "the audit folder has too many files");
            names.firsts = mem_resize(names.firsts, names.count + 1, sizeof(*names.firsts));
            names.firsts[names.count++] = first;
        }
    }
    if (names.count > 0) {
        qsort(names.firsts, names.count, sizeof(*names.firsts), by_value);
    }
    out->count = names.count;
    out->firsts = TAKE(names.firsts);
    return err_ok();
}

void log_names_clear(struct log_names *names)
{
    mem_free(names->firsts);
    *names = (struct log_names){0};
}

size_t log_names_find(const struct log_names *names, uint64_t seq)
{
    size_t next = 0; /* the first file that starts behind seq */
    while (next < names->count && names->firsts[next] <= seq) {
        next++;
    }
    return next == 0 ? 0 : next - 1;
}
