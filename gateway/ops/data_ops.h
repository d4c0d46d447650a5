/* Operations on data with a key: one handler per verb of the API; each takes one object or `items`
 * (a batch). */
#ifndef HSMGATE_GATEWAY_OPS_DATA_OPS_H
#define HSMGATE_GATEWAY_OPS_DATA_OPS_H

#include "gateway/pipeline.h"

route_handler op_encrypt, op_decrypt, op_data_key, op_unwrap, op_rewrap;
route_handler op_sign, op_verify, op_mac, op_verify_mac, op_jwt;
route_handler op_random; /* TARGET_NONE */

#endif
