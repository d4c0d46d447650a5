/* sigv4: AWS Signature Version 4 of a request (AWS General Reference, "Signature Version 4 signing
 * process"), in its header form. Pure: it reads a request and says whether a secret signed it. */
#ifndef HSMGATE_GATEWAY_AWS_SIGV4_H
#define HSMGATE_GATEWAY_AWS_SIGV4_H

#include "base/digest.h"
#include "gateway/http_shape.h"

#define SIGV4_SKEW_MS    INT64_C(300000) /* how far the signer's clock may be off */
#define SIGV4_SIGNED_MAX 32              /* headers under one signature */

/* What is signed; spans of the request. */
struct sigv4_request {
    const char *method;
    struct span path;  /* raw, as sent */
    struct span query; /* likewise, without `?` */
    const struct http_header *headers;
    size_t header_count;
    struct span body;
};

/* What the Authorization header says; spans of it. */
struct sigv4 {
    struct span access_key;
    struct span date; /* of the scope: YYYYMMDD */
    struct span region;
    struct span service;
    struct span scope;          /* date/region/service/aws4_request */
    struct span signed_headers; /* a;b;c */
    struct span signed_at;      /* X-Amz-Date: YYYYMMDDTHHMMSSZ */
    int64_t signed_ms;          /* the same, unix ms */
    uint8_t signature[SHA256_LEN];
};

/* Reads the Authorization header's value and X-Amz-Date. Whatever is not exactly of the form, or
 * leaves `host`, or a header that begins with `x-amz-`, unsigned: ERR_UNAUTHENTICATED with what is
 * wrong. */
MUST_USE struct err sigv4_parse(const struct sigv4_request *request, struct span authorization,
                                struct sigv4 *out);
/* HMAC chain over date, region and service. */
void sigv4_signing_key(const struct sigv4 *signature, struct span secret, uint8_t out[SHA256_LEN]);
/* Whether the key signed exactly this request; constant time in the signature. ERR_UNAUTHENTICATED,
 * also for a body that is not the one of X-Amz-Content-Sha256. */
MUST_USE struct err sigv4_verify(const struct sigv4_request *request, const struct sigv4 *signature,
                                 const uint8_t signing_key[SHA256_LEN]);

#endif
