/* xks: the proxy side of AWS KMS External Key Store (XKS Proxy API Specification, version 1), which
 * lets AWS KMS use AES keys of ours. Requests are signed like AWS's own, for the service
 * `kms-xks-proxy`. */
#ifndef HSMGATE_GATEWAY_AWS_XKS_H
#define HSMGATE_GATEWAY_AWS_XKS_H

#include "gateway/dialect.h"

extern const struct dialect dialect_xks;

route_handler xks_metadata, xks_encrypt, xks_decrypt, xks_health;
void xks_refuse(struct exchange *exchange, const struct route *route, const struct err *err);
/* Starts the reply, with its open object. */
struct json_writer xks_begin(struct call *call);

#endif
