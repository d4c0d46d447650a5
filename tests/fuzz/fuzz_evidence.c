/* Evidence files: whatever comes, the steps end with a verdict, and nothing is good under a root
 * that is not the file's own. */
#include "cli/evidence.h"

#include <assert.h>

#include "base/mem.h"
#include "cli/evidence_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_step(void *arg, bool good, const char *text)
{
    bool *ended = arg;
    assert(!*ended && text[0] != '\0'); /* the step that is not good is the last one */
    *ended = !good;
}

static bool check(struct span file, const uint8_t root[SHA256_LEN])
{
    bool ended = false;
    const struct evidence_listener listener = {count_step, &ended};
    bool good = evidence_check(file, root, &listener);
    assert(good != ended);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t other[SHA256_LEN] = {1};
    uint8_t root[SHA256_LEN] = {0};
    CLEANUP(evidence_file_clear) struct evidence_file file = {0};
    if (evidence_file_read(span_of(data, size), &file).code == ERR_OK &&
        file.bundle.is.roster_count > 0) {
        roster_digest(file.bundle.is.rosters[0].roster, root);
    }
    (void)check(span_of(data, size), root);
    assert(!check(span_of(data, size), other));
    return 0;
}
