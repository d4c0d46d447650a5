/* quorum_view: requests that a quorum decides, as JSON, and who may see them. */
#ifndef HSMGATE_GATEWAY_OPS_QUORUM_VIEW_H
#define HSMGATE_GATEWAY_OPS_QUORUM_VIEW_H

#include "gateway/judged.h"
#include "gateway/pipeline.h"

enum quorum_view_size { QUORUM_VIEW_SHORT, QUORUM_VIEW_WHOLE /* with the ciphertext */ };

/* The request with its votes and what they amount to now, as an object of the writer. */
MUST_USE struct err quorum_view_put(const struct call *call, struct json_writer *writer,
                                    const struct quorum_request *request,
                                    enum quorum_view_size size);
/* Reloads the request and answers with it, whole. */
MUST_USE struct err quorum_view_reply(struct call *call, int status, struct uuid id);
/* Who asked, who may vote, and who may ask for or open such a thing. */
bool quorum_view_may_see(struct call *call, const struct quorum_request *request);
/* The request of the path, which the caller may see: ERR_NOT_FOUND for any other, whether or not it
 * is there. Free with request_free. */
MUST_USE struct err quorum_view_find(struct call *call, struct uuid *out_id,
                                     const struct quorum_request **out);
/* What looking for a request gave: a row that somebody damaged proves nothing, which is no failure
 * of ours. */
MUST_USE struct err quorum_view_found(struct err err);
/* What the record says of it: which request, which bytes, and more where it is not NULL. */
struct quorum_note {
    const struct vote *vote; /* that came in */
    const uint8_t *roster; /* digest of the one by which it was carried out: evidence ends there */
};
MUST_USE struct err quorum_view_note(struct call *call, const struct quorum_request *request,
                                     const struct quorum_note *more);
/* Adds the members of an object, JSON text, to what the record says. */
MUST_USE struct err quorum_view_note_more(struct call *call, const struct buf *object);
/* Gives `refused` back; when it is an error, the record says why as well: an auditor who looks for
 * an attack needs more than that something was refused. */
MUST_USE struct err quorum_view_refuse(struct call *call, struct err refused);

#endif
