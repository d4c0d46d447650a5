/* The evidence of one request, as the file that auditors keep. */
#include "gateway/evidence.h"

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/quorum_view.h"

#define WAIT_MS 5000 /* for a checkpoint over the record */

struct err op_break_glass_evidence(struct call *call)
{
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    struct uuid id;
    TRY(quorum_view_find(call, &id, &request));
    TRY(quorum_view_note(call, request, NULL));
    int64_t wait = clock_deadline(WAIT_MS);
    struct json_writer writer = call_reply_json(call, 200);
    return evidence_write(call->gateway, request,
                          wait < call->deadline_ns ? wait : call->deadline_ns, writer.out);
}
