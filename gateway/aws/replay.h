/* replay: signatures that were used, so that one who overheard a request cannot have it answered
 * again while its signature is fresh. */
#ifndef HSMGATE_GATEWAY_AWS_REPLAY_H
#define HSMGATE_GATEWAY_AWS_REPLAY_H

#include "base/digest.h"

struct replay;
struct replay *replay_open(void);
void replay_close(struct replay *replay); /* takes NULL */
/* Notes the signature until `until` (unix ms); false when it was noted more than `grace_ms` before
 * `now`. Room for REPLAY_MAX at a time: beyond that the ones that end first are forgotten. */
#define REPLAY_MAX 131072
bool replay_note(struct replay *replay, const uint8_t signature[SHA256_LEN], int64_t now,
                 int64_t until, int64_t grace_ms);

#endif
