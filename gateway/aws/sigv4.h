/* sigv4: AWS Signature Version 4 of a request (AWS General Reference, "Signature Version 4 signing
 * process"), in the Authorization header or in the query (a presigned request). Pure: it reads a
 * request and says whether a secret signed it. */
#ifndef HSMGATE_GATEWAY_AWS_SIGV4_H
#define HSMGATE_GATEWAY_AWS_SIGV4_H

#include "base/digest.h"
#include "gateway/http_shape.h"

#define SIGV4_SKEW_MS     INT64_C(300000) /* how far the signer's clock may be off */
#define SIGV4_EXPIRES_MAX 900             /* s: AWS has 604800; what is answered once is kept */
#define SIGV4_SIGNED_MAX  32              /* headers under one signature */
#define SIGV4_TEXT_MAX    1024            /* what the query says, decoded */

/* How a refusal begins when nothing is malformed but the scope is not that of the request. */
#define SIGV4_SCOPE_DATE "Date in Credential scope"

/* What is signed; spans of the request. */
struct sigv4_request {
    const char *method;
    struct span path;          /* raw, as sent */
    struct span query;         /* likewise, without `?` */
    struct span authorization; /* the header's value */
    const struct http_header *headers;
    size_t header_count;
    struct span body;
};

/* What the signature says about itself; spans of the request, or of `text`: not to be copied. */
struct sigv4 {
    struct span access_key;
    struct span date; /* of the scope: YYYYMMDD */
    struct span region;
    struct span service;
    struct span scope;          /* date/region/service/aws4_request */
    struct span signed_headers; /* a;b;c */
    struct span signed_at;      /* X-Amz-Date: YYYYMMDDTHHMMSSZ */
    int64_t signed_ms;          /* the same, unix ms */
    int64_t lasts_ms;           /* it is good for so long after that */
    bool in_query;
    uint8_t signature[SHA256_LEN];
    uint8_t text[SIGV4_TEXT_MAX];
    size_t text_len;
};

/* Whether a query has any parameter of a signature. */
bool sigv4_is_in_query(struct span query);
/* The one value of a parameter of the query, decoded into `out->text`: empty when there is none;
 * ERR_UNAUTHENTICATED when there are two, or it is no percent-encoding (RFC 3986 §2.1). */
MUST_USE struct err sigv4_parameter(struct span query, const char *name, struct sigv4 *out,
                                    struct span *out_value);
/* Reads the Authorization header and X-Amz-Date, or the parameters X-Amz-* of the query. Whatever
 * is not exactly of the form, is there in both, or leaves `host`, or a header that begins with
 * `x-amz-`, unsigned: ERR_UNAUTHENTICATED with what is wrong. */
MUST_USE struct err sigv4_parse(const struct sigv4_request *request, struct sigv4 *out);
/* HMAC chain over date, region and service. */
void sigv4_signing_key(const struct sigv4 *signature, struct span secret, uint8_t out[SHA256_LEN]);
/* Whether the key signed exactly this request; constant time in the signature. ERR_UNAUTHENTICATED,
 * also for a body that is not the one of X-Amz-Content-Sha256. */
MUST_USE struct err sigv4_verify(const struct sigv4_request *request, const struct sigv4 *signature,
                                 const uint8_t signing_key[SHA256_LEN]);

#endif
