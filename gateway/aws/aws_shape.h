/* aws_shape: the inputs of AWS KMS's operations, held against AWS's model of them. */
#ifndef HSMGATE_GATEWAY_AWS_AWS_SHAPE_H
#define HSMGATE_GATEWAY_AWS_AWS_SHAPE_H

#include "gateway/pipeline.h"

/* Whether the input, an object, is of the shape that the route's operation has: ERR_INVALID_FIELD
 * for what is missing, too short, too long, out of range or no word of the model,
 * ERR_INVALID_JSON for a value of another type, ERR_INVALID_BASE64, ERR_UNSUPPORTED_BY_TOKEN for a
 * member that means what there is not here (AWS KMS API Reference, "Request Parameters"). */
MUST_USE struct err aws_shape_check(const struct route *route, const struct json_value *input);
/* The same for one member, before the rest may be looked at. */
MUST_USE struct err aws_shape_check_member(const struct route *route,
                                           const struct json_value *input, const char *name);

#endif
