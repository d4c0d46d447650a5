/* reason: it stands in the audit log for people to read, so it is one line of text. */
#include "gateway/ops/reason.h"

struct err reason_check(struct span reason, enum reason_need need)
{
    size_t blanks = 0;
    ENSURE(reason.len <= REASON_MAX, ERR_INVALID_FIELD, "reason must be at most %d bytes long.",
           REASON_MAX);
    for (size_t i = 0; i < reason.len; i++) {
        ENSURE(reason.data[i] >= 0x20 && reason.data[i] != 0x7f, ERR_INVALID_FIELD,
               "reason must not have control characters.");
        blanks += reason.data[i] == ' ' ? 1 : 0;
    }
    ENSURE(need == REASON_OPTIONAL || blanks < reason.len, ERR_INVALID_FIELD,
           "reason is required: say why, it is recorded.");
    return err_ok();
}
