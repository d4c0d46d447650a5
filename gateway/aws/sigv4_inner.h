/* sigv4_inner: what the files of sigv4 share. */
#ifndef HSMGATE_GATEWAY_AWS_SIGV4_INNER_H
#define HSMGATE_GATEWAY_AWS_SIGV4_INNER_H

#include "gateway/aws/sigv4.h"

#define SIGV4_ALGORITHM  "AWS4-HMAC-SHA256"
#define SIGV4_TERMINATOR "aws4_request"

/* ERR_UNAUTHENTICATED. */
struct err sigv4_refuse(const char *what);
/* Cuts what stands before `end` off, with it; all of the rest for '\0'. */
struct span sigv4_take_until(struct span *rest, char end);
/* Order of bytes. */
int sigv4_compare(struct span a, struct span b);
/* A header by its name in whatever case, or NULL. */
const struct http_header *sigv4_header(const struct sigv4_request *request, struct span name);
bool sigv4_same_name(struct span name, struct span wanted);
/* KEY/DATE/REGION/SERVICE/aws4_request; 64 hex digits in lower case; X-Amz-Date. */
MUST_USE struct err sigv4_read_credential(struct span text, struct sigv4 *out);
MUST_USE struct err sigv4_read_signature(struct span text, struct sigv4 *out);
MUST_USE struct err sigv4_read_time(struct span text, struct sigv4 *out);
/* The parameters of the query, which has some. */
MUST_USE struct err sigv4_read_query(struct span query, struct sigv4 *out);
/* The canonical query: each name and value encoded anew, in order of the encoded ones, without
 * X-Amz-Signature when the signature is in the query. */
MUST_USE struct err sigv4_put_query(struct span query, bool signed_in_it, struct buf *out);

#endif
