/* Base64, base64url and hex, strict in both directions (RFC 4648 §4, §5, §8). */
#ifndef HSMGATE_BASE_ENCODING_H
#define HSMGATE_BASE_ENCODING_H

#include "base/buf.h"

/* Standard alphabet, with padding. Decoding refuses blanks, missing padding, and bits that are not
 * zero at the end: ERR_INVALID_BASE64. */
MUST_USE struct err base64_encode(struct span bytes, struct buf *out);
MUST_USE struct err base64_decode(struct span text, struct buf *out);
/* URL alphabet, without padding (RFC 7515 §2). */
MUST_USE struct err base64url_encode(struct span bytes, struct buf *out);
MUST_USE struct err base64url_decode(struct span text, struct buf *out);
/* Lower case; decoding takes both cases: ERR_INVALID_FIELD. */
MUST_USE struct err hex_encode(struct span bytes, struct buf *out);
MUST_USE struct err hex_decode(struct span text, struct buf *out);
/* Length of the standard encoding of len bytes. */
size_t base64_encoded_len(size_t len);

#endif
