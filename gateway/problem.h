/* problem: errors as clients see them, RFC 9457 `application/problem+json`. */
#ifndef HSMGATE_GATEWAY_PROBLEM_H
#define HSMGATE_GATEWAY_PROBLEM_H

#include "base/json.h"
#include "gateway/exchange.h"

/* The HTTP status of a code. */
int problem_status(enum err_code code);
/* What a client may read: codes about the server say one general sentence. */
const char *problem_detail(const struct err *err);
/* Fills status, content type, body and Retry-After (429, 503: 1 s) for the error. Codes about the
 * server say one general sentence instead of their detail. */
void problem_reply(struct reply *reply, const struct err *err, const char *request_id);
/* The members code, status, detail of a batch item's `error` object. */
void problem_put_item(struct json_writer *writer, const struct err *err);

#endif
