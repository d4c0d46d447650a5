/* evidence: the file that remains of a break-glass request, checked without anybody's help but the
 * digest of the first roster. Pure. */
#ifndef HSMGATE_CLI_EVIDENCE_H
#define HSMGATE_CLI_EVIDENCE_H

#include "quorum/quorum.h"

#define EVIDENCE_MAX (BUNDLE_MAX + ((size_t)1 << 20))

/* Told of each step, in words; a step that is not good is the last one. */
typedef void evidence_say(void *arg, bool good, const char *text);
struct evidence_listener {
    evidence_say *say;
    void *arg;
};
/* Whether all of it is good. Every byte of the file counts: also votes that were not needed must be
 * good. */
bool evidence_check(struct span file, const uint8_t root[SHA256_LEN],
                    const struct evidence_listener *listener);

#endif
