/* http_reference: what RFC 9112 says that a stream of bytes asks, without any leniency: the judge
 * of what the server hands over. */
#ifndef HSMGATE_TESTS_HTTP_REFERENCE_H
#define HSMGATE_TESTS_HTTP_REFERENCE_H

#include "base/buf.h"

/* One request; spans borrow from the stream, the body is a copy. */
struct http_asked {
    struct span method;
    struct span target;
    struct span authorization; /* of the first such header */
    struct buf body;
    bool odd_chunks; /* whole but for its chunks, which a lenient reader may find whole */
    bool last;       /* the connection must end behind it: it says so, or its body came in chunks,
                        whose end a lenient reader may see elsewhere */
};
void http_asked_clear(struct http_asked *asked);

/* Takes one whole request off the front; false when what stands there is none, or not all of
 * it. */
bool http_reference_next(struct span *stream, struct http_asked *out);

#endif
